//! `causeway catalog`: the catalog of a node that does not run.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use causeway_archive::Archive;
use causeway_archive::dispatch::NoDispatcher;
use causeway_archive::rebuild::NOT_REBUILT;
use causeway_catalog::Step;
use causeway_core::{Clock, SystemClock};
use clap::{Args, Subcommand};

use super::local::{self, Local};
use super::progress;
use crate::compose;
use crate::config::{CatalogPlace, CatalogSettings, Settings};
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
    /// Move it from its file to a server of PostgreSQL
    Move(Move),
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

/// Move the catalog from its file to a server of PostgreSQL
#[derive(Debug, Args)]
#[command(after_help = "Example:
  causeway catalog move --data /var/lib/causeway --to postgres://causeway@db.example.org/causeway \\
    --password-file /etc/causeway/catalog.password

For a node that does not run. The database must be empty. All rows are moved in one transaction, read back and held
against those of the file, which stays as it is. After that, set the URL as [catalog] url.")]
struct Move {
    /// The database: postgres://user@host:port/database
    #[arg(long, value_name = "URL")]
    to: String,
    /// File with the password of the user
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// CAs one of which issued the certificate of the server
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    #[command(flatten)]
    local: Local,
}

impl Catalog {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        match self.verb {
            Verb::Rebuild(Rebuild { local }) => runtime.block_on(rebuild(local.settings()?)),
            Verb::Move(wanted) => {
                let settings = wanted.local.settings()?;
                // A node that runs holds its spool.
                let held =
                    runtime.block_on(compose::open_store(&settings)).context("is the node running?")?;
                let done = wanted.run(&settings);
                drop(held);
                done
            }
        }
    }
}

impl Move {
    fn run(self, settings: &Settings) -> anyhow::Result<ExitCode> {
        let from = settings.catalog_file("it need not be moved")?;
        if !from.exists() {
            bail!("there is no catalog at {}", from.display());
        }
        let wanted = CatalogSettings::of_server(self.to, self.password_file, self.ca);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let CatalogPlace::Server(server) = wanted.place(&settings.node.data)? else {
            bail!("--to names no server: postgres://user@host:port/database");
        };
        let server = compose::secured(*server, &wanted, &clock)?;
        let mut bar = progress::objects(0);
        let moved = causeway_catalog::move_to_server(&from, &server, &mut |step| match step {
            Step::Begun { table, rows } => {
                bar = progress::objects(2 * rows).with_message(format!("{table}, written and read back"));
            }
            Step::Rows(more) => bar.inc(more),
            Step::Done(moved) => {
                bar.finish_and_clear();
                println!("{:>12} {}", moved.sum.rows, moved.table);
            }
        });
        let moved =
            moved.with_context(|| format!("the catalog {} was not moved to {server}", from.display()))?;
        let rows: u64 = moved.iter().map(|moved| moved.sum.rows).sum();
        println!("{rows} rows are in {server} as they are in {}", from.display());
        println!("set [catalog] url to it, then move the file away");
        Ok(ExitCode::SUCCESS)
    }
}

async fn rebuild(settings: Settings) -> anyhow::Result<ExitCode> {
    telemetry::start(&settings.log)?;
    local::refuse_also(&settings)?;
    let place = settings.catalog()?;
    if let CatalogPlace::File(file) = &place
        && file.exists()
    {
        bail!("there is a catalog at {}; move it away first, with its -wal and -shm", file.display());
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = compose::open_store(&settings).await?;
    let catalog = compose::open_catalog(&settings, &clock).await?;
    if let CatalogPlace::Server(server) = place
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
