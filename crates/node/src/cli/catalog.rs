//! `causeway catalog`: the catalog of a node that does not run.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use causeway_archive::Archive;
use causeway_archive::dispatch::NoDispatcher;
use causeway_archive::rebuild::NOT_REBUILT;
use causeway_core::{Clock, SystemClock};
use clap::{Args, Subcommand};

use super::local::Local;
use super::progress;
use crate::compose;
use crate::config::{Place, Settings};
use crate::telemetry;

/// The catalog of a node that does not run
#[derive(Debug, Args)]
pub(crate) struct Catalog {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make it anew from the store alone
    Rebuild(Rebuild),
}

/// Make the catalog anew from the store alone
#[derive(Debug, Args)]
#[command(after_help = "Example:
  mv /var/lib/causeway/catalog.db /var/lib/causeway/catalog.broken
  causeway catalog rebuild --data /var/lib/causeway

For a node whose catalog is lost and that has no backup. There must be no catalog where it is made: no file, or an empty
database on the server. Nothing is removed
from the store. Exit code 1 when an object could not be recorded.")]
struct Rebuild {
    #[command(flatten)]
    local: Local,
}

impl Catalog {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let Verb::Rebuild(Rebuild { local }) = self.verb;
        let settings = local.settings()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(rebuild(settings))
    }
}

async fn rebuild(settings: Settings) -> anyhow::Result<ExitCode> {
    telemetry::start(&settings.log)?;
    let place = settings.catalog()?;
    if let Place::File(file) = &place
        && file.exists()
    {
        bail!("there is a catalog at {}; move it away first, with its -wal and -shm", file.display());
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = compose::open_store(&settings).await?;
    let catalog = compose::open_catalog(&settings, &clock).await?;
    if let Place::Server(server) = place
        && catalog.last_event().await? > 0
    {
        bail!("there is a catalog in {server}; name an empty database in [catalog] url");
    }
    let config = compose::archive_config(&settings, &clock)?;
    let archive = Archive::open(store, catalog, clock, Arc::new(NoDispatcher), config).await?;
    let bar = progress::instances();
    let rebuilt = archive.rebuild(|rebuilt| bar.set_position(rebuilt.recorded)).await?;
    let replayed = archive.replay().await.context("the spool cannot be read")?;
    bar.finish_and_clear();
    println!("{} instances recorded", rebuilt.recorded + replayed.recorded as u64);
    let unreadable = rebuilt.unreadable + replayed.unreadable as u64;
    let conflicting = rebuilt.conflicting + replayed.conflicting as u64;
    for (count, words) in [
        (rebuilt.removed, "objects were removed and can be brought back (causeway removed list)"),
        (rebuilt.repeated, "objects are kept as other objects; they stay"),
        (conflicting, "objects have the UID of another; they stay, and the log names them"),
        (unreadable, "objects cannot be read; they stay, and the log names them"),
    ] {
        if count > 0 {
            println!("{count} {words}");
        }
    }
    println!("not rebuilt, since no object tells of it:");
    for words in NOT_REBUILT {
        println!("  {words}");
    }
    Ok(if unreadable + conflicting == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
