//! `cargo xtask tables`: writes the committed tables of facts (`*_gen.rs`) from the standard's data (PS3.4, PS3.6, PS3.15),
//! so that none of them is typed by hand. One file per table; each only computes text.

mod confidentiality;
mod sop_class;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::paths;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Folder with the standard's tables as JSON (`sops.json`, `confidentiality_profile_attributes.json`)
    #[arg(long, value_name = "DIR")]
    standard: PathBuf,
    /// Edition of the standard that those tables were taken from
    #[arg(long, default_value = "2024e")]
    edition: String,
    /// Write nothing; fail when a committed table differs
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let Arguments { standard, edition, .. } = arguments;
    let tables = [
        ("crates/core/src/sop_class_gen.rs", sop_class::text(standard, edition)?),
        ("crates/dataset/src/transform/table_gen.rs", confidentiality::text(standard, edition)?),
    ];
    let mut stale = 0;
    for (name, text) in tables {
        let path = paths::root().join(name);
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        if committed == text {
            println!("{name}: up to date");
        } else if arguments.check {
            println!("{name}: differs from the standard's data; run `cargo xtask tables` without --check");
            stale += 1;
        } else {
            std::fs::write(&path, text).with_context(|| format!("{name} could not be written"))?;
            println!("{name}: written");
        }
    }
    Ok(if stale == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
