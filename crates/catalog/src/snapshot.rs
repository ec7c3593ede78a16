//! A copy of the catalog as it stood at one moment, taken while the node writes on, and read apart from any node.
//!
//! All of it blocks: it belongs to commands that do nothing else, never to a node that serves.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use causeway_core::StoredInstance;

use crate::engine::{self, Connection};
use crate::error::Error;
use crate::instances::{INSTANCE_TABLES, STORED_COLUMNS, stored};

/// What is counted of a catalog, by the table that it stands in.
const COUNTED: [&str; 9] =
    ["patient", "study", "series", "instance", "remote", "route", "token", "delivery", "audit"];

/// A copy, open for reading. Nobody else has it.
pub struct Snapshot {
    connection: Connection,
}

impl Snapshot {
    /// Copies the catalog's file `from`, which a node may have open, to `to`, where nothing may be, and opens it. What was
    /// committed before is in it; it is on disk when this returns.
    ///
    /// # Errors
    /// When `from` is no catalog of this version, or the copy cannot be written.
    pub fn take(from: &Path, to: &Path) -> Result<Self, Error> {
        let connection = engine::beside(from)?;
        engine::check_version(&connection)?;
        connection.prepare_cached("VACUUM INTO ?1")?.execute([to.to_string_lossy().as_ref()])?;
        File::open(to)?.sync_all()?;
        Self::open(to)
    }

    /// Opens a copy that was taken.
    ///
    /// # Errors
    /// When it is no catalog, is damaged, or was written by a newer version.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let connection = engine::beside(path)?;
        engine::check_version(&connection)?;
        let said: String =
            connection.prepare_cached("PRAGMA quick_check(1)")?.query_row([], |row| row.get(0))?;
        if said != "ok" {
            return Err(Error::Corrupt("the database does not pass its own check"));
        }
        Ok(Self { connection })
    }

    /// The version of its tables.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn version(&self) -> Result<i64, Error> {
        Ok(self.connection.prepare_cached("PRAGMA user_version")?.query_row([], |row| row.get(0))?)
    }

    /// How many rows there are of each kind.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn counts(&self) -> Result<BTreeMap<String, u64>, Error> {
        let mut counts = BTreeMap::new();
        for table in COUNTED {
            let sql = format!("SELECT count(*) FROM {table}");
            let count: i64 = self.connection.prepare_cached(&sql)?.query_row([], |row| row.get(0))?;
            counts.insert(table.to_owned(), u64::try_from(count).unwrap_or_default());
        }
        Ok(counts)
    }

    /// Instances from beyond the number `after` on, each with its number, at most `limit`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn instances(&self, after: i64, limit: u32) -> Result<Vec<(i64, StoredInstance)>, Error> {
        let sql = format!(
            "SELECT {STORED_COLUMNS} FROM {INSTANCE_TABLES} WHERE instance.id > ?1 ORDER BY instance.id LIMIT ?2"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query((after, limit))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push((row.get(10)?, stored(&row)?));
        }
        Ok(found)
    }
}
