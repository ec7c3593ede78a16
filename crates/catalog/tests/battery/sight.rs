//! What is not seen is as if it were not there: in searches, counts, selections and deletions, at every level.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::common::{Subject, With, ask, asked, record, text, uid};
use causeway_core::query::Returned;
use causeway_core::{InstanceRecord, Level, PatientKey, Query, RemoteName, Scope, Selection, Sight, Tag, Vr};

fn from(remote: &str, mut record: InstanceRecord) -> InstanceRecord {
    record.envelope.remote = Some(remote.parse().unwrap());
    record
}

/// Study 1 of P1 from ct1; 2 of P1 from mr1; 3 of P1 of another issuer; 4 of nobody.
async fn four_studies() -> Subject {
    let subject = Subject::new().await;
    subject.insert(from("ct1", record(1, 1, 1))).await;
    subject.insert(from("mr1", record(1, 1, 2))).await;
    subject.insert(from("mr1", record(2, 1, 1).of_patient("P1", ""))).await;
    subject.insert(record(3, 1, 1).of_patient("P1", "OTHER")).await;
    subject.insert(record(4, 1, 1).of_patient("", "")).await;
    subject
}

fn studies(uids: &[&str]) -> Scope {
    Scope { studies: uids.iter().map(|text| uid(text)).collect(), ..Scope::default() }
}

fn patients(texts: &[&str]) -> Scope {
    Scope {
        patients: texts.iter().map(|text| PatientKey::parse(text).unwrap()).collect(),
        ..Scope::default()
    }
}

fn remotes(names: &[&str]) -> Scope {
    let parse = |name: &&str| name.parse::<RemoteName>().unwrap();
    Scope { remotes: names.iter().map(parse).collect(), ..Scope::default() }
}

fn seeing(scope: &Scope, query: Query) -> Query {
    Query { sight: Sight::Only(scope.clone()), ..query }
}

#[tokio::test]
async fn each_way_of_seeing_shows_its_studies_at_every_level_and_counts_no_others() {
    let subject = four_studies().await;
    let both = Scope { studies: studies(&["1.2.4"]).studies, ..remotes(&["ct1"]) };
    for (scope, seen) in [
        (studies(&["1.2.2", "1.2.9"]), vec!["1.2.2"]),
        (patients(&["P1"]), vec!["1.2.1", "1.2.2"]),
        (patients(&["P1^^^OTHER", "P9"]), vec!["1.2.3"]),
        (remotes(&["ct1"]), vec!["1.2.1"]),
        (remotes(&["ct1", "mr1"]), vec!["1.2.1", "1.2.2"]),
        (both, vec!["1.2.1", "1.2.4"]),
        (Scope::default(), vec![]),
        (remotes(&["none"]), vec![]),
    ] {
        for level in [Level::Study, Level::Series, Level::Instance] {
            let mut found = subject.found(seeing(&scope, Query::all(level)), Tag::STUDY_INSTANCE_UID).await;
            found.sort_unstable();
            found.dedup();
            assert_eq!(found, seen, "{level:?} {scope}");
        }
        let count = subject.catalog.count(seeing(&scope, Query::all(Level::Study)), 100).await.unwrap();
        assert_eq!(count, seen.len() as u64, "{scope}");
        let all =
            Selection { studies: (1..5).map(|n| uid(&format!("1.2.{n}"))).collect(), ..Selection::default() };
        let mut chosen: Vec<String> = subject
            .catalog
            .instances(all, Sight::Only(scope.clone()))
            .await
            .unwrap()
            .iter()
            .map(|it| it.ids.study.as_str().to_owned())
            .collect();
        chosen.dedup();
        assert_eq!(chosen, seen, "{scope}");
    }
}

#[tokio::test]
async fn a_patient_is_seen_with_a_study_and_counted_without_the_hidden_ones() {
    let subject = four_studies().await;
    let counts = |returned| Query { returned, ..ask(Level::Patient, Tag::PATIENT_ID, Vr::LO, "P1") };
    let tags = [Tag::NUMBER_OF_PATIENT_RELATED_STUDIES, Tag::NUMBER_OF_PATIENT_RELATED_INSTANCES];
    for returned in [Returned::All, Returned::Only(tags.to_vec())] {
        let answers = subject.search(seeing(&remotes(&["ct1"]), counts(returned))).await;
        let told: Vec<_> = answers.iter().map(|it| tags.map(|tag| text(it, tag))).collect();
        assert_eq!(told, [["1", "2"]]);
    }
    // A count may be a key as well, and stand at a level below.
    let key = ask(Level::Study, Tag::NUMBER_OF_PATIENT_RELATED_STUDIES, Vr::IS, "1");
    let shown = Query { returned: Returned::Only(tags.to_vec()), ..key };
    assert_eq!(subject.found(seeing(&remotes(&["mr1"]), shown), Tag::STUDY_INSTANCE_UID).await, ["1.2.2"]);
    assert_eq!(subject.search(seeing(&Scope::default(), Query::all(Level::Patient))).await.len(), 0);
}

#[tokio::test]
async fn pages_of_what_is_seen_have_no_gaps() {
    let subject = Subject::new().await;
    for study in 1..=20 {
        let remote = if study % 2 == 0 { "ct1" } else { "mr1" };
        subject.insert(from(remote, record(study, 1, 1))).await;
    }
    let page = |offset| Query { limit: Some(4), offset, ..Query::all(Level::Study) };
    let mut all = Vec::new();
    for offset in [0, 4, 8] {
        all.extend(subject.found(seeing(&remotes(&["ct1"]), page(offset)), Tag::STUDY_INSTANCE_UID).await);
    }
    let expected: Vec<String> = (1..=10).rev().map(|half| format!("1.2.{}", half * 2)).collect();
    assert_eq!(all, expected);
}

#[tokio::test]
async fn what_is_hidden_is_not_deleted_and_what_would_touch_it_is_told() {
    let subject = four_studies().await;
    let own = Sight::Only(remotes(&["ct1"]));
    let gone = subject.delete(Selection::study(uid("1.2.2")), own.clone(), asked("ct1")).await;
    assert!(gone.is_empty());
    assert_eq!(subject.search(Query::all(Level::Study)).await.len(), 4);
    let hidden =
        async |record: InstanceRecord| subject.catalog.is_hidden(record.ids, own.clone()).await.unwrap();
    assert!(!hidden(record(1, 1, 9)).await, "its own study");
    assert!(!hidden(record(9, 1, 1)).await, "a new study");
    assert!(hidden(record(2, 9, 9)).await, "another's study");
    let mut moved = record(9, 1, 1);
    moved.ids.instance = uid("1.2.2.1.1");
    assert!(hidden(moved.clone()).await, "another's instance under a study of its own");
    assert!(!subject.catalog.is_hidden(moved.ids, Sight::Everything).await.unwrap());
    let gone = subject.delete(Selection::study(uid("1.2.1")), own.clone(), asked("ct1")).await;
    assert_eq!(gone.len(), 2);
}

#[tokio::test]
async fn a_study_stays_of_the_remote_that_it_began_with_through_a_restart() {
    let subject = four_studies().await.reopened().await;
    let first = Selection { instances: vec![uid("1.2.1.1.1")], ..Selection::default() };
    subject.delete(first, Sight::Everything, asked("admin")).await;
    let found =
        subject.found(seeing(&remotes(&["mr1"]), Query::all(Level::Study)), Tag::STUDY_INSTANCE_UID).await;
    assert_eq!(found, ["1.2.2"]);
}
