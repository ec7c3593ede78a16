//! Transforms with the secrets of their projects; under which names remotes know what they were sent, and what came
//! back for it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::common::{Subject, record, uid};
use causeway_catalog::{Aliases, CameBack, DueBack};
use causeway_core::{Attributes, InstanceRecord, RemoteName, Tag, Transform, Vr};

fn name(text: &str) -> RemoteName {
    text.parse().unwrap()
}

fn transform(text: &str, project: Option<&str>) -> Transform {
    Transform { project: project.map(name), ..Transform::named(name(text)) }
}

#[tokio::test]
async fn the_first_secret_of_a_project_stays_for_all_its_transforms_and_beyond_them() {
    let subject = Subject::new().await;
    let catalog = &subject.catalog;
    catalog.put_transform(transform("a", Some("trial")), [1; 32], "root").await.unwrap();
    catalog.put_transform(transform("b", Some("trial")), [2; 32], "root").await.unwrap();
    catalog.put_transform(transform("c", None), [3; 32], "root").await.unwrap();
    let subject = subject.reopened().await;
    let kept = subject.catalog.transforms().await.unwrap();
    let secrets: Vec<u8> = kept.iter().map(|(_, secret)| secret[0]).collect();
    assert_eq!(secrets, [1, 1, 3]);
    assert!(subject.catalog.remove_transform(name("a"), "root").await.unwrap());
    assert!(!subject.catalog.remove_transform(name("a"), "root").await.unwrap());
    assert!(subject.catalog.remove_transform(name("b"), "root").await.unwrap());
    assert_eq!(subject.catalog.project_secret(name("trial")).await.unwrap(), Some([1; 32]));
    let trail = subject.catalog.audit(10).await.unwrap();
    assert_eq!(trail.iter().filter(|row| row.what == "transform-remove").count(), 2);
}

/// Study 1 as `remote` knows it: as study 9.
async fn known_as_nine(subject: &Subject, remote: &str, pseudonym: &str) {
    let mut identity = Attributes::new();
    identity.put_text(Tag::PATIENT_ID, Vr::LO, "P1");
    let aliases = Aliases {
        remote: name(remote),
        project: name("trial"),
        study: (uid(pseudonym), uid("1.2.1")),
        identity,
        uids: vec![("1.9.9".to_owned(), "1.2.1.1.1".to_owned())],
    };
    subject.catalog.note_aliases(aliases).await.unwrap();
}

fn came(study: u32, from: Option<&str>) -> InstanceRecord {
    let mut came = record(study, 1, 7);
    came.envelope.remote = from.map(name);
    came
}

async fn due(subject: &Subject) -> Vec<DueBack> {
    subject.catalog.due_back(10).await.unwrap()
}

#[tokio::test]
async fn what_its_remote_sends_for_a_study_is_due_and_what_others_send_is_not() {
    for (study, from, pseudonym, expected) in [
        (9, Some("reader"), "1.2.9", true),
        (9, Some("other"), "1.2.9", false),
        // A UID of our making is not guessed, so that who sends it need not be a remote.
        (9, None, "1.2.9", true),
        (1, None, "1.2.1", false),
        (1, Some("reader"), "1.2.1", true),
        (2, Some("reader"), "1.2.9", false),
    ] {
        let subject = Subject::new().await;
        let mut original = record(1, 1, 1);
        original.envelope.remote = Some(name("pacs"));
        subject.insert(original).await;
        known_as_nine(&subject, "reader", pseudonym).await;
        subject.insert(came(study, from)).await;
        let found = due(&subject).await;
        assert_eq!(!found.is_empty(), expected, "{study} {from:?} {pseudonym}");
        if expected {
            assert_eq!(found[0].remote, name("reader"));
            let study =
                subject.catalog.original_study(name("reader"), uid(pseudonym)).await.unwrap().unwrap();
            assert_eq!(study.source, Some(name("pacs")));
            assert_eq!(study.identity.first(Tag::PATIENT_ID), Some("P1"));
        }
    }
}

#[tokio::test]
async fn a_copy_is_no_return_and_what_failed_is_tried_again_later() {
    let subject = Subject::new().await;
    subject.insert(record(1, 1, 1)).await;
    known_as_nine(&subject, "reader", "1.2.9").await;
    let mut copy = came(9, None);
    let came_back = causeway_core::CameBack { from: name("reader"), to: None };
    copy.envelope.came_back = Some(Box::new(came_back));
    subject.insert(copy).await;
    assert_eq!(due(&subject).await, []);

    subject.insert(record(9, 1, 8)).await;
    let [first]: [DueBack; 1] = due(&subject).await.try_into().unwrap();
    let failed = CameBack::Failed { words: "why".to_owned(), again_in_ms: 1000 };
    subject.catalog.came_back(first, failed).await.unwrap();
    assert_eq!(due(&subject).await, []);
    subject.clock.advance(std::time::Duration::from_secs(1));
    let [again]: [DueBack; 1] = due(&subject).await.try_into().unwrap();
    assert_eq!(again.attempt, 1);
    subject.catalog.came_back(again, CameBack::Made).await.unwrap();
    assert_eq!(due(&subject).await, []);
}

#[tokio::test]
async fn names_are_found_by_the_remote_that_knows_them_only() {
    let subject = Subject::new().await;
    subject.insert(record(1, 1, 1)).await;
    known_as_nine(&subject, "reader", "1.2.9").await;
    let asked = vec!["1.9.9".to_owned(), "1.9.8".to_owned()];
    let found = subject.catalog.originals(name("reader"), asked.clone()).await.unwrap();
    assert_eq!(found.get("1.9.9").map(String::as_str), Some("1.2.1.1.1"));
    assert_eq!(found.len(), 1);
    assert!(subject.catalog.originals(name("other"), asked).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_copy_that_could_not_be_made_is_listed_with_its_reason_until_it_is_hurried_or_given_up() {
    let subject = Subject::new().await;
    let catalog = &subject.catalog;
    subject.insert(record(1, 1, 1)).await;
    known_as_nine(&subject, "reader", "1.2.9").await;
    subject.insert(came(9, Some("reader"))).await;
    let instance = uid("1.2.9.1.7");
    let [first]: [DueBack; 1] = due(&subject).await.try_into().unwrap();
    let failed = CameBack::Failed { words: "no secret".to_owned(), again_in_ms: 3_600_000 };
    catalog.came_back(first, failed).await.unwrap();
    let [listed] = &catalog.ways_back(10).await.unwrap()[..] else { unreachable!("one is due") };
    assert_eq!(
        (&listed.instance, &listed.study, &listed.remote),
        (&instance, &uid("1.2.9"), &name("reader"))
    );
    assert_eq!((listed.attempts, listed.words.as_deref()), (1, Some("no secret")));
    assert!(catalog.ways_back(0).await.unwrap().is_empty());

    assert!(!catalog.retry_way_back(uid("1.2.1.1.1"), "anna").await.unwrap(), "none is due of that one");
    assert!(due(&subject).await.is_empty());
    assert!(catalog.retry_way_back(instance.clone(), "anna").await.unwrap());
    assert_eq!(due(&subject).await[0].attempt, 0);
    assert!(catalog.discard_way_back(instance.clone(), "anna").await.unwrap());
    assert!(!catalog.discard_way_back(instance, "anna").await.unwrap());
    assert!(due(&subject).await.is_empty() && catalog.ways_back(10).await.unwrap().is_empty());
    let trail = catalog.audit(10).await.unwrap();
    let told: Vec<&str> =
        trail.iter().map(|row| row.what.as_str()).filter(|it| it.starts_with("way-back")).collect();
    assert_eq!(told.len(), 2, "{told:?}");
}
