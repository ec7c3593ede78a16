//! The schema's versions in a file of SQLite, forward only. A migration that has landed is never edited, and has its like in
//! `postgres/migrations.rs`: a test there holds the two schemas against each other.

use super::connection::Connection;
use super::fill;
use crate::error::Error;

/// Each brings the file from its index to the next version.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001.sql"),
    include_str!("../migrations/0002.sql"),
    include_str!("../migrations/0003.sql"),
    include_str!("../migrations/0004.sql"),
    include_str!("../migrations/0005.sql"),
    include_str!("../migrations/0006.sql"),
    include_str!("../migrations/0007.sql"),
    include_str!("../migrations/0008.sql"),
    include_str!("../migrations/0009.sql"),
    include_str!("../migrations/0010.sql"),
    include_str!("../migrations/0011.sql"),
    include_str!("../migrations/0012.sql"),
    include_str!("../migrations/0013.sql"),
    include_str!("../migrations/0014.sql"),
    include_str!("../migrations/0015.sql"),
    include_str!("../migrations/0016.sql"),
    include_str!("../migrations/0017.sql"),
    include_str!("../migrations/0018.sql"),
    include_str!("../migrations/0019.sql"),
    include_str!("../migrations/0020.sql"),
    include_str!("../migrations/0021.sql"),
    include_str!("../migrations/0022.sql"),
    include_str!("../migrations/0023.sql"),
];

/// Whether this version can read the file.
pub(crate) fn check_version(connection: &Connection) -> Result<(), Error> {
    let found: i64 = connection.prepare_cached("PRAGMA user_version")?.query_row([], |row| row.get(0))?;
    let known = MIGRATIONS.len() as i64;
    match found {
        0 => Err(Error::Corrupt("it holds no catalog")),
        found if found > known => Err(Error::Newer { found, known }),
        _ => Ok(()),
    }
}

/// Brings the file up to date.
pub(super) fn migrate(connection: &Connection) -> Result<(), Error> {
    let found: i64 = connection.prepare_cached("PRAGMA user_version")?.query_row([], |row| row.get(0))?;
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(Error::Newer { found, known });
    }
    let done = usize::try_from(found).map_err(|_| Error::Corrupt("user_version is negative"))?;
    for (index, migration) in MIGRATIONS.iter().enumerate().skip(done) {
        in_transaction(connection, || {
            connection.execute_batch(migration)?;
            Ok(connection.execute_batch(&format!("PRAGMA user_version = {}", index + 1))?)
        })?;
    }
    fill::fill(connection)
}

/// Runs `job` in a transaction of its own, of which nothing stays when it fails.
pub(super) fn in_transaction<T>(
    connection: &Connection,
    job: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    connection.execute_batch("BEGIN")?;
    let done = job().and_then(|done| {
        connection.execute_batch("COMMIT")?;
        Ok(done)
    });
    done.inspect_err(|_| {
        let _ = connection.execute_batch("ROLLBACK");
    })
}

#[cfg(test)]
mod tests {
    use super::super::sqlite;
    use super::*;

    fn set_version(connection: &Connection, version: i64) {
        connection.execute_batch(&format!("PRAGMA user_version = {version}")).unwrap();
    }

    #[test]
    fn a_newer_file_is_left_alone() {
        let connection = sqlite::in_memory();
        set_version(&connection, 999);
        assert!(matches!(migrate(&connection), Err(Error::Newer { found: 999, .. })));
    }

    #[test]
    fn the_names_of_older_rows_are_indexed_however_often_it_is_interrupted() {
        let connection = sqlite::in_memory();
        connection.execute_batch(MIGRATIONS[0]).unwrap();
        for id in 1..=12_000_i64 {
            let name = format!(r#"{{"00100010":{{"vr":"PN","Value":[{{"Alphabetic":"Müller^N{id}"}}]}}}}"#);
            let sql = "INSERT INTO patient (id, patient_id, issuer, attributes) VALUES (?1, ?1, '', ?2)";
            connection.prepare_cached(sql).unwrap().execute((id, name)).unwrap();
        }
        connection.execute_batch(MIGRATIONS[1]).unwrap();
        set_version(&connection, 2);
        // As if the first batch had been done and the program stopped.
        connection.execute_batch("UPDATE unfilled SET after = 5000 WHERE what = 'patient_word'").unwrap();
        migrate(&connection).unwrap();
        let count = |sql: &str| -> i64 {
            connection.prepare_cached(sql).unwrap().query_row([], |row| row.get(0)).unwrap()
        };
        assert_eq!(count("SELECT count(*) FROM patient_word WHERE word = 'MULLER'"), 7_000);
        assert_eq!(count("SELECT patient FROM patient_word WHERE word = 'N12000'"), 12_000);
        assert_eq!(count("SELECT count(*) FROM unfilled"), 0);
        connection.execute_batch("DELETE FROM patient WHERE id = 12000").unwrap();
        assert_eq!(count("SELECT count(*) FROM patient_word WHERE patient = 12000"), 0);
    }

    #[test]
    fn migrating_twice_is_migrating_once() {
        let connection = sqlite::in_memory();
        migrate(&connection).unwrap();
        migrate(&connection).unwrap();
    }

    #[test]
    fn studies_that_are_here_get_the_origin_of_their_first_instance() {
        let connection = sqlite::in_memory();
        for migration in &MIGRATIONS[..5] {
            connection.execute_batch(migration).unwrap();
        }
        set_version(&connection, 5);
        connection
            .execute_batch(
                r#"INSERT INTO patient VALUES (1, 'P', '', NULL, NULL, NULL, NULL, NULL, '{}');
                INSERT INTO study (id, patient, uid, modalities, sop_classes, series_count, instance_count, changed_at,
                  attributes) VALUES (1, 1, '1.1', '', '', 2, 3, 0, '{}'), (2, 1, '1.2', '', '', 1, 1, 0, '{}');
                INSERT INTO series (id, study, uid, instance_count, changed_at, attributes)
                  VALUES (1, 1, '1.1.1', 1, 0, '{}'), (2, 1, '1.1.2', 2, 0, '{}'), (3, 2, '1.2.1', 1, 0, '{}');
                INSERT INTO instance (id, series, uid, sop_class, transfer_syntax, object, object_bytes,
                  data_set_offset, digest, received_at, settled, envelope, attributes) VALUES
                  (5, 1, '5', '', '', '5', 0, 0, '', 0, 0, '{"remote":"late"}', '{}'),
                  (4, 2, '4', '', '', '4', 0, 0, '', 0, 0, '{"remote":"first"}', '{}'),
                  (6, 3, '6', '', '', '6', 0, 0, '', 0, 0, '{"door":"web"}', '{}');"#,
            )
            .unwrap();
        migrate(&connection).unwrap();
        let mut statement = connection.prepare_cached("SELECT origin FROM study ORDER BY id").unwrap();
        let origins = statement.query_map([], |row| row.get::<Option<String>>(0)).unwrap();
        assert_eq!(origins.map(Result::unwrap).collect::<Vec<_>>(), [Some("first".to_owned()), None]);
    }

    #[test]
    fn what_is_here_is_counted_by_remote_and_studies_get_the_moment_of_their_newest_instance() {
        let connection = sqlite::in_memory();
        for migration in &MIGRATIONS[..18] {
            connection.execute_batch(migration).unwrap();
        }
        set_version(&connection, 18);
        connection
            .execute_batch(
                r#"INSERT INTO patient VALUES (1, 'P', '', NULL, NULL, NULL, NULL, NULL, '{}');
                INSERT INTO study (id, patient, uid, modalities, sop_classes, series_count, instance_count, changed_at,
                  attributes) VALUES (1, 1, '1.1', '', '', 2, 3, 9, '{}'), (2, 1, '1.2', '', '', 0, 0, 7, '{}');
                INSERT INTO series (id, study, uid, instance_count, changed_at, attributes)
                  VALUES (1, 1, '1.1.1', 1, 0, '{}'), (2, 1, '1.1.2', 2, 0, '{}');
                INSERT INTO instance (id, series, uid, sop_class, transfer_syntax, object, object_bytes,
                  data_set_offset, digest, received_at, settled, envelope, attributes) VALUES
                  (4, 1, '4', '', '', '4', 10, 0, '', 5, 0, '{"remote":"ct1"}', '{}'),
                  (5, 2, '5', '', '', '5', 20, 0, '', 6, 0, '{"remote":"ct1"}', '{}'),
                  (6, 2, '6', '', '', '6', 40, 0, '', 4, 0, '{"door":"web"}', '{}');"#,
            )
            .unwrap();
        migrate(&connection).unwrap();
        let mut sources = connection.prepare_cached("SELECT remote, instances, bytes FROM source").unwrap();
        let found: Vec<(String, i64, i64)> = sources
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(found, [("ct1".to_owned(), 2, 30)]);
        let mut studies = connection.prepare_cached("SELECT arrived_at FROM study ORDER BY id").unwrap();
        let found: Vec<i64> = studies.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(found, [6, 7]);
    }
}
