//! Table F.7.2-1, row by row where a value is needed, and what may be set.

use causeway_core::{Value, Vr};
use causeway_dataset::dictionary;

use super::*;

fn put(attributes: &mut Attributes, tag: Tag, text: &str) {
    attributes.put_text(tag, dictionary::vr_of(tag).unwrap(), text);
}

fn put_item(attributes: &mut Attributes, tag: Tag, entries: &[(Tag, &str)]) {
    let mut item = Attributes::new();
    entries.iter().for_each(|(tag, text)| put(&mut item, *tag, text));
    attributes.put(tag, Element { vr: Vr::SQ, value: Value::Items(vec![item]) });
}

fn created() -> Attributes {
    let mut step = Attributes::new();
    put_item(&mut step, Tag::SCHEDULED_STEP_ATTRIBUTES_SEQUENCE, &[(Tag::STUDY_INSTANCE_UID, "1.2")]);
    for (tag, text) in [
        (Tag::PERFORMED_PROCEDURE_STEP_ID, "PPS1"),
        (Tag::PERFORMED_STATION_AE_TITLE, "CT1"),
        (Tag::PERFORMED_PROCEDURE_STEP_START_DATE, "20250131"),
        (Tag::PERFORMED_PROCEDURE_STEP_START_TIME, "083000"),
        (Tag::PERFORMED_PROCEDURE_STEP_STATUS, "IN PROGRESS"),
        (Tag::MODALITY, "CT"),
        (Tag::PATIENT_ID, "P1"),
    ] {
        put(&mut step, tag, text);
    }
    step
}

/// What a modality sets at the end.
fn end(status: &str) -> Attributes {
    let mut change = Attributes::new();
    for (tag, text) in [
        (Tag::PERFORMED_PROCEDURE_STEP_STATUS, status),
        (Tag::PERFORMED_PROCEDURE_STEP_END_DATE, "20250131"),
        (Tag::PERFORMED_PROCEDURE_STEP_END_TIME, "0900"),
    ] {
        put(&mut change, tag, text);
    }
    let series = [(Tag::PROTOCOL_NAME, "Head"), (Tag::SERIES_INSTANCE_UID, "1.2.3")];
    put_item(&mut change, Tag::PERFORMED_SERIES_SEQUENCE, &series);
    change
}

#[test]
fn what_a_new_step_needs_is_named_when_it_is_missing_and_when_it_is_empty() {
    assert_eq!(check_new(&created()), Ok(()));
    for tag in NEEDED {
        let mut step = created();
        let element = step.remove(tag).unwrap();
        assert_eq!(check_new(&step), Err(Fault::Missing(vec![tag])));
        step.put(tag, Element::empty(element.vr));
        assert_eq!(check_new(&step), Err(Fault::Empty(vec![tag])));
    }
    let mut step = created();
    put_item(&mut step, Tag::SCHEDULED_STEP_ATTRIBUTES_SEQUENCE, &[(Tag::ACCESSION_NUMBER, "A1")]);
    assert_eq!(check_new(&step), Err(Fault::Missing(vec![Tag::STUDY_INSTANCE_UID])));
}

#[test]
fn a_new_step_is_in_progress() {
    for status in ["COMPLETED", "DISCONTINUED", "in progress", "READY"] {
        let mut step = created();
        put(&mut step, Tag::PERFORMED_PROCEDURE_STEP_STATUS, status);
        assert_eq!(check_new(&step), Err(Fault::Invalid(vec![Tag::PERFORMED_PROCEDURE_STEP_STATUS])));
    }
}

#[test]
fn each_end_needs_all_that_the_table_asks_for() {
    for status in ["COMPLETED", "DISCONTINUED"] {
        let changed = set(&created(), end(status)).unwrap();
        assert_eq!(changed.status.as_str(), status);
        assert_eq!(changed.left, []);
        for tag in NEEDED_AT_END {
            let mut change = end(status);
            change.remove(tag);
            assert_eq!(set(&created(), change), Err(Fault::Missing(vec![tag])), "{status}");
        }
        let mut change = end(status);
        put_item(&mut change, Tag::PERFORMED_SERIES_SEQUENCE, &[(Tag::SERIES_INSTANCE_UID, "1.2.3")]);
        assert_eq!(set(&created(), change), Err(Fault::Missing(vec![Tag::PROTOCOL_NAME])));
        let mut change = end(status);
        change.put(Tag::PERFORMED_SERIES_SEQUENCE, Element::empty(Vr::SQ));
        assert_eq!(set(&created(), change), Err(Fault::Empty(vec![Tag::PERFORMED_SERIES_SEQUENCE])));
    }
}

#[test]
fn what_was_told_earlier_counts_at_the_end() {
    let mut change = end("IN PROGRESS");
    let kept = set(&created(), change.clone()).unwrap();
    assert_eq!(kept.status, PerformedStatus::InProgress);
    change = Attributes::new();
    put(&mut change, Tag::PERFORMED_PROCEDURE_STEP_STATUS, "COMPLETED");
    assert_eq!(set(&kept.attributes, change).unwrap().status, PerformedStatus::Completed);
}

#[test]
fn what_may_not_be_set_stays_and_is_named_only_when_it_would_have_changed() {
    let mut change = end("COMPLETED");
    put(&mut change, Tag::PATIENT_ID, "P1");
    assert_eq!(set(&created(), change.clone()).unwrap().left, []);
    put(&mut change, Tag::PATIENT_ID, "P2");
    put(&mut change, Tag::STUDY_ID, "S1");
    let changed = set(&created(), change).unwrap();
    assert_eq!(changed.left, [Tag::PATIENT_ID, Tag::STUDY_ID]);
    assert_eq!(changed.attributes.first(Tag::PATIENT_ID), Some("P1"));
    assert!(!changed.attributes.contains(Tag::STUDY_ID));
}

#[test]
fn values_that_cannot_be_are_named() {
    for (tag, text) in [
        (Tag::PERFORMED_PROCEDURE_STEP_STATUS, "DONE"),
        (Tag::PERFORMED_PROCEDURE_STEP_END_DATE, "today"),
        (Tag::PERFORMED_PROCEDURE_STEP_END_TIME, "noon"),
    ] {
        let mut change = end("COMPLETED");
        put(&mut change, tag, text);
        assert_eq!(set(&created(), change), Err(Fault::Invalid(vec![tag])));
    }
    let mut change = end("COMPLETED");
    let series = [(Tag::PROTOCOL_NAME, "Head"), (Tag::SERIES_INSTANCE_UID, "1.2.x")];
    put_item(&mut change, Tag::PERFORMED_SERIES_SEQUENCE, &series);
    assert_eq!(set(&created(), change), Err(Fault::Invalid(vec![Tag::SERIES_INSTANCE_UID])));
}

#[test]
fn a_step_for_the_wrong_entry_says_so_by_its_code() {
    let tag = Tag::PERFORMED_PROCEDURE_STEP_DISCONTINUATION_REASON_CODE_SEQUENCE;
    for (status, value, mistaken) in
        [("DISCONTINUED", "110514", true), ("DISCONTINUED", "110500", false), ("COMPLETED", "110514", false)]
    {
        let mut change = end(status);
        put_item(&mut change, tag, &[(Tag::CODE_VALUE, value), (Tag::CODING_SCHEME_DESIGNATOR, "DCM")]);
        assert_eq!(was_mistaken(&set(&created(), change).unwrap().attributes), mistaken, "{status} {value}");
    }
}
