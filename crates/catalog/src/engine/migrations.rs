//! The schema's versions, forward only. A migration that has landed is never edited.

use rusqlite::Connection;

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
];

/// Brings the file up to date.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), Error> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(Error::Newer { found, known });
    }
    let done = usize::try_from(found).map_err(|_| Error::Corrupt("user_version is negative"))?;
    for (index, migration) in MIGRATIONS.iter().enumerate().skip(done) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", index as i64 + 1)?;
        transaction.commit()?;
    }
    fill::fill(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_file_is_left_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 999).unwrap();
        assert!(matches!(migrate(&mut connection), Err(Error::Newer { found: 999, .. })));
    }

    #[test]
    fn the_names_of_older_rows_are_indexed_however_often_it_is_interrupted() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(MIGRATIONS[0]).unwrap();
        for id in 1..=12_000 {
            let name = format!(r#"{{"00100010":{{"vr":"PN","Value":[{{"Alphabetic":"Müller^N{id}"}}]}}}}"#);
            let sql = "INSERT INTO patient (id, patient_id, issuer, attributes) VALUES (?1, ?1, '', ?2)";
            connection.execute(sql, (id, name)).unwrap();
        }
        connection.execute_batch(MIGRATIONS[1]).unwrap();
        connection.pragma_update(None, "user_version", 2).unwrap();
        // As if the first batch had been done and the program stopped.
        connection.execute("UPDATE unfilled SET after = 5000 WHERE what = 'patient_word'", []).unwrap();
        migrate(&mut connection).unwrap();
        let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(count("SELECT count(*) FROM patient_word WHERE word = 'MULLER'"), 7_000);
        assert_eq!(count("SELECT patient FROM patient_word WHERE word = 'N12000'"), 12_000);
        assert_eq!(count("SELECT count(*) FROM unfilled"), 0);
        connection.execute("DELETE FROM patient WHERE id = 12000", []).unwrap();
        assert_eq!(count("SELECT count(*) FROM patient_word WHERE patient = 12000"), 0);
    }

    #[test]
    fn migrating_twice_is_migrating_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
    }

    #[test]
    fn studies_that_are_here_get_the_origin_of_their_first_instance() {
        let mut connection = Connection::open_in_memory().unwrap();
        for migration in &MIGRATIONS[..5] {
            connection.execute_batch(migration).unwrap();
        }
        connection.pragma_update(None, "user_version", 5).unwrap();
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
        migrate(&mut connection).unwrap();
        let mut statement = connection.prepare("SELECT origin FROM study ORDER BY id").unwrap();
        let origins = statement.query_map([], |row| row.get::<_, Option<String>>(0)).unwrap();
        assert_eq!(origins.map(Result::unwrap).collect::<Vec<_>>(), [Some("first".to_owned()), None]);
    }
}
