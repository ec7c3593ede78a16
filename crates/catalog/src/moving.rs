//! The move of a catalog from a file to a server: all rows in one transaction, which stays only when both sides hold the
//! same.
//!
//! All of it blocks: it belongs to a command that does nothing else, while no node runs.

use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::engine::{self, Connection, Durability, Row, Server, ValueRef, params_from_iter};
use crate::error::Error;

/// Tables that SQLite alone needs.
const OF_SQLITE: [&str; 2] = ["synced", "unfilled"];
/// Tables of which one has a row in any catalog that was ever used.
const OF_USE: [&str; 5] = ["patient", "remote", "token", "member", "audit"];
/// Rows that are read back in one go.
const ROWS_TOGETHER: usize = 5000;
/// What PostgreSQL cannot hold in a text, and what it holds in its place.
const NUL: (&str, &str) = ("\0", "\u{2400}");

/// What was moved of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The table.
    pub table: String,
    /// Its rows, and the sum of their digests.
    pub sum: Sum,
}

/// Rows and the sum of the SHA-256 of each, which is the same in any order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// How many.
    pub rows: u64,
    /// Of their digests.
    pub digests: [u64; 4],
}

/// Moves the catalog in the file `from` to an empty database on the server `to`, and holds what is there against what was
/// here. `told` hears of each table once it is there.
///
/// # Errors
/// When one of them cannot be opened or fails, when the server has a catalog that was used, or when what is read there is
/// not what was read here. Then nothing stays there but empty tables.
pub fn move_to_server(from: &Path, to: &Server, told: &mut dyn FnMut(&Moved)) -> Result<Vec<Moved>, Error> {
    let (source, target) = (engine::of_file(from)?, engine::of_server(to)?);
    target.begin(Durability::Synced)?;
    let moved = all(&source, &target, told);
    if moved.is_err() {
        target.control("ROLLBACK")?;
        target.flush()?;
        return moved;
    }
    target.control("COMMIT")?;
    // So that it plans for what is there now.
    target.execute_batch("ANALYZE")?;
    moved
}

fn all(source: &Connection, target: &Connection, told: &mut dyn FnMut(&Moved)) -> Result<Vec<Moved>, Error> {
    for table in OF_USE {
        if target.prepare_cached(&format!("SELECT 1 FROM {table} LIMIT 1"))?.exists([])? {
            return Err(Error::InUse);
        }
    }
    let mut all = Vec::new();
    for table in tables(source)? {
        let sum = table.copy(source, target)?;
        if table.read_back(target)? != sum {
            return Err(Error::Corrupt(
                "a table on the server holds something else than what was written to it",
            ));
        }
        let moved = Moved { table: table.name, sum };
        told(&moved);
        all.push(moved);
    }
    Ok(all)
}

/// A table, and its columns.
struct Table {
    name: String,
    columns: Vec<String>,
    /// The greatest number that it ever gave to a row by itself; none where it gives none.
    last_number: Option<i64>,
}

/// The tables in the order in which they were made: none before those that it refers to.
fn tables(source: &Connection) -> Result<Vec<Table>, Error> {
    let texts = |sql: &str| -> Result<Vec<String>, Error> {
        let mut statement = source.prepare_cached(sql)?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    };
    let names = texts(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid",
    )?;
    let names = names.into_iter().filter(|name| !OF_SQLITE.contains(&name.as_str()));
    names
        .map(|name| {
            let columns = texts(&format!("SELECT name FROM pragma_table_info('{name}') ORDER BY cid"))?;
            let last_number = last_number(source, &name, &columns)?;
            Ok(Table { name, columns, last_number })
        })
        .collect()
}

fn last_number(source: &Connection, table: &str, columns: &[String]) -> Result<Option<i64>, Error> {
    if columns.first().is_none_or(|first| first != "id") {
        return Ok(None);
    }
    // What had a number and has gone is remembered for the tables that never give one twice.
    let sql = format!(
        "SELECT max(coalesce((SELECT max(id) FROM {table}), 0),
         coalesce((SELECT seq FROM sqlite_sequence WHERE name = '{table}'), 0))"
    );
    Ok(Some(source.prepare_cached(&sql)?.query_row([], |row| row.get(0))?))
}

impl Table {
    /// Writes all rows of the source to the target.
    fn copy(&self, source: &Connection, target: &Connection) -> Result<Sum, Error> {
        let Self { name, columns, .. } = self;
        let (listed, places) = (columns.join(", "), vec!["?"; columns.len()].join(", "));
        // What its migrations put there is that of no catalog.
        target.prepare_cached(&format!("DELETE FROM {name}"))?.send([])?;
        let mut insert =
            target.prepare_cached(&format!("INSERT INTO {name} ({listed}) VALUES ({places})"))?;
        let mut select = source.prepare_cached(&format!("SELECT {listed} FROM {name}"))?;
        let mut rows = select.query([])?;
        let mut sum = Sum::default();
        while let Some(row) = rows.next()? {
            let values = self.values(&row)?;
            sum.add(&values);
            insert.send(params_from_iter(values.iter().copied()))?;
        }
        if let Some(last) = self.last_number.filter(|last| *last > 0) {
            let sql = format!("SELECT setval(pg_get_serial_sequence('{name}', 'id'), ?1)");
            target.prepare_cached(&sql)?.exists([last])?;
        }
        Ok(sum)
    }

    /// Reads all rows of the target, some at a time.
    fn read_back(&self, target: &Connection) -> Result<Sum, Error> {
        let Self { name, columns, .. } = self;
        let listed = columns.join(", ");
        target
            .execute_batch(&format!("DECLARE all_{name} NO SCROLL CURSOR FOR SELECT {listed} FROM {name}"))?;
        let mut fetch = target.prepare_cached(&format!("FETCH {ROWS_TOGETHER} FROM all_{name}"))?;
        let mut sum = Sum::default();
        loop {
            let before = sum.rows;
            let mut rows = fetch.query([])?;
            while let Some(row) = rows.next()? {
                sum.add(&self.values(&row)?);
            }
            if sum.rows == before {
                target.execute_batch(&format!("CLOSE all_{name}"))?;
                return Ok(sum);
            }
        }
    }

    fn values<'r>(&self, row: &'r Row<'_>) -> Result<Vec<ValueRef<'r>>, Error> {
        (0..self.columns.len()).map(|column| Ok(row.get_ref(column)?)).collect()
    }
}

impl Sum {
    fn add(&mut self, values: &[ValueRef<'_>]) {
        let mut digest = Sha256::new();
        let mut part = |sort: u8, bytes: &[u8]| {
            digest.update([sort]);
            digest.update((bytes.len() as u64).to_be_bytes());
            digest.update(bytes);
        };
        for value in values {
            match *value {
                ValueRef::Null => part(0, &[]),
                ValueRef::Integer(number) => part(1, &number.to_be_bytes()),
                ValueRef::Text(text) => match std::str::from_utf8(text) {
                    Ok(text) if text.contains(NUL.0) => part(2, text.replace(NUL.0, NUL.1).as_bytes()),
                    _ => part(2, text),
                },
                ValueRef::Blob(bytes) => part(3, bytes),
                ValueRef::Foreign => part(4, &[]),
            }
        }
        let digest = digest.finalize();
        for (sum, part) in self.digests.iter_mut().zip(digest.chunks_exact(8)) {
            let part = part.try_into().map_or(0, u64::from_be_bytes);
            *sum = sum.wrapping_add(part);
        }
        self.rows += 1;
    }
}
