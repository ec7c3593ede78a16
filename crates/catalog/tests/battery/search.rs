//! What SQL finds is what the matching table of `core` finds, for every kind of key on every level.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use super::common::{Subject, With, record};
use causeway_core::query::fuzzy::FuzzyName;
use causeway_core::query::matching::matches;
use causeway_core::query::moments::Offset;
use causeway_core::query::{Key, Matching, Zones};
use causeway_core::{Attributes, Level, Query, Tag, Vr};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const NAMES: [&str; 7] = [
    "Doe^John",
    "DOE^JANE",
    "Döe^Jörg",
    "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "O'Neil^A%",
    "Under_score^X",
    "",
];
const DATES: [&str; 5] = ["20240131", "20231231", "2024.02.01", "19990101", ""];
const TIMES: [&str; 5] = ["101500", "1015", "235959.5", "000000", ""];
const TEXTS: [&str; 7] = ["HEAD", "head", "HE_D", "HE%D", "A*", "Übersicht", ""];
const MODALITIES: [&str; 4] = ["CT", "MR", "SR", ""];
const NUMBERS: [&str; 6] = ["1", "01", "12", "x", "", "1.0"];
const OFFSETS: [&str; 4] = ["+0100", "-0500", "+1400", ""];
const FUZZY: [&str; 8] = ["doe", "jorg d", "太", "yam tarou", "oneil", "u*e", "=太郎", "x und"];

async fn subject() -> Subject {
    let subject = Subject::new().await;
    for study in 1..=70_u32 {
        let pick = |list: &[&'static str], step: u32| list[(study / step) as usize % list.len()];
        for series in 1..=(1 + study % 3) {
            let record = record(study, series, 1)
                .with(Tag::PATIENT_NAME, Vr::PN, pick(&NAMES, 1))
                .with(Tag::PATIENT_BIRTH_DATE, Vr::DA, pick(&DATES, 2))
                .with(Tag::STUDY_DATE, Vr::DA, pick(&DATES, 1))
                .with(Tag::STUDY_TIME, Vr::TM, pick(&TIMES, 1))
                .with(Tag::STUDY_DESCRIPTION, Vr::LO, pick(&TEXTS, 1))
                .with(Tag::ACCESSION_NUMBER, Vr::SH, pick(&TEXTS, 3))
                .with(Tag::MODALITY, Vr::CS, MODALITIES[(study + series) as usize % 4])
                .with(Tag::SERIES_NUMBER, Vr::IS, NUMBERS[(study + 5 * series) as usize % 6])
                .with(Tag::STATION_NAME, Vr::SH, pick(&TEXTS, 2))
                .with(Tag::REFERRING_PHYSICIAN_NAME, Vr::PN, pick(&NAMES, 2))
                .with(Tag::TIMEZONE_OFFSET_FROM_UTC, Vr::SH, pick(&OFFSETS, 1));
            subject.insert(record).await;
        }
    }
    subject
}

fn pattern(values: &'static [&'static str]) -> impl Strategy<Value = String> {
    let cut = (prop::sample::select(values), 0..6_usize, prop::sample::select(vec!["*", "?", "", "**?*"]));
    prop_oneof![
        prop::sample::select(values).prop_map(str::to_owned),
        cut.clone().prop_map(|(text, at, sign)| text
            .chars()
            .take(at)
            .chain(sign.chars())
            .collect::<String>()),
        cut.prop_map(|(text, at, sign)| sign.chars().chain(text.chars().skip(at)).collect::<String>()),
        Just("?*?".to_owned()),
    ]
}

fn range(values: &'static [&'static str]) -> impl Strategy<Value = String> {
    let fine: Vec<&str> = values.iter().copied().filter(|text| !text.is_empty()).collect();
    let one = prop::sample::select(fine);
    (one.clone(), one, 0..4).prop_map(|(a, b, kind)| match kind {
        0 => a.to_owned(),
        1 => format!("{a}-"),
        2 => format!("-{b}"),
        _ => format!("{a}-{b}"),
    })
}

fn key() -> impl Strategy<Value = Key> {
    let texts = prop_oneof![
        pattern(&NAMES).prop_map(|text| (Tag::PATIENT_NAME, Vr::PN, text)),
        pattern(&TEXTS).prop_map(|text| (Tag::STUDY_DESCRIPTION, Vr::LO, text)),
        pattern(&TEXTS).prop_map(|text| (Tag::ACCESSION_NUMBER, Vr::SH, text)),
        pattern(&TEXTS).prop_map(|text| (Tag::STATION_NAME, Vr::SH, text)),
        pattern(&MODALITIES).prop_map(|text| (Tag::MODALITY, Vr::CS, text)),
        pattern(&MODALITIES).prop_map(|text| (Tag::MODALITIES_IN_STUDY, Vr::CS, text)),
        pattern(&NAMES).prop_map(|text| (Tag::REFERRING_PHYSICIAN_NAME, Vr::PN, text)),
        Just((Tag::MODALITIES_IN_STUDY, Vr::CS, "CT\\SR".to_owned())),
        Just((Tag::MODALITY, Vr::CS, "CT\\M*".to_owned())),
        Just((Tag::ACCESSION_NUMBER, Vr::SH, "HEAD\\head".to_owned())),
        range(&DATES).prop_map(|text| (Tag::STUDY_DATE, Vr::DA, text)),
        range(&DATES).prop_map(|text| (Tag::PATIENT_BIRTH_DATE, Vr::DA, text)),
        range(&TIMES).prop_map(|text| (Tag::STUDY_TIME, Vr::TM, text)),
        prop::sample::select(vec!["1", "01", "1.0", "12", "x"]).prop_map(|text| (
            Tag::SERIES_NUMBER,
            Vr::IS,
            text.to_owned()
        )),
        (1..80_u32).prop_map(|n| (Tag::STUDY_INSTANCE_UID, Vr::UI, format!("1.2.{n}\\1.2.7"))),
        (1..80_u32).prop_map(|n| (Tag::PATIENT_ID, Vr::LO, format!("P{n}"))),
        Just((Tag::NUMBER_OF_STUDY_RELATED_SERIES, Vr::IS, "2".to_owned())),
    ];
    let parsed = texts.prop_filter_map("a key that a door would refuse", |(tag, vr, text)| {
        Some(Key { tag, vr, matching: Matching::parse(vr, &text).ok()? })
    });
    let combined = range(&DATES).prop_filter_map("no range", |text| {
        let days = causeway_core::query::dates::date_range(&text)?;
        let from = days.from.map(|day| format!("{day}101500000000"));
        let to = days.to.map(|day| format!("{day}235959999999"));
        let range = causeway_core::query::dates::Range { from, to };
        let matching = Matching::Combined { time: Tag::STUDY_TIME, range };
        Some(Key { tag: Tag::STUDY_DATE, vr: Vr::DA, matching })
    });
    let fuzzy =
        (prop::sample::select(vec![Tag::PATIENT_NAME, Tag::REFERRING_PHYSICIAN_NAME]), 0..FUZZY.len());
    let fuzzy = fuzzy.prop_map(|(tag, index)| {
        let matching = Matching::Fuzzy(FuzzyName::parse(FUZZY[index]).unwrap());
        Key { tag, vr: Vr::PN, matching }
    });
    let several = prop::sample::subsequence(MODALITIES.to_vec(), 1..4).prop_map(|values| {
        let matching = Matching::AllOf(values.into_iter().map(str::to_owned).collect());
        Key { tag: Tag::MODALITIES_IN_STUDY, vr: Vr::CS, matching }
    });
    let empty = Just(Key { tag: Tag::STUDY_DESCRIPTION, vr: Vr::LO, matching: Matching::Empty });
    prop_oneof![12 => parsed, 2 => combined, 2 => fuzzy, 1 => several, 1 => empty]
}

#[test]
fn sql_finds_what_the_matching_table_finds() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let subject = runtime.block_on(subject());
    let levels = [Level::Patient, Level::Study, Level::Series, Level::Instance];
    let all: Vec<Vec<Attributes>> =
        levels.iter().map(|level| runtime.block_on(subject.search(Query::all(*level)))).collect();
    let mut runner = TestRunner::new(Config { cases: 1500, failure_persistence: None, ..Config::default() });
    let zone = prop::option::weighted(0.3, prop::sample::select(vec!["+0000", "+0900", "-1200"]));
    let strategy = (0..4_usize, prop::collection::vec(key(), 1..4), zone);
    runner
        .run(&strategy, |(level, keys, zone)| {
            let zones = zone.and_then(Offset::parse).map(Zones::of);
            let query = Query { keys, zones, ..Query::all(levels[level]) };
            let mut wanted = all[level].clone();
            if let Some(zones) = query.zones.as_ref().filter(|_| level > 0) {
                wanted.iter_mut().for_each(|attributes| zones.tell(attributes));
            }
            wanted.retain(|attributes| matches(&query, attributes));
            let found = runtime.block_on(subject.search(query.clone()));
            prop_assert_eq!(&found, &wanted);
            let counted = runtime.block_on(subject.catalog.count(query, u64::MAX)).unwrap();
            prop_assert_eq!(counted, wanted.len() as u64);
            Ok(())
        })
        .unwrap();
}

#[test]
fn pages_of_any_size_are_the_whole() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let subject = runtime.block_on(subject());
    let levels = [Level::Patient, Level::Study, Level::Series, Level::Instance];
    let mut runner = TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
    let strategy = (0..4_usize, prop::collection::vec(key(), 0..3), 1..40_u32, 1..60_u64);
    runner
        .run(&strategy, |(level, keys, size, up_to)| {
            let query = Query { keys, ..Query::all(levels[level]) };
            let whole = runtime.block_on(subject.search(query.clone()));
            let mut pages = Vec::new();
            loop {
                let offset = u32::try_from(pages.len()).unwrap();
                let page = Query { limit: Some(size), offset, ..query.clone() };
                let (page, behind) = runtime.block_on(subject.page(page, up_to));
                prop_assert!(page.len() <= size as usize);
                prop_assert_eq!(behind, up_to.min((whole.len() - pages.len() - page.len()) as u64));
                if page.is_empty() {
                    break;
                }
                pages.extend(page);
            }
            let none = Query { limit: Some(0), offset: size, ..query };
            let (none, behind) = runtime.block_on(subject.page(none, up_to));
            prop_assert_eq!(none, []);
            prop_assert_eq!(behind, up_to.min(whole.len().saturating_sub(size as usize) as u64));
            prop_assert_eq!(&pages, &whole);
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn the_newest_study_comes_first_and_what_is_within_it_as_it_came() {
    let subject = Subject::new().await;
    for (study, series, instance) in [(1, 2, 1), (2, 1, 2), (1, 1, 1), (2, 1, 1), (1, 2, 9), (1, 2, 3)] {
        subject.insert(record(study, series, instance)).await;
    }
    let found = subject.found(Query::all(Level::Study), Tag::STUDY_INSTANCE_UID).await;
    assert_eq!(found, ["1.2.2", "1.2.1"]);
    let found = subject.found(Query::all(Level::Series), Tag::SERIES_INSTANCE_UID).await;
    assert_eq!(found, ["1.2.2.1", "1.2.1.2", "1.2.1.1"]);
    let found = subject.found(Query::all(Level::Instance), Tag::SOP_INSTANCE_UID).await;
    assert_eq!(found, ["1.2.2.1.2", "1.2.2.1.1", "1.2.1.2.1", "1.2.1.2.9", "1.2.1.2.3", "1.2.1.1.1"]);
}
