//! The worklist and what was performed of it, as doors use them.

mod common;

use causeway_archive::worklist::Invalid;
use causeway_archive::{PerformedError, PerformedFilter, SearchError, WorklistError, WorklistQuery};
use causeway_core::worklist::{PerformedStatus, ScheduledStatus, change_step};
use causeway_core::{Attributes, Element, Permission, Principal, Tag, Uid, Value, Vr};
use common::{Subject, study, text};

fn who(permissions: &[Permission]) -> Principal {
    Principal {
        name: "ct1".to_owned(),
        permissions: permissions.iter().copied().collect(),
        ..Principal::local()
    }
}

fn put(attributes: &mut Attributes, entries: &[(Tag, Vr, &str)]) {
    entries.iter().for_each(|(tag, vr, text)| attributes.put_text(*tag, *vr, *text));
}

fn entry() -> Attributes {
    let mut entry = Attributes::new();
    put(
        &mut entry,
        &[
            (Tag::PATIENT_ID, Vr::LO, "P1"),
            (Tag::PATIENT_NAME, Vr::PN, "Doe^Jane"),
            (Tag::ACCESSION_NUMBER, Vr::SH, "A1"),
            (Tag::STUDY_INSTANCE_UID, Vr::UI, "1.2.3"),
        ],
    );
    change_step(&mut entry, |step| {
        put(
            step,
            &[
                (Tag::SCHEDULED_STATION_AE_TITLE, Vr::AE, "CT1"),
                (Tag::MODALITY, Vr::CS, "CT"),
                (Tag::SCHEDULED_PROCEDURE_STEP_START_DATE, Vr::DA, "20250131"),
                (Tag::SCHEDULED_PROCEDURE_STEP_START_TIME, Vr::TM, "0830"),
                (Tag::SCHEDULED_PROCEDURE_STEP_ID, Vr::SH, "S1"),
                (Tag::SCHEDULED_PROCEDURE_STEP_DESCRIPTION, Vr::LO, "CT head"),
            ],
        );
    });
    entry
}

/// A step that is being performed for the entry.
fn performed() -> Attributes {
    let mut scheduled = Attributes::new();
    put(
        &mut scheduled,
        &[(Tag::STUDY_INSTANCE_UID, Vr::UI, "1.2.3"), (Tag::SCHEDULED_PROCEDURE_STEP_ID, Vr::SH, "S1")],
    );
    let mut step = Attributes::new();
    put(
        &mut step,
        &[
            (Tag::PERFORMED_PROCEDURE_STEP_STATUS, Vr::CS, "IN PROGRESS"),
            (Tag::PERFORMED_PROCEDURE_STEP_ID, Vr::SH, "PPS1"),
            (Tag::PERFORMED_STATION_AE_TITLE, Vr::AE, "CT1"),
            (Tag::PERFORMED_PROCEDURE_STEP_START_DATE, Vr::DA, "20250131"),
            (Tag::PERFORMED_PROCEDURE_STEP_START_TIME, Vr::TM, "0840"),
            (Tag::MODALITY, Vr::CS, "CT"),
        ],
    );
    let element = Element { vr: Vr::SQ, value: Value::Items(vec![scheduled]) };
    step.put(Tag::SCHEDULED_STEP_ATTRIBUTES_SEQUENCE, element);
    step
}

fn end(status: &str) -> Attributes {
    let mut series = Attributes::new();
    put(&mut series, &[(Tag::PROTOCOL_NAME, Vr::LO, "Head"), (Tag::SERIES_INSTANCE_UID, Vr::UI, "1.2.3.4")]);
    let mut change = Attributes::new();
    put(
        &mut change,
        &[
            (Tag::PERFORMED_PROCEDURE_STEP_STATUS, Vr::CS, status),
            (Tag::PERFORMED_PROCEDURE_STEP_END_DATE, Vr::DA, "20250131"),
            (Tag::PERFORMED_PROCEDURE_STEP_END_TIME, Vr::TM, "0900"),
        ],
    );
    change.put(Tag::PERFORMED_SERIES_SEQUENCE, Element { vr: Vr::SQ, value: Value::Items(vec![series]) });
    change
}

fn everything() -> WorklistQuery {
    WorklistQuery { keys: Vec::new(), statuses: Vec::new(), limit: None, offset: 0 }
}

#[tokio::test]
async fn who_may_work_through_the_list_may_keep_it_and_who_administers_too_and_nobody_else() {
    let subject = Subject::new().await;
    let archive = &subject.archive;
    for permission in [Permission::Worklist, Permission::Admin] {
        let caller = who(&[permission]);
        let kept = archive.add_worklist_item(&caller, entry()).await.unwrap();
        assert!(archive.worklist(&caller, everything()).unwrap().next().await.unwrap().is_some());
        assert!(archive.remove_worklist_item(&caller, kept.id).await.unwrap());
        assert!(archive.performed_steps(&caller, PerformedFilter::default()).await.is_ok());
    }
    let rest: Vec<Permission> = Permission::ALL
        .into_iter()
        .filter(|permission| !matches!(permission, Permission::Worklist | Permission::Admin))
        .collect();
    let stranger = who(&rest);
    let uid = Uid::parse("1.9").unwrap();
    assert!(matches!(archive.add_worklist_item(&stranger, entry()).await, Err(WorklistError::Access(_))));
    assert!(matches!(archive.put_worklist_item(&stranger, 1, entry()).await, Err(WorklistError::Access(_))));
    assert!(matches!(archive.remove_worklist_item(&stranger, 1).await, Err(SearchError::Access(_))));
    assert!(matches!(archive.worklist_item(&stranger, 1).await, Err(SearchError::Access(_))));
    assert!(archive.worklist(&stranger, everything()).is_err());
    assert!(matches!(archive.worklist_matches(&stranger, &uid).await, Err(SearchError::Access(_))));
    let refused = archive.create_performed(&stranger, None, performed()).await;
    assert!(matches!(refused, Err(PerformedError::Access(_))));
    let refused = archive.set_performed(&stranger, &uid, performed()).await;
    assert!(matches!(refused, Err(PerformedError::Access(_))));
    assert!(matches!(archive.performed(&stranger, &uid).await, Err(SearchError::Access(_))));
}

#[tokio::test]
async fn an_entry_that_cannot_be_is_refused_and_one_that_is_there_is_named() {
    let subject = Subject::new().await;
    let (archive, ris) = (&subject.archive, who(&[Permission::Worklist]));
    let mut lacking = entry();
    lacking.remove(Tag::PATIENT_ID);
    let refused = archive.add_worklist_item(&ris, lacking).await;
    assert!(
        matches!(refused, Err(WorklistError::Invalid(Invalid { place, .. })) if place == [Tag::PATIENT_ID])
    );
    let kept = archive.add_worklist_item(&ris, entry()).await.unwrap();
    let again = archive.add_worklist_item(&ris, entry()).await;
    assert!(matches!(again, Err(WorklistError::Taken(id)) if id == kept.id));
    let nowhere = archive.put_worklist_item(&ris, kept.id + 1, entry()).await;
    assert!(matches!(nowhere, Err(WorklistError::Unknown(id)) if id == kept.id + 1));
}

#[tokio::test]
async fn an_entry_follows_what_is_performed_for_it_also_after_a_crash() {
    let subject = Subject::new().await;
    let modality = who(&[Permission::Worklist]);
    let id = subject.archive.add_worklist_item(&modality, entry()).await.unwrap().id;
    let uid = subject.archive.create_performed(&modality, None, performed()).await.unwrap();
    assert!(uid.as_str().starts_with("2.25."));
    let subject = subject.restarted(false).await;
    let archive = &subject.archive;
    let status = async || archive.worklist_item(&modality, id).await.unwrap().unwrap().status;
    assert_eq!(status().await, ScheduledStatus::Started);

    let mut early = end("COMPLETED");
    early.remove(Tag::PERFORMED_SERIES_SEQUENCE);
    assert!(matches!(archive.set_performed(&modality, &uid, early).await, Err(PerformedError::Fault(_))));
    assert_eq!(status().await, ScheduledStatus::Started, "what was refused changed nothing");

    assert_eq!(archive.set_performed(&modality, &uid, end("COMPLETED")).await.unwrap(), []);
    assert_eq!(status().await, ScheduledStatus::Completed);
    let late = archive.set_performed(&modality, &uid, end("DISCONTINUED")).await;
    assert!(matches!(late, Err(PerformedError::Ended(PerformedStatus::Completed))));
    let kept = archive.performed(&modality, &uid).await.unwrap().unwrap();
    assert_eq!((kept.status, kept.items), (PerformedStatus::Completed, vec![id]));
    assert_eq!(text(&kept.attributes, Tag::PERFORMED_PROCEDURE_STEP_ID), "PPS1");
}

#[tokio::test]
async fn a_step_is_created_once_and_an_unknown_one_does_not_change() {
    let subject = Subject::new().await;
    let (archive, modality) = (&subject.archive, who(&[Permission::Worklist]));
    let uid = Uid::parse("1.9.1").unwrap();
    assert_eq!(archive.create_performed(&modality, Some(uid.clone()), performed()).await.unwrap(), uid);
    let again = archive.create_performed(&modality, Some(uid), performed()).await;
    assert!(matches!(again, Err(PerformedError::Duplicate)));
    let other = Uid::parse("1.9.2").unwrap();
    let unknown = archive.set_performed(&modality, &other, end("COMPLETED")).await;
    assert!(matches!(unknown, Err(PerformedError::Unknown)));
}

#[tokio::test]
async fn changes_at_once_are_all_made() {
    let subject = Subject::new().await;
    let modality = who(&[Permission::Worklist]);
    let uid = subject.archive.create_performed(&modality, None, performed()).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..4_u16 {
        let (archive, modality, uid) = (subject.archive.clone(), modality.clone(), uid.clone());
        tasks.spawn(async move {
            let mut change = Attributes::new();
            change.put_text(Tag::new(0x0009, 0x1000 + number), Vr::LO, number.to_string());
            archive.set_performed(&modality, &uid, change).await
        });
    }
    while let Some(done) = tasks.join_next().await {
        assert_eq!(done.unwrap().unwrap(), []);
    }
    let kept = subject.archive.performed(&modality, &uid).await.unwrap().unwrap();
    assert_eq!(kept.revision, 4);
    assert!((0..4).all(|number| kept.attributes.contains(Tag::new(0x0009, 0x1000 + number))));
}

#[tokio::test]
async fn a_foreign_study_finds_the_order_it_may_belong_to() {
    let subject = Subject::new().await;
    let sample = study(7, 1).remove(0);
    subject.ingest(&sample).await.unwrap();
    let archive = &subject.archive;
    let local = Principal::local();
    let found = subject.search(causeway_core::Level::Study).await.remove(0);
    let mut same = entry();
    for tag in [Tag::PATIENT_ID, Tag::PATIENT_NAME, Tag::ACCESSION_NUMBER, Tag::PATIENT_BIRTH_DATE] {
        if let Some(element) = found.get(tag) {
            same.put(tag, element.clone());
        }
    }
    let wanted = archive.add_worklist_item(&local, same).await.unwrap().id;
    let mut other = entry();
    other.put_text(Tag::STUDY_INSTANCE_UID, Vr::UI, "1.2.99");
    archive.add_worklist_item(&local, other).await.unwrap();
    let candidates = archive.worklist_matches(&local, &sample.ids.study).await.unwrap().unwrap();
    assert_eq!(candidates.iter().map(|candidate| candidate.item.id).collect::<Vec<_>>(), [wanted]);
    assert!(!candidates[0].reasons.is_empty());
    let unknown = Uid::parse("1.2.98").unwrap();
    assert_eq!(archive.worklist_matches(&local, &unknown).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_over_for_longer_than_it_is_kept_goes() {
    let subject = Subject::new().await;
    let ris = who(&[Permission::Worklist]);
    subject.archive.add_worklist_item(&ris, entry()).await.unwrap();
    let swept = subject.archive.sweep_worklist(1).await.unwrap();
    assert_eq!(swept.items, 0, "it is long over, but was changed today");
    tokio::time::timeout(
        std::time::Duration::from_secs(60),
        subject.archive.sweep_worklist_until(1, std::future::ready(())),
    )
    .await
    .unwrap();
}
