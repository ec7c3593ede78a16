//! Receipts over links: noted with the outcome, owed until told of, and kept on the other end.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use super::common::{Subject, record, uid};
use causeway_catalog::delivery::{Afterwards, Claim, DueWhat, JobState, Lane, Update};
use causeway_core::{Clock, Digest, LinkReceipt, NodeId, PlannedDelivery, Remote, RemoteName, Trigger};

fn reader() -> RemoteName {
    "reader".parse().unwrap()
}

fn receipt(subject: &Subject, instance: &str) -> LinkReceipt {
    LinkReceipt {
        instance: uid(instance),
        digest: Digest([3; 32]),
        at: subject.clock.now(),
        node: NodeId::of(7),
    }
}

/// Three instances that were delivered to the reader, each with a receipt.
async fn proven() -> Subject {
    let subject = Subject::new().await;
    subject.catalog.put_remote(Remote::named(reader()), "test").await.unwrap();
    for number in 1..=3 {
        let plan = PlannedDelivery::plain("route".parse().unwrap(), reader(), Trigger::Instance);
        subject.insert_with(record(1, 1, number), vec![plan]).await;
    }
    let lease = Duration::from_secs(60);
    let claim = Claim {
        remote: reader(),
        owner: "a".to_owned(),
        lease,
        limit: 9,
        lane: Lane::All,
        closed: Vec::new(),
    };
    let updates = subject.catalog.claim(claim).await.unwrap().into_iter().map(|claimed| Update {
        job: claimed.job,
        state: JobState::Delivered,
        retry_at: None,
        attempts: 1,
        last: None,
        afterwards: Afterwards::Proven(receipt(&subject, claimed.instance.unwrap().ids.instance.as_str())),
    });
    let updates = updates.collect();
    subject.catalog.conclude(updates, "a".to_owned()).await.unwrap();
    subject
}

#[tokio::test]
async fn what_was_given_is_owed_until_the_far_side_was_told() {
    let subject = proven().await;
    let owed = subject.catalog.receipts_owed(reader(), 2).await.unwrap();
    assert_eq!(owed.len(), 2, "no more than asked for");
    assert_eq!(owed[0].receipt, receipt(&subject, owed[0].receipt.instance.as_str()));
    let due = subject.catalog.due().await.unwrap();
    assert_eq!(due.iter().map(|due| due.what).collect::<Vec<_>>(), [DueWhat::Receipts]);
    subject.catalog.receipts_told(owed.iter().map(|owed| owed.job).collect()).await.unwrap();
    let rest = subject.catalog.receipts_owed(reader(), 9).await.unwrap();
    assert_eq!(rest.len(), 1);
    let sent = subject.catalog.receipt_report(reader()).await.unwrap().sent;
    assert_eq!((sent.receipts, sent.acknowledged), (3, 2));
    assert_eq!(sent.last_acknowledged_at, Some(subject.clock.now()));
    subject.catalog.receipts_told(vec![rest[0].job]).await.unwrap();
    assert!(subject.catalog.due().await.unwrap().is_empty());
    let story = subject.catalog.story(uid("1.2.1")).await.unwrap().unwrap();
    assert_eq!(story.deliveries.iter().map(|it| it.acknowledged).sum::<u64>(), 3);
    assert_eq!(story.deliveries.iter().map(|it| it.committed).sum::<u64>(), 3);
}

#[tokio::test]
async fn a_remote_that_is_removed_is_owed_nothing() {
    let subject = proven().await;
    subject.catalog.remove_remote(reader(), "test").await.unwrap();
    assert!(subject.catalog.receipts_owed(reader(), 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_the_far_side_knows_is_kept_once_however_often_it_says_so() {
    let subject = Subject::new().await;
    let first = receipt(&subject, "1.2.3");
    subject.catalog.receipts_known(reader(), vec![first.clone(), receipt(&subject, "1.2.4")]).await.unwrap();
    let at = subject.clock.now();
    subject.clock.advance(Duration::from_secs(5));
    subject.catalog.receipts_known(reader(), vec![first.clone()]).await.unwrap();
    let known = subject.catalog.receipt_report(reader()).await.unwrap().received;
    assert_eq!((known.receipts, known.acknowledged, known.last_acknowledged_at), (2, 2, Some(at)));
    let other = LinkReceipt { digest: Digest([4; 32]), ..first };
    subject.catalog.receipts_known(reader(), vec![other]).await.unwrap();
    let known = subject.catalog.receipt_report(reader()).await.unwrap().received;
    assert_eq!((known.receipts, known.last_acknowledged_at), (2, Some(subject.clock.now())));
}
