//! `causeway backup`: catalog and objects of a node to a folder, also while it serves.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it answers on the terminal")]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use causeway_archive::backup::{Carry, Manifest, Named, make};
use causeway_core::{Clock as _, SystemClock};
use clap::{Args, ValueEnum};

use super::local::{self, Local};
use super::progress;

/// Copy catalog and objects of a node to a folder, also while it serves
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway backup --to /backup/monday
  causeway backup --config /etc/causeway.toml --to /var/lib/causeway-backup/monday --objects link
  causeway backup --to /backup/monday --objects list && rsync -a --files-from=… …

It runs on the machine of the node, as the user of the node. What was acknowledged before it began is in it.
Exit code 1 when an object that the catalog tells of was not there or is damaged.")]
pub(crate) struct Backup {
    /// Folder of the backup: empty or missing
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    /// What is done with the objects: copied and held against their digests, linked (same file system), or only listed in
    /// objects.txt
    #[arg(long, value_enum, default_value_t = Objects::Copy)]
    objects: Objects,
    /// Print the manifest as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    local: Local,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Objects {
    Copy,
    Link,
    List,
}

/// What is done in place of a backup.
const ON_A_SERVER: &str = "take it with `pg_dump --format=custom`, and copy the objects after that: what its rows tell of \
     is there then";

impl Backup {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let settings = self.local.settings()?;
        let carry = match self.objects {
            Objects::Copy => Carry::Copy,
            Objects::Link => Carry::Link,
            Objects::List => Carry::List,
        };
        let (catalog, places) = (settings.catalog_file(ON_A_SERVER)?, local::places(&settings)?);
        let bar = progress::objects(0);
        let manifest = make(&catalog, &places, &self.to, carry, SystemClock.now(), &mut |progress| {
            bar.set_length(progress.of);
            bar.set_position(progress.objects);
        })
        .with_context(|| format!("no backup was taken to {}", self.to.display()))?;
        bar.finish_and_clear();
        if self.json {
            println!("{}", serde_json::to_string(&manifest)?);
        } else {
            println!("{} objects, {} bytes, to {}", manifest.objects, manifest.bytes, self.to.display());
        }
        Ok(tell(&manifest))
    }
}

fn tell(manifest: &Manifest) -> ExitCode {
    tell_named(&manifest.missing, "were not there: deleted meanwhile, or lost (see `causeway verify`)");
    tell_named(&manifest.damaged, "are not what was stored, and are in the backup as they are");
    if manifest.missing.count + manifest.damaged.count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Names objects with which something is wrong.
pub(super) fn tell_named(named: &Named, words: &str) {
    if named.count > 0 {
        eprintln!("{} objects {words}:", named.count);
    }
    for key in &named.first {
        eprintln!("  {key}");
    }
}
