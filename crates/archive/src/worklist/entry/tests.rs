//! Entries of the worklist: what is chosen, what is refused.

use super::*;

fn put(attributes: &mut Attributes, tag: Tag, text: &str) {
    attributes.put_text(tag, dictionary::vr_of(tag).unwrap(), text);
}

/// As little as an entry can say.
fn least() -> Attributes {
    let mut entry = Attributes::new();
    put(&mut entry, Tag::PATIENT_NAME, "Doe^Jane");
    put(&mut entry, Tag::PATIENT_ID, " P1 ");
    change_step(&mut entry, |step| {
        put(step, Tag::SCHEDULED_STATION_AE_TITLE, "CT1");
        put(step, Tag::SCHEDULED_PROCEDURE_STEP_START_DATE, "20250131");
        put(step, Tag::SCHEDULED_PROCEDURE_STEP_START_TIME, "0830");
        put(step, Tag::MODALITY, "CT");
        put(step, Tag::SCHEDULED_PROCEDURE_STEP_DESCRIPTION, "CT head");
    });
    entry
}

fn refused(entry: Attributes) -> Invalid {
    check(&complete(entry, None)).unwrap_err()
}

#[test]
fn what_is_missing_and_can_be_chosen_is_chosen() {
    let entry = complete(least(), None);
    assert_eq!(check(&entry), Ok(()));
    assert!(entry.first(Tag::STUDY_INSTANCE_UID).unwrap().starts_with("2.25."));
    assert_eq!(entry.first(Tag::PATIENT_ID), Some("P1"));
    assert_eq!(entry.first(Tag::REQUESTED_PROCEDURE_DESCRIPTION), Some("CT head"));
    let step = worklist::step(&entry).unwrap();
    assert_eq!(step.first(Tag::SCHEDULED_PROCEDURE_STEP_ID), entry.first(Tag::REQUESTED_PROCEDURE_ID));
    assert_eq!(step.first(Tag::SCHEDULED_PROCEDURE_STEP_ID).unwrap().len(), STEP_ID_CHARS);
    assert_eq!(worklist::status(&entry), Some(ScheduledStatus::Scheduled));
    assert_ne!(complete(least(), None), entry, "each has a UID of its own");
}

#[test]
fn an_entry_that_takes_another_s_place_takes_its_identifiers_and_status() {
    let mut earlier = complete(least(), None);
    worklist::put_status(&mut earlier, ScheduledStatus::Ready);
    let mut later = least();
    put(&mut later, Tag::ACCESSION_NUMBER, "A1");
    let later = complete(later, Some(&earlier));
    for tag in [Tag::STUDY_INSTANCE_UID, Tag::REQUESTED_PROCEDURE_ID] {
        assert_eq!(later.first(tag), earlier.first(tag));
    }
    assert_eq!(worklist::step(&later), worklist::step(&earlier));
}

#[test]
fn each_attribute_that_is_needed_is_named_when_it_is_missing() {
    for tag in [Tag::PATIENT_NAME, Tag::PATIENT_ID] {
        let mut entry = least();
        entry.remove(tag);
        assert_eq!(refused(entry).place, [tag]);
    }
    for tag in NEEDED_IN_STEP.into_iter().filter(|tag| *tag != Tag::SCHEDULED_PROCEDURE_STEP_ID) {
        let mut entry = least();
        change_step(&mut entry, |step| drop(step.remove(tag)));
        let refused = refused(entry);
        assert_eq!(refused.place, [STEP, tag]);
        assert!(refused.to_string().starts_with("ScheduledProcedureStepSequence."), "{refused}");
    }
}

#[test]
fn a_step_without_words_needs_a_code() {
    let mut entry = least();
    change_step(&mut entry, |step| drop(step.remove(Tag::SCHEDULED_PROCEDURE_STEP_DESCRIPTION)));
    assert_eq!(refused(entry.clone()).place, [Tag::REQUESTED_PROCEDURE_DESCRIPTION]);
    put(&mut entry, Tag::REQUESTED_PROCEDURE_DESCRIPTION, "Head");
    let entry = complete(entry, None);
    assert_eq!(check(&entry), Ok(()));
    assert_eq!(
        worklist::step(&entry).unwrap().first(Tag::SCHEDULED_PROCEDURE_STEP_DESCRIPTION),
        Some("Head")
    );
}

#[test]
fn two_steps_are_two_entries() {
    let mut entry = least();
    let step = worklist::step(&entry).unwrap().clone();
    entry.put(STEP, Element { vr: Vr::SQ, value: Value::Items(vec![step.clone(), step]) });
    assert_eq!(refused(entry).place, [STEP]);
}

#[test]
fn a_value_or_vr_that_cannot_be_is_named_with_its_place() {
    let mut entry = least();
    change_step(&mut entry, |step| put(step, Tag::SCHEDULED_PROCEDURE_STEP_START_DATE, "20250231"));
    assert_eq!(refused(entry).place, [STEP, Tag::SCHEDULED_PROCEDURE_STEP_START_DATE]);
    let mut entry = least();
    entry.put_text(Tag::PATIENT_ID, Vr::PN, "P1");
    assert_eq!(refused(entry).to_string(), "PatientID is of VR PN, not LO");
    let mut entry = least();
    change_step(&mut entry, |step| put(step, Tag::SCHEDULED_PROCEDURE_STEP_STATUS, "SOON"));
    assert!(refused(entry).words.contains("DISCONTINUED"));
}
