//! `causeway restore`: a backup put back where there is nothing, by no node that runs.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use causeway_archive::backup::{Carry, Restored, Target, restore};
use causeway_catalog::Origin;
use clap::Args;
use tokio::runtime;

use super::backup::tell_named;
use super::local::{self, Local};
use super::progress;

/// Put a backup back where there is nothing
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway restore --from /backup/monday --data /var/lib/causeway
  causeway restore --from /backup/monday --config /etc/causeway.toml

  causeway restore --from /backup/monday --data /srv/causeway --keys /etc/causeway/store.keys

The node must not run. The settings say where it is put back: a file or an empty database, a folder or an empty bucket, of
whatever kind the node was that the backup was taken of. Where the store of the settings seals, objects are sealed with its
first key. Each object is held against its digest on the way.
The node that comes up on it is the one that was backed up, with its name and its queue: end that one first.
What was broken off is taken away before it is begun again.
Exit code 1 when an object is not as it should be; `causeway verify` tells of each.")]
pub(crate) struct Restore {
    /// Folder of the backup
    #[arg(long, value_name = "FOLDER")]
    from: PathBuf,
    /// File of the keys that the objects of the backup are sealed with [default: [store.encryption] keys of the configuration]
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// Print what was put back as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    local: Local,
}

impl Restore {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let settings = self.local.settings()?;
        let spool = settings.node.data.join("spool");
        if spool.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
            bail!("{} is not empty: a backup is put back where there is nothing", spool.display());
        }
        let (catalog, objects) = (local::catalog(&settings)?, local::objects(&settings)?);
        let keys = self.keys.as_deref().map(local::keys).transpose()?.or(objects.keys);
        let scratch = match &catalog {
            Origin::File(file) => file.with_extension("restoring"),
            Origin::Server(_) => settings.node.data.join("catalog.restoring"),
        };
        if let Some(folder) = scratch.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        let target = Target { catalog, scratch, objects: objects.kept };
        let runtime = runtime::Builder::new_multi_thread().enable_all().build()?;
        let bar = progress::objects(0);
        let restored = restore(runtime.handle(), &self.from, target, keys, &mut |progress| {
            bar.set_length(progress.of);
            bar.set_position(progress.objects);
        })
        .with_context(|| format!("the backup in {} was not put back", self.from.display()))?;
        bar.finish_and_clear();
        if self.json {
            println!("{}", serde_json::to_string(&restored)?);
        } else {
            tell(&restored, &objects.name);
        }
        tell_named(&restored.wrong, "are not in the backup as they should be");
        Ok(if restored.wrong.count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn tell(restored: &Restored, place: &str) {
    let manifest = &restored.manifest;
    let count = |table: &str| manifest.counts.get(table).copied().unwrap_or_default();
    println!(
        "the catalog of {}: {} instances of {} studies",
        manifest.made_at,
        count("instance"),
        count("study")
    );
    if manifest.carried == Carry::List {
        println!("its objects were only listed: put them to {place} as objects.txt says");
    } else {
        println!("{} objects, {} bytes", restored.objects, restored.bytes);
    }
}
