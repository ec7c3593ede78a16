//! The database engine: one writer thread, a few reader threads. SQLite now; the seam for another database is
//! here, since every room file above hands over a closure and never opens a connection.

mod fill;
mod migrations;
mod readers;
mod writer;

use std::path::Path;

use rusqlite::config::DbConfig;
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
/// Pages of the file that each connection keeps, in KiB. Nothing is mapped: what each connection maps would count as
/// memory of ours once for each, and a disk that fails would be a signal in place of an error.
const KEPT_PAGES_KIB: i64 = 16 * 1024;

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
    // A plan holds for all values: without this, SQLite plans a statement anew whenever values are bound to it, if there
    // is a partial index that they might fit.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    connection.pragma_update(None, "mmap_size", 0)?;
    // Below zero: KiB instead of pages.
    connection.pragma_update(None, "cache_size", -KEPT_PAGES_KIB)?;
    // LIKE as PS3.4 §C.2.2.2.4 wants it: case counts. Names are folded before they are stored.
    connection.pragma_update(None, "case_sensitive_like", true)?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn binding_values_does_not_make_a_statement_planned_anew() {
        let folder = tempfile::tempdir().unwrap();
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let connection = connect(&folder.path().join("catalog.db"), flags).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE t (a, b); CREATE INDEX i ON t (a) WHERE b = 0; INSERT INTO t VALUES (1, 0);",
            )
            .unwrap();
        let mut statement = connection.prepare("SELECT a FROM t WHERE b = ?").unwrap();
        for value in 0..3 {
            assert_eq!(statement.exists([value]).unwrap(), value == 0);
        }
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }

    #[test]
    fn a_connection_maps_nothing_and_keeps_no_more_pages_than_it_may() {
        let folder = tempfile::tempdir().unwrap();
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let connection = connect(&folder.path().join("catalog.db"), flags).unwrap();
        let setting = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!((setting("mmap_size"), setting("cache_size")), (0, -KEPT_PAGES_KIB));
    }
}
