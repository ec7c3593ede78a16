//! The instrumented build: the same sources, with counters at every branch, in a folder of its own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::{paths, run};

/// What is asked of the compiler: counters and comparisons that libFuzzer reads.
const FLAGS: &[&str] = &[
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// Builds the program and returns where it is.
pub(super) fn build() -> Result<PathBuf> {
    let host = host()?;
    let folder = paths::target().join("fuzz");
    // A target named apart from the host, so that build scripts and macros are left without counters.
    run::check(
        Command::new(run::cargo())
            .args([
                "build",
                "--quiet",
                "--package",
                "causeway-fuzz",
                "--features",
                "engine",
                "--profile",
                "fuzz",
            ])
            .args(["--target", &host, "--target-dir"])
            .arg(&folder)
            .env("RUSTFLAGS", FLAGS.join(" "))
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .current_dir(paths::root()),
    )?;
    Ok(folder.join(host).join("fuzz").join("fuzz"))
}

/// The machine's own target, as the compiler names it.
fn host() -> Result<String> {
    let told = run::output_of(Command::new("rustc").arg("-vV").current_dir(paths::root()))?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc does not say which machine this is")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_has_a_name() {
        assert!(host().unwrap().contains('-'));
    }
}
