//! How PostgreSQL goes about what is searched for most, among some thousand studies.

use causeway_core::query::fuzzy::FuzzyName;
use causeway_core::query::{Key, Matching};
use causeway_core::{Level, PatientKey, Query, Scope, Sight, Tag, Uid, Vr};

use super::plan::Plan;
use crate::engine::{self, Connection, Value, params_from_iter};

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
    ANALYZE";

fn key(tag: Tag, vr: Vr, text: &str) -> Key {
    Key { tag, vr, matching: Matching::parse(vr, text).unwrap() }
}

/// The steps of a statement.
fn explained(connection: &Connection, sql: &str, values: Vec<Value>) -> String {
    let mut statement = connection.prepare_cached(&format!("EXPLAIN (COSTS OFF) {sql}")).unwrap();
    let steps = statement.query_map(params_from_iter(values), |row| row.get::<String>(0)).unwrap();
    steps.map(Result::unwrap).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_names_few_rows_is_found_by_indices_and_nothing_is_read_whole() {
    let Some((writer, reader)) = engine::on_a_server() else { return };
    writer.execute_batch(STUDIES).unwrap();
    let fuzzy = Matching::Fuzzy(FuzzyName::parse("doe77 jo").unwrap());
    let fuzzy = Key { tag: Tag::PATIENT_NAME, vr: Vr::PN, matching: fuzzy };
    for (level, key, index) in [
        (Level::Study, key(Tag::PATIENT_ID, Vr::LO, "P77"), "patient_identity"),
        (Level::Study, key(Tag::PATIENT_ID, Vr::LO, "P77*"), "patient_identity"),
        (Level::Study, key(Tag::PATIENT_ID, Vr::LO, "P77\\P78"), "patient_identity"),
        (Level::Study, key(Tag::PATIENT_NAME, Vr::PN, "Doe77^J*"), "patient_name_alphabetic"),
        (Level::Study, fuzzy, "patient_word_pkey"),
        (Level::Study, key(Tag::ACCESSION_NUMBER, Vr::SH, "A77"), "study_accession"),
        (Level::Study, key(Tag::STUDY_ID, Vr::SH, "S77"), "study_study_id"),
        (Level::Study, key(Tag::STUDY_DATE, Vr::DA, "20100401"), "study_study_date"),
        (Level::Study, key(Tag::STUDY_INSTANCE_UID, Vr::UI, "1.2.7\\1.2.8"), "study_uid_key"),
        (Level::Series, key(Tag::STUDY_INSTANCE_UID, Vr::UI, "1.2.7"), "study_uid_key"),
        (Level::Series, key(Tag::SERIES_INSTANCE_UID, Vr::UI, "1.2.7.14"), "series_uid"),
        (Level::Instance, key(Tag::SERIES_INSTANCE_UID, Vr::UI, "1.2.7.14"), "series_uid"),
        (Level::Instance, key(Tag::SOP_INSTANCE_UID, Vr::UI, "1.3.7"), "instance_uid_key"),
    ] {
        let words = format!("{level:?} {:?}", key.tag);
        let plan = Plan::of(&Query::all(level).with(key));
        let (sql, values) = plan.numbers(None, 0, 100);
        let steps = explained(&reader, &sql, values);
        assert!(steps.contains(index) && !steps.contains("Seq Scan"), "{words}: {steps}");
        let row = explained(&reader, plan.row(), plan.row_values(7).collect());
        assert!(!row.contains("Seq Scan"), "{words}: {row}");
    }
}

#[test]
fn who_comes_back_walks_the_rows_in_their_order() {
    let Some((writer, reader)) = engine::on_a_server() else { return };
    writer.execute_batch(STUDIES).unwrap();
    for (level, index) in [
        (Level::Patient, "patient_pkey"),
        (Level::Study, "study_pkey"),
        (Level::Series, "series_pkey"),
        (Level::Instance, "instance_pkey"),
    ] {
        let plan = Plan::of(&Query::all(level).with(key(Tag::PATIENT_SEX, Vr::CS, "F")));
        let (sql, values) = plan.numbers(Some(2500), 0, 100);
        let steps = explained(&reader, &sql, values);
        assert!(steps.contains(index) && !steps.contains("Sort"), "{level:?}: {steps}");
    }
}

#[test]
fn what_someone_sees_is_found_by_indices() {
    let Some((writer, reader)) = engine::on_a_server() else { return };
    writer.execute_batch(STUDIES).unwrap();
    let scope = Scope {
        studies: vec![Uid::parse("1.2.7").unwrap()],
        patients: vec![PatientKey::parse("P8^^^H").unwrap()],
        remotes: vec!["ct1".parse().unwrap()],
    };
    for level in [Level::Study, Level::Series, Level::Instance] {
        let query = Query { sight: Sight::Only(scope.clone()), ..Query::all(level) };
        let (sql, values) = Plan::of(&query).numbers(None, 0, 100);
        let steps = explained(&reader, &sql, values);
        for index in ["study_uid_key", "study_patient", "study_origin", "patient_identity"] {
            assert!(steps.contains(index), "{level:?} {index}: {steps}");
        }
        assert!(!steps.contains("Seq Scan"), "{level:?}: {steps}");
    }
}
