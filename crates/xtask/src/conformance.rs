//! `cargo xtask conformance`: the suite over the wire (`conformance/`), held against our node or a peer.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};

use crate::test::count::Count;
use crate::{paths, prepare, run};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The server under test: causeway or orthanc
    #[arg(long, default_value = "causeway")]
    subject: String,
    /// Where nodes of ours keep objects: file, s3 (s3s-fs), moto, az (Azurite) or gs (moto, as Google's store)
    #[arg(long, default_value = "file")]
    objects: String,
    /// Where they keep the catalog: sqlite or postgres
    #[arg(long, default_value = "sqlite")]
    catalog: String,
    /// Build and test the release build
    #[arg(long)]
    release: bool,
    /// Use what is installed and install nothing
    #[arg(long)]
    skip_install: bool,
    /// Handed on to pytest
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pytest: Vec<OsString>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if !arguments.skip_install {
        prepare::run()?;
    }
    if arguments.subject == "causeway" && std::env::var_os("CAUSEWAY_BIN").is_none() {
        run::check(&mut build(arguments.release))?;
    }
    let Arguments { subject, release, objects, catalog, .. } = arguments;
    let kept = ["--objects", objects, "--catalog", catalog].map(OsString::from);
    let pytest: Vec<OsString> = kept.into_iter().chain(arguments.pytest.iter().cloned()).collect();
    let outcome = suite(subject, subject, &binary(*release), &pytest, Output::Shown)?;
    println!("{}", outcome.count);
    Ok(if outcome.success { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The command that builds the node.
pub(crate) fn build(release: bool) -> Command {
    let mut command = Command::new(run::cargo());
    command.args(["build", "--package", "causeway"]).current_dir(paths::root());
    if release {
        command.arg("--release");
    }
    command
}

/// Where that command leaves it, unless `CAUSEWAY_BIN` names another.
pub(crate) fn binary(release: bool) -> PathBuf {
    let built = paths::target().join(if release { "release" } else { "debug" }).join("causeway");
    std::env::var_os("CAUSEWAY_BIN").map_or(built, PathBuf::from)
}

/// How a run of the suite ended.
pub(crate) struct Outcome {
    pub(crate) count: Count,
    pub(crate) success: bool,
    /// What the suite wrote, where it was kept.
    pub(crate) output: String,
}

/// What becomes of what the suite prints.
#[derive(Clone, Copy)]
pub(crate) enum Output {
    Shown,
    /// Not shown, so that it does not mix with that of another run.
    Kept,
}

/// Runs the suite against `subject`; `report` is what the file of its results is called by.
pub(crate) fn suite(
    subject: &str,
    report: &str,
    binary: &Path,
    pytest: &[OsString],
    output: Output,
) -> Result<Outcome> {
    let report = paths::target().join(format!("conformance-{report}.xml"));
    // A report of an earlier run must not be counted as this one's.
    if report.exists() {
        std::fs::remove_file(&report).with_context(|| format!("{} cannot be removed", report.display()))?;
    }
    let mut command = Command::new(prepare::python());
    command
        .args(["-m", "pytest", "--quiet", "-ra", "--subject", subject, "--junit-xml"])
        .arg(&report)
        .args(pytest)
        .current_dir(paths::root().join("conformance"))
        .env("CAUSEWAY_BIN", binary)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let (success, output) = match output {
        Output::Shown => (run::succeeds(&mut command)?, String::new()),
        Output::Kept => run::kept(&mut command)?,
    };
    let text = std::fs::read_to_string(&report).unwrap_or_default();
    let count = Count::of_junit(&text).unwrap_or_default();
    Ok(Outcome { count, success, output })
}
