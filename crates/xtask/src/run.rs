//! Running other programs: the exit status is always looked at, and an error names the whole command.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
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

/// The cargo that runs us, so that its toolchain is the one we use.
pub(crate) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"))
}

/// Runs `command` with its output shown. Fails when it cannot be started; says whether it ended with success.
pub(crate) fn succeeds(command: &mut Command) -> Result<bool> {
    let line = words(command);
    let status =
        command.stdin(Stdio::null()).status().with_context(|| format!("`{line}` could not be started"))?;
    Ok(status.success())
}

/// Runs `command` and shows nothing: whether it ended with success, and what it wrote. Fails when it cannot be started.
pub(crate) fn kept(command: &mut Command) -> Result<(bool, String)> {
    let line = words(command);
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("`{line}` could not be started"))?;
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    Ok((output.status.success(), format!("{text}`{line}` ended with {}\n", output.status)))
}

/// Runs `command` with its output shown. Fails unless it ends with success.
pub(crate) fn check(command: &mut Command) -> Result<()> {
    if !succeeds(command)? {
        bail!("`{}` failed", words(command));
    }
    Ok(())
}

/// Runs `command`, shows both its outputs as they come, and keeps them: whether it ended with success, and what
/// it wrote.
pub(crate) fn shown_and_kept(command: &mut Command) -> Result<(bool, String)> {
    let line = words(command);
    let (reader, writer) = std::io::pipe().context("no pipe")?;
    let second = writer.try_clone().context("no pipe")?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(second)
        .spawn()
        .with_context(|| format!("`{line}` could not be started"))?;
    // The command keeps our ends of the pipe until it is given others: without this the reading never ends.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut kept = String::new();
    for piece in BufReader::new(reader).split(b'\n') {
        let piece = piece.with_context(|| format!("what `{line}` writes cannot be read"))?;
        let text = String::from_utf8_lossy(&piece);
        println!("{text}");
        kept.push_str(&text);
        kept.push('\n');
    }
    let status = child.wait().with_context(|| format!("`{line}` was lost"))?;
    Ok((status.success(), kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_outputs_are_kept_and_the_status_is_told() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; exit 3"]);
        let (success, kept) = shown_and_kept(&mut command).unwrap();
        assert!(!success);
        assert!(kept.contains("out\n") && kept.contains("err\n"), "{kept}");
    }

    #[test]
    fn a_command_that_fails_is_named() {
        let error = check(&mut Command::new("false")).unwrap_err();
        assert_eq!(error.to_string(), "`false` failed");
    }
}
