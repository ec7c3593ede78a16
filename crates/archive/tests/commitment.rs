//! Storage commitment: what is settled is committed, what is not is not; a request that was taken is never lost.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use causeway_archive::CommitmentError;
use causeway_archive::commitment::{Decided, Progress};
use causeway_archive::errand::{Errand, Peer, Task};
use causeway_core::commitment::{Answer, Inquiry, Named, Reference, Request, Settlement};
use causeway_core::{AeTitle, Permission, Permissions, Principal, Scope, Sight, Status, Uid};
use causeway_testkit::sample::Sample;
use common::{Subject, study};

const HOLD: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(600);
const KEEP: Duration = Duration::from_secs(3600);

fn uid(text: &str) -> Uid {
    Uid::parse(text).unwrap()
}

fn from() -> Peer {
    Peer { ae_title: AeTitle::parse("CT1").unwrap(), remote: None }
}

fn reference(sample: &Sample) -> Reference {
    Reference { sop_class: sample.sop_class.clone(), sop_instance: sample.ids.instance.clone() }
}

fn request(samples: &[Sample]) -> Request {
    Request { transaction: uid("1.9"), references: samples.iter().map(reference).collect() }
}

async fn ask(node: &Subject, request: &Request) -> Result<i64, CommitmentError> {
    node.archive.ask_commitment(&Principal::local(), from(), request.clone(), HOLD).await
}

async fn decide(node: &Subject) -> Decided {
    node.archive.decide_commitments(PATIENCE, KEEP).await.unwrap()
}

async fn settlement(node: &Subject, errand: i64) -> Settlement {
    let taken = node.archive.take_result(errand, "test".to_owned(), HOLD).await.unwrap();
    let Some(Errand { task: Task::Result(settlement), .. }) = taken else { unreachable!("no result") };
    settlement
}

#[tokio::test]
async fn an_instance_is_committed_once_it_is_in_the_store_and_not_before() {
    let node = Subject::new().await;
    let samples = study(1, 3);
    for sample in &samples[..2] {
        node.ingest(sample).await.unwrap();
    }
    let errand = ask(&node, &request(&samples)).await.unwrap();
    assert_eq!(decide(&node).await, Decided { decided: 0, waiting: 1 }, "two are in the spool");
    assert!(node.archive.results_ready(vec![errand]).await.unwrap().is_empty());
    node.settle().await;
    assert_eq!(decide(&node).await, Decided { decided: 1, waiting: 0 });
    assert_eq!(node.archive.results_ready(vec![errand]).await.unwrap(), [errand]);
    let told = settlement(&node, errand).await;
    assert_eq!(told.committed, [reference(&samples[0]), reference(&samples[1])]);
    assert_eq!(told.failed, [(reference(&samples[2]), Status::NO_SUCH_OBJECT)]);
}

#[tokio::test]
async fn a_request_that_was_taken_outlives_the_node() {
    let node = Subject::new().await;
    let samples = study(2, 1);
    node.ingest(&samples[0]).await.unwrap();
    let errand = ask(&node, &request(&samples)).await.unwrap();
    let node = node.restarted(false).await;
    node.archive.replay().await.unwrap();
    node.settle().await;
    assert_eq!(decide(&node).await.decided, 1);
    assert_eq!(settlement(&node, errand).await.committed, [reference(&samples[0])]);
}

#[tokio::test]
async fn what_never_settles_has_failed_when_patience_is_over() {
    let node = Subject::new().await;
    let samples = study(3, 1);
    node.ingest(&samples[0]).await.unwrap();
    let errand = ask(&node, &request(&samples)).await.unwrap();
    let decided = node.archive.decide_commitments(Duration::ZERO, KEEP).await.unwrap();
    assert_eq!(decided.decided, 1);
    let failed = vec![(reference(&samples[0]), Status::PROCESSING_FAILURE)];
    assert_eq!(settlement(&node, errand).await.failed, failed);
}

#[tokio::test]
async fn who_may_not_commit_is_refused_and_a_transaction_is_used_once() {
    let node = Subject::new().await;
    let samples = study(4, 2);
    let permissions: Permissions = [Permission::Store].into_iter().collect();
    let storer = Principal { name: "ct1".to_owned(), permissions, ..Principal::local() };
    let asked = request(&samples);
    let refused = node.archive.ask_commitment(&storer, from(), asked.clone(), HOLD).await.unwrap_err();
    assert_eq!(refused.status(), Status::NOT_AUTHORIZED);
    let errand = ask(&node, &asked).await.unwrap();
    assert_eq!(ask(&node, &asked).await.unwrap(), errand, "the same once more, as after a lost answer");
    let other = ask(&node, &request(&samples[..1])).await.unwrap_err();
    assert_eq!(other.status(), Status::DUPLICATE_TRANSACTION);
}

#[tokio::test]
async fn a_result_that_nobody_asked_for_is_refused() {
    let node = Subject::new().await;
    let settlement = Settlement { transaction: uid("1.9"), committed: Vec::new(), failed: Vec::new() };
    let remote = "reader".parse().unwrap();
    for by in [None, Some(&remote)] {
        let refused = node.archive.commitment_told(by, settlement.clone()).await.unwrap_err();
        assert!(matches!(refused, CommitmentError::Unknown));
    }
}

fn inquiry(samples: &[Sample]) -> Inquiry {
    let named = samples.iter().map(|sample| Named { reference: reference(sample), within: None });
    Inquiry { transaction: uid("1.9"), named: named.collect() }
}

#[tokio::test]
async fn what_is_settled_is_answered_at_once_to_who_asks_over_the_web() {
    let node = Subject::new().await;
    let samples = study(5, 3);
    for sample in &samples[..2] {
        node.ingest(sample).await.unwrap();
    }
    node.settle().await;
    let local = Principal::local();
    let asked = inquiry(&samples);
    let progress = node.archive.inquire_commitment(&local, asked.clone()).await.unwrap();
    let reasons = [None, None, Some(Status::NO_SUCH_OBJECT)];
    let done = Progress::Done(Answer { fates: asked.named.clone().into_iter().zip(reasons).collect() });
    assert_eq!(progress, done);
    let again = node.archive.inquire_commitment(&local, asked.clone()).await.unwrap_err();
    assert!(matches!(again, CommitmentError::Duplicate));
    let node = node.restarted(false).await;
    assert_eq!(node.archive.commitment_result(&local, uid("1.9")).await.unwrap(), done);
    let other = Principal { name: "other".to_owned(), ..Principal::local() };
    let unknown = node.archive.commitment_result(&other, uid("1.9")).await.unwrap_err();
    assert!(matches!(unknown, CommitmentError::Unknown), "another's transaction is unknown");
}

#[tokio::test]
async fn what_is_on_its_way_is_worked_on_and_answered_when_it_is_asked_for_later() {
    let node = Subject::new().await;
    let samples = study(6, 1);
    node.ingest(&samples[0]).await.unwrap();
    let local = Principal::local();
    let progress = node.archive.inquire_commitment(&local, inquiry(&samples)).await.unwrap();
    assert_eq!(progress, Progress::Working);
    let node = node.restarted(false).await;
    node.archive.replay().await.unwrap();
    assert_eq!(node.archive.commitment_result(&local, uid("1.9")).await.unwrap(), Progress::Working);
    node.settle().await;
    assert_eq!(decide(&node).await, Decided { decided: 1, waiting: 0 });
    let Progress::Done(answer) = node.archive.commitment_result(&local, uid("1.9")).await.unwrap() else {
        unreachable!("it is decided")
    };
    assert_eq!(answer.fates, [(inquiry(&samples).named[0].clone(), None)]);
}

#[tokio::test]
async fn who_sees_nothing_of_it_is_told_that_it_is_not_here() {
    let node = Subject::new().await;
    let samples = study(7, 1);
    node.ingest(&samples[0]).await.unwrap();
    node.settle().await;
    let sight = Sight::Only(Scope::of_remote("elsewhere".parse().unwrap()));
    let confined = Principal { name: "viewer".to_owned(), sight, ..Principal::local() };
    let Progress::Done(answer) = node.archive.inquire_commitment(&confined, inquiry(&samples)).await.unwrap()
    else {
        unreachable!("it is decided")
    };
    assert_eq!(answer.fates[0].1, Some(Status::NO_SUCH_OBJECT));
    let permissions: Permissions = [Permission::Query].into_iter().collect();
    let reader = Principal { permissions, ..confined };
    for refused in [
        node.archive.inquire_commitment(&reader, inquiry(&samples)).await,
        node.archive.commitment_result(&reader, uid("1.9")).await,
    ] {
        assert!(matches!(refused, Err(CommitmentError::Access(_))));
    }
}
