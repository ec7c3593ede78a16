//! Running other programs: the exit status is always looked at, and an error names the whole command.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// The command as one would type it.
pub(crate) fn words(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

/// What `command` writes to standard output. Fails with its standard error unless it ends with success.
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let line = words(command);
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("`{line}` could not be started"))?;
    if !output.status.success() {
        bail!("`{line}` ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` wrote something that is not text"))
}
