//! The worklist and what was performed of it, through the public face.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use super::common::{Subject, text, uid};
use causeway_catalog::{
    Kept, Likeness, Meaning, NewPerformedStep, PerformedChange, PerformedFilter, ScheduledReference, Swept,
    WorklistQuery, Written,
};
use causeway_core::query::dates::Range;
use causeway_core::query::matching::key_matches;
use causeway_core::query::{Key, Matching};
use causeway_core::worklist::{PerformedStatus, ScheduledStatus, change_step, put_status};
use causeway_core::{Attributes, Clock, Element, Tag, Value, Vr};
use jiff::civil::date;
use proptest::prelude::*;

const STEP: Tag = Tag::SCHEDULED_PROCEDURE_STEP_SEQUENCE;

/// An entry of study `1.2.<number>` and step `S<number>`.
fn entry(number: u32, station: &str, modality: &str, start: &str) -> Attributes {
    let mut entry = Attributes::new();
    entry.put_text(Tag::PATIENT_ID, Vr::LO, format!("P{}", number % 3));
    entry.put_text(Tag::PATIENT_NAME, Vr::PN, "Doe^Jane");
    entry.put_text(Tag::ACCESSION_NUMBER, Vr::SH, format!("A{number}"));
    entry.put_text(Tag::STUDY_INSTANCE_UID, Vr::UI, format!("1.2.{number}"));
    let (day, time) = start.split_once(' ').unwrap();
    change_step(&mut entry, |step| {
        let stations = station.split('\\').map(str::to_owned).collect();
        step.put(Tag::SCHEDULED_STATION_AE_TITLE, Element::text(Vr::AE, stations));
        step.put_text(Tag::MODALITY, Vr::CS, modality);
        step.put_text(Tag::SCHEDULED_PROCEDURE_STEP_START_DATE, Vr::DA, day);
        step.put_text(Tag::SCHEDULED_PROCEDURE_STEP_START_TIME, Vr::TM, time);
        step.put_text(Tag::SCHEDULED_PROCEDURE_STEP_ID, Vr::SH, format!("S{number}"));
    });
    put_status(&mut entry, ScheduledStatus::Scheduled);
    entry
}

fn key(tag: Tag, vr: Vr, text: &str) -> Key {
    Key { tag, vr, matching: Matching::parse(vr, text).unwrap() }
}

fn in_step(keys: Vec<Key>) -> Key {
    Key { tag: STEP, vr: Vr::SQ, matching: Matching::Sequence(keys) }
}

fn query(keys: Vec<Key>) -> WorklistQuery {
    WorklistQuery { keys, statuses: Vec::new(), limit: None, offset: 0 }
}

/// Step IDs of what is found, in its order.
async fn found(subject: &Subject, query: WorklistQuery) -> Vec<String> {
    let mut entries = subject.catalog.worklist(query);
    let mut ids = Vec::new();
    while let Some(item) = entries.next().await.unwrap() {
        let step = causeway_core::worklist::step(&item.attributes).unwrap();
        ids.push(text(step, Tag::SCHEDULED_PROCEDURE_STEP_ID));
    }
    ids
}

async fn add(subject: &Subject, entry: Attributes) -> i64 {
    let kept = subject.catalog.add_worklist_item(entry, "ris").await.unwrap();
    let Kept::As(id) = kept else { unreachable!("{kept:?}") };
    id
}

async fn status(subject: &Subject, id: i64) -> ScheduledStatus {
    let item = subject.catalog.worklist_item(id).await.unwrap().unwrap();
    assert_eq!(causeway_core::worklist::status(&item.attributes), Some(item.status), "row and entry agree");
    item.status
}

#[tokio::test]
async fn an_entry_is_kept_as_it_was_put_and_told_of_in_the_audit_trail() {
    let subject = Subject::new().await;
    let id = add(&subject, entry(1, "CT1", "CT", "20250131 0830")).await;
    let subject = subject.reopened().await;
    let kept = subject.catalog.worklist_item(id).await.unwrap().unwrap();
    assert_eq!(kept.attributes, entry(1, "CT1", "CT", "20250131 0830"));
    assert_eq!(kept.changed_at, subject.clock.now());

    let changed = entry(1, "CT2", "CT", "20250201 0830");
    assert_eq!(subject.catalog.put_worklist_item(id, changed.clone(), "ris").await.unwrap(), Kept::As(id));
    assert_eq!(subject.catalog.worklist_item(id).await.unwrap().unwrap().attributes, changed);
    let at = |station| query(vec![in_step(vec![key(Tag::SCHEDULED_STATION_AE_TITLE, Vr::AE, station)])]);
    assert_eq!(found(&subject, at("CT1")).await, [""; 0]);
    assert_eq!(found(&subject, at("CT2")).await, ["S1"]);

    assert!(subject.catalog.remove_worklist_item(id, "ris").await.unwrap());
    assert!(!subject.catalog.remove_worklist_item(id, "ris").await.unwrap());
    assert_eq!(subject.catalog.worklist_item(id).await.unwrap(), None);
    assert_eq!(subject.catalog.put_worklist_item(id, changed, "ris").await.unwrap(), Kept::Unknown);
    let audit = subject.catalog.audit(10).await.unwrap();
    let told: Vec<(&str, &str)> = audit.iter().map(|row| (row.what.as_str(), row.subject.as_str())).collect();
    assert_eq!(told, [("worklist-remove", "1.2.1"), ("worklist-put", "1.2.1"), ("worklist-add", "1.2.1")]);
}

#[tokio::test]
async fn a_step_is_there_once() {
    let subject = Subject::new().await;
    let first = add(&subject, entry(1, "CT1", "CT", "20250131 0830")).await;
    let second = add(&subject, entry(2, "CT1", "CT", "20250131 0830")).await;
    let again = entry(1, "MR1", "MR", "20250201 0830");
    assert_eq!(subject.catalog.add_worklist_item(again.clone(), "ris").await.unwrap(), Kept::Taken(first));
    assert_eq!(
        subject.catalog.put_worklist_item(second, again.clone(), "ris").await.unwrap(),
        Kept::Taken(first)
    );
    assert_eq!(subject.catalog.put_worklist_item(first, again, "ris").await.unwrap(), Kept::As(first));
}

#[tokio::test]
async fn an_entry_without_what_a_column_needs_is_no_entry() {
    let subject = Subject::new().await;
    let mut lacking = entry(1, "CT1", "CT", "20250131 0830");
    lacking.remove(Tag::PATIENT_ID);
    assert!(subject.catalog.add_worklist_item(lacking, "ris").await.is_err());
    assert_eq!(found(&subject, query(Vec::new())).await, [""; 0]);
}

#[tokio::test]
async fn entries_come_by_their_time_page_after_page() {
    let subject = Subject::new().await;
    for number in 0..450_u32 {
        let day = 28 - number % 28;
        add(&subject, entry(number, "CT1", "CT", &format!("202501{day:02} {:02}00", number % 24))).await;
    }
    let all = found(&subject, query(Vec::new())).await;
    assert_eq!(all.len(), 450);
    let some = WorklistQuery { limit: Some(210), offset: 195, ..query(Vec::new()) };
    assert_eq!(found(&subject, some).await, all[195..405]);
    let mut entries = subject.catalog.worklist(query(Vec::new()));
    let mut last = String::new();
    while let Some(item) = entries.next().await.unwrap() {
        let step = causeway_core::worklist::step(&item.attributes).unwrap();
        let start = text(step, Tag::SCHEDULED_PROCEDURE_STEP_START_DATE)
            + &text(step, Tag::SCHEDULED_PROCEDURE_STEP_START_TIME);
        assert!(last <= start);
        last = start;
    }
}

#[tokio::test]
async fn a_query_finds_by_step_order_and_patient() {
    let subject = Subject::new().await;
    add(&subject, entry(1, "CT1\\CT2", "CT", "20250131 0830")).await;
    add(&subject, entry(2, "MR1", "MR", "20250201 1000")).await;
    let done = add(&subject, entry(3, "CT1", "CT", "20250202 1200")).await;
    let mut completed = entry(3, "CT1", "CT", "20250202 1200");
    put_status(&mut completed, ScheduledStatus::Completed);
    subject.catalog.put_worklist_item(done, completed, "ris").await.unwrap();

    let station = |title| in_step(vec![key(Tag::SCHEDULED_STATION_AE_TITLE, Vr::AE, title)]);
    let day = |range| in_step(vec![key(Tag::SCHEDULED_PROCEDURE_STEP_START_DATE, Vr::DA, range)]);
    for (keys, expected) in [
        (vec![station("CT1")], vec!["S1", "S3"]),
        (vec![station("CT2")], vec!["S1"]),
        (vec![station("ct1")], vec![]),
        (vec![day("20250201-")], vec!["S2", "S3"]),
        (vec![day("-20250201")], vec!["S1", "S2"]),
        (vec![day("20250201")], vec!["S2"]),
        (vec![key(Tag::PATIENT_ID, Vr::LO, "P1")], vec!["S1"]),
        (vec![key(Tag::PATIENT_ID, Vr::LO, "P*"), station("MR1")], vec!["S2"]),
        (vec![key(Tag::ACCESSION_NUMBER, Vr::SH, "A3")], vec!["S3"]),
        (vec![key(Tag::STUDY_INSTANCE_UID, Vr::UI, "1.2.1\\1.2.3")], vec!["S1", "S3"]),
        (vec![key(Tag::PATIENT_NAME, Vr::PN, "doe*"), day("20250201-")], vec!["S2", "S3"]),
        (vec![in_step(vec![key(Tag::MODALITY, Vr::CS, "MR")])], vec!["S2"]),
        (vec![key(Tag::REQUESTED_PROCEDURE_ID, Vr::SH, "R")], vec![]),
    ] {
        assert_eq!(found(&subject, query(keys.clone())).await, expected, "{keys:?}");
    }
    let open =
        WorklistQuery { statuses: vec![ScheduledStatus::Scheduled, ScheduledStatus::Ready], ..query(vec![]) };
    assert_eq!(found(&subject, open).await, ["S1", "S2"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// SQL narrows and the matcher decides: together they must say what the matcher alone says.
    #[test]
    fn what_sql_leaves_out_the_matcher_would_have_too(
        entries in prop::collection::vec((0_u32..4, 0_u32..3, 0_u32..3, 0_u32..24), 1..20),
        from in 0_u32..3, to in 0_u32..3, modality in 0_u32..3, from_hour in 0_u32..24, to_hour in 0_u32..24,
        station in 0_u32..4, with_hours: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let modalities = ["CT", "MR", "US"];
        let bound = |day: u32, hour: u32| Some(format!("2025010{}{hour:02}0000000000", day + 1));
        let day = |day: u32| Some(format!("2025010{}", day + 1));
        let start = if with_hours {
            let range = Range { from: bound(from, from_hour), to: bound(to, to_hour) };
            Matching::Combined { time: Tag::SCHEDULED_PROCEDURE_STEP_START_TIME, range }
        } else {
            Matching::Date(Range { from: day(from), to: day(to) })
        };
        let keys = vec![in_step(vec![
            Key { tag: Tag::SCHEDULED_PROCEDURE_STEP_START_DATE, vr: Vr::DA, matching: start },
            key(Tag::SCHEDULED_STATION_AE_TITLE, Vr::AE, &format!("AE{station}")),
            key(Tag::MODALITY, Vr::CS, modalities[modality as usize]),
        ])];
        runtime.block_on(async {
            let subject = Subject::new().await;
            let mut expected = Vec::new();
            for (number, (station, day, modality, hour)) in (0_u32..).zip(entries) {
                let start = format!("2025010{} {hour:02}", day + 1);
                let entry = entry(number, &format!("AE{station}"), modalities[modality as usize], &start);
                if keys.iter().all(|key| key_matches(key, &entry)) {
                    expected.push(format!("S{number}"));
                }
                add(&subject, entry).await;
            }
            let mut answers = found(&subject, query(keys)).await;
            answers.sort();
            expected.sort();
            assert_eq!(answers, expected);
        });
    }
}

#[tokio::test]
async fn what_a_study_has_in_common_with_an_entry_finds_it() {
    let subject = Subject::new().await;
    for number in 1..=4 {
        add(&subject, entry(number, "CT1", "CT", "20250131 0830")).await;
    }
    let ids = async |likeness: Likeness| {
        let items = subject.catalog.worklist_like(likeness).await.unwrap();
        items.into_iter().map(|item| text(&item.attributes, Tag::ACCESSION_NUMBER)).collect::<Vec<_>>()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(ids(Likeness { study: Some(uid("1.2.3")), ..Likeness::default() }).await, ["A3"]);
    assert_eq!(ids(Likeness { accession: some("A2"), ..Likeness::default() }).await, ["A2"]);
    assert_eq!(ids(Likeness { patient_id: some("P1"), ..Likeness::default() }).await, ["A4", "A1"]);
    assert_eq!(ids(Likeness { patient_name: some("DOE^JANE^"), ..Likeness::default() }).await.len(), 4);
    assert_eq!(ids(Likeness::default()).await, [""; 0]);
}

fn performed(number: u32, scheduled: &[u32]) -> NewPerformedStep {
    let mut attributes = Attributes::new();
    attributes.put_text(Tag::PERFORMED_PROCEDURE_STEP_STATUS, Vr::CS, "IN PROGRESS");
    NewPerformedStep {
        uid: uid(&format!("1.9.{number}")),
        study: uid("1.2.1"),
        attributes,
        scheduled: scheduled
            .iter()
            .map(|number| ScheduledReference {
                step_id: format!("S{number}"),
                studies: vec![uid(&format!("1.2.{number}"))],
                accession: None,
            })
            .collect(),
    }
}

async fn set(subject: &Subject, number: u32, status: PerformedStatus, meaning: Meaning) -> Written {
    let uid = uid(&format!("1.9.{number}"));
    let kept = subject.catalog.performed(uid.clone()).await.unwrap().unwrap();
    let mut attributes = kept.attributes;
    attributes.put_text(Tag::PERFORMED_PROCEDURE_STEP_STATUS, Vr::CS, status.as_str());
    let change = PerformedChange { uid, revision: kept.revision, status, attributes, meaning };
    subject.catalog.change_performed(change, "ct1").await.unwrap()
}

#[tokio::test]
async fn entries_are_as_far_as_all_that_was_performed_for_them() {
    let subject = Subject::new().await;
    let first = add(&subject, entry(1, "CT1", "CT", "20250131 0830")).await;
    let second = add(&subject, entry(2, "CT1", "CT", "20250131 0900")).await;
    let catalog = &subject.catalog;
    assert_eq!(catalog.create_performed(performed(1, &[1, 2]), "ct1").await.unwrap(), Written::Done);
    assert_eq!(catalog.create_performed(performed(2, &[1]), "ct1").await.unwrap(), Written::Done);
    assert_eq!(catalog.create_performed(performed(1, &[]), "ct1").await.unwrap(), Written::Taken);
    assert_eq!(status(&subject, first).await, ScheduledStatus::Started);

    assert_eq!(set(&subject, 1, PerformedStatus::Completed, Meaning::Counts).await, Written::Done);
    assert_eq!(status(&subject, first).await, ScheduledStatus::Started, "the other goes on");
    assert_eq!(status(&subject, second).await, ScheduledStatus::Completed);
    set(&subject, 2, PerformedStatus::Discontinued, Meaning::Counts).await;
    assert_eq!(status(&subject, first).await, ScheduledStatus::Completed);

    let subject = subject.reopened().await;
    let kept = subject.catalog.performed(uid("1.9.1")).await.unwrap().unwrap();
    assert_eq!(
        (kept.status, kept.revision, kept.items),
        (PerformedStatus::Completed, 1, vec![first, second])
    );
    assert_eq!(kept.who, "ct1");
}

#[tokio::test]
async fn an_entry_that_was_begun_by_mistake_waits_again() {
    let subject = Subject::new().await;
    let id = add(&subject, entry(1, "CT1", "CT", "20250131 0830")).await;
    subject.catalog.create_performed(performed(1, &[1]), "ct1").await.unwrap();
    set(&subject, 1, PerformedStatus::Discontinued, Meaning::Withdrawn).await;
    assert_eq!(status(&subject, id).await, ScheduledStatus::Scheduled);
    let kept = subject.catalog.performed(uid("1.9.1")).await.unwrap().unwrap();
    assert_eq!((kept.status, kept.items), (PerformedStatus::Discontinued, Vec::new()));
}

#[tokio::test]
async fn an_entry_is_meant_by_its_study_and_else_by_its_accession_number() {
    let subject = Subject::new().await;
    let mut same_step = entry(1, "CT1", "CT", "20250131 0830");
    same_step.put_text(Tag::STUDY_INSTANCE_UID, Vr::UI, "1.2.77");
    let by_study = add(&subject, entry(1, "CT1", "CT", "20250131 0830")).await;
    let by_accession = add(&subject, same_step).await;
    let meant = async |performed: u32, study: &str, accession: Option<&str>, step: &str| {
        let step = NewPerformedStep {
            scheduled: vec![ScheduledReference {
                step_id: step.to_owned(),
                studies: vec![uid(study)],
                accession: accession.map(str::to_owned),
            }],
            ..self::performed(performed, &[])
        };
        let uid = step.uid.clone();
        subject.catalog.create_performed(step, "ct1").await.unwrap();
        subject.catalog.performed(uid).await.unwrap().unwrap().items
    };
    assert_eq!(meant(1, "1.2.1", Some("A1"), "S1").await, [by_study]);
    assert_eq!(meant(2, "1.2.99", Some("A1"), "S1").await, [by_study, by_accession]);
    assert_eq!(meant(3, "1.2.99", None, "S1").await, [0; 0]);
    assert_eq!(meant(4, "1.2.1", Some("A1"), "S2").await, [0; 0]);
}

#[tokio::test]
async fn a_change_made_from_an_older_state_is_not_written() {
    let subject = Subject::new().await;
    subject.catalog.create_performed(performed(1, &[]), "ct1").await.unwrap();
    let kept = subject.catalog.performed(uid("1.9.1")).await.unwrap().unwrap();
    assert_eq!(set(&subject, 1, PerformedStatus::InProgress, Meaning::Counts).await, Written::Done);
    let change = PerformedChange {
        uid: kept.uid,
        revision: kept.revision,
        status: PerformedStatus::Completed,
        attributes: Attributes::new(),
        meaning: Meaning::Counts,
    };
    assert_eq!(subject.catalog.change_performed(change, "ct1").await.unwrap(), Written::Overtaken);
    let kept = subject.catalog.performed(uid("1.9.1")).await.unwrap().unwrap();
    assert_eq!((kept.status, kept.revision), (PerformedStatus::InProgress, 1));
}

#[tokio::test]
async fn performed_steps_are_listed_newest_first_and_by_status_and_study() {
    let subject = Subject::new().await;
    for number in 1..=3 {
        let study = uid(if number == 3 { "1.2.3" } else { "1.2.1" });
        let step = NewPerformedStep { study, ..performed(number, &[]) };
        subject.catalog.create_performed(step, "ct1").await.unwrap();
    }
    set(&subject, 2, PerformedStatus::Completed, Meaning::Counts).await;
    let listed = async |filter: PerformedFilter| {
        let steps = subject.catalog.performed_steps(filter).await.unwrap();
        steps.into_iter().map(|step| step.uid.to_string()).collect::<Vec<_>>()
    };
    let all = PerformedFilter { limit: 10, ..PerformedFilter::default() };
    assert_eq!(listed(all.clone()).await, ["1.9.3", "1.9.2", "1.9.1"]);
    assert_eq!(listed(PerformedFilter { limit: 1, offset: 1, ..all.clone() }).await, ["1.9.2"]);
    let completed = PerformedFilter { status: Some(PerformedStatus::Completed), ..all.clone() };
    assert_eq!(listed(completed).await, ["1.9.2"]);
    assert_eq!(listed(PerformedFilter { study: Some(uid("1.2.3")), ..all }).await, ["1.9.3"]);
}

#[tokio::test]
async fn what_is_over_goes_a_few_rows_at_a_time_and_nothing_else() {
    let subject = Subject::new().await;
    for number in 1..=5 {
        add(&subject, entry(number, "CT1", "CT", "20250131 0830")).await;
    }
    add(&subject, entry(6, "CT1", "CT", "20250201 0830")).await;
    subject.catalog.create_performed(performed(1, &[1]), "ct1").await.unwrap();
    let written = subject.clock.now();
    let sweep =
        async |moment, limit| subject.catalog.sweep_worklist(moment, date(2025, 2, 1), limit).await.unwrap();
    assert_eq!(sweep(written, 10).await, Swept::default(), "what was changed at the moment stays");
    subject.clock.advance(Duration::from_millis(1));
    let later = subject.clock.now();
    assert_eq!(sweep(later, 4).await, Swept { items: 4, performed: 1 });
    assert_eq!(sweep(later, 4).await, Swept { items: 1, performed: 0 });
    assert_eq!(found(&subject, query(Vec::new())).await, ["S6"], "what is to come stays");
    assert_eq!(subject.catalog.performed(uid("1.9.1")).await.unwrap(), None);
}

#[tokio::test]
async fn a_name_of_an_item_that_is_no_sequence_is_left_alone() {
    let subject = Subject::new().await;
    let mut odd = entry(1, "CT1", "CT", "20250131 0830");
    odd.put(Tag::REFERENCED_STUDY_SEQUENCE, Element { vr: Vr::SQ, value: Value::Items(Vec::new()) });
    let id = add(&subject, odd.clone()).await;
    assert_eq!(subject.catalog.worklist_item(id).await.unwrap().unwrap().attributes, odd);
}
