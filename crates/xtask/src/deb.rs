//! `cargo xtask deb`: the Debian package of the node. `cargo deb` packs it as crates/node/Cargo.toml says; the manual page
//! and the completions are what the node itself writes.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};

use crate::{paths, run};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Pack the debug build, to try the package
    #[arg(long)]
    debug: bool,
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
    let (profile, folder) = if arguments.debug { ("dev", "debug") } else { ("release", "release") };
    let built = paths::target().join(folder);
    run::check(
        Command::new(run::cargo())
            .args(["build", "--package", "causeway", "--profile", profile])
            .current_dir(paths::root()),
    )?;
    write_about(&built.join("causeway"), &built.join("deb"))?;
    let mut pack = Command::new(run::cargo());
    pack.args(["deb", "--package", "causeway", "--no-build", "--profile", profile]);
    if arguments.debug {
        // For its symbols alone it would take minutes.
        pack.arg("--no-strip");
    }
    if let Some(output) = &arguments.output {
        pack.arg("--output").arg(output);
    }
    run::check(pack.current_dir(paths::root())).context("is it installed? cargo install cargo-deb")?;
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
