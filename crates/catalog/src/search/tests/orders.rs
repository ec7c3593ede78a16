//! What is numbered, a few rows at a time, is what one plain statement finds, in the order that is promised: in small
//! catalogs drawn at random, with bounds so small that every step is taken.

use causeway_core::query::{Key, Matching};
use causeway_core::{Level, Query, Tag, Vr};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::engine::{self, Connection, Value, params_from_iter};
use crate::search::condition;
use crate::search::numbers::Numbers;
use crate::search::plan::Plan;
use crate::search::tops::Bounds;

const LEVELS: [Level; 4] = [Level::Patient, Level::Study, Level::Series, Level::Instance];

/// An instance that comes: which study, which series of it, and what number it has.
type Coming = (i64, i64, i64);

/// Puts what comes, in its order, into an empty catalog; then one study goes.
fn fill(connection: &Connection, all: &[Coming], gone: i64) {
    for table in ["instance", "series", "study", "patient"] {
        connection.execute_batch(&format!("DELETE FROM {table}")).unwrap();
    }
    let run = |sql: &str, values: Vec<Value>| {
        connection.prepare_cached(sql).unwrap().execute(params_from_iter(values)).unwrap();
    };
    let text = |text: &str| Value::Text(text.to_owned());
    for (place, (study, series, number)) in all.iter().enumerate() {
        let patient = study % 3;
        let name = ["DOE^JOHN", "DOE^JANE", "ROE^X"][usize::try_from(patient).unwrap()];
        let sex = if patient == 1 { "M" } else { "F" };
        run(
            "INSERT INTO patient (id, patient_id, issuer, name_alphabetic, sex, attributes)
             VALUES (?1, ?2, '', ?3, ?4, '') ON CONFLICT DO NOTHING",
            vec![Value::Integer(patient + 1), text(&format!("P{patient}")), text(name), text(sex)],
        );
        let (of_study, date) = (100 + study * 3, format!("2024010{}", study % 4 + 1));
        run(
            "INSERT INTO study (id, patient, uid, study_date, modalities, sop_classes, series_count, instance_count,
             changed_at, attributes) VALUES (?1, ?2, ?3, ?4, '', '', 0, 0, 0, '') ON CONFLICT DO NOTHING",
            vec![
                Value::Integer(of_study),
                Value::Integer(patient + 1),
                text(&format!("1.{study}")),
                text(&date),
            ],
        );
        // Not in the order of their studies.
        let of_series = 1000 + (study * 3 + series) * 17 % 41;
        let modality = ["CT", "MR", "SR"][usize::try_from((study + series) % 3).unwrap()];
        run(
            "INSERT INTO series (id, study, uid, modality, number, instance_count, changed_at, attributes)
             VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, '') ON CONFLICT DO NOTHING",
            vec![
                Value::Integer(of_series),
                Value::Integer(of_study),
                text(&format!("1.{study}.{series}")),
                text(modality),
                Value::Integer(*series),
            ],
        );
        let class = if (study + number) % 2 == 0 { "1.5" } else { "1.6" };
        run(
            "INSERT INTO instance (series, uid, sop_class, transfer_syntax, number, object, object_bytes, data_set_offset,
             digest, received_at, settled, envelope, attributes)
             VALUES (?1, ?2, ?3, '', ?4, ?2, 0, 0, '', 0, 1, '', '')",
            vec![
                Value::Integer(of_series),
                text(&format!("1.{study}.{series}.{place}")),
                text(class),
                Value::Integer(*number),
            ],
        );
    }
    connection
        .execute_batch(
            "UPDATE study SET
               series_count = (SELECT count(*) FROM series WHERE series.study = study.id),
               instance_count = (SELECT count(*) FROM instance JOIN series ON series.id = instance.series
                 WHERE series.study = study.id),
               sop_classes = (SELECT string_agg(found.sop_class, '\\') FROM
                 (SELECT DISTINCT sop_class FROM instance JOIN series ON series.id = instance.series
                  WHERE series.study = study.id) AS found)",
        )
        .unwrap();
    for sql in [
        "DELETE FROM instance WHERE series IN (SELECT id FROM series WHERE study = ?1)",
        "DELETE FROM series WHERE study = ?1",
        "DELETE FROM study WHERE id = ?1",
    ] {
        connection.prepare_cached(sql).unwrap().execute([100 + gone * 3]).unwrap();
    }
}

fn key() -> impl Strategy<Value = Key> {
    let text = prop_oneof![
        (0..4).prop_map(|n| (Tag::PATIENT_ID, Vr::LO, format!("P{n}"))),
        Just((Tag::PATIENT_NAME, Vr::PN, "Doe*".to_owned())),
        Just((Tag::PATIENT_NAME, Vr::PN, "*J*N*".to_owned())),
        Just((Tag::PATIENT_SEX, Vr::CS, "F".to_owned())),
        (0..14).prop_map(|n| (Tag::STUDY_INSTANCE_UID, Vr::UI, format!("1.{n}\\1.3"))),
        (1..5).prop_map(|n| (Tag::STUDY_DATE, Vr::DA, format!("2024010{n}-"))),
        prop::sample::select(vec!["CT", "SR", "US"]).prop_map(|text| (
            Tag::MODALITIES_IN_STUDY,
            Vr::CS,
            text.to_owned()
        )),
        prop::sample::select(vec!["CT", "MR", "US"]).prop_map(|text| (
            Tag::MODALITY,
            Vr::CS,
            text.to_owned()
        )),
        (0..3).prop_map(|n| (Tag::SERIES_NUMBER, Vr::IS, format!("{n}"))),
        (0..9).prop_map(|n| (Tag::SERIES_INSTANCE_UID, Vr::UI, format!("1.{n}.1"))),
        (5..8).prop_map(|n| (Tag::SOP_CLASS_UID, Vr::UI, format!("1.{n}"))),
        (0..5).prop_map(|n| (Tag::INSTANCE_NUMBER, Vr::IS, format!("{n}"))),
        (0..9, 0..3, 0..30).prop_map(|(a, b, c)| (Tag::SOP_INSTANCE_UID, Vr::UI, format!("1.{a}.{b}.{c}"))),
    ];
    text.prop_map(|(tag, vr, text)| Key { tag, vr, matching: Matching::parse(vr, &text).unwrap() })
}

fn bounds() -> impl Strategy<Value = Bounds> {
    (1..8_i64, 1..4_usize, 1..4_u32, 1..6_u32, 1..5_u32, 1..5_usize, 1..6_usize).prop_map(
        |(looked_at, many, found_first, found_together, studies_found, studies_together, enough)| Bounds {
            looked_at,
            many,
            found_first,
            found_together,
            studies_found,
            studies_together,
            enough,
        },
    )
}

/// All at once, by one plain statement.
fn wanted(connection: &Connection, query: &Query) -> Vec<i64> {
    let (tables, order) = match query.level {
        Level::Patient => ("patient", "patient.id DESC"),
        Level::Study => ("study JOIN patient ON patient.id = study.patient", "study.id DESC"),
        Level::Series => (
            "series JOIN study ON study.id = series.study JOIN patient ON patient.id = study.patient",
            "study.id DESC, series.id",
        ),
        Level::Instance => (
            "instance JOIN series ON series.id = instance.series JOIN study ON study.id = series.study
             JOIN patient ON patient.id = study.patient",
            "study.id DESC, series.id, instance.id",
        ),
    };
    let own = ["patient", "study", "series", "instance"][query.level as usize];
    let all: Vec<_> = query.keys.iter().filter_map(|key| condition::of(key, query)).collect();
    let sql: Vec<&str> = ["1 = 1"].into_iter().chain(all.iter().map(|it| it.sql.as_str())).collect();
    let sql = format!("SELECT {own}.id FROM {tables} WHERE {} ORDER BY {order}", sql.join(" AND "));
    let values: Vec<Value> = all.iter().flat_map(|condition| condition.values.clone()).collect();
    let mut statement = connection.prepare_cached(&sql).unwrap();
    let rows = statement.query_map(params_from_iter(values), |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

fn numbers_are_what_a_plain_statement_finds(connection: &Connection, cases: u32) {
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let coming = prop::collection::vec((0..13_i64, 0..3_i64, 0..4_i64), 0..60);
    let asked =
        prop::collection::vec((0..4_usize, prop::collection::vec(key(), 0..4), bounds(), 1..9_u32), 8);
    runner
        .run(&(coming, 0..13_i64, asked), |(coming, gone, asked)| {
            fill(connection, &coming, gone);
            for (level, keys, bounds, page) in asked {
                let query = Query { keys, ..Query::all(LEVELS[level]) };
                let plan = Plan::of(&query);
                let wanted = wanted(connection, &query);
                let mut numbers = Numbers::bounded(query.level, bounds);
                let mut found = Vec::new();
                while !numbers.is_over() {
                    let next = numbers.next(connection, &plan, page).unwrap();
                    prop_assert!(next.len() <= page as usize);
                    prop_assert!(!next.is_empty() || numbers.is_over());
                    found.extend(next.into_iter().map(|hit| hit.number));
                }
                prop_assert_eq!(&found, &wanted, "{:?}", query);
                for up_to in [u64::from(page), u64::MAX] {
                    for given in [0, page] {
                        let mut numbers = Numbers::bounded(query.level, bounds);
                        let before = numbers.next(connection, &plan, given).unwrap().len();
                        let left = (wanted.len() - before) as u64;
                        let counted =
                            numbers.count(connection, &plan, up_to, |hits| Ok(hits.len() as u64)).unwrap();
                        prop_assert_eq!(counted, up_to.min(left), "{:?} after {}", query, before);
                    }
                }
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn on_sqlite_numbers_are_what_a_plain_statement_finds() {
    numbers_are_what_a_plain_statement_finds(&engine::empty(), 250);
}

#[test]
fn on_postgres_numbers_are_what_a_plain_statement_finds() {
    let Some((writer, _)) = engine::on_a_server() else { return };
    numbers_are_what_a_plain_statement_finds(&writer, 40);
}
