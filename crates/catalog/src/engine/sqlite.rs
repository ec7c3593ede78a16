//! SQLite: the only file that names its library.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use causeway_core::Class;
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef as Held};
use rusqlite::{ErrorCode, OpenFlags};

use super::Durability;
use super::failure::Failure;
use super::migrations;
use super::statement::Row as AnyRow;
use super::values::{Binder, Params, ToSql, ValueRef};
use crate::error::Error;

/// Prepared statements kept per connection.
const STATEMENTS_KEPT: usize = 256;
/// Pages of the file that each connection keeps, in KiB. Nothing is mapped: what each connection maps would count as
/// memory of ours once for each, and a disk that fails would be a signal in place of an error.
const KEPT_PAGES_KIB: i64 = 16 * 1024;
/// How long a connection waits for another that writes.
const BUSY_SECONDS: u64 = 10;
/// Steps of the database's machine between two looks whether a read is still waited for; some take 10 ns, few a
/// microsecond.
const STEPS_PER_LOOK: i32 = 10_000;
/// Length of the log at which it is moved into the file when the writer has a quiet moment, in bytes.
const CHECKPOINT_BYTES: u64 = 16 * 1024 * 1024;
/// Length at which it is moved whether the moment is quiet or not.
const CHECKPOINT_AT_LAST_BYTES: u64 = 256 * 1024 * 1024;

pub(super) type Row<'s> = rusqlite::Row<'s>;
pub(super) type Rows<'s> = rusqlite::Rows<'s>;
pub(super) type Snapshot<'c> = rusqlite::Transaction<'c>;

/// What SQLite said.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Refusal(#[from] rusqlite::Error);

impl Refusal {
    /// What it calls for.
    pub(super) fn class(&self) -> Class {
        match self.0.sqlite_error_code() {
            Some(ErrorCode::DiskFull | ErrorCode::OutOfMemory | ErrorCode::TooBig) => Class::Exhausted,
            Some(ErrorCode::NotADatabase) => Class::Caller,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::SystemIoFailure) => {
                Class::Transient
            }
            _ => Class::Bug,
        }
    }

    /// The same for one more caller.
    pub(super) fn again(&self) -> Option<Self> {
        match &self.0 {
            rusqlite::Error::SqliteFailure(failure, words) => {
                Some(Self(rusqlite::Error::SqliteFailure(*failure, words.clone())))
            }
            _ => None,
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(Refusal(error))
    }
}

/// What is to be thought of the log.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Log {
    Trusted,
    /// A commit or checkpoint failed, perhaps in its sync: the kernel may have dropped what it could not write, and would
    /// call the next sync a success. What is read from the log is right, what is on disk perhaps not.
    Doubtful,
}

/// A connection to a file.
pub(crate) struct Connection {
    inner: rusqlite::Connection,
    /// Where the log of the file is.
    log: PathBuf,
    /// Whether commits wait for the disk as it is set.
    durability: Cell<Durability>,
    log_state: Cell<Log>,
}

impl Connection {
    /// The one that writes: makes the file or brings it up to date.
    pub(super) fn to_write(path: &Path) -> Result<super::Connection, Error> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let connection = Self::open(path, flags)?;
        connection.pragma("journal_mode", "WAL")?;
        connection.pragma("synchronous", "FULL")?;
        connection.pragma("wal_autocheckpoint", 0)?;
        // A log that was moved into the file starts anew with its first bytes, not at the length it once had.
        connection.pragma("journal_size_limit", 0)?;
        connection.pragma("foreign_keys", true)?;
        let connection = super::Connection::Sqlite(connection);
        migrations::migrate(&connection)?;
        Ok(connection)
    }

    /// One that only reads.
    pub(super) fn to_read(path: &Path) -> Result<super::Connection, Error> {
        let connection = Self::open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.pragma("query_only", true)?;
        Ok(super::Connection::Sqlite(connection))
    }

    /// One beside those of a node, to copy the file.
    pub(super) fn beside(path: &Path) -> Result<super::Connection, Failure> {
        Ok(super::Connection::Sqlite(Self::open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?))
    }

    /// A connection with the settings that all of ours share.
    fn open(path: &Path, flags: OpenFlags) -> Result<Self, Failure> {
        let inner = rusqlite::Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        inner.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        // A plan holds for all values: without this, SQLite plans a statement anew whenever values are bound to it, if
        // there is a partial index that they might fit.
        inner.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        inner.busy_timeout(Duration::from_secs(BUSY_SECONDS))?;
        let mut log = path.to_owned().into_os_string();
        log.push("-wal");
        let connection = Self {
            inner,
            log: log.into(),
            durability: Cell::new(Durability::Synced),
            log_state: Cell::new(Log::Trusted),
        };
        connection.pragma("mmap_size", 0)?;
        // Below zero: KiB instead of pages.
        connection.pragma("cache_size", -KEPT_PAGES_KIB)?;
        // LIKE as PS3.4 §C.2.2.2.4 wants it: case counts. Names are folded before they are stored.
        connection.pragma("case_sensitive_like", true)?;
        Ok(connection)
    }

    fn pragma(&self, name: &str, value: impl rusqlite::ToSql) -> Result<(), Failure> {
        Ok(self.inner.pragma_update(None, name, value)?)
    }

    pub(super) fn prepare(&self, sql: &str) -> Result<Statement<'_>, Failure> {
        Ok(Statement { inner: self.inner.prepare_cached(sql)?, connection: &self.inner })
    }

    pub(super) fn execute_batch(&self, sql: &str) -> Result<(), Failure> {
        Ok(self.inner.execute_batch(sql)?)
    }

    pub(super) fn snapshot(&self) -> Result<Snapshot<'_>, Failure> {
        Ok(self.inner.unchecked_transaction()?)
    }

    /// Begins a transaction whose commit waits for the disk, or does not.
    pub(super) fn begin(&self, durability: Durability) -> Result<(), Failure> {
        self.renew_log()?;
        if self.durability.get() != durability {
            let level = if durability == Durability::Synced { "FULL" } else { "NORMAL" };
            self.pragma("synchronous", level)?;
            self.durability.set(durability);
        }
        self.control("BEGIN IMMEDIATE")
    }

    /// Runs a statement that begins or ends something.
    pub(super) fn control(&self, sql: &str) -> Result<(), Failure> {
        let done = self.inner.prepare_cached(sql)?.execute([]);
        if done.is_err() && sql == "COMMIT" {
            self.log_state.set(Log::Doubtful);
        }
        done?;
        Ok(())
    }

    /// Moves all of a log that is not trusted into the file, which is synced, and begins the log anew. Until that is done
    /// nothing is written.
    fn renew_log(&self) -> Result<(), Failure> {
        if self.log_state.get() == Log::Trusted {
            return Ok(());
        }
        let is_busy = |row: &rusqlite::Row<'_>| row.get::<_, bool>(0);
        if self.inner.query_row("PRAGMA wal_checkpoint(RESTART)", [], is_busy)? {
            let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
            return Err(rusqlite::Error::SqliteFailure(busy, None).into());
        }
        tracing::warn!("a write or sync of the catalog's log failed; the log was begun anew");
        self.log_state.set(Log::Trusted);
        Ok(())
    }

    /// A synced commit of one small row takes the whole log to disk, all earlier commits with it.
    pub(super) fn note_sync(&self) -> Result<(), Failure> {
        self.prepare("UPDATE synced SET times = times + 1")?.execute([])?;
        Ok(())
    }

    /// Has reads end early while `is_abandoned` says so.
    pub(super) fn interrupt_when(&mut self, is_abandoned: impl FnMut() -> bool + Send + 'static) {
        if let Err(error) = self.inner.progress_handler(STEPS_PER_LOOK, Some(is_abandoned)) {
            tracing::error!(%error, "reads cannot be interrupted");
        }
    }

    /// Moves the log into the file, outside of anyone's commit. Waits for no reader: what one still looks at is
    /// moved the next time.
    pub(super) fn checkpoint(&self, is_busy: bool) {
        let bytes = std::fs::metadata(&self.log).map(|log| log.len()).unwrap_or_default();
        let limit = if is_busy { CHECKPOINT_AT_LAST_BYTES } else { CHECKPOINT_BYTES };
        if bytes < limit {
            return;
        }
        let moved = self.inner.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = moved {
            self.log_state.set(Log::Doubtful);
            tracing::warn!(%error, "the catalog's log could not be moved into its file; it is tried again");
        }
    }
}

/// A prepared statement.
pub(crate) struct Statement<'c> {
    inner: rusqlite::CachedStatement<'c>,
    connection: &'c rusqlite::Connection,
}

impl Statement<'_> {
    pub(super) fn execute(&mut self, params: impl Params) -> Result<usize, Failure> {
        self.bind(params)?;
        Ok(self.inner.raw_execute()?)
    }

    pub(super) fn insert(&mut self, params: impl Params) -> Result<i64, Failure> {
        match self.execute(params)? {
            1 => Ok(self.connection.last_insert_rowid()),
            rows => Err(Failure::NotOne(rows)),
        }
    }

    pub(super) fn query(&mut self, params: impl Params) -> Result<Rows<'_>, Failure> {
        self.bind(params)?;
        Ok(self.inner.raw_query())
    }

    fn bind(&mut self, params: impl Params) -> Result<(), Failure> {
        let mut binding = Binding { statement: &mut self.inner, bound: 0 };
        params.bind_to(&mut binding)?;
        let (bound, wanted) = (binding.bound, self.inner.parameter_count());
        if bound != wanted {
            return Err(rusqlite::Error::InvalidParameterCount(bound, wanted).into());
        }
        Ok(())
    }
}

struct Binding<'s, 'c> {
    statement: &'s mut rusqlite::CachedStatement<'c>,
    bound: usize,
}

impl Binder for Binding<'_, '_> {
    fn bind(&mut self, value: &dyn ToSql) -> Result<(), Failure> {
        let value = match value.to_sql() {
            ValueRef::Null | ValueRef::Foreign => Held::Null,
            ValueRef::Integer(number) => Held::Integer(number),
            ValueRef::Text(text) => Held::Text(text),
            ValueRef::Blob(bytes) => Held::Blob(bytes),
        };
        self.bound += 1;
        Ok(self.statement.raw_bind_parameter(self.bound, ToSqlOutput::Borrowed(value))?)
    }
}

/// The next row.
pub(super) fn next<'r>(rows: &'r mut Rows<'_>) -> Result<Option<AnyRow<'r>>, Failure> {
    Ok(rows.next()?.map(AnyRow::Sqlite))
}

/// What stands in a column.
pub(super) fn value<'r>(row: &'r Row<'_>, column: usize) -> Result<ValueRef<'r>, Failure> {
    Ok(match row.get_ref(column)? {
        Held::Null => ValueRef::Null,
        Held::Integer(number) => ValueRef::Integer(number),
        Held::Text(text) => ValueRef::Text(text),
        Held::Blob(bytes) => ValueRef::Blob(bytes),
        Held::Real(_) => ValueRef::Foreign,
    })
}

/// A connection whose tables are in memory and gone with it.
#[cfg(test)]
pub(crate) fn in_memory() -> super::Connection {
    super::Connection::Sqlite(Connection::open(Path::new(":memory:"), OpenFlags::default()).unwrap())
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    fn connect(folder: &tempfile::TempDir) -> Connection {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        Connection::open(&folder.path().join("catalog.db"), flags).unwrap()
    }

    #[test]
    fn binding_values_does_not_make_a_statement_planned_anew() {
        let folder = tempfile::tempdir().unwrap();
        let connection = connect(&folder);
        connection
            .execute_batch(
                "CREATE TABLE t (a, b); CREATE INDEX i ON t (a) WHERE b = 0; INSERT INTO t VALUES (1, 0);",
            )
            .unwrap();
        let mut statement = connection.prepare("SELECT a FROM t WHERE b = ?").unwrap();
        for value in 0..3_i64 {
            assert_eq!(statement.query([value]).unwrap().next().unwrap().is_some(), value == 0);
        }
        assert_eq!(statement.inner.get_status(StatementStatus::RePrepare), 0);
    }

    #[test]
    fn a_connection_maps_nothing_and_keeps_no_more_pages_than_it_may() {
        let folder = tempfile::tempdir().unwrap();
        let connection = connect(&folder);
        let setting =
            |name| connection.inner.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!((setting("mmap_size"), setting("cache_size")), (0, -KEPT_PAGES_KIB));
    }

    #[test]
    fn values_that_are_too_few_or_too_many_are_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let connection = connect(&folder);
        let mut statement = connection.prepare("SELECT ?1, ?2").unwrap();
        assert!(statement.query([1_i64]).is_err());
        assert!(statement.query([1_i64, 2]).is_ok());
        assert!(statement.query([1_i64, 2, 3]).is_err());
    }
}
