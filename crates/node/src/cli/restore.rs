//! `causeway restore`: a backup put back where there is nothing, by no node that runs.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use causeway_archive::backup::{Carry, restore};
use clap::Args;

use super::backup::tell_named;
use super::local::{self, Local};
use super::progress;

/// Put a backup back where there is nothing
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway restore --from /backup/monday --data /var/lib/causeway
  causeway restore --from /backup/monday --config /etc/causeway.toml

The node must not run. Each object is held against its digest on the way.
The node that comes up on it is the one that was backed up, with its name and its queue: end that one first.
Exit code 1 when an object is not as it should be; `causeway verify` tells of each.")]
pub(crate) struct Restore {
    /// Folder of the backup
    #[arg(long, value_name = "FOLDER")]
    from: PathBuf,
    #[command(flatten)]
    local: Local,
}

/// What is done in place of putting a backup back.
const ON_A_SERVER: &str =
    "put it back with `pg_restore` into an empty database, and the objects where they were";

impl Restore {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let settings = self.local.settings()?;
        let spool = settings.node.data.join("spool");
        if spool.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
            bail!("{} is not empty: a backup is put back where there is nothing", spool.display());
        }
        let (catalog, objects) = (settings.catalog_file(ON_A_SERVER)?, local::objects_folder(&settings)?);
        let bar = progress::objects(0);
        let (manifest, wrong) = restore(&self.from, &catalog, &objects, &mut |progress| {
            bar.set_length(progress.of);
            bar.set_position(progress.objects);
        })
        .with_context(|| format!("the backup in {} was not put back", self.from.display()))?;
        bar.finish_and_clear();
        let count = |table: &str| manifest.counts.get(table).copied().unwrap_or_default();
        println!(
            "the catalog of {}: {} instances of {} studies",
            manifest.made_at,
            count("instance"),
            count("study")
        );
        if manifest.carried == Carry::List {
            println!("its objects were only listed: put them to {} as objects.txt says", objects.display());
        } else {
            println!("{} objects, {} bytes", manifest.objects, manifest.bytes);
        }
        tell_named(&wrong, "are not in the backup as they should be");
        Ok(if wrong.count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
