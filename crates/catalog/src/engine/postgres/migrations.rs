//! The schema's versions on PostgreSQL, forward only. A migration that has landed is never edited.
//!
//! Several nodes may begin at once: one migrates, the others wait. A node that is older than the tables goes on as long as
//! the tables say that it may.

use std::time::Duration;

use super::{Connection, Kind, Transaction, value};
use crate::engine::failure::Failure;
use crate::engine::values::FromSql;
use crate::error::Error;

/// A step from one version to the next.
struct Migration {
    /// The version after it.
    version: i64,
    sql: &'static str,
    /// The oldest version of a program that can work with what it leaves. A column that an older program does not write
    /// has a default, and one that it still reads stays.
    oldest: i64,
}

/// All there are, in their order. The first makes everything.
const MIGRATIONS: &[Migration] = &[
    Migration { version: 18, sql: include_str!("../../migrations/postgres/0018.sql"), oldest: 18 },
    // An older program would not count what is kept of each remote's.
    Migration { version: 19, sql: include_str!("../../migrations/postgres/0019.sql"), oldest: 19 },
    Migration { version: 20, sql: include_str!("../../migrations/postgres/0020.sql"), oldest: 19 },
    Migration { version: 21, sql: include_str!("../../migrations/postgres/0021.sql"), oldest: 19 },
    Migration { version: 22, sql: include_str!("../../migrations/postgres/0022.sql"), oldest: 19 },
    Migration { version: 23, sql: include_str!("../../migrations/postgres/0023.sql"), oldest: 19 },
];

/// Begins what only one node does at a time, however long it takes.
const BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0;
    SELECT pg_advisory_xact_lock(1667331443, 2)";

/// Versions that tables have.
struct Versions {
    version: i64,
    oldest: i64,
}

/// Brings the tables up to date.
pub(super) fn migrate(connection: &Connection) -> Result<(), Error> {
    if found(connection)?.is_some_and(|found| is_up_to_date(&found)) {
        return Ok(());
    }
    let patience = connection.patience.replace(Duration::MAX);
    let done = in_transaction(connection);
    connection.patience.set(patience);
    done
}

fn in_transaction(connection: &Connection) -> Result<(), Error> {
    connection.execute_batch(BEGIN)?;
    // From here on a connection that is lost is not made anew.
    connection.transaction.set(Transaction::Open);
    let done = under_lock(connection);
    let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = connection.execute_batch(end);
    connection.transaction.set(Transaction::None);
    done.and_then(|()| Ok(ended?))
}

fn under_lock(connection: &Connection) -> Result<(), Error> {
    let found = found(connection)?.unwrap_or(Versions { version: 0, oldest: 0 });
    let known = known();
    if found.oldest > known {
        return Err(Error::Newer { found: found.version, known });
    }
    let mut oldest = found.oldest;
    for migration in MIGRATIONS.iter().filter(|migration| migration.version > found.version) {
        connection.execute_batch(migration.sql)?;
        oldest = oldest.max(migration.oldest);
    }
    if found.version < known {
        let sql = format!("UPDATE schema_version SET version = {known}, oldest = {oldest}");
        connection.execute_batch(&sql)?;
    }
    Ok(())
}

/// Whether the tables are as this version makes them.
pub(super) fn check_version(connection: &Connection) -> Result<(), Error> {
    let known = known();
    match found(connection)?.map(|found| found.version) {
        None => Err(Error::Corrupt("it holds no catalog")),
        Some(found) if found > known => Err(Error::Newer { found, known }),
        Some(found) if found < known => Err(Error::Older { found, known }),
        Some(_) => Ok(()),
    }
}

fn is_up_to_date(found: &Versions) -> bool {
    found.version >= known() && found.oldest <= known()
}

/// The version that this program makes.
fn known() -> i64 {
    MIGRATIONS.last().map_or(0, |migration| migration.version)
}

/// What is there; none in a database without a catalog.
fn found(connection: &Connection) -> Result<Option<Versions>, Error> {
    let number = |sql: &'static str, column: usize| -> Result<Option<i64>, Error> {
        let rows = connection.ask(async |session| session.query(sql, Kind::Plain, &[]).await)?;
        let Some(row) = rows.first() else { return Ok(None) };
        let number = i64::from_sql(value(row, column)?).map_err(|_| Failure::Column(column))?;
        Ok(Some(number))
    };
    if number("SELECT count(to_regclass('schema_version'))", 0)? != Some(1) {
        return Ok(None);
    }
    const VERSIONS: &str = "SELECT version, oldest FROM schema_version";
    let versions = (number(VERSIONS, 0)?, number(VERSIONS, 1)?);
    let (Some(version), Some(oldest)) = versions else {
        return Err(Error::Corrupt("its version is missing"));
    };
    Ok(Some(Versions { version, oldest }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::engine::{self, Connection, in_memory};

    /// Tables that one of the two needs for itself.
    const OF_ONE: [&str; 3] = ["synced", "unfilled", "schema_version"];

    fn rows(connection: &Connection, sql: &str) -> BTreeSet<String> {
        let mut statement = connection.prepare_cached(sql).unwrap();
        let rows = statement.query_map([], |row| row.get::<String>(0)).unwrap().map(Result::unwrap);
        let of_one = |row: &String| OF_ONE.iter().any(|table| row.starts_with(&format!("{table} ")));
        rows.filter(|row| !of_one(row)).collect()
    }

    #[test]
    fn both_databases_have_the_same_tables_columns_and_indices() {
        let Some((postgres, _)) = engine::on_a_server() else { return };
        let sqlite = in_memory();
        engine::migrations::migrate(&sqlite).unwrap();
        let of_sqlite =
            "SELECT m.name || ' ' || p.name || ' ' || p.type || ' ' || (p.\"notnull\" > 0 OR p.pk > 0)
            FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS p
            WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'";
        let of_postgres = "SELECT CAST(table_name AS TEXT) || ' ' || column_name || ' ' ||
            CASE data_type WHEN 'bigint' THEN 'INTEGER' WHEN 'bytea' THEN 'BLOB' ELSE upper(data_type) END || ' ' ||
            CASE is_nullable WHEN 'NO' THEN 1 ELSE 0 END
            FROM information_schema.columns WHERE table_schema = 'public'";
        assert_eq!(rows(&sqlite, of_sqlite), rows(&postgres, of_postgres));
        let of_sqlite = "SELECT tbl_name || ' ' || name FROM sqlite_master
            WHERE type = 'index' AND name NOT LIKE 'sqlite_autoindex%'";
        let of_postgres =
            "SELECT CAST(tablename AS TEXT) || ' ' || indexname FROM pg_indexes WHERE schemaname = 'public'
            AND indexname NOT IN (SELECT conname FROM pg_constraint)";
        assert_eq!(rows(&sqlite, of_sqlite), rows(&postgres, of_postgres));
    }

    #[test]
    fn texts_are_ordered_by_their_bytes_whatever_the_order_of_the_database_is() {
        let Some((postgres, _)) = engine::on_a_server() else { return };
        let others = "SELECT CAST(table_name AS TEXT) FROM information_schema.columns
            WHERE table_schema = 'public' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'";
        assert_eq!(rows(&postgres, others), BTreeSet::new());
    }
}
