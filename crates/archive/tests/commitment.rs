//! Storage commitment: what is settled is committed, what is not is not; a request that was taken is never lost.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use causeway_archive::CommitmentError;
use causeway_archive::commitment::Decided;
use causeway_archive::errand::{Errand, Requester, Task};
use causeway_core::commitment::{Reference, Request, Settlement};
use causeway_core::{AeTitle, Permission, Permissions, Principal, Status, Uid};
use causeway_testkit::sample::Sample;
use common::{Subject, study};

const HOLD: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(600);
const KEEP: Duration = Duration::from_secs(3600);

fn uid(text: &str) -> Uid {
    Uid::parse(text).unwrap()
}

fn from() -> Requester {
    Requester { ae_title: AeTitle::parse("CT1").unwrap(), remote: None }
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
