//! `cargo xtask deb`: the Debian package of the node. `cargo deb` packs it as crates/node/Cargo.toml says; the manual page
//! and the completions are what the node itself writes.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};

use crate::{conformance, paths, run};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Pack the release build that is there
    #[arg(long)]
    no_build: bool,
    /// Where the package is written
    #[arg(long, value_name = "FOLDER|FILE")]
    output: Option<PathBuf>,
}

/// What the node writes of itself, and the file of each.
const WRITINGS: [(&[&str], &str); 4] = [
    (&["man"], "causeway.1"),
    (&["completions", "bash"], "causeway"),
    (&["completions", "zsh"], "_causeway"),
    (&["completions", "fish"], "causeway.fish"),
];

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if !arguments.no_build {
        run::check(&mut conformance::build(true))?;
    }
    let built = paths::target().join("release");
    write_about(&built.join("causeway"), &built.join("deb"))?;
    let mut pack = Command::new(run::cargo());
    pack.args(["deb", "--package", "causeway", "--no-build"]).current_dir(paths::root());
    if let Some(output) = &arguments.output {
        pack.arg("--output").arg(output);
    }
    run::check(&mut pack).context("is it installed? cargo install cargo-deb")?;
    Ok(ExitCode::SUCCESS)
}

fn write_about(node: &Path, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    for (verb, name) in WRITINGS {
        let text = run::output_of(Command::new(node).args(verb))?;
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}
