//! What every engine of the catalog must do, through the public face only: keep, count, select, settle, delete.

use super::common::{
    self, EXPLICIT, MR, Subject, With, ask, asked, names, object, record, showing, text, uid, values,
};
use causeway_catalog::{Error, Inserted};
use causeway_core::query::fuzzy::FuzzyName;
use causeway_core::query::{Key, Matching};
use causeway_core::{
    Attributes, Class, Element, Level, Query, Selection, Sight, StoredInstance, Tag, Value, Vr,
};

fn sop_uids(instances: &[StoredInstance]) -> Vec<&str> {
    instances.iter().map(|instance| instance.ids.instance.as_str()).collect()
}

async fn one_study(subject: &Subject) -> Attributes {
    let mut studies = subject.search(Query::all(Level::Study)).await;
    assert_eq!(studies.len(), 1);
    studies.remove(0)
}

#[tokio::test]
async fn an_instance_is_found_at_every_level_as_soon_as_it_is_kept() {
    let subject = Subject::new().await;
    assert_eq!(subject.insert(record(1, 2, 3)).await, Inserted::New);
    for (level, tag, value) in [
        (Level::Patient, Tag::PATIENT_ID, "P1"),
        (Level::Study, Tag::STUDY_INSTANCE_UID, "1.2.1"),
        (Level::Series, Tag::SERIES_INSTANCE_UID, "1.2.1.2"),
        (Level::Instance, Tag::SOP_INSTANCE_UID, "1.2.1.2.3"),
    ] {
        assert_eq!(subject.found(Query::all(level), tag).await, [value]);
    }
}

#[tokio::test]
async fn an_answer_holds_its_own_level_and_those_above_and_none_below() {
    let subject = Subject::new().await;
    subject.insert(record(1, 2, 3)).await;
    let instance = &subject.search(Query::all(Level::Instance)).await[0];
    for (tag, value) in [
        (Tag::PATIENT_ID, "P1"),
        (Tag::PATIENT_NAME, "Doe^John1"),
        (Tag::ACCESSION_NUMBER, "A1"),
        (Tag::MODALITY, "CT"),
        (Tag::INSTANCE_NUMBER, "3"),
        (Tag::AVAILABLE_TRANSFER_SYNTAX_UID, EXPLICIT),
        (Tag::NUMBER_OF_SERIES_RELATED_INSTANCES, "1"),
        (Tag::NUMBER_OF_STUDY_RELATED_INSTANCES, "1"),
    ] {
        assert_eq!(text(instance, tag), value, "{tag}");
    }
    let study = one_study(&subject).await;
    assert_eq!(text(&study, Tag::PATIENT_NAME), "Doe^John1");
    for tag in [Tag::MODALITY, Tag::SERIES_INSTANCE_UID, Tag::SOP_INSTANCE_UID, Tag::INSTANCE_NUMBER] {
        assert!(!study.contains(tag), "{tag}");
    }
    let patient = &subject.search(Query::all(Level::Patient)).await[0];
    assert!(!patient.contains(Tag::STUDY_INSTANCE_UID) && !patient.contains(Tag::ACCESSION_NUMBER));
}

#[tokio::test]
async fn the_same_bytes_again_change_nothing_and_other_bytes_are_refused() {
    let subject = Subject::new().await;
    let first = record(1, 1, 1);
    assert_eq!(subject.insert(first.clone()).await, Inserted::New);
    assert_eq!(subject.insert(first.clone()).await, Inserted::Known, "a replay");
    assert_eq!(
        subject.insert(first.clone().again()).await,
        Inserted::SameBytes { object: first.object.clone() }
    );
    let other = first.clone().with_other_bytes().with(Tag::STUDY_DESCRIPTION, Vr::LO, "other");
    assert_eq!(subject.insert(other).await, Inserted::Conflict);
    let study = one_study(&subject).await;
    assert_eq!(text(&study, Tag::NUMBER_OF_STUDY_RELATED_INSTANCES), "1");
    assert!(!study.contains(Tag::STUDY_DESCRIPTION), "what was refused leaves no trace");
    let kept = subject.catalog.instances(Selection::study(uid("1.2.1")), Sight::Everything).await.unwrap();
    assert_eq!(kept[0].object, first.object);
}

#[tokio::test]
async fn other_bytes_take_the_place_when_that_is_asked_for() {
    let subject = Subject::new().await;
    let first = record(1, 1, 1);
    subject.insert(first.clone()).await;
    assert_eq!(
        subject.replace(first.clone().again()).await,
        Inserted::SameBytes { object: first.object.clone() }
    );
    let second = first.clone().with_other_bytes();
    assert_eq!(subject.replace(second.clone()).await, Inserted::Replaced { object: first.object.clone() });
    let kept = subject.catalog.instances(Selection::study(uid("1.2.1")), Sight::Everything).await.unwrap();
    assert_eq!((kept.len(), &kept[0].object, kept[0].digest), (1, &second.object, second.digest));
    assert!(!subject.catalog.object_known(first.object).await.unwrap());
    assert_eq!(text(&one_study(&subject).await, Tag::NUMBER_OF_STUDY_RELATED_INSTANCES), "1");
}

#[tokio::test]
async fn what_was_replaced_once_never_comes_back() {
    let subject = Subject::new().await;
    let first = record(1, 1, 1);
    let second = first.clone().with_other_bytes();
    subject.insert(first.clone()).await;
    assert!(matches!(subject.replace(second.clone()).await, Inserted::Replaced { .. }));
    assert_eq!(subject.replace(first).await, Inserted::Superseded, "a replay of the first object");
    let kept = subject.catalog.instances(Selection::study(uid("1.2.1")), Sight::Everything).await.unwrap();
    assert_eq!(kept[0].object, second.object);
}

#[tokio::test]
async fn an_instance_replaced_from_another_study_leaves_the_old_one() {
    let subject = Subject::new().await;
    subject.insert(record(1, 1, 1)).await;
    let mut moved = record(2, 1, 1).of_class(MR, "MR").with(Tag::SOP_INSTANCE_UID, Vr::UI, "1.2.1.1.1");
    moved.ids.instance = uid("1.2.1.1.1");
    assert!(matches!(subject.replace(moved).await, Inserted::Replaced { .. }));
    let study = one_study(&subject).await;
    assert_eq!(text(&study, Tag::STUDY_INSTANCE_UID), "1.2.2");
    assert_eq!(values(&study, Tag::MODALITIES_IN_STUDY), ["MR"]);
    assert_eq!(subject.search(Query::all(Level::Patient)).await.len(), 1);
}

#[tokio::test]
async fn counters_and_gathered_attributes_follow_every_change() {
    let subject = Subject::new().await;
    subject.insert(record(1, 1, 1)).await;
    subject.insert(record(1, 1, 2)).await;
    subject.insert(record(1, 2, 1).of_class(MR, "MR")).await;
    subject.insert(record(2, 1, 1).of_patient("P1", "")).await;
    let study = &subject.search(ask(Level::Study, Tag::STUDY_INSTANCE_UID, Vr::UI, "1.2.1")).await[0];
    assert_eq!(text(study, Tag::NUMBER_OF_STUDY_RELATED_SERIES), "2");
    assert_eq!(text(study, Tag::NUMBER_OF_STUDY_RELATED_INSTANCES), "3");
    assert_eq!(values(study, Tag::MODALITIES_IN_STUDY), ["CT", "MR"]);
    assert_eq!(values(study, Tag::SOP_CLASSES_IN_STUDY), [common::CT, MR]);
    let patient = &subject.search(Query::all(Level::Patient)).await[0];
    assert_eq!(text(patient, Tag::NUMBER_OF_PATIENT_RELATED_STUDIES), "2");
    assert_eq!(text(patient, Tag::NUMBER_OF_PATIENT_RELATED_SERIES), "3");
    assert_eq!(text(patient, Tag::NUMBER_OF_PATIENT_RELATED_INSTANCES), "4");

    subject.delete(Selection::series(uid("1.2.1"), uid("1.2.1.2")), Sight::Everything, asked("admin")).await;
    let study = &subject.search(ask(Level::Study, Tag::STUDY_INSTANCE_UID, Vr::UI, "1.2.1")).await[0];
    assert_eq!(text(study, Tag::NUMBER_OF_STUDY_RELATED_SERIES), "1");
    assert_eq!(text(study, Tag::NUMBER_OF_STUDY_RELATED_INSTANCES), "2");
    assert_eq!(values(study, Tag::MODALITIES_IN_STUDY), ["CT"]);
    assert_eq!(values(study, Tag::SOP_CLASSES_IN_STUDY), [common::CT]);
    let patient = &subject.search(Query::all(Level::Patient)).await[0];
    assert_eq!(text(patient, Tag::NUMBER_OF_PATIENT_RELATED_INSTANCES), "3");
}

#[tokio::test]
async fn one_patient_id_from_two_issuers_is_two_patients() {
    let subject = Subject::new().await;
    subject.insert(record(1, 1, 1).of_patient("7", "North").with(Tag::PATIENT_NAME, Vr::PN, "A")).await;
    subject.insert(record(2, 1, 1).of_patient("7", "South").with(Tag::PATIENT_NAME, Vr::PN, "B")).await;
    subject.insert(record(3, 1, 1).of_patient("7", "").with(Tag::PATIENT_NAME, Vr::PN, "C")).await;
    let patients = subject.search(ask(Level::Patient, Tag::PATIENT_ID, Vr::LO, "7")).await;
    let mut names: Vec<String> = patients.iter().map(|patient| text(patient, Tag::PATIENT_NAME)).collect();
    names.sort();
    assert_eq!(names, ["A", "B", "C"]);
    let south = subject.search(ask(Level::Study, Tag::ISSUER_OF_PATIENT_ID, Vr::LO, "South")).await;
    assert_eq!((south.len(), text(&south[0], Tag::STUDY_INSTANCE_UID)), (1, "1.2.2".to_owned()));
}

#[tokio::test]
async fn two_studies_without_a_patient_id_are_not_one_patient() {
    let subject = Subject::new().await;
    for study in [1, 2] {
        for instance in [1, 2] {
            subject.insert(record(study, 1, instance).of_patient("", "")).await;
        }
    }
    assert_eq!(subject.search(Query::all(Level::Patient)).await.len(), 2);
    assert_eq!(subject.search(Query::all(Level::Study)).await.len(), 2);
}

#[tokio::test]
async fn the_first_instance_fixes_an_attribute_and_a_later_one_fills_in_what_was_missing() {
    let subject = Subject::new().await;
    subject
        .insert(record(1, 1, 1).with(Tag::STUDY_DESCRIPTION, Vr::LO, "first").with(Tag::STUDY_ID, Vr::SH, ""))
        .await;
    let later = record(1, 1, 2)
        .with(Tag::STUDY_DESCRIPTION, Vr::LO, "second")
        .with(Tag::STUDY_ID, Vr::SH, "S7")
        .with(Tag::SERIES_DESCRIPTION, Vr::LO, "axial")
        .with(Tag::PATIENT_SEX, Vr::CS, "F");
    subject.insert(later).await;
    for (level, tag, vr, value) in [
        (Level::Study, Tag::STUDY_DESCRIPTION, Vr::LO, "first"),
        (Level::Study, Tag::STUDY_ID, Vr::SH, "S7"),
        (Level::Series, Tag::SERIES_DESCRIPTION, Vr::LO, "axial"),
        (Level::Patient, Tag::PATIENT_SEX, Vr::CS, "F"),
    ] {
        let found = subject.search(ask(level, tag, vr, value)).await;
        assert_eq!(found.len(), 1, "{tag} is searched");
        assert_eq!(text(&found[0], tag), value, "{tag} is shown");
    }
}

#[tokio::test]
async fn a_study_that_comes_with_another_patient_stays_with_its_first_and_the_trail_says_so() {
    let subject = Subject::new().await;
    subject.insert(record(1, 1, 1).of_patient("P1", "")).await;
    subject.insert(record(1, 1, 2).of_patient("P2", "").with(Tag::PATIENT_NAME, Vr::PN, "Other")).await;
    let study = one_study(&subject).await;
    assert_eq!(text(&study, Tag::PATIENT_ID), "P1");
    assert_eq!(text(&study, Tag::NUMBER_OF_STUDY_RELATED_INSTANCES), "2");
    assert_eq!(subject.found(Query::all(Level::Patient), Tag::PATIENT_ID).await, ["P1"]);
    let trail = subject.catalog.audit(10).await.unwrap();
    let note = trail.iter().find(|row| row.what == "patient-differs").unwrap();
    assert_eq!(note.subject, "1.2.1", "the trail names the study, never the patient");
}

#[tokio::test]
async fn each_instance_that_is_kept_leaves_one_line_in_the_trail() {
    let subject = Subject::new().await;
    let first = record(1, 1, 1);
    subject.insert(first.clone()).await;
    subject.insert(first.again()).await;
    let trail = subject.catalog.audit(10).await.unwrap();
    let stored: Vec<_> = trail.iter().filter(|row| row.what == "store").collect();
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].subject, "1.2.1.1.1");
}

#[tokio::test]
async fn one_of_many_callers_with_one_uid_is_first_and_nothing_is_counted_twice() {
    let subject = Subject::new().await;
    let callers: Vec<_> = (0..64)
        .map(|_| {
            let catalog = subject.catalog.clone();
            let record = record(1, 1, 1);
            tokio::spawn(async move {
                catalog.insert(record, Vec::new(), causeway_catalog::OnConflict::KeepFirst).await.unwrap()
            })
        })
        .collect();
    let mut new = 0;
    for caller in callers {
        match caller.await.unwrap() {
            Inserted::New => new += 1,
            other => assert!(matches!(other, Inserted::SameBytes { .. })),
        }
    }
    assert_eq!(new, 1);
    assert_eq!(text(&one_study(&subject).await, Tag::NUMBER_OF_STUDY_RELATED_INSTANCES), "1");
}

#[tokio::test]
async fn a_selection_names_instances_by_patient_study_series_and_uid_and_nothing_is_not_everything() {
    let subject = Subject::new().await;
    for (study, series, instance) in [(1, 1, 1), (1, 1, 2), (1, 2, 1), (2, 1, 1), (3, 1, 1)] {
        let patient = if study == 3 { "P3" } else { "P1" };
        subject.insert(record(study, series, instance).of_patient(patient, "")).await;
    }
    let select = async |selection: Selection| {
        let instances = subject.catalog.instances(selection, Sight::Everything).await.unwrap();
        let mut uids: Vec<String> = sop_uids(&instances).iter().map(|uid| (*uid).to_owned()).collect();
        uids.sort();
        uids
    };
    let study = uid("1.2.1");
    assert_eq!(select(Selection::study(study.clone())).await, ["1.2.1.1.1", "1.2.1.1.2", "1.2.1.2.1"]);
    assert_eq!(select(Selection::series(study.clone(), uid("1.2.1.2"))).await, ["1.2.1.2.1"]);
    let instance = Selection::instance(study.clone(), uid("1.2.1.1"), uid("1.2.1.1.2"));
    assert_eq!(select(instance).await, ["1.2.1.1.2"]);
    let wrong_parent = Selection::instance(study.clone(), uid("1.2.1.2"), uid("1.2.1.1.2"));
    assert!(select(wrong_parent).await.is_empty(), "all that is named must hold");
    let patient = Selection { patient_id: Some("P1".to_owned()), ..Selection::default() };
    assert_eq!(select(patient.clone()).await, ["1.2.1.1.1", "1.2.1.1.2", "1.2.1.2.1", "1.2.2.1.1"]);
    let both = Selection { studies: vec![uid("1.2.2"), uid("1.2.3")], ..patient };
    assert_eq!(select(both).await, ["1.2.2.1.1"]);
    let by_uid =
        Selection { instances: vec![uid("1.2.3.1.1"), uid("1.2.1.2.1"), uid("9.9")], ..Selection::default() };
    assert_eq!(select(by_uid).await, ["1.2.1.2.1", "1.2.3.1.1"]);
    assert!(select(Selection::default()).await.is_empty());
    assert!(select(Selection::study(uid("9.9"))).await.is_empty());
}

#[tokio::test]
async fn a_selection_comes_in_the_order_of_series_and_instance_number() {
    let subject = Subject::new().await;
    for instance in [10, 2, 1] {
        subject.insert(record(1, 1, instance)).await;
    }
    let kept = subject.catalog.instances(Selection::study(uid("1.2.1")), Sight::Everything).await.unwrap();
    assert_eq!(sop_uids(&kept), ["1.2.1.1.1", "1.2.1.1.2", "1.2.1.1.10"]);
}

#[tokio::test]
async fn a_selection_of_ten_thousand_uids_is_one_selection() {
    let subject = Subject::new().await;
    for instance in 1..=20 {
        subject.insert(record(1, 1, instance)).await;
    }
    let instances = (1..=10_000).map(|instance| uid(&format!("1.2.1.1.{instance}"))).collect();
    let kept = subject
        .catalog
        .instances(Selection { instances, ..Selection::default() }, Sight::Everything)
        .await
        .unwrap();
    assert_eq!(kept.len(), 20);
}

#[tokio::test]
async fn what_a_stored_instance_says_is_what_was_put() {
    let subject = Subject::new().await;
    let put = record(1, 2, 3);
    subject.insert(put.clone()).await;
    let kept =
        &subject.catalog.instances(Selection::study(uid("1.2.1")), Sight::Everything).await.unwrap()[0];
    let wanted = StoredInstance {
        ids: put.ids,
        sop_class: put.sop_class,
        transfer_syntax: put.transfer_syntax,
        object: put.object,
        object_bytes: put.object_bytes,
        data_set_offset: put.data_set_offset,
        digest: put.digest,
        received_at: put.envelope.received_at,
        is_settled: false,
    };
    assert_eq!(*kept, wanted);
}

#[tokio::test]
async fn what_is_not_settled_is_listed_oldest_first_until_it_is() {
    let subject = Subject::new().await;
    let mut keys = Vec::new();
    for instance in 1..=5 {
        let record = record(1, 1, instance);
        keys.push(record.object.clone());
        subject.insert(record).await;
    }
    let catalog = &subject.catalog;
    let first = catalog.unsettled(2, 0).await.unwrap();
    assert_eq!(names(&first), keys[..2]);
    let record = record(1, 1, 1);
    assert_eq!((first[0].object_bytes, first[0].digest), (record.object_bytes, record.digest));
    assert_eq!(first[0].digest_from, u64::from(record.data_set_offset));
    assert_eq!(names(&catalog.unsettled(100, 0).await.unwrap()), keys);
    assert_eq!(catalog.expected(keys[0].clone()).await.unwrap().as_ref(), first.first());
    assert_eq!(catalog.expected(object()).await.unwrap(), None);
    assert_eq!(catalog.unsettled_sum().await.unwrap(), (5, 5 * record.object_bytes));
    let unknown = object();
    catalog.mark_settled(vec![keys[0].clone(), keys[3].clone(), unknown.clone()]).await.unwrap();
    assert_eq!(names(&catalog.unsettled(100, 0).await.unwrap()), [&keys[1..3], &keys[4..]].concat());
    assert_eq!(catalog.unsettled_sum().await.unwrap(), (3, 3 * record.object_bytes));
    assert!(catalog.object_known(keys[0].clone()).await.unwrap());
    assert!(!catalog.object_known(unknown).await.unwrap());
}

#[tokio::test]
async fn a_replaced_instance_is_to_be_settled_anew() {
    let subject = Subject::new().await;
    let first = record(1, 1, 1);
    subject.insert(first.clone()).await;
    subject.catalog.mark_settled(vec![first.object.clone()]).await.unwrap();
    let second = first.with_other_bytes();
    subject.replace(second.clone()).await;
    assert_eq!(names(&subject.catalog.unsettled(10, 0).await.unwrap()), [second.object]);
}

#[tokio::test]
async fn what_was_deleted_is_gone_and_known_to_be_gone_until_it_comes_again() {
    let subject = Subject::new().await;
    for (series, instance) in [(1, 1), (1, 2), (2, 1)] {
        subject.insert(record(1, series, instance)).await;
    }
    let catalog = &subject.catalog;
    let (study, series) = (uid("1.2.1"), uid("1.2.1.1"));
    let instance = Selection::instance(study.clone(), series.clone(), uid("1.2.1.1.1"));
    assert!(!catalog.was_deleted(instance.clone()).await.unwrap());

    let removed = subject.delete(instance.clone(), Sight::Everything, asked("admin")).await;
    assert_eq!(sop_uids(&removed), ["1.2.1.1.1"]);
    assert!(catalog.was_deleted(instance.clone()).await.unwrap());
    assert!(!catalog.was_deleted(Selection::series(study.clone(), series.clone())).await.unwrap());
    assert!(subject.delete(instance.clone(), Sight::Everything, asked("admin")).await.is_empty());
    let now = causeway_core::Clock::now(&*subject.clock);
    let later = now.checked_add(std::time::Duration::from_secs(1)).unwrap();
    assert!(catalog.deleted_since(uid("1.2.1.1.1"), now).await.unwrap());
    assert!(!catalog.deleted_since(uid("1.2.1.1.1"), later).await.unwrap(), "it came again since");

    let removed = subject.delete(Selection::study(study.clone()), Sight::Everything, asked("admin")).await;
    assert_eq!(removed.len(), 2);
    for level in [Level::Patient, Level::Study, Level::Series, Level::Instance] {
        assert!(subject.search(Query::all(level)).await.is_empty(), "{level:?}");
    }
    assert!(catalog.was_deleted(Selection::study(study.clone())).await.unwrap());
    assert!(catalog.was_deleted(Selection::series(study.clone(), series.clone())).await.unwrap());
    let never = Selection::instance(study.clone(), series.clone(), uid("1.2.1.1.99"));
    assert!(!catalog.was_deleted(never).await.unwrap(), "what was never here is not gone");

    assert_eq!(subject.insert(record(1, 1, 1)).await, Inserted::New);
    assert!(!catalog.was_deleted(instance).await.unwrap());
    assert!(!catalog.was_deleted(Selection::series(study.clone(), series)).await.unwrap());
    assert!(!catalog.was_deleted(Selection::study(study)).await.unwrap());
}

#[tokio::test]
async fn a_delete_is_in_the_trail_with_who_did_it() {
    let subject = Subject::new().await;
    subject.insert(record(1, 1, 1)).await;
    subject.delete(Selection::study(uid("1.2.1")), Sight::Everything, asked("anna")).await;
    let trail = subject.catalog.audit(10).await.unwrap();
    assert!(trail.iter().any(|row| row.what == "delete" && row.who == "anna"));
    assert!(subject.delete(Selection::default(), Sight::Everything, asked("anna")).await.is_empty());
}

#[tokio::test]
async fn a_patient_of_two_studies_outlives_the_first() {
    let subject = Subject::new().await;
    subject.insert(record(1, 1, 1).of_patient("P", "")).await;
    subject.insert(record(2, 1, 1).of_patient("P", "")).await;
    subject.delete(Selection::study(uid("1.2.1")), Sight::Everything, asked("admin")).await;
    let patient = &subject.search(Query::all(Level::Patient)).await[0];
    assert_eq!(text(patient, Tag::NUMBER_OF_PATIENT_RELATED_STUDIES), "1");
}

#[tokio::test]
async fn answers_come_in_one_order_and_pages_of_them_are_parts_of_it() {
    let subject = Subject::new().await;
    for study in 1..=25 {
        subject.insert(record(study, 1, 1)).await;
    }
    for level in [Level::Patient, Level::Study, Level::Series, Level::Instance] {
        let tag = level.unique_key();
        let all = subject.found(Query::all(level), tag).await;
        assert_eq!(all.len(), 25);
        let mut paged = Vec::new();
        for offset in (0..30).step_by(7) {
            let page = Query { limit: Some(7), offset, ..Query::all(level) };
            paged.extend(subject.found(page, tag).await);
        }
        assert_eq!(paged, all);
        let beyond = Query { offset: 25, ..Query::all(level) };
        assert!(subject.found(beyond, tag).await.is_empty());
        let none = Query { limit: Some(0), ..Query::all(level) };
        assert!(subject.found(none, tag).await.is_empty());
    }
}

#[tokio::test]
async fn pages_count_what_matches_and_not_what_was_looked_at() {
    let subject = Subject::new().await;
    for study in 1..=40 {
        let description = if study % 2 == 0 { "KNEE left" } else { "HEAD" };
        subject.insert(record(study, 1, 1).with(Tag::STUDY_DESCRIPTION, Vr::LO, description)).await;
    }
    // No column and no pattern of SQL: decided on each row.
    let fuzzy = Key {
        tag: Tag::PATIENT_NAME,
        vr: Vr::PN,
        matching: Matching::Fuzzy(FuzzyName::parse("john2").unwrap()),
    };
    let query = ask(Level::Study, Tag::STUDY_DESCRIPTION, Vr::LO, "KNEE*").with(fuzzy);
    let all = subject.found(query.clone(), Tag::STUDY_INSTANCE_UID).await;
    assert_eq!(all.len(), 6, "2, 20, 22, 24, 26, 28");
    let page = Query { limit: Some(3), offset: 2, ..query.clone() };
    assert_eq!(subject.found(page, Tag::STUDY_INSTANCE_UID).await, all[2..5]);
    assert_eq!(subject.catalog.count(query.clone(), 100).await.unwrap(), 6);
    assert_eq!(subject.catalog.count(query.clone(), 6).await.unwrap(), 6);
    assert_eq!(subject.catalog.count(query, 5).await.unwrap(), 5);
}

#[tokio::test]
async fn many_answers_come_in_order_each_once_while_others_come_and_go() {
    let subject = Subject::new().await;
    for study in 1..=1_300 {
        subject.insert(record(study, 1, 1)).await;
    }
    let mut answers = subject.catalog.search(Query::all(Level::Study)).await.unwrap();
    let mut found = Vec::new();
    while let Some(answer) = answers.next().await.unwrap() {
        found.push(text(&answer, Tag::STUDY_INSTANCE_UID));
        if found.len() == 10 {
            subject.insert(record(2_000, 1, 1)).await;
            let gone = Selection { studies: vec![uid("1.2.5")], ..Selection::default() };
            subject.delete(gone, Sight::Everything, asked("test")).await;
        }
    }
    // Studies 1,300 down to 1, but for the one that went; the one that came is for the next search.
    let expected: Vec<String> =
        (1..=1_300).rev().filter(|study| *study != 5).map(|study| format!("1.2.{study}")).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn names_are_found_by_their_words_as_long_as_they_are_there() {
    let subject = Subject::new().await;
    let named = |study, name: &str, referrer: &str| {
        record(study, 1, 1).with(Tag::PATIENT_NAME, Vr::PN, name).with(
            Tag::REFERRING_PHYSICIAN_NAME,
            Vr::PN,
            referrer,
        )
    };
    subject.insert(named(1, "Müller^Jürgen", "Østergaard^Ida")).await;
    subject.insert(named(2, "", "Østergaard^Bo")).await;
    let fuzzy = |tag, text: &str| {
        let matching = Matching::Fuzzy(FuzzyName::parse(text).unwrap());
        Query::all(Level::Study).with(Key { tag, vr: Vr::PN, matching })
    };
    let found = async |tag, text: &str| subject.found(fuzzy(tag, text), Tag::STUDY_INSTANCE_UID).await;
    assert_eq!(found(Tag::PATIENT_NAME, "jur mull").await, ["1.2.1"]);
    assert_eq!(found(Tag::REFERRING_PHYSICIAN_NAME, "oster").await, ["1.2.2", "1.2.1"]);
    // A name that was missing is filled in by a later instance.
    subject.insert(record(2, 1, 2).with(Tag::PATIENT_NAME, Vr::PN, "Mulligan^Jurgis")).await;
    assert_eq!(found(Tag::PATIENT_NAME, "jur mull").await, ["1.2.2", "1.2.1"]);
    let gone = Selection { studies: vec![uid("1.2.1")], ..Selection::default() };
    subject.delete(gone, Sight::Everything, asked("test")).await;
    assert_eq!(found(Tag::PATIENT_NAME, "jur mull").await, ["1.2.2"]);
    assert_eq!(found(Tag::REFERRING_PHYSICIAN_NAME, "oster").await, ["1.2.2"]);
}

#[tokio::test]
async fn the_regions_of_a_study_are_those_of_its_instances() {
    let subject = Subject::new().await;
    let of = |instance, code: &str| {
        let code = Element::text(Vr::SH, vec![code.to_owned()]);
        let item: Attributes = [(Tag::CODE_VALUE, code)].into_iter().collect();
        let mut record = record(1, 1, instance);
        let element = Element { vr: Vr::SQ, value: Value::Items(vec![item]) };
        record.attributes.put(Tag::ANATOMIC_REGION_SEQUENCE, element);
        record
    };
    for (instance, code) in [(1, "T1"), (2, "T2"), (3, "T1")] {
        subject.insert(of(instance, code)).await;
    }
    let tag = Tag::ANATOMIC_REGIONS_IN_STUDY_CODE_SEQUENCE;
    let codes = async || {
        let query = showing(Query::all(Level::Study), &[tag]);
        let found = subject.search(query).await;
        let items = found[0].get(tag).map(Element::items).unwrap_or_default().to_vec();
        items.iter().map(|item| text(item, Tag::CODE_VALUE)).collect::<Vec<_>>()
    };
    assert_eq!(codes().await, ["T1", "T2"]);
    let gone = Selection { instances: vec![uid("1.2.1.1.2")], ..Selection::default() };
    subject.delete(gone, Sight::Everything, asked("test")).await;
    assert_eq!(codes().await, ["T1"]);
}

#[tokio::test]
async fn counting_leaves_limit_and_offset_aside_and_stops_where_it_is_told() {
    let subject = Subject::new().await;
    for instance in 1..=10 {
        subject.insert(record(1, 1, instance)).await;
    }
    let query = Query { limit: Some(2), offset: 5, ..Query::all(Level::Instance) };
    for (up_to, counted) in [(0, 0), (9, 9), (10, 10), (11, 10), (u64::MAX, 10)] {
        assert_eq!(subject.catalog.count(query.clone(), up_to).await.unwrap(), counted);
    }
}

#[tokio::test]
async fn an_answer_shows_what_was_asked_for_and_its_unique_keys() {
    let subject = Subject::new().await;
    subject.insert(record(1, 2, 3)).await;
    let query = showing(Query::all(Level::Instance), &[Tag::INSTANCE_NUMBER, Tag::PATIENT_NAME]);
    let answer = &subject.search(query).await[0];
    let tags: Vec<Tag> = answer.iter().map(|(tag, _)| tag).collect();
    let wanted = [
        Tag::SOP_INSTANCE_UID,
        Tag::PATIENT_NAME,
        Tag::PATIENT_ID,
        Tag::STUDY_INSTANCE_UID,
        Tag::SERIES_INSTANCE_UID,
        Tag::INSTANCE_NUMBER,
    ];
    assert_eq!(tags, wanted);
}

#[tokio::test]
async fn a_key_that_is_not_shown_is_still_a_key() {
    let subject = Subject::new().await;
    for study in [1, 2] {
        subject.insert(record(study, 1, 1).with(Tag::STATION_NAME, Vr::SH, &format!("CT{study}"))).await;
    }
    let query = showing(ask(Level::Series, Tag::STATION_NAME, Vr::SH, "CT2"), &[Tag::MODALITY]);
    let answers = subject.search(query).await;
    assert_eq!(answers.len(), 1);
    assert_eq!(text(&answers[0], Tag::STUDY_INSTANCE_UID), "1.2.2");
    assert!(!answers[0].contains(Tag::STATION_NAME));
}

#[tokio::test]
async fn readers_that_stop_reading_hold_nobody_up() {
    let subject = Subject::new().await;
    for instance in 1..=1500 {
        subject.insert(record(1, 1, instance)).await;
    }
    let mut slow = Vec::new();
    for _ in 0..64 {
        let mut answers = subject.catalog.search(Query::all(Level::Instance)).await.unwrap();
        assert!(answers.next().await.unwrap().is_some());
        slow.push(answers);
    }
    assert_eq!(subject.search(Query::all(Level::Study)).await.len(), 1);
    subject.insert(record(2, 1, 1)).await;
    subject.catalog.sync().await.unwrap();
    assert_eq!(subject.search(Query::all(Level::Study)).await.len(), 2);
    let mut rest = 1;
    let mut last = slow.pop().unwrap();
    while last.next().await.unwrap().is_some() {
        rest += 1;
    }
    assert!(rest >= 1500, "a slow reader gets all there was: {rest}");
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let subject = Subject::new().await;
    subject.insert(record(1, 1, 1)).await;
    subject.catalog.sync().await.unwrap();
    let subject = subject.reopened().await;
    assert_eq!(subject.found(Query::all(Level::Instance), Tag::SOP_INSTANCE_UID).await, ["1.2.1.1.1"]);
    assert!(matches!(subject.insert(record(1, 1, 1)).await, Inserted::SameBytes { .. }));
}

#[tokio::test]
async fn values_that_mean_something_to_sql_are_only_values() {
    let subject = Subject::new().await;
    for (study, accession) in
        [(1, "A_1"), (2, "AX1"), (3, "A%1"), (4, "'; DROP TABLE study; --"), (5, "A\\1")]
    {
        let mut record = record(study, 1, 1);
        record.attributes.put_text(Tag::ACCESSION_NUMBER, Vr::SH, accession);
        subject.insert(record).await;
    }
    let find = async |text: &str| {
        subject.found(ask(Level::Study, Tag::ACCESSION_NUMBER, Vr::SH, text), Tag::STUDY_INSTANCE_UID).await
    };
    assert_eq!(find("A_1").await, ["1.2.1"]);
    assert_eq!(find("A_*").await, ["1.2.1"]);
    assert_eq!(find("A%*").await, ["1.2.3"]);
    assert_eq!(find("'; DROP*").await, ["1.2.4"]);
    assert_eq!(find("A?1").await.len(), 4);
    assert_eq!(subject.search(Query::all(Level::Study)).await.len(), 5);
}

#[tokio::test]
async fn a_text_that_no_index_could_take_is_kept_whole_and_found() {
    let subject = Subject::new().await;
    // 16,000 letters that do not repeat.
    let long: String =
        (1..2001_u32).map(|number| format!("{:08X}", number.wrapping_mul(2_654_435_761))).collect();
    let mut kept = record(1, 1, 1);
    for (tag, vr) in [
        (Tag::STUDY_DESCRIPTION, Vr::LO),
        (Tag::ACCESSION_NUMBER, Vr::SH),
        (Tag::PATIENT_NAME, Vr::PN),
        (Tag::SERIES_DESCRIPTION, Vr::LO),
    ] {
        kept.attributes.put_text(tag, vr, &long);
    }
    assert_eq!(subject.insert(kept).await, Inserted::New);
    subject.insert(record(2, 1, 1)).await;
    subject.insert(record(3, 1, 1).with(Tag::STUDY_DESCRIPTION, Vr::LO, &long[..600])).await;
    for part in [20, 511, 512, 513, 1000] {
        let text = format!("{}*", &long[..part]);
        for (tag, vr) in [(Tag::ACCESSION_NUMBER, Vr::SH), (Tag::PATIENT_NAME, Vr::PN)] {
            assert_eq!(
                subject.found(ask(Level::Study, tag, vr, &text), tag).await,
                [long.as_str()],
                "{tag} {part}"
            );
        }
        let other = format!("{}_*", &long[..part]);
        assert!(subject.search(ask(Level::Study, Tag::STUDY_DESCRIPTION, Vr::LO, &other)).await.is_empty());
    }
    let of_600 = ask(Level::Study, Tag::STUDY_DESCRIPTION, Vr::LO, &long[..600]);
    assert_eq!(subject.found(of_600, Tag::STUDY_INSTANCE_UID).await, ["1.2.3"]);
}

#[tokio::test]
async fn a_text_with_a_nul_in_it_is_kept_and_found() {
    let subject = Subject::new().await;
    let mut record = record(1, 1, 1);
    record.attributes.put_text(Tag::ACCESSION_NUMBER, Vr::SH, "A\0B");
    subject.insert(record).await;
    let matching = Matching::Single("A\0B".to_owned());
    let query = Query::all(Level::Study).with(Key { tag: Tag::ACCESSION_NUMBER, vr: Vr::SH, matching });
    assert_eq!(subject.search(query).await.len(), 1);
    assert!(subject.search(ask(Level::Study, Tag::ACCESSION_NUMBER, Vr::SH, "A")).await.is_empty());
}

#[tokio::test]
async fn a_file_that_is_no_catalog_is_refused_in_words_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    let foreign = b"this is no database at all, but somebody's letter".repeat(200);
    std::fs::write(&path, &foreign).unwrap();
    let opened =
        causeway_catalog::Catalog::open(&path, std::sync::Arc::new(causeway_core::SystemClock)).await;
    let error = opened.err().unwrap();
    assert_eq!(error.class(), Class::Caller, "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), foreign);
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_an_error_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    std::fs::write(&file, b"x").unwrap();
    let opened = causeway_catalog::Catalog::open(
        &file.join("catalog.db"),
        std::sync::Arc::new(causeway_core::SystemClock),
    )
    .await;
    assert!(matches!(opened.err().unwrap(), Error::Open(_)));
}
