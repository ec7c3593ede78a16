//! All rows of a catalog copied from one database to another, whichever the two are, and held against each other: by the
//! number of rows in each table and the sum of their digests.
//!
//! All of it blocks: it belongs to commands that do nothing else.

use sha2::{Digest as _, Sha256};

use crate::engine::{Connection, Row, ValueRef, params_from_iter};
use crate::error::Error;

/// Tables that SQLite alone needs.
const OF_SQLITE: [&str; 2] = ["synced", "unfilled"];
/// What PostgreSQL cannot hold in a text, and what it holds in its place.
const NUL: (&str, &str) = ("\0", "\u{2400}");

/// Rows after which it is told how far a copy is.
const ROWS_TOLD: u64 = 2_000;

/// How far a copy is.
#[derive(Debug, Clone, Copy)]
pub enum Step<'s> {
    /// A table is begun.
    Begun {
        /// The table.
        table: &'s str,
        /// Its rows, each of which is written and read back.
        rows: u64,
    },
    /// So many more of its rows were written or, afterwards, read back.
    Rows(u64),
    /// It is there.
    Done(&'s Moved),
}

/// What was copied of a table.
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

/// Copies all tables from `source` to `target`, each of which is in a transaction; `file` is the one that is SQLite's, and
/// knows the tables. `told` hears how far it is.
pub(crate) fn copy_all(
    file: &Connection,
    source: &Connection,
    target: &Connection,
    told: &mut dyn FnMut(Step<'_>),
) -> Result<Vec<Moved>, Error> {
    let mut all = Vec::new();
    for table in tables(file)? {
        told(Step::Begun { table: &table.name, rows: table.rows(source)? });
        let sum = table.copy(source, target, told)?;
        if table.sum(target, told)? != sum {
            return Err(Error::Corrupt("a table holds something else than what was written to it"));
        }
        let moved = Moved { table: table.name, sum };
        told(Step::Done(&moved));
        all.push(moved);
    }
    Ok(all)
}

/// A table, and its columns.
struct Table {
    name: String,
    columns: Vec<String>,
}

/// The tables in the order in which they were made: none before those that it refers to.
fn tables(file: &Connection) -> Result<Vec<Table>, Error> {
    let texts = |sql: &str| -> Result<Vec<String>, Error> {
        let mut statement = file.prepare_cached(sql)?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    };
    let names = texts(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid",
    )?;
    let names = names.into_iter().filter(|name| !OF_SQLITE.contains(&name.as_str()));
    names
        .map(|name| {
            let columns = texts(&format!("SELECT name FROM pragma_table_info('{name}') ORDER BY cid"))?;
            Ok(Table { name, columns })
        })
        .collect()
}

impl Table {
    /// How many rows it has.
    fn rows(&self, connection: &Connection) -> Result<u64, Error> {
        let mut count = connection.prepare_cached(&format!("SELECT count(*) FROM {}", self.name))?;
        Ok(count.query_row([], |row| row.get(0))?)
    }

    /// Writes all rows of the source to the target.
    fn copy(
        &self,
        source: &Connection,
        target: &Connection,
        told: &mut dyn FnMut(Step<'_>),
    ) -> Result<Sum, Error> {
        let Self { name, columns } = self;
        let (listed, places) = (columns.join(", "), vec!["?"; columns.len()].join(", "));
        // What its migrations put there is that of no catalog.
        target.prepare_cached(&format!("DELETE FROM {name}"))?.send([])?;
        let mut insert =
            target.prepare_cached(&format!("INSERT INTO {name} ({listed}) VALUES ({places})"))?;
        let mut sum = Sum::default();
        self.each(source, |values| {
            sum.add(values);
            insert.send(params_from_iter(values.iter().copied()))?;
            sum.tell(told);
            Ok(())
        })?;
        if columns.first().is_some_and(|first| first == "id") {
            target.number_beyond(name, source.last_number(name)?)?;
        }
        Ok(sum)
    }

    /// Reads all rows.
    fn sum(&self, connection: &Connection, told: &mut dyn FnMut(Step<'_>)) -> Result<Sum, Error> {
        let mut sum = Sum::default();
        self.each(connection, |values| {
            sum.add(values);
            sum.tell(told);
            Ok(())
        })?;
        Ok(sum)
    }

    fn each(
        &self,
        connection: &Connection,
        mut take: impl FnMut(&[ValueRef<'_>]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        connection.each_row(&self.name, &self.columns.join(", "), |row| take(&self.values(row)?))
    }

    fn values<'r>(&self, row: &'r Row<'_>) -> Result<Vec<ValueRef<'r>>, Error> {
        (0..self.columns.len()).map(|column| Ok(row.get_ref(column)?)).collect()
    }
}

impl Sum {
    /// Tells of the latest rows, now and then.
    fn tell(&self, told: &mut dyn FnMut(Step<'_>)) {
        if self.rows.is_multiple_of(ROWS_TOLD) {
            told(Step::Rows(ROWS_TOLD));
        }
    }

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
