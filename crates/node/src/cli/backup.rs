//! `causeway backup`: catalog and objects of a node to a folder, also while it serves.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it answers on the terminal")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use causeway_archive::backup::{Carry, Manifest, Named, Node, Since, Wanted, make};
use causeway_core::{Clock, SystemClock};
use causeway_store::carry::Places;
use clap::{Args, ValueEnum};
use tokio::runtime;

use super::local::{self, Local};
use super::progress;
use crate::compose;

/// Copy catalog and objects of a node to a folder, also while it serves
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway backup --to /backup/monday
  causeway backup --to /backup/tuesday --since /backup/monday
  causeway backup --config /etc/causeway.toml --to /var/lib/causeway-backup/monday --objects link
  causeway backup --to /backup/monday --objects list && rsync -a --files-from=… …

It runs on the machine of the node, as the user of the node, with the settings of the node: catalog in a file or on a
server, objects in a folder or a bucket. What was acknowledged before it began is in it. Of several nodes on one catalog one
takes it; what only the spools of the others have is read from them. Objects of a store that seals are sealed in the backup,
too: keep the file of their keys apart from it. The catalog in it is not sealed.
With --since only what is new is read and written: the rest is linked from the earlier backup, of which it is seen that it is
there and how long it is; --reread reads it, too, and has copied anew what is not as it was stored. Each backup is whole without
the other: remove either when you like.
Exit code 1 when an object that the catalog tells of is not in it, or is damaged; each is named.")]
pub(crate) struct Backup {
    /// Folder of the backup: empty or missing
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    /// What is done with the objects: copied and held against their digests, linked (a folder on the same file
    /// system), or only listed in objects.txt
    #[arg(long, value_enum, default_value_t = Objects::Copy)]
    objects: Objects,
    /// Folder of an earlier backup on the same file system; what it has is linked, and not copied again
    #[arg(long, value_name = "FOLDER")]
    since: Option<PathBuf>,
    /// Hold what the earlier backup has against its digests, too
    #[arg(long, requires = "since")]
    reread: bool,
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

impl Backup {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let settings = self.local.settings()?;
        let carry = match self.objects {
            Objects::Copy => Carry::Copy,
            Objects::Link => Carry::Link,
            Objects::List => Carry::List,
        };
        if self.since.is_some() && carry != Carry::Copy {
            bail!("--since goes with --objects copy: nothing is copied with link or list");
        }
        let since = self.since.map(|folder| Since { folder, rereads: self.reread });
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let objects = local::objects(&settings)?;
        let node = Node {
            catalog: local::catalog(&settings)?,
            places: Places { spool: settings.node.data.join("spool"), objects: objects.kept },
            fellows: compose::fellows(&settings, &clock)?,
        };
        let runtime = runtime::Builder::new_multi_thread().enable_all().build()?;
        let bar = progress::objects(0);
        let wanted = Wanted { to: self.to.clone(), carry, since, keys: objects.keys, now: clock.now() };
        let manifest = make(runtime.handle(), node, wanted, &mut |progress| {
            bar.set_length(progress.of);
            bar.set_position(progress.objects);
        })
        .with_context(|| format!("no backup was taken to {}", self.to.display()))?;
        bar.finish_and_clear();
        if self.json {
            println!("{}", serde_json::to_string(&manifest)?);
        } else {
            let sealed = if manifest.is_sealed { ", sealed" } else { "" };
            let linked = match manifest.linked {
                0 => String::new(),
                linked => format!(", {linked} of them linked from the earlier backup"),
            };
            println!(
                "{} objects, {} bytes{sealed}{linked}, to {}",
                manifest.objects,
                manifest.bytes,
                self.to.display()
            );
        }
        Ok(tell(&manifest))
    }
}

fn tell(manifest: &Manifest) -> ExitCode {
    tell_named(&manifest.deleted, "were deleted for good meanwhile, and are not in the backup");
    tell_named(&manifest.missing, "were not there: lost (see `causeway verify`)");
    tell_named(
        &manifest.damaged,
        "are not what was stored, and are in the backup as far as they can be read",
    );
    tell_named(
        &manifest.elsewhere,
        "are in the spools of other nodes alone, and are not in the backup: take it again when those nodes run, have a \
         [node] address, and have settled (see `causeway nodes`)",
    );
    if manifest.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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
