//! A connection to the database: with its statements (`statement.rs`) all that the files above know of either database.
//!
//! Statements are written in what both understand; parameters are `?1` or `?`, whole numbers are 64 bits wide, yes is 1
//! and no is 0, and what has no key of its own gets one by [`Statement::insert`].

use std::collections::HashMap;
use std::ops::Deref;

use super::Durability;
use super::failure::Failure;
use super::statement::{Row, Statement};
use super::values::{Value, params_from_iter};
use super::{postgres, sqlite};

/// Rows that a server is asked for in one go.
const ROWS_TOGETHER: usize = 5000;

/// A connection.
pub(crate) enum Connection {
    /// To a file of SQLite.
    Sqlite(sqlite::Connection),
    /// To a server of PostgreSQL.
    Postgres(Box<postgres::Connection>),
}

impl Connection {
    /// Prepares a statement, or takes the one that was prepared of this text before.
    pub(crate) fn prepare_cached(&self, sql: &str) -> Result<Statement<'_>, Failure> {
        match self {
            Self::Sqlite(connection) => Ok(Statement::Sqlite(connection.prepare(sql)?)),
            Self::Postgres(connection) => Ok(Statement::Postgres(connection.prepare(sql))),
        }
    }

    /// Runs statements without parameters and answers.
    pub(crate) fn execute_batch(&self, sql: &str) -> Result<(), Failure> {
        match self {
            Self::Sqlite(connection) => connection.execute_batch(sql),
            Self::Postgres(connection) => connection.execute_batch(sql),
        }
    }

    /// Begins a transaction whose commit waits for the disk, or need not.
    pub(crate) fn begin(&self, durability: Durability) -> Result<(), Failure> {
        match self {
            Self::Sqlite(connection) => connection.begin(durability),
            Self::Postgres(connection) => connection.begin(),
        }
    }

    /// Runs a statement that begins or ends a transaction or a part of one.
    pub(crate) fn control(&self, sql: &'static str) -> Result<(), Failure> {
        match self {
            Self::Sqlite(connection) => connection.control(sql),
            Self::Postgres(connection) => connection.control(sql),
        }
    }

    /// Waits for what was asked for and not waited for.
    pub(crate) fn flush(&self) -> Result<(), Failure> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(connection) => connection.flush(),
        }
    }

    /// Writes what takes all earlier commits to disk with it.
    pub(super) fn note_sync(&self) -> Result<(), Failure> {
        match self {
            Self::Sqlite(connection) => connection.note_sync(),
            // They are: each waited for it.
            Self::Postgres(_) => Ok(()),
        }
    }

    /// Does what is better done between two transactions than in one.
    pub(super) fn tidy_up(&self, is_busy: bool) {
        match self {
            Self::Sqlite(connection) => connection.checkpoint(is_busy),
            Self::Postgres(_) => {}
        }
    }

    /// Has reads end early while `is_abandoned` says so.
    pub(super) fn interrupt_when(&mut self, is_abandoned: impl FnMut() -> bool + Send + 'static) {
        match self {
            Self::Sqlite(connection) => connection.interrupt_when(is_abandoned),
            Self::Postgres(connection) => connection.interrupt_when(is_abandoned),
        }
    }

    /// Reads these columns of all rows of a table, of which few are in memory at a time. On a server that must be within a
    /// transaction.
    pub(crate) fn each_row<E: From<Failure>>(
        &self,
        table: &str,
        columns: &str,
        mut take: impl FnMut(&Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Sqlite(_) => {
                let mut statement = self.prepare_cached(&format!("SELECT {columns} FROM {table}"))?;
                let mut rows = statement.query([])?;
                while let Some(row) = rows.next()? {
                    take(&row)?;
                }
                Ok(())
            }
            Self::Postgres(_) => {
                self.execute_batch(&format!(
                    "DECLARE all_{table} NO SCROLL CURSOR FOR SELECT {columns} FROM {table}"
                ))?;
                while take_some(self, table, &mut take)? > 0 {}
                Ok(self.execute_batch(&format!("CLOSE all_{table}"))?)
            }
        }
    }

    /// Reads rows by their numbers, for what `map` makes of each, in the order of `numbers`; `None` where there is no such row.
    pub(crate) fn by_number<T>(
        &self,
        numbered: &Numbered,
        numbers: &[i64],
        mut map: impl FnMut(&Row<'_>) -> T,
    ) -> Result<Vec<Option<T>>, Failure> {
        let given = |last: Value| params_from_iter(numbered.values.iter().cloned().chain([last]));
        match self {
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare(&numbered.one())?;
                numbers
                    .iter()
                    .map(|number| {
                        let mut rows = statement.query(given(Value::Integer(*number)))?;
                        Ok(sqlite::next(&mut rows)?.map(|row| map(&row)))
                    })
                    .collect()
            }
            Self::Postgres(connection) => {
                let list = Value::Text(serde_json::json!(numbers).to_string());
                let rows = connection.prepare(&numbered.all()).query(given(list))?.into_inner();
                let rows: HashMap<i64, Row<'_>> = rows
                    .iter()
                    .map(|row| Row::Postgres(row).get(0).map(|number| (number, Row::Postgres(row))))
                    .collect::<Result<_, _>>()?;
                Ok(numbers.iter().map(|number| rows.get(number).map(&mut map)).collect())
            }
        }
    }

    /// Begins a transaction that only reads: all its statements see the same.
    pub(crate) fn snapshot(&self) -> Result<Snapshot<'_>, Failure> {
        let open = match self {
            Self::Sqlite(connection) => Open::Sqlite { _held: connection.snapshot()? },
            Self::Postgres(connection) => Open::Postgres { _held: connection.snapshot() },
        };
        Ok(Snapshot { connection: self, _open: open })
    }
}

/// What is read of rows that are named by their numbers.
#[derive(Debug)]
pub(crate) struct Numbered {
    /// A statement as far as its conditions, whose first column is the number.
    pub(crate) select: String,
    /// The column of the number.
    pub(crate) number: String,
    /// What the statement is given.
    pub(crate) values: Vec<Value>,
}

impl Numbered {
    fn one(&self) -> String {
        format!("{} WHERE {} = ?", self.select, self.number)
    }

    /// For the rows of a list, where each statement costs more than what it finds.
    pub(crate) fn all(&self) -> String {
        let Self { select, number, .. } = self;
        format!("{select} WHERE {number} IN (SELECT CAST(value AS BIGINT) FROM json_each(?))")
    }
}

/// Takes the next rows of a table's cursor; says how many there were.
fn take_some<E: From<Failure>>(
    connection: &Connection,
    table: &str,
    take: &mut impl FnMut(&Row<'_>) -> Result<(), E>,
) -> Result<usize, E> {
    let mut statement = connection.prepare_cached(&format!("FETCH {ROWS_TOGETHER} FROM all_{table}"))?;
    let mut rows = statement.query([])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        take(&row)?;
        count += 1;
    }
    Ok(count)
}

/// A connection while it sees the database as it was at one moment.
pub(crate) struct Snapshot<'c> {
    connection: &'c Connection,
    _open: Open<'c>,
}

/// The transaction behind it, which ends when it goes.
enum Open<'c> {
    Sqlite { _held: sqlite::Snapshot<'c> },
    Postgres { _held: postgres::Snapshot<'c> },
}

impl Deref for Snapshot<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}
