//! Verifications: one at a time, written down as they go, with findings that hold and lines in the trail.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::common::{Subject, object, record};
use causeway_catalog::{
    Fate, FindingKind, Fresh, MAX_VERIFICATIONS, Mends, NewFinding, Verification, VerificationPhase,
    VerificationState, VerificationStep,
};
use causeway_core::{InstanceRecord, ObjectKey};

fn step(position: &str, findings: Vec<NewFinding>) -> VerificationStep {
    VerificationStep {
        phase: VerificationPhase::Rows,
        position: position.to_owned(),
        state: VerificationState::UnderWay,
        objects: 2,
        bytes: 10,
        findings,
    }
}

fn finding(kind: FindingKind, object: &ObjectKey, of: Option<&InstanceRecord>) -> NewFinding {
    let ids = of.map(|record| record.ids.clone());
    NewFinding { kind, object: object.clone(), ids, remote: None, words: "words".to_owned() }
}

async fn begun(subject: &Subject) -> Verification {
    subject.catalog.begin_verification(Mends::Nothing, 1_000, "admin").await.unwrap().unwrap()
}

async fn verbs(subject: &Subject) -> Vec<String> {
    let lines = subject.catalog.audit(100).await.unwrap();
    lines.into_iter().rev().filter(|row| row.what.starts_with("verify")).map(|row| row.what).collect()
}

#[tokio::test]
async fn one_is_under_way_at_a_time_and_goes_on_where_it_was_written_last() {
    let subject = Subject::new().await;
    assert_eq!(subject.catalog.verification().await.unwrap(), None);
    for number in 1..=3 {
        subject.insert(record(1, 1, number)).await;
    }
    let first = begun(&subject).await;
    assert_eq!((first.id, first.all_objects, first.last_instance), (1, 3, 3));
    assert!(subject.catalog.begin_verification(Mends::Nothing, 1, "x").await.unwrap().is_none());
    subject.catalog.verified(1, step("2", Vec::new())).await.unwrap().unwrap();
    let subject = subject.reopened().await;
    let now = subject.catalog.verification().await.unwrap().unwrap();
    assert_eq!((now.position.as_str(), now.objects, now.bytes), ("2", 2, 10));
    let rows = subject.catalog.rows_to_verify(2, 3, 10).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.number).collect::<Vec<_>>(), [3]);
    assert!(subject.catalog.stop_verification("admin").await.unwrap());
    assert!(!subject.catalog.stop_verification("admin").await.unwrap());
    assert!(subject.catalog.verified(1, step("3", Vec::new())).await.unwrap().is_none(), "it was stopped");
    assert_eq!(begun(&subject).await.id, 2);
    assert_eq!(verbs(&subject).await, ["verify-begin", "verify-end", "verify-begin"]);
}

#[tokio::test]
async fn only_what_holds_as_it_is_written_is_a_finding_and_each_has_its_line_in_the_trail() {
    let subject = Subject::new().await;
    let (kept, gone) = (record(1, 1, 1), record(1, 1, 2));
    subject.insert(kept.clone()).await;
    let (orphan, id) = (object(), begun(&subject).await.id);
    let findings = vec![
        finding(FindingKind::Lost, &kept.object, Some(&kept)),
        // Deleted meanwhile, and recorded meanwhile.
        finding(FindingKind::Damaged, &gone.object, Some(&gone)),
        finding(FindingKind::Orphan, &kept.object, None),
        finding(FindingKind::Orphan, &orphan, None),
    ];
    let after = subject.catalog.verified(id, step("1", findings.clone())).await.unwrap().unwrap();
    let counts: Vec<_> = after.found.iter().map(|it| (it.kind, it.fate, it.count)).collect();
    assert_eq!(counts, [(FindingKind::Lost, Fate::Open, 1), (FindingKind::Orphan, Fate::Open, 1)]);
    // After a crash a piece is read again: to the same effect.
    subject.catalog.verified(id, step("1", findings)).await.unwrap();
    assert_eq!(verbs(&subject).await, ["verify-begin", "verify-lost", "verify-orphan"]);
    assert!(subject.catalog.is_lacking(kept.object.clone()).await.unwrap());
    assert!(!subject.catalog.is_lacking(orphan.clone()).await.unwrap());
    subject.catalog.conclude_finding(id, orphan.clone(), Fate::Left, "stays".to_owned()).await.unwrap();
    let found = subject.catalog.verification_findings(id, None, String::new(), 10).await.unwrap();
    let of = |object: &ObjectKey| found.iter().find(|it| it.object == *object).unwrap();
    assert_eq!((of(&orphan).fate, of(&orphan).words.as_str()), (Fate::Left, "stays"));
    assert_eq!(of(&kept.object).ids, Some(kept.ids));
    assert_eq!(
        subject.catalog.verification_findings(id, None, found[0].object.to_string(), 10).await.unwrap().len(),
        1
    );
}

#[tokio::test]
async fn the_same_bytes_take_the_place_of_those_that_are_lacking_and_others_do_not() {
    let subject = Subject::new().await;
    let kept = record(1, 1, 1);
    subject.insert(kept.clone()).await;
    subject.catalog.mark_settled(vec![kept.object.clone()]).await.unwrap();
    let id = begun(&subject).await.id;
    let lost = vec![finding(FindingKind::Lost, &kept.object, Some(&kept))];
    subject.catalog.verified(id, step("1", lost)).await.unwrap();
    let fresh = Fresh { object: object(), object_bytes: 77, data_set_offset: 7, digest: kept.digest };
    let mut other = fresh.clone();
    other.digest.0[0] ^= 1;
    assert!(!subject.catalog.rehome(kept.object.clone(), other).await.unwrap());
    assert!(subject.catalog.rehome(kept.object.clone(), fresh.clone()).await.unwrap());
    assert!(!subject.catalog.rehome(kept.object.clone(), fresh.clone()).await.unwrap(), "once");
    assert!(!subject.catalog.is_lacking(kept.object.clone()).await.unwrap());
    let rows = subject.catalog.rows_to_verify(0, i64::MAX, 10).await.unwrap();
    let row = &rows[0].instance;
    assert_eq!((&row.object, row.object_bytes, row.data_set_offset), (&fresh.object, 77, 7));
    let unsettled = subject.catalog.unsettled(10, 0).await.unwrap();
    assert_eq!(
        unsettled.iter().map(|it| (&it.object, it.object_bytes)).collect::<Vec<_>>(),
        [(&fresh.object, 77)]
    );
    assert_eq!(verbs(&subject).await, ["verify-begin", "verify-lost", "verify-mended"]);
    let found =
        subject.catalog.verification_findings(id, Some(Fate::Mended), String::new(), 10).await.unwrap();
    assert_eq!(found.len(), 1);
}

#[tokio::test]
async fn so_many_are_kept_and_the_oldest_go() {
    let subject = Subject::new().await;
    for _ in 0..MAX_VERIFICATIONS + 2 {
        let id = begun(&subject).await.id;
        let orphan = vec![finding(FindingKind::Orphan, &object(), None)];
        subject.catalog.verified(id, step("", orphan)).await.unwrap();
        subject.catalog.stop_verification("admin").await.unwrap();
    }
    for (id, count) in [(2, 0), (3, 1)] {
        assert_eq!(
            subject.catalog.verification_findings(id, None, String::new(), 9).await.unwrap().len(),
            count,
            "{id}"
        );
    }
}
