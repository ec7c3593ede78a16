//! The table of query plans: how both databases go about each key at each level. On PostgreSQL among some thousand
//! studies, on SQLite, which plans without looking, among none.

use causeway_core::query::fuzzy::FuzzyName;
use causeway_core::query::{Key, Matching};
use causeway_core::{Level, PatientKey, Query, Scope, Sight, Tag, Uid, Vr};

use crate::engine::{self, Connection, Value, params_from_iter};
use crate::search::plan::{Plan, Statement};

/// 5,000 patients with a study each, of two series with four instances each.
const STUDIES: &str = "
    INSERT INTO patient (id, patient_id, issuer, name_alphabetic, birth_date, sex, attributes)
        SELECT i, 'P' || i, 'H', 'DOE' || i || '^JOHN', '19' || lpad((i % 100)::text, 2, '0') || '0101', 'F', '{}'
        FROM generate_series(1, 5000) AS i;
    INSERT INTO patient_word SELECT 'DOE' || i, i FROM generate_series(1, 5000) AS i;
    INSERT INTO patient_word SELECT 'JOHN', i FROM generate_series(1, 5000) AS i;
    INSERT INTO study (id, patient, uid, study_date, study_time, accession, study_id, description, modalities, sop_classes,
        series_count, instance_count, changed_at, attributes, origin)
        SELECT i, i, '1.2.' || i, to_char(DATE '2010-01-01' + i % 4000, 'YYYYMMDD'), '101500', 'A' || i, 'S' || i,
        'HEAD', 'CT', '1.2', 2, 8, 0, repeat('x', 500), 'ct' || i % 1000 FROM generate_series(1, 5000) AS i;
    INSERT INTO series (id, study, uid, modality, number, instance_count, changed_at, attributes)
        SELECT i, (i + 1) / 2, '1.2.' || (i + 1) / 2 || '.' || i, 'CT', i % 2, 4, 0, repeat('x', 300)
        FROM generate_series(1, 10000) AS i;
    INSERT INTO instance (id, series, uid, sop_class, transfer_syntax, number, object, object_bytes, data_set_offset, digest,
        received_at, settled, envelope, attributes)
        SELECT i, (i + 3) / 4, '1.3.' || i, '1.2', '1.2', i % 4, 'o' || i, 9, 9, '', 0, 1, '{}', repeat('x', 300)
        FROM generate_series(1, 40000) AS i;
    INSERT INTO study_class SELECT '1.2', i FROM generate_series(1, 5000) AS i;
    ANALYZE";

/// Keys, and the index by which the patients or studies are found that may have what is looked for.
const KEYS: [(Tag, Vr, &str, &str); 25] = [
    (Tag::PATIENT_ID, Vr::LO, "P77", "patient_identity"),
    (Tag::PATIENT_ID, Vr::LO, "P77*", "patient_identity"),
    (Tag::PATIENT_ID, Vr::LO, "P77\\P78", "patient_identity"),
    (Tag::PATIENT_NAME, Vr::PN, "Doe77^J*", "patient_name_alphabetic"),
    (Tag::PATIENT_NAME, Vr::PN, "Doe77^John", "patient_name_alphabetic"),
    (Tag::PATIENT_BIRTH_DATE, Vr::DA, "20200101", "patient_birth_date"),
    (Tag::PATIENT_SEX, Vr::CS, "O", "patient_sex"),
    (Tag::STUDY_INSTANCE_UID, Vr::UI, "1.2.7", "study_uid_key"),
    (Tag::STUDY_INSTANCE_UID, Vr::UI, "1.2.7\\1.2.8", "study_uid_key"),
    (Tag::ACCESSION_NUMBER, Vr::SH, "A77", "study_accession"),
    (Tag::STUDY_ID, Vr::SH, "S77", "study_study_id"),
    (Tag::STUDY_DATE, Vr::DA, "20100401", "study_study_date"),
    (Tag::STUDY_DATE, Vr::DA, "20100401-20100402", "study_study_date"),
    (Tag::STUDY_TIME, Vr::TM, "0815", "study_study_time"),
    (Tag::STUDY_DESCRIPTION, Vr::LO, "FOOT*", "study_description"),
    (Tag::REFERRING_PHYSICIAN_NAME, Vr::PN, "Doctor^No", "study_referring"),
    (Tag::MODALITIES_IN_STUDY, Vr::CS, "SM", "series_modality"),
    (Tag::SERIES_INSTANCE_UID, Vr::UI, "1.2.7.14", "series_uid"),
    (Tag::MODALITY, Vr::CS, "SM", "series_modality"),
    (Tag::SERIES_NUMBER, Vr::IS, "77", "series_number"),
    (Tag::SERIES_DESCRIPTION, Vr::LO, "FOOT*", "series_description"),
    (Tag::BODY_PART_EXAMINED, Vr::CS, "FOOT", "series_body_part"),
    (Tag::PERFORMED_PROCEDURE_STEP_START_DATE, Vr::DA, "20100401", "series_performed_date"),
    (Tag::SOP_INSTANCE_UID, Vr::UI, "1.3.7", "instance_uid_key"),
    (Tag::SOP_CLASS_UID, Vr::UI, "1.9", "study_class_pkey"),
];

/// What SQLite calls the indices that it made by itself.
const OF_SQLITE: [(&str, &str); 4] = [
    ("study_uid_key", "sqlite_autoindex_study_1"),
    ("instance_uid_key", "sqlite_autoindex_instance_1"),
    ("study_class_pkey", "PRIMARY KEY (sop_class="),
    ("patient_word_pkey", "PRIMARY KEY (word>"),
];

fn key(tag: Tag, vr: Vr, text: &str) -> Key {
    Key { tag, vr, matching: Matching::parse(vr, text).unwrap() }
}

/// Each key at each level that has it, in words, and the index that finds it.
fn asked() -> impl Iterator<Item = (String, Plan, &'static str)> {
    let fuzzy = Matching::Fuzzy(FuzzyName::parse("doe77 jo").unwrap());
    let fuzzy = (Key { tag: Tag::PATIENT_NAME, vr: Vr::PN, matching: fuzzy }, "patient_word_pkey");
    let keys = KEYS.iter().map(|(tag, vr, text, index)| (key(*tag, *vr, text), *index)).chain([fuzzy]);
    keys.flat_map(|(key, index)| {
        let own = causeway_core::query::levels::known(key.tag).unwrap().level;
        let levels = [Level::Patient, Level::Study, Level::Series, Level::Instance].into_iter();
        levels.filter(move |level| own <= *level).map(move |level| {
            let words = format!("{level:?} {:?} {:?}", key.tag, key.matching);
            (words, Plan::of(&Query::all(level).with(key.clone())), index)
        })
    })
}

/// The steps of a statement.
fn on_sqlite(connection: &Connection, statement: Statement) -> String {
    explained(connection, "EXPLAIN QUERY PLAN", 3, statement)
}

fn on_postgres(connection: &Connection, statement: Statement) -> String {
    explained(connection, "EXPLAIN (COSTS OFF)", 0, statement)
}

fn explained(connection: &Connection, explain: &str, column: usize, (sql, values): Statement) -> String {
    let mut statement = connection.prepare_cached(&format!("{explain} {sql}")).unwrap();
    let steps = statement.query_map(params_from_iter(values), |row| row.get::<String>(column)).unwrap();
    steps.map(Result::unwrap).collect::<Vec<_>>().join("\n")
}

#[test]
fn on_sqlite_each_key_is_found_by_its_index() {
    let connection = engine::empty();
    for (words, plan, index) in asked() {
        let index = OF_SQLITE.iter().find(|(known, _)| *known == index).map_or(index, |(_, own)| own);
        let steps = on_sqlite(&connection, plan.find(9, 9));
        let scans = steps.lines().filter(|step| step.contains("SCAN"));
        let scans: Vec<&str> = scans.filter(|step| !step.contains("json_each")).collect();
        assert!(steps.contains(index) && scans.is_empty(), "{words}: {steps}");
    }
}

#[test]
fn on_sqlite_no_walk_sorts_or_begins_elsewhere_than_at_its_rows() {
    let connection = engine::empty();
    for (words, plan, _) in asked() {
        for steps in [plan.walk(Some(7), Some(9), 9), plan.walk(None, Some(9), 9)] {
            let steps = on_sqlite(&connection, steps);
            let first = steps.lines().next().unwrap();
            assert!(first.contains("USING INTEGER PRIMARY KEY (rowid"), "{words}: {steps}");
            assert!(!steps.contains("TEMP B-TREE"), "{words}: {steps}");
        }
    }
}

#[test]
fn on_sqlite_what_is_within_studies_is_found_from_these() {
    let connection = engine::empty();
    let below = || asked().filter(|(_, plan, _)| plan.level > Level::Study);
    let numbered = Plan::of(&Query::all(Level::Instance).with(key(Tag::INSTANCE_NUMBER, Vr::IS, "7")));
    for (words, plan, _) in below().chain([("a number".to_owned(), numbered, "")]) {
        for steps in [plan.within(&[7, 8], 9), plan.within_after(7, (1, 1), 9)] {
            let steps = on_sqlite(&connection, steps);
            let first = steps.lines().next().unwrap();
            let is_found = first.contains("(study=?") || first.contains("(uid=?");
            assert!(first.contains("SEARCH series") && is_found, "{words}: {steps}");
            let instance = steps.lines().find(|step| step.contains("SEARCH instance"));
            let is_of_series = |step: &str| step.contains("(series=?") || step.contains("(uid=?");
            assert!((plan.level == Level::Series) == instance.is_none(), "{words}: {steps}");
            assert!(instance.is_none_or(is_of_series), "{words}: {steps}");
        }
    }
}

#[test]
fn on_sqlite_a_pattern_that_begins_with_a_star_is_held_against_an_index_alone() {
    let connection = engine::empty();
    for (tag, vr, index) in [
        (Tag::PATIENT_NAME, Vr::PN, "SCAN patient USING COVERING INDEX patient_name_alphabetic"),
        (Tag::REFERRING_PHYSICIAN_NAME, Vr::PN, "SCAN study USING COVERING INDEX study_referring"),
        (Tag::STUDY_DESCRIPTION, Vr::LO, "SCAN study USING COVERING INDEX study_description"),
    ] {
        let plan = Plan::of(&Query::all(Level::Instance).with(key(tag, vr, "*x*")));
        let steps = on_sqlite(&connection, plan.find(9, 9));
        assert!(steps.contains(index), "{steps}");
    }
}

#[test]
fn on_sqlite_what_many_rows_have_never_stands_before_what_few_have() {
    let connection = engine::empty();
    for (tag, vr, text, index) in [
        (Tag::PATIENT_NAME, Vr::PN, "Doe77^J*", "patient_name_alphabetic"),
        (Tag::STUDY_DATE, Vr::DA, "20100401-20100402", "study_study_date"),
    ] {
        let query = Query::all(Level::Instance).with(key(Tag::PATIENT_SEX, Vr::CS, "F"));
        let query = query.with(key(Tag::MODALITY, Vr::CS, "CT")).with(key(tag, vr, text));
        let steps = on_sqlite(&connection, Plan::of(&query).find(9, 9));
        assert!(steps.contains(index) && !steps.contains("patient_sex"), "{steps}");
        assert!(steps.contains("series_modality (modality=? AND study=?)"), "{steps}");
    }
}

fn scope() -> Scope {
    Scope {
        studies: vec![Uid::parse("1.2.7").unwrap()],
        patients: vec![PatientKey::parse("P8^^^H").unwrap()],
        remotes: vec!["ct1".parse().unwrap()],
    }
}

#[test]
fn on_sqlite_what_someone_sees_is_found_by_indices_and_walked_in_order() {
    let connection = engine::empty();
    for level in [Level::Patient, Level::Study, Level::Series, Level::Instance] {
        let plan = Plan::of(&Query { sight: Sight::Only(scope()), ..Query::all(level) });
        let steps = on_sqlite(&connection, plan.find(9, 9));
        for index in ["sqlite_autoindex_study_1", "patient_identity", "study_patient", "study_origin"] {
            assert!(steps.contains(index), "{level:?} {index}: {steps}");
        }
        let walked = on_sqlite(&connection, plan.walk(None, Some(7), 9));
        assert!(walked.contains("USING INTEGER PRIMARY KEY (rowid"), "{level:?}: {walked}");
        assert!(!walked.contains("TEMP B-TREE"), "{level:?}: {walked}");
    }
}

#[test]
fn on_postgres_each_key_is_found_by_its_index_and_nothing_is_read_whole() {
    let Some((writer, reader)) = engine::on_a_server() else { return };
    writer.execute_batch(STUDIES).unwrap();
    for (words, plan, index) in asked() {
        let steps = on_postgres(&reader, plan.find(i64::MAX, 100));
        assert!(steps.contains(index) && !steps.contains("Seq Scan"), "{words}: {steps}");
        let values = plan.rows.values.iter().cloned().chain([Value::Text("[7,9]".to_owned())]).collect();
        let rows = on_postgres(&reader, (plan.rows.all(), values));
        assert!(!rows.contains("Seq Scan"), "{words}: {rows}");
        if plan.level > Level::Study {
            for statement in [plan.within(&[7, 8], 100), plan.within_after(7, (13, 50), 100)] {
                let steps = on_postgres(&reader, statement);
                assert!(!steps.contains("Seq Scan"), "{words}: {steps}");
            }
        }
    }
}

#[test]
fn on_postgres_a_walk_goes_by_the_rows_in_their_order() {
    let Some((writer, reader)) = engine::on_a_server() else { return };
    writer.execute_batch(STUDIES).unwrap();
    for (level, index) in [(Level::Patient, "patient_pkey"), (Level::Instance, "study_pkey")] {
        let plan = Plan::of(&Query::all(level).with(key(Tag::PATIENT_SEX, Vr::CS, "F")));
        let steps = on_postgres(&reader, plan.walk(None, Some(2500), 100));
        assert!(steps.contains(index) && !steps.contains("Sort"), "{level:?}: {steps}");
    }
}

#[test]
fn on_postgres_what_someone_sees_is_found_by_indices() {
    let Some((writer, reader)) = engine::on_a_server() else { return };
    writer.execute_batch(STUDIES).unwrap();
    for level in [Level::Study, Level::Series, Level::Instance] {
        let query = Query { sight: Sight::Only(scope()), ..Query::all(level) };
        let steps = on_postgres(&reader, Plan::of(&query).find(i64::MAX, 100));
        for index in ["study_uid_key", "study_patient", "study_origin", "patient_identity"] {
            assert!(steps.contains(index), "{level:?} {index}: {steps}");
        }
        assert!(!steps.contains("Seq Scan"), "{level:?}: {steps}");
    }
}
