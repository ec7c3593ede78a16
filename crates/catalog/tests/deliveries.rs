//! Jobs: written with their instance, claimed once, given back when a lease lapses, delivered when it was said so.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use causeway_catalog::delivery::{Afterwards, Change, Changed, Claimed, Filter, JobState, Last, Update};
use causeway_core::{Class, PlannedDelivery, Remote, RemoteName, Selection, Sight, Trigger};
use common::{Subject, With, record, uid};
use jiff::Timestamp;

const LEASE: Duration = Duration::from_secs(60);

fn name(text: &str) -> RemoteName {
    text.parse().unwrap()
}

fn to(remote: &str, trigger: Trigger) -> Vec<PlannedDelivery> {
    vec![PlannedDelivery::plain(name("route"), name(remote), trigger)]
}

async fn claim(subject: &Subject, owner: &str) -> Vec<Claimed> {
    subject.catalog.claim(name("reader"), owner.to_owned(), LEASE, 100).await.unwrap()
}

async fn conclude(subject: &Subject, owner: &str, job: i64, state: JobState, retry_at: Option<Timestamp>) {
    let last = Some(Last { class: Some(Class::Transient), status: Some(0xA700), words: "full".to_owned() });
    let update = Update { job, state, retry_at, attempts: 1, last, afterwards: Afterwards::Nothing };
    subject.catalog.conclude(vec![update], owner.to_owned()).await.unwrap();
}

async fn states(subject: &Subject) -> Vec<JobState> {
    let filter = Filter { limit: 100, ..Filter::default() };
    subject.catalog.jobs(filter).await.unwrap().into_iter().map(|job| job.state).collect()
}

#[tokio::test]
async fn an_instance_is_claimed_by_one_worker_and_only_once() {
    let subject = Subject::new().await;
    subject.insert_with(record(1, 1, 1), to("reader", Trigger::Instance)).await;
    let claimed = claim(&subject, "a").await;
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].instance.as_ref().unwrap().ids.instance, uid("1.2.1.1.1"));
    assert!(claim(&subject, "b").await.is_empty());
    assert_eq!(states(&subject).await, [JobState::Leased]);
}

#[tokio::test]
async fn a_repeat_of_an_instance_makes_no_second_job() {
    let subject = Subject::new().await;
    let first = record(1, 1, 1);
    subject.insert_with(first.clone(), to("reader", Trigger::Instance)).await;
    subject.insert_with(first.clone(), to("reader", Trigger::Instance)).await;
    subject.insert_with(first.again(), to("reader", Trigger::Instance)).await;
    assert_eq!(states(&subject).await.len(), 1);
}

#[tokio::test]
async fn a_lease_that_lapses_gives_the_job_back_and_the_first_worker_may_not_park_it() {
    let subject = Subject::new().await;
    subject.insert_with(record(1, 1, 1), to("reader", Trigger::Instance)).await;
    let job = claim(&subject, "a").await[0].job;
    subject.clock.advance(Duration::from_secs(59));
    subject.catalog.renew(vec![job], "a".to_owned(), LEASE).await.unwrap();
    subject.clock.advance(Duration::from_secs(59));
    assert!(claim(&subject, "b").await.is_empty(), "renewed");
    subject.clock.advance(Duration::from_secs(2));
    assert_eq!(claim(&subject, "b").await.len(), 1);
    conclude(&subject, "a", job, JobState::Parked, None).await;
    assert_eq!(states(&subject).await, [JobState::Leased], "the second worker holds it");
    conclude(&subject, "a", job, JobState::Delivered, None).await;
    assert_eq!(states(&subject).await, [JobState::Delivered], "what the far side has, it has");
    conclude(&subject, "b", job, JobState::Parked, None).await;
    assert_eq!(states(&subject).await, [JobState::Delivered]);
}

#[tokio::test]
async fn a_failed_job_waits_for_its_time_and_keeps_what_was_said() {
    let subject = Subject::new().await;
    subject.insert_with(record(1, 1, 1), to("reader", Trigger::Instance)).await;
    let job = claim(&subject, "a").await[0].job;
    let retry_at = Timestamp::from_second(1_700_000_000 + 300).unwrap();
    conclude(&subject, "a", job, JobState::Waiting, Some(retry_at)).await;
    subject.clock.advance(Duration::from_secs(299));
    assert!(claim(&subject, "a").await.is_empty());
    subject.clock.advance(Duration::from_secs(1));
    let again = claim(&subject, "a").await;
    assert_eq!(again[0].attempts, 1);
    let rows = subject.catalog.jobs(Filter { limit: 1, ..Filter::default() }).await.unwrap();
    let last = rows[0].last.as_ref().unwrap();
    assert_eq!(
        (last.class, last.status, last.words.as_str()),
        (Some(Class::Transient), Some(0xA700), "full")
    );
}

#[tokio::test]
async fn a_study_goes_once_it_has_been_quiet_and_a_late_instance_goes_after_it() {
    let subject = Subject::new().await;
    let quiet = Trigger::Study { quiet_seconds: 30 };
    subject.insert_with(record(1, 1, 1), to("reader", quiet)).await;
    subject.clock.advance(Duration::from_secs(20));
    subject.insert_with(record(1, 2, 1), to("reader", quiet)).await;
    subject.clock.advance(Duration::from_secs(20));
    assert!(claim(&subject, "a").await.is_empty(), "quiet for twenty seconds only");
    subject.clock.advance(Duration::from_secs(10));
    let claimed = claim(&subject, "a").await;
    assert_eq!(claimed.len(), 2);
    for job in claimed {
        conclude(&subject, "a", job.job, JobState::Delivered, None).await;
    }
    subject.insert_with(record(1, 2, 2), to("reader", quiet)).await;
    assert!(claim(&subject, "a").await.is_empty());
    subject.clock.advance(Duration::from_secs(30));
    let late = claim(&subject, "a").await;
    assert_eq!(late.len(), 1);
    assert_eq!(late[0].instance.as_ref().unwrap().ids.instance, uid("1.2.1.2.2"));
}

#[tokio::test]
async fn what_is_deleted_is_not_sent() {
    let subject = Subject::new().await;
    subject.insert_with(record(1, 1, 1), to("reader", Trigger::Instance)).await;
    subject.catalog.delete(Selection::study(uid("1.2.1")), Sight::Everything, "admin").await.unwrap();
    assert!(claim(&subject, "a").await.is_empty());
    assert_eq!(states(&subject).await, [JobState::Cancelled]);
    subject.insert_with(record(1, 1, 1), to("reader", Trigger::Instance)).await;
    assert_eq!(claim(&subject, "a").await.len(), 1, "what comes again is sent again");
}

#[tokio::test]
async fn jobs_and_their_outcomes_outlive_a_restart() {
    let subject = Subject::new().await;
    for instance in 1..=3 {
        subject.insert_with(record(1, 1, instance), to("reader", Trigger::Instance)).await;
    }
    let job = claim(&subject, "a").await[0].job;
    conclude(&subject, "a", job, JobState::Delivered, None).await;
    let subject = subject.reopened().await;
    subject.clock.advance(LEASE);
    assert_eq!(claim(&subject, "b").await.len(), 2);
}

#[tokio::test]
async fn an_administrator_retries_parks_and_cancels_and_the_trail_says_who() {
    let subject = Subject::new().await;
    subject.insert_with(record(1, 1, 1), to("reader", Trigger::Instance)).await;
    let job = claim(&subject, "a").await[0].job;
    let change = async |change| subject.catalog.change_job(job, change, "anna").await.unwrap();
    assert_eq!(change(Change::Park).await, Changed::Done);
    assert_eq!(change(Change::Park).await, Changed::NotFrom(JobState::Parked));
    assert!(claim(&subject, "a").await.is_empty());
    assert_eq!(subject.catalog.retry_parked(name("reader"), "anna").await.unwrap(), 1);
    assert_eq!(claim(&subject, "a").await.len(), 1);
    assert_eq!(change(Change::Cancel).await, Changed::Done);
    assert_eq!(change(Change::Retry).await, Changed::Done);
    conclude(&subject, "a", job, JobState::Delivered, None).await;
    assert_eq!(change(Change::Retry).await, Changed::NotFrom(JobState::Delivered));
    assert_eq!(subject.catalog.change_job(999, Change::Retry, "anna").await.unwrap(), Changed::Unknown);
    assert!(
        subject
            .catalog
            .audit(20)
            .await
            .unwrap()
            .iter()
            .any(|row| row.what == "job-cancel" && row.who == "anna")
    );
}

#[tokio::test]
async fn the_report_counts_by_remote_and_the_next_due_is_told_for_registered_ones() {
    let subject = Subject::new().await;
    for instance in 1..=3 {
        subject.insert_with(record(1, 1, instance), to("reader", Trigger::Instance)).await;
    }
    assert!(subject.catalog.due().await.unwrap().is_empty(), "the remote is not registered");
    subject.catalog.put_remote(Remote::named(name("reader")), "anna").await.unwrap();
    assert_eq!(subject.catalog.due().await.unwrap().len(), 1);
    let claimed = claim(&subject, "a").await;
    conclude(&subject, "a", claimed[0].job, JobState::Delivered, None).await;
    conclude(&subject, "a", claimed[1].job, JobState::Parked, None).await;
    let report = &subject.catalog.delivery_report().await.unwrap()[0];
    assert_eq!((report.delivered, report.parked, report.sending, report.waiting), (1, 1, 1, 0));
    assert_eq!(report.oldest_at.unwrap().as_second(), 1_700_000_000);
    subject.clock.advance(Duration::from_secs(5));
    let last = claimed[2].job;
    conclude(&subject, "a", last, JobState::Delivered, None).await;
    subject.insert_with(record(1, 1, 4), to("reader", Trigger::Instance)).await;
    let later = &subject.catalog.delivery_report().await.unwrap()[0];
    assert_eq!(later.oldest_at.unwrap().as_second(), 1_700_000_005, "the oldest that still waits");
    let story = &subject.catalog.study_deliveries(uid("1.2.1")).await.unwrap()[0];
    assert_eq!((story.instances, story.delivered, story.parked), (4, 2, 1));
}
