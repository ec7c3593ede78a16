//! The database engine: one writer thread, a few reader threads. SQLite now; the seam for another database is
//! here, since every room file above hands over a closure and never opens a connection.

mod fill;
mod migrations;
mod readers;
mod writer;

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::error::Error;
use readers::Readers;
use writer::Writer;

/// Whether a commit waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// It does not: a replay of the spool can write it again.
    Replayable,
    /// It does.
    Synced,
}

/// Prepared statements kept per connection.
const STATEMENTS_KEPT: usize = 256;
/// How much of the file is mapped into memory, in bytes.
const MAPPED_BYTES: i64 = 1024 * 1024 * 1024;

/// The engine.
pub(crate) struct Engine {
    writer: Writer,
    readers: Readers,
}

impl Engine {
    pub(crate) async fn open(path: &Path) -> Result<Self, Error> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let writer = Writer::start(path)?;
        // The first write makes the file and its tables, before any reader looks.
        writer.run(Durability::Synced, |_| Ok(())).await?;
        Ok(Self { readers: Readers::start(path)?, writer })
    }

    /// Runs `job` in the writer's transaction; answers after its commit. When `job` fails, nothing of it stays.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        durability: Durability,
        job: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.writer.run(durability, job).await
    }

    /// Runs `job` on a connection that only reads.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.readers.run(job).await
    }

    /// A synced commit of one small row takes the whole log to disk, all earlier commits with it.
    pub(crate) async fn sync(&self) -> Result<(), Error> {
        self.write(Durability::Synced, |connection| {
            connection.prepare_cached("UPDATE synced SET times = times + 1")?.execute([])?;
            Ok(())
        })
        .await
    }
}

/// A connection with the settings that all of ours share.
fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, Error> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    connection.pragma_update(None, "mmap_size", MAPPED_BYTES)?;
    // LIKE as PS3.4 §C.2.2.2.4 wants it: case counts. Names are folded before they are stored.
    connection.pragma_update(None, "case_sensitive_like", true)?;
    Ok(connection)
}
