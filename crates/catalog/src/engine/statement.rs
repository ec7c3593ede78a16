//! Statements of either database, and their rows.

use super::failure::{Failure, OptionalExtension};
use super::values::{FromSql, Params, ValueRef};
use super::{postgres, sqlite};

/// A statement that is prepared.
pub(crate) enum Statement<'c> {
    /// On SQLite.
    Sqlite(sqlite::Statement<'c>),
    /// On PostgreSQL.
    Postgres(postgres::Statement<'c>),
}

impl<'c> Statement<'c> {
    /// Asks for what `map` makes of its first row, within a transaction that writes: on a server it is on its way then, and
    /// what is asked next does not wait for it. All is run in the order in which it is asked.
    pub(crate) fn ask<T>(
        &mut self,
        params: impl Params,
        map: fn(&Row<'_>) -> Result<T, Failure>,
    ) -> Result<Asked<'c, T>, Failure> {
        match self {
            Self::Sqlite(_) => Ok(Asked::Here(self.query_row(params, map).optional()?)),
            Self::Postgres(statement) => Ok(Asked::OnItsWay { answer: statement.ask(params)?, map }),
        }
    }

    /// Inserts as [`Statement::insert`] does, and asks for the key as [`Statement::ask`] does for a row.
    pub(crate) fn ask_insert(&mut self, params: impl Params) -> Result<Asked<'c, i64>, Failure> {
        match self {
            Self::Sqlite(statement) => Ok(Asked::Here(Some(statement.insert(params)?))),
            Self::Postgres(statement) => {
                Ok(Asked::OnItsWay { answer: statement.ask_insert(params)?, map: |row| row.get(0) })
            }
        }
    }

    /// Runs it; says how many rows it wrote.
    pub(crate) fn execute(&mut self, params: impl Params) -> Result<usize, Failure> {
        match self {
            Self::Sqlite(statement) => statement.execute(params),
            Self::Postgres(statement) => statement.execute(params),
        }
    }

    /// Has it run; whether it went well is known before the job ends, and nothing that is asked after it comes before it.
    pub(crate) fn send(&mut self, params: impl Params) -> Result<(), Failure> {
        match self {
            Self::Sqlite(statement) => statement.execute(params).map(drop),
            Self::Postgres(statement) => statement.send(params),
        }
    }

    /// Inserts one row into a table whose key is `id`, and gives that key.
    pub(crate) fn insert(&mut self, params: impl Params) -> Result<i64, Failure> {
        match self {
            Self::Sqlite(statement) => statement.insert(params),
            Self::Postgres(statement) => statement.insert(params),
        }
    }

    /// Runs it for all its rows.
    pub(crate) fn query(&mut self, params: impl Params) -> Result<Rows<'_>, Failure> {
        match self {
            Self::Sqlite(statement) => Ok(Rows::Sqlite(statement.query(params)?)),
            Self::Postgres(statement) => Ok(Rows::Postgres(statement.query(params)?)),
        }
    }

    /// Runs it for what `map` makes of each row.
    pub(crate) fn query_map<T, F>(&mut self, params: impl Params, map: F) -> Result<Mapped<'_, F>, Failure>
    where
        F: FnMut(&Row<'_>) -> Result<T, Failure>,
    {
        Ok(Mapped { rows: self.query(params)?, map })
    }

    /// Runs it for what `map` makes of its first row.
    ///
    /// # Errors
    /// When there is none: [`Failure::NoRow`].
    pub(crate) fn query_row<T>(
        &mut self,
        params: impl Params,
        map: impl FnOnce(&Row<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut rows = self.query(params)?;
        map(&rows.next()?.ok_or(Failure::NoRow)?)
    }

    /// Whether it has a row.
    pub(crate) fn exists(&mut self, params: impl Params) -> Result<bool, Failure> {
        Ok(self.query(params)?.next()?.is_some())
    }
}

/// What was asked of a database and not waited for.
pub(crate) enum Asked<'c, T> {
    /// It is here: SQLite has nothing to wait for.
    Here(Option<T>),
    /// It is on its way from a server.
    OnItsWay { answer: postgres::Asked<'c>, map: fn(&Row<'_>) -> Result<T, Failure> },
}

impl<T> Asked<'_, T> {
    /// Waits for it.
    ///
    /// # Errors
    /// When there is no row: [`Failure::NoRow`].
    pub(crate) fn take(self) -> Result<T, Failure> {
        match self {
            Self::Here(row) => row.ok_or(Failure::NoRow),
            Self::OnItsWay { answer, map } => {
                let rows = answer.take()?;
                map(&Row::Postgres(rows.first().ok_or(Failure::NoRow)?))
            }
        }
    }
}

/// The rows of a statement.
pub(crate) enum Rows<'s> {
    /// As SQLite finds them.
    Sqlite(sqlite::Rows<'s>),
    /// As PostgreSQL gave them.
    Postgres(postgres::Rows),
}

impl Rows<'_> {
    /// The next one.
    pub(crate) fn next(&mut self) -> Result<Option<Row<'_>>, Failure> {
        match self {
            Self::Sqlite(rows) => sqlite::next(rows),
            Self::Postgres(rows) => Ok(rows.next()),
        }
    }
}

/// The rows of a statement, each made into something.
pub(crate) struct Mapped<'s, F> {
    rows: Rows<'s>,
    map: F,
}

impl<T, F: FnMut(&Row<'_>) -> Result<T, Failure>> Iterator for Mapped<'_, F> {
    type Item = Result<T, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.rows.next() {
            Ok(row) => row.map(|row| (self.map)(&row)),
            Err(failure) => Some(Err(failure)),
        }
    }
}

/// One row.
pub(crate) enum Row<'r> {
    /// Of SQLite.
    Sqlite(&'r sqlite::Row<'r>),
    /// Of PostgreSQL.
    Postgres(&'r postgres::Row),
}

impl Row<'_> {
    /// What stands in a column, counted from zero.
    pub(crate) fn get<T: FromSql>(&self, column: usize) -> Result<T, Failure> {
        T::from_sql(self.get_ref(column)?).map_err(|_| Failure::Column(column))
    }

    /// What stands in a column, borrowed.
    pub(crate) fn get_ref(&self, column: usize) -> Result<ValueRef<'_>, Failure> {
        match self {
            Self::Sqlite(row) => sqlite::value(row, column),
            Self::Postgres(row) => postgres::value(row, column),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{self, Connection, Durability};

    /// An empty catalog on each database that there is, within a transaction that writes.
    fn writers() -> Vec<Connection> {
        let server = engine::on_a_server().map(|(writer, _)| writer);
        let all: Vec<Connection> = [Some(engine::empty()), server].into_iter().flatten().collect();
        for connection in &all {
            connection.begin(Durability::Synced).unwrap();
        }
        all
    }

    fn ask<'c>(connection: &'c Connection, sql: &str, number: i64) -> Asked<'c, i64> {
        connection.prepare_cached(sql).unwrap().ask([number], |row| row.get(0)).unwrap()
    }

    #[test]
    fn what_is_asked_is_run_in_order_and_may_be_taken_in_any() {
        const COUNT: &str = "SELECT count(*) FROM tombstone WHERE deleted_at = ?1";
        for connection in writers() {
            let before = ask(&connection, COUNT, 7);
            connection
                .prepare_cached("INSERT INTO tombstone (uid, deleted_at) VALUES ('1.2', ?1)")
                .unwrap()
                .send([7_i64])
                .unwrap();
            let after = ask(&connection, COUNT, 7);
            drop(ask(&connection, COUNT, 8));
            assert_eq!((after.take().unwrap(), before.take().unwrap()), (1, 0));
        }
    }

    #[test]
    fn an_answer_without_a_row_is_none() {
        for connection in writers() {
            let none = ask(&connection, "SELECT deleted_at FROM tombstone WHERE deleted_at = ?1", 7);
            assert!(none.take().optional().unwrap().is_none());
        }
    }

    #[test]
    fn answers_longer_than_what_is_read_at_once_are_taken_in_any_order() {
        const LONG: &str = "SELECT length(replace(hex(zeroblob(?1)), '0', 'x'))";
        const LONG_THERE: &str = "SELECT repeat('x', ?1::int) FROM generate_series(1, 9)";
        for connection in writers() {
            let sql = if matches!(connection, Connection::Sqlite(_)) { LONG } else { LONG_THERE };
            let all: Vec<_> = (0..9)
                .map(|_| connection.prepare_cached(sql).unwrap().ask([1_000_000_i64], |_| Ok(())).unwrap())
                .collect();
            for asked in all.into_iter().rev() {
                asked.take().unwrap();
            }
        }
    }

    #[test]
    fn what_fails_is_told_when_it_is_taken_at_the_latest() {
        for connection in writers() {
            let sql = "INSERT INTO series (study, uid, instance_count, changed_at, attributes)
                VALUES (NULL, '1.2', 0, ?1, '')";
            let asked = connection.prepare_cached(sql).unwrap().ask_insert([7_i64]);
            assert!(asked.and_then(Asked::take).is_err());
        }
    }
}
