//! Counts: what was delivered over the web is looked for under the names under which it went out, and ends as it is listed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::Duration;

use super::common::{Subject, record, uid};
use causeway_catalog::delivery::{
    Afterwards, Change, Changed, Claim, Commitment, Filter, JobState, Lane, SentAs, Update,
};
use causeway_catalog::errand::{Count, Counted, ErrandFilter, ErrandKind, ErrandRow, ErrandState, Task};
use causeway_core::{EventKind, PlannedDelivery, RemoteName, Trigger, Uid};

const LEASE: Duration = Duration::from_secs(60);
const KEEP: Duration = Duration::from_secs(3600);
const QUIET: Duration = Duration::from_secs(5);

fn reader() -> RemoteName {
    "reader".parse().unwrap()
}

/// The name under which an instance goes out.
fn alias(instance: u32) -> Uid {
    uid(&format!("2.25.{instance}"))
}

fn lacking(instances: &[u32]) -> BTreeSet<Uid> {
    instances.iter().map(|instance| alias(*instance)).collect()
}

/// Delivers what waits for `reader`, as it goes out.
async fn deliver(subject: &Subject) {
    let claim = Claim {
        remote: reader(),
        owner: "w".to_owned(),
        lease: LEASE,
        limit: 100,
        lane: Lane::All,
        closed: Vec::new(),
    };
    let claimed = subject.catalog.claim(claim).await.unwrap();
    let update = |job: &causeway_catalog::delivery::Claimed| {
        let last = job.instance.as_ref().unwrap().ids.instance.to_string();
        let number: u32 = last.rsplit('.').next().unwrap().parse().unwrap();
        let sent_as = SentAs { study: uid("2.25.1000"), instance: alias(number) };
        Update {
            job: job.job,
            state: JobState::Delivered,
            retry_at: None,
            attempts: 1,
            last: None,
            afterwards: Afterwards::AskListing(sent_as),
        }
    };
    subject.catalog.conclude(claimed.iter().map(update).collect(), "w".to_owned()).await.unwrap();
}

/// Instances of one study, delivered to `reader` and gathered.
async fn gathered(instances: &[u32]) -> Subject {
    let subject = Subject::new().await;
    for instance in instances {
        let to = PlannedDelivery::plain("route".parse().unwrap(), reader(), Trigger::Instance);
        subject.insert_with(record(1, 1, *instance), vec![to]).await;
    }
    deliver(&subject).await;
    assert_eq!(subject.catalog.gather_counts(QUIET, KEEP).await.unwrap(), 0, "it is not quiet yet");
    subject.clock.advance(QUIET);
    assert_eq!(subject.catalog.gather_counts(QUIET, KEEP).await.unwrap(), 1);
    assert_eq!(subject.catalog.gather_counts(QUIET, KEEP).await.unwrap(), 0, "once");
    subject
}

/// What is to be looked for, held by `w`.
async fn claimed(subject: &Subject) -> (i64, Count) {
    let kind = ErrandKind::Count;
    let errand = subject.catalog.claim_errand(reader(), kind, "w".to_owned(), LEASE).await.unwrap().unwrap();
    let Task::Count(count) = errand.task else { unreachable!("not a count") };
    (errand.id, count)
}

async fn told(subject: &Subject, errand: i64, owner: &str, counted: Counted) {
    subject.catalog.conclude_count(errand, owner.to_owned(), counted, "so many".to_owned()).await.unwrap();
}

async fn commitments(subject: &Subject) -> Vec<(JobState, Option<Commitment>)> {
    let jobs = subject.catalog.jobs(Filter { limit: 100, ..Filter::default() }).await.unwrap();
    jobs.iter().map(|job| (job.state, job.commitment)).collect()
}

async fn rows(subject: &Subject) -> Vec<ErrandRow> {
    let filter = ErrandFilter { limit: 100, ..ErrandFilter::default() };
    subject.catalog.errands(filter).await.unwrap()
}

async fn events(subject: &Subject, kind: EventKind) -> usize {
    subject.catalog.events(0, vec![kind], 100).await.unwrap().events.len()
}

#[tokio::test]
async fn what_went_out_under_other_names_is_looked_for_under_these() {
    let subject = gathered(&[1, 2]).await;
    assert_eq!(subject.catalog.gather_commitments(QUIET, 1, KEEP, || uid("2.25.7")).await.unwrap(), 0);
    let (errand, count) = claimed(&subject).await;
    assert_eq!(count, Count { study: uid("2.25.1000"), instances: vec![alias(1), alias(2)], looks: 0 });
    told(&subject, errand, "w", Counted::Whole).await;
    let committed = (JobState::Delivered, Some(Commitment::Committed));
    assert_eq!(commitments(&subject).await, [committed, committed]);
    let row = &rows(&subject).await[0];
    assert_eq!((row.state, row.failed, row.words.as_deref()), (ErrandState::Done, 0, Some("so many")));
    assert_eq!(events(&subject, EventKind::DeliveryCommitted).await, 1);
}

#[tokio::test]
async fn what_is_lacking_is_looked_for_again_and_then_told_and_may_be_sent_again() {
    let subject = gathered(&[1, 2, 3]).await;
    for looks in [0, 1] {
        let (errand, count) = claimed(&subject).await;
        assert_eq!(count.looks, looks);
        let at = subject.catalog.errands_due().await.unwrap()[0].at;
        told(&subject, errand, "w", Counted::Again(lacking(&[2]), at)).await;
        assert_eq!(commitments(&subject).await[0], (JobState::Delivered, Some(Commitment::Asked)));
        assert_eq!((rows(&subject).await[0].failed, rows(&subject).await[0].state), (1, ErrandState::Due));
        subject.clock.advance(LEASE);
    }
    let (errand, _) = claimed(&subject).await;
    told(&subject, errand, "someone else", Counted::Whole).await;
    assert_eq!(commitments(&subject).await[0].1, Some(Commitment::Asked), "it is not his to conclude");
    told(&subject, errand, "w", Counted::Lacking(lacking(&[2]))).await;
    let delivered = |commitment| (JobState::Delivered, Some(commitment));
    assert_eq!(
        commitments(&subject).await,
        [
            delivered(Commitment::Committed),
            delivered(Commitment::NotCommitted),
            delivered(Commitment::Committed)
        ]
    );
    let row = &rows(&subject).await[0];
    assert_eq!((row.state, row.failed), (ErrandState::GivenUp, 1));
    assert_eq!(row.failures.iter().map(|it| it.instance.clone()).collect::<Vec<_>>(), [alias(2)]);
    assert_eq!(events(&subject, EventKind::DeliveryUnlisted).await, 1);
    assert_eq!(events(&subject, EventKind::DeliveryCommitted).await, 0);

    let jobs = subject.catalog.jobs(Filter { limit: 100, ..Filter::default() }).await.unwrap();
    let change =
        async |job: usize| subject.catalog.change_job(jobs[job].id, Change::Retry, "anna").await.unwrap();
    assert_eq!(change(0).await, Changed::NotFrom(JobState::Delivered), "it is proved to be there");
    assert_eq!(change(1).await, Changed::Done(reader()));
    deliver(&subject).await;
    subject.clock.advance(QUIET);
    assert_eq!(subject.catalog.gather_counts(QUIET, KEEP).await.unwrap(), 1);
    let (again, count) = claimed(&subject).await;
    assert_eq!(count.instances, [alias(2)]);
    told(&subject, again, "w", Counted::Whole).await;
    assert_eq!(commitments(&subject).await, [delivered(Commitment::Committed); 3]);
    let ids: Vec<i64> = rows(&subject).await.iter().map(|row| row.id).collect();
    assert_eq!(ids, [again], "the one that was lacking is made good");
    assert_eq!(events(&subject, EventKind::DeliveryCommitted).await, 1);
}

#[tokio::test]
async fn one_that_cannot_be_asked_leaves_it_delivered_and_says_so() {
    let subject = gathered(&[1]).await;
    let (errand, _) = claimed(&subject).await;
    told(&subject, errand, "w", Counted::CannotBeAsked).await;
    assert_eq!(commitments(&subject).await, [(JobState::Delivered, Some(Commitment::CannotBeAsked))]);
    let jobs = subject.catalog.jobs(Filter { limit: 100, ..Filter::default() }).await.unwrap();
    assert_eq!(jobs[0].last.as_ref().unwrap().words, "delivered; so many");
    assert_eq!(rows(&subject).await[0].state, ErrandState::Done);
}

#[tokio::test]
async fn one_that_does_not_answer_in_time_has_committed_to_nothing() {
    let subject = gathered(&[1]).await;
    subject.clock.advance(KEEP);
    assert_eq!(subject.catalog.expire_errands().await.unwrap().len(), 1);
    assert_eq!(commitments(&subject).await, [(JobState::Delivered, Some(Commitment::NotCommitted))]);
}
