//! Numbers that rows get by themselves, for whoever copies all rows from one database to another: none is given twice, not
//! even that of a row which has gone.

use super::connection::Connection;
use super::failure::Failure;

impl Connection {
    /// The greatest number that a table whose key is `id` ever gave, as far as that is known; 0: none.
    pub(crate) fn last_number(&self, table: &str) -> Result<i64, Failure> {
        let sql = match self {
            // What had a number and has gone is remembered for the tables that never give one twice.
            Self::Sqlite(_) => format!(
                "SELECT max(coalesce((SELECT max(id) FROM {table}), 0),
                 coalesce((SELECT seq FROM sqlite_sequence WHERE name = '{table}'), 0))"
            ),
            // A sequence is of no transaction: it may be beyond what is seen of the table, never before it.
            Self::Postgres(_) => format!(
                "SELECT coalesce(pg_sequence_last_value(CAST(pg_get_serial_sequence('{table}', 'id') AS regclass)), 0)"
            ),
        };
        self.prepare_cached(&sql)?.query_row([], |row| row.get(0))
    }

    /// Has a table give greater numbers than this one from now on, where it would not by itself.
    pub(crate) fn number_beyond(&self, table: &str, last: i64) -> Result<(), Failure> {
        if last == 0 {
            return Ok(());
        }
        match self {
            Self::Sqlite(_) => self.execute_batch(&format!(
                "DELETE FROM sqlite_sequence WHERE name = '{table}';
                 INSERT INTO sqlite_sequence (name, seq) SELECT name, {last} FROM sqlite_master
                 WHERE type = 'table' AND name = '{table}' AND sql LIKE '%AUTOINCREMENT%'"
            )),
            Self::Postgres(_) => {
                let sql = format!("SELECT setval(pg_get_serial_sequence('{table}', 'id'), ?1)");
                self.prepare_cached(&sql)?.exists([last]).map(drop)
            }
        }
    }
}
