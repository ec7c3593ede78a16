//! Statements and their rows.

use tokio::sync::oneshot;

use super::Connection;
use super::session::Kind;
use super::values::{Given, Held};
use crate::engine::failure::Failure;
use crate::engine::statement::Row as AnyRow;
use crate::engine::values::{Params, ValueRef};

/// A row.
pub(crate) type Row = tokio_postgres::Row;

/// A statement. It is prepared when it is first run on a session.
pub(crate) struct Statement<'c> {
    connection: &'c Connection,
    sql: String,
}

impl<'c> Statement<'c> {
    pub(super) fn new(connection: &'c Connection, sql: &str) -> Self {
        Self { connection, sql: sql.to_owned() }
    }
}

impl<'c> Statement<'c> {
    pub(crate) fn ask(&mut self, params: impl Params) -> Result<Asked<'c>, Failure> {
        self.pose(Kind::Plain, params)
    }

    pub(crate) fn ask_insert(&mut self, params: impl Params) -> Result<Asked<'c>, Failure> {
        self.pose(Kind::Insert, params)
    }

    fn pose(&self, kind: Kind, params: impl Params) -> Result<Asked<'c>, Failure> {
        let given = Given::all(params)?;
        let rows = self.connection.post(&self.sql, kind, |session, it| session.pose(it, given))?;
        Ok(Asked { connection: self.connection, rows })
    }
}

impl Statement<'_> {
    pub(crate) fn execute(&mut self, params: impl Params) -> Result<usize, Failure> {
        let given = Given::all(params)?;
        let rows = self.connection.ask(async |session| session.execute(&self.sql, &given).await)?;
        Ok(usize::try_from(rows).unwrap_or(usize::MAX))
    }

    /// Has it run without waiting for it.
    pub(crate) fn send(&mut self, params: impl Params) -> Result<(), Failure> {
        let given = Given::all(params)?;
        self.connection.post(&self.sql, Kind::Plain, |session, it| session.send_statement(it, given))
    }

    pub(crate) fn insert(&mut self, params: impl Params) -> Result<i64, Failure> {
        let rows = self.rows(Kind::Insert, params)?;
        match rows.as_slice() {
            [row] => match value(row, 0)? {
                ValueRef::Integer(key) => Ok(key),
                _ => Err(Failure::Column(0)),
            },
            rows => Err(Failure::NotOne(rows.len())),
        }
    }

    pub(crate) fn query(&mut self, params: impl Params) -> Result<Rows, Failure> {
        Ok(Rows { rows: self.rows(Kind::Plain, params)?, next: 0 })
    }

    fn rows(&self, kind: Kind, params: impl Params) -> Result<Vec<Row>, Failure> {
        let given = Given::all(params)?;
        self.connection.ask(async |session| session.query(&self.sql, kind, &given).await)
    }
}

/// Rows that were asked for and not waited for.
pub(crate) struct Asked<'c> {
    connection: &'c Connection,
    rows: oneshot::Receiver<Vec<Row>>,
}

impl Asked<'_> {
    /// Waits for them, and for all that was asked before.
    pub(crate) fn take(mut self) -> Result<Vec<Row>, Failure> {
        self.connection.flush()?;
        // They are not here when that failed before, and whoever asked was told.
        self.rows.try_recv().map_err(|_| Failure::Transaction)
    }
}

/// The rows of a statement, all of which are here.
pub(crate) struct Rows {
    rows: Vec<Row>,
    next: usize,
}

impl Rows {
    pub(crate) fn into_inner(self) -> Vec<Row> {
        self.rows
    }

    pub(crate) fn next(&mut self) -> Option<AnyRow<'_>> {
        let row = self.rows.get(self.next)?;
        self.next += 1;
        Some(AnyRow::Postgres(row))
    }
}

/// What stands in a column.
pub(crate) fn value(row: &Row, column: usize) -> Result<ValueRef<'_>, Failure> {
    row.try_get(column).map(|Held(value)| value).map_err(|_| Failure::Column(column))
}
