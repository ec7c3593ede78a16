//! Jobs: written with their instance, claimed once, given back when a lease lapses, delivered when it was said so.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use super::common::{Subject, With, asked, record, uid};
use causeway_catalog::delivery::{
    Afterwards, Change, Changed, Claim, Claimed, Closed, Filter, Gathered, JobState, Lane, Last, Release,
    Update, Which,
};
use causeway_catalog::{Events, Since, Subject as EventSubject, WebhookRecord};
use causeway_core::{
    Class, Clock, EventKind, Late, PlannedDelivery, Priority, Remote, RemoteName, Selection, Sight, Trigger,
};
use jiff::Timestamp;

const LEASE: Duration = Duration::from_secs(60);
const QUIET: Trigger = Trigger::Study { quiet_seconds: 30 };

fn name(text: &str) -> RemoteName {
    text.parse().unwrap()
}

fn to(remote: &str, trigger: Trigger) -> Vec<PlannedDelivery> {
    vec![PlannedDelivery::plain(name("route"), name(remote), trigger)]
}

async fn claim(subject: &Subject, owner: &str) -> Vec<Claimed> {
    claim_of(subject, owner, 100, Lane::All, Vec::new()).await
}

async fn claim_of(
    subject: &Subject,
    owner: &str,
    limit: u32,
    lane: Lane,
    closed: Vec<Closed>,
) -> Vec<Claimed> {
    let claim = Claim { remote: name("reader"), owner: owner.to_owned(), lease: LEASE, limit, lane, closed };
    subject.catalog.claim(claim).await.unwrap()
}

/// Lets go what has been quiet for long enough.
async fn release(subject: &Subject) -> u64 {
    release_as(subject, Late::Delta, Duration::ZERO).await
}

async fn release_as(subject: &Subject, late: Late, delay: Duration) -> u64 {
    let at = subject.clock.now() + delay;
    let gathered = subject.catalog.gathered(100).await.unwrap();
    let let_go = |it: Gathered| Release {
        delivery: it.delivery,
        revision: it.revision,
        at,
        late,
        wants_priors: false,
        evidence: Some(r#"{"words":"quiet"}"#.to_owned()),
    };
    subject.catalog.release(gathered.into_iter().map(let_go).collect()).await.unwrap()
}

fn instances(claimed: &[Claimed]) -> Vec<&str> {
    claimed.iter().map(|job| job.instance.as_ref().unwrap().ids.instance.as_str()).collect()
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
async fn leases_of_a_node_that_ended_are_over_when_it_begins_again() {
    let subject = Subject::new().await;
    subject.catalog.put_remote(Remote::named(name("reader")), "anna").await.unwrap();
    subject.insert_with(record(1, 1, 1), to("reader", Trigger::Instance)).await;
    subject.insert_with(record(1, 1, 2), to("reader", Trigger::Instance)).await;
    let jobs = claim(&subject, "a").await;
    conclude(&subject, "a", jobs[0].job, JobState::Delivered, None).await;
    assert_eq!(subject.catalog.end_leases("").await.unwrap(), 1);
    assert_eq!(claim(&subject, "b").await.iter().map(|again| again.job).collect::<Vec<_>>(), [jobs[1].job]);
    conclude(&subject, "b", jobs[1].job, JobState::Delivered, None).await;
    assert_eq!(subject.catalog.end_leases("").await.unwrap(), 0);
    assert!(claim(&subject, "b").await.is_empty());
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
async fn a_study_goes_once_it_has_been_quiet_and_was_released_and_what_is_late_is_its_next_part() {
    let subject = Subject::new().await;
    subject.insert_with(record(1, 1, 1), to("reader", QUIET)).await;
    subject.clock.advance(Duration::from_secs(20));
    subject.insert_with(record(1, 2, 1), to("reader", QUIET)).await;
    subject.clock.advance(Duration::from_secs(20));
    assert!(subject.catalog.gathered(10).await.unwrap().is_empty(), "quiet for twenty seconds only");
    assert_eq!(
        subject.catalog.next_gathered().await.unwrap(),
        Some(subject.clock.now() + Duration::from_secs(10))
    );
    subject.clock.advance(Duration::from_secs(10));
    let gathered = subject.catalog.gathered(10).await.unwrap();
    assert_eq!((gathered[0].study.as_str(), gathered[0].revision, &gathered[0].series), ("1.2.1", 1, &None));
    assert!(claim(&subject, "a").await.is_empty(), "it was not released");
    assert_eq!(release(&subject).await, 1);
    let claimed = claim(&subject, "a").await;
    assert_eq!(claimed.len(), 2);
    // What is late gathers while the first part is still on its way.
    subject.insert_with(record(1, 2, 2), to("reader", QUIET)).await;
    conclude(&subject, "a", claimed[0].job, JobState::Waiting, Some(subject.clock.now())).await;
    conclude(&subject, "a", claimed[1].job, JobState::Delivered, None).await;
    assert_eq!(
        instances(&claim(&subject, "a").await),
        [claimed[0].instance.as_ref().unwrap().ids.instance.as_str()]
    );
    subject.clock.advance(Duration::from_secs(30));
    assert_eq!(subject.catalog.gathered(10).await.unwrap()[0].revision, 2);
    assert_eq!(release(&subject).await, 1);
    assert_eq!(instances(&claim(&subject, "b").await), ["1.2.1.2.2"]);
    let story = subject.catalog.story(uid("1.2.1")).await.unwrap().unwrap();
    let [delivery] = story.deliveries.as_slice() else { panic!("one delivery: {story:?}") };
    assert_eq!((delivery.instances, delivery.revision, delivery.released), (3, 2, 2));
    assert_eq!(delivery.evidence.as_ref().unwrap()["words"], "quiet");
}

#[tokio::test]
async fn what_comes_between_the_look_and_the_release_puts_it_off() {
    let subject = Subject::new().await;
    subject.insert_with(record(1, 1, 1), to("reader", QUIET)).await;
    subject.clock.advance(Duration::from_secs(30));
    let gathered = subject.catalog.gathered(10).await.unwrap().remove(0);
    subject.insert_with(record(1, 1, 2), to("reader", QUIET)).await;
    let Gathered { delivery, revision, .. } = gathered;
    let release = Release {
        delivery,
        revision,
        at: subject.clock.now(),
        late: Late::Delta,
        wants_priors: false,
        evidence: None,
    };
    assert_eq!(subject.catalog.release(vec![release]).await.unwrap(), 0);
    assert!(claim(&subject, "a").await.is_empty());
}

#[tokio::test]
async fn a_delivery_that_is_held_back_is_looked_at_again_at_its_time_with_what_is_known() {
    let subject = Subject::new().await;
    subject.insert_with(record(1, 1, 1), to("reader", QUIET)).await;
    subject.clock.advance(Duration::from_secs(30));
    let gathered = subject.catalog.gathered(10).await.unwrap().remove(0);
    let until = subject.clock.now() + Duration::from_secs(60);
    subject.catalog.hold_back(&gathered, until, r#"{"here":1}"#.to_owned()).await.unwrap();
    assert!(subject.catalog.gathered(10).await.unwrap().is_empty());
    let story = subject.catalog.story(uid("1.2.1")).await.unwrap().unwrap();
    assert_eq!(story.deliveries[0].evidence.as_ref().unwrap()["here"], 1);
    subject.clock.advance(Duration::from_secs(60));
    assert_eq!(release(&subject).await, 1);
}

#[tokio::test]
async fn a_route_that_leaves_what_is_late_says_so_and_one_that_sends_all_again_does() {
    let subject = Subject::new().await;
    let leaving = || vec![PlannedDelivery { late: Late::Leave, ..to("reader", QUIET).remove(0) }];
    subject.insert_with(record(1, 1, 1), leaving()).await;
    subject.clock.advance(Duration::from_secs(30));
    release(&subject).await;
    let job = claim(&subject, "a").await[0].job;
    conclude(&subject, "a", job, JobState::Delivered, None).await;
    subject.insert_with(record(1, 1, 2), leaving()).await;
    subject.clock.advance(Duration::from_secs(30));
    assert_eq!(release(&subject).await, 0);
    assert_eq!(states(&subject).await, [JobState::Delivered, JobState::Cancelled]);
    subject.insert_with(record(1, 1, 3), to("reader", QUIET)).await;
    subject.clock.advance(Duration::from_secs(30));
    assert_eq!(release_as(&subject, Late::Whole, Duration::ZERO).await, 1);
    assert_eq!(claim(&subject, "a").await.len(), 2, "the first once more, and the third");
}

#[tokio::test]
async fn a_delay_counts_from_the_release() {
    let subject = Subject::new().await;
    subject.insert_with(record(1, 1, 1), to("reader", QUIET)).await;
    subject.clock.advance(Duration::from_secs(30));
    release_as(&subject, Late::Delta, Duration::from_secs(600)).await;
    subject.clock.advance(Duration::from_secs(599));
    assert!(claim(&subject, "a").await.is_empty());
    subject.clock.advance(Duration::from_secs(1));
    let job = claim(&subject, "a").await[0].job;
    conclude(&subject, "a", job, JobState::Delivered, None).await;
    let at_once = PlannedDelivery { delay_seconds: 60, ..to("reader", Trigger::Instance).remove(0) };
    subject.insert_with(record(2, 1, 1), vec![at_once]).await;
    subject.clock.advance(Duration::from_secs(59));
    assert!(claim(&subject, "b").await.is_empty());
    subject.clock.advance(Duration::from_secs(2));
    assert_eq!(instances(&claim(&subject, "b").await), ["1.2.2.1.1"]);
}

#[tokio::test]
async fn the_urgent_goes_first_and_bulk_is_never_left_with_nothing() {
    let subject = Subject::new().await;
    for (study, priority) in [(1, Priority::Bulk), (2, Priority::Routine), (3, Priority::Stat)] {
        for instance in 1..=8 {
            let planned = PlannedDelivery { priority, ..to("reader", Trigger::Instance).remove(0) };
            subject.insert_with(record(study, 1, instance), vec![planned]).await;
        }
    }
    let counts = async |limit, lane| {
        let claimed = claim_of(&subject, "a", limit, lane, Vec::new()).await;
        Priority::ALL.map(|priority| claimed.iter().filter(|job| job.priority == priority).count())
    };
    assert_eq!(counts(4, Lane::Urgent).await, [4, 0, 0]);
    assert_eq!(counts(8, Lane::All).await, [4, 4, 0], "what the urgent leave is shared");
    assert_eq!(counts(4, Lane::All).await, [0, 3, 1]);
    assert_eq!(counts(100, Lane::All).await, [0, 1, 7]);
    assert_eq!(counts(4, Lane::Urgent).await, [0, 0, 0]);
}

#[tokio::test]
async fn a_closed_route_sends_nothing_before_it_opens_and_holds_up_no_other() {
    let subject = Subject::new().await;
    subject.catalog.put_remote(Remote::named(name("reader")), "anna").await.unwrap();
    let other = PlannedDelivery { route: name("other"), ..to("reader", Trigger::Instance).remove(0) };
    for study in 1..=40 {
        subject.insert_with(record(study, 1, 1), to("reader", Trigger::Instance)).await;
    }
    subject.insert_with(record(41, 1, 1), vec![other]).await;
    let until = subject.clock.now() + Duration::from_secs(3600);
    let closed = vec![Closed { route: name("route"), until }];
    let claimed = claim_of(&subject, "a", 10, Lane::All, closed.clone()).await;
    assert_eq!(instances(&claimed), ["1.2.41.1.1"]);
    conclude(&subject, "a", claimed[0].job, JobState::Delivered, None).await;
    assert!(claim_of(&subject, "a", 10, Lane::All, closed).await.is_empty());
    assert_eq!(subject.catalog.due().await.unwrap()[0].at, until);
    subject.clock.advance(Duration::from_secs(3600));
    assert_eq!(claim(&subject, "a").await.len(), 40);
}

#[tokio::test]
async fn what_is_held_up_waits_and_goes_on_where_it_was() {
    let subject = Subject::new().await;
    subject.catalog.put_remote(Remote::named(name("reader")), "anna").await.unwrap();
    subject.insert_with(record(1, 1, 1), to("reader", Trigger::Instance)).await;
    subject.insert_with(record(2, 1, 1), to("reader", QUIET)).await;
    subject.catalog.pause_remote(name("reader"), "anna").await.unwrap();
    assert!(claim(&subject, "a").await.is_empty());
    assert!(subject.catalog.due().await.unwrap().is_empty());
    assert_eq!(subject.catalog.paused().await.unwrap()[0].who, "anna");
    assert!(subject.catalog.resume_remote(name("reader"), "anna").await.unwrap());
    let first = Which { study: Some(uid("1.2.1")), ..Which::default() };
    subject.catalog.pause_deliveries(first.clone(), "anna").await.unwrap();
    subject.insert_with(record(1, 1, 2), to("reader", Trigger::Instance)).await;
    assert!(claim(&subject, "a").await.is_empty());
    let second = Which { study: Some(uid("1.2.2")), ..Which::default() };
    subject.catalog.pause_deliveries(second.clone(), "anna").await.unwrap();
    subject.clock.advance(Duration::from_secs(30));
    assert_eq!(release(&subject).await, 0, "what is held up is not looked at");
    subject.catalog.resume_deliveries(first, "anna").await.unwrap();
    assert_eq!(claim(&subject, "a").await.len(), 2);
    subject.catalog.resume_deliveries(second, "anna").await.unwrap();
    assert_eq!(release(&subject).await, 1);
    assert_eq!(claim(&subject, "a").await.len(), 1);
}

#[tokio::test]
async fn many_jobs_are_changed_as_one_and_what_was_not_delivered_can_go_elsewhere() {
    let subject = Subject::new().await;
    for instance in 1..=3 {
        subject.insert_with(record(1, 1, instance), to("reader", Trigger::Instance)).await;
    }
    // One of them goes to the other remote as well.
    let both = [to("reader", Trigger::Instance), to("other", Trigger::Instance)].concat();
    subject.insert_with(record(1, 1, 4), both).await;
    let claimed = claim(&subject, "a").await;
    conclude(&subject, "a", claimed[0].job, JobState::Delivered, None).await;
    for job in &claimed[1..] {
        conclude(&subject, "a", job.job, JobState::Parked, None).await;
    }
    let which = Which { remote: Some(name("reader")), ..Which::default() };
    let change = async |change| subject.catalog.change_jobs(which.clone(), change, "anna").await.unwrap();
    assert_eq!(change(Change::Retry).await, 3);
    assert_eq!(change(Change::Park).await, 3);
    assert_eq!(subject.catalog.reroute(which.clone(), name("other"), "anna").await.unwrap(), 3);
    let claim = Claim {
        remote: name("other"),
        owner: "a".to_owned(),
        lease: LEASE,
        limit: 10,
        lane: Lane::All,
        closed: Vec::new(),
    };
    let moved = subject.catalog.claim(claim).await.unwrap();
    let mut moved = instances(&moved);
    moved.sort_unstable();
    assert_eq!(moved, ["1.2.1.1.2", "1.2.1.1.3", "1.2.1.1.4"], "each once");
    let story = subject.catalog.story(uid("1.2.1")).await.unwrap().unwrap();
    let counts =
        story.deliveries.iter().map(|it| (it.remote.as_str(), it.delivered, it.sending, it.cancelled));
    assert_eq!(counts.collect::<Vec<_>>(), [("reader", 1, 0, 1), ("other", 0, 3, 0)]);
}

#[tokio::test]
async fn an_instance_that_went_round_is_not_sent_on_again_and_one_that_its_source_repeats_is() {
    let subject = Subject::new().await;
    let from = |remote: &str, instance: u32| {
        let mut record = record(1, 1, instance);
        record.envelope.remote = Some(name(remote));
        record
    };
    subject.insert_with(from("pacs", 1), to("reader", Trigger::Instance)).await;
    subject.insert_with(from("pacs", 2), to("reader", Trigger::Instance)).await;
    for job in claim(&subject, "a").await {
        conclude(&subject, "a", job.job, JobState::Delivered, None).await;
    }
    subject.delete(Selection::study(uid("1.2.1")), Sight::Everything, asked("admin")).await;
    let gone = subject.catalog.jobs(Filter { limit: 10, ..Filter::default() }).await.unwrap();
    assert_eq!(gone[0].instance, Some(uid("1.2.1.1.1")), "a receipt names what was deleted");
    subject.insert_with(from("elsewhere", 1).again(), to("reader", Trigger::Instance)).await;
    assert!(claim(&subject, "a").await.is_empty());
    let jobs = subject.catalog.jobs(Filter { limit: 10, ..Filter::default() }).await.unwrap();
    assert!(jobs[2].last.as_ref().unwrap().words.contains("a loop ends here"));
    assert_eq!(jobs[2].state, JobState::Cancelled);
    subject.insert_with(from("pacs", 2).again(), to("reader", Trigger::Instance)).await;
    assert_eq!(claim(&subject, "a").await.len(), 1);
}

#[tokio::test]
async fn what_is_deleted_is_not_sent() {
    let subject = Subject::new().await;
    subject.insert_with(record(1, 1, 1), to("reader", Trigger::Instance)).await;
    subject.delete(Selection::study(uid("1.2.1")), Sight::Everything, asked("admin")).await;
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
    assert_eq!(change(Change::Park).await, Changed::Done(name("reader")));
    assert_eq!(change(Change::Park).await, Changed::NotFrom(JobState::Parked));
    assert!(claim(&subject, "a").await.is_empty());
    let which = Which { remote: Some(name("reader")), ..Which::default() };
    assert_eq!(subject.catalog.change_jobs(which, Change::Retry, "anna").await.unwrap(), 1);
    assert_eq!(claim(&subject, "a").await.len(), 1);
    assert_eq!(change(Change::Cancel).await, Changed::Done(name("reader")));
    assert_eq!(change(Change::Retry).await, Changed::Done(name("reader")));
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
async fn what_was_done_by_hand_is_said_and_so_is_what_a_remote_said_before() {
    let subject = Subject::new().await;
    subject.insert_with(record(1, 1, 1), to("reader", Trigger::Instance)).await;
    let job = claim(&subject, "a").await[0].job;
    conclude(&subject, "a", job, JobState::Waiting, None).await;
    let said = async |change| {
        subject.catalog.change_job(job, change, "anna").await.unwrap();
        let jobs = subject.catalog.jobs(Filter { limit: 1, ..Filter::default() }).await.unwrap();
        jobs[0].last.clone().unwrap().words
    };
    assert_eq!(said(Change::Park).await, "parked by hand; before: full");
    said(Change::Retry).await;
    assert_eq!(said(Change::Park).await, "parked by hand; before: full", "once");
    assert_eq!(said(Change::Cancel).await, "cancelled by hand; before: parked by hand; before: full");
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
    let story = subject.catalog.story(uid("1.2.1")).await.unwrap().unwrap();
    let delivery = &story.deliveries[0];
    assert_eq!((delivery.instances, delivery.delivered, delivery.parked, delivery.waiting), (4, 2, 1, 1));
    assert_eq!((story.instances, story.series, story.sources[0].instances), (4, 1, 4));
    assert_eq!(delivery.answers[0].instances, 2);
    assert!(subject.catalog.story(uid("1.2.77")).await.unwrap().is_none());
}

#[tokio::test]
async fn events_stand_in_order_and_can_be_read_on_from_any() {
    let subject = Subject::new().await;
    let events = async |after, kinds, limit| subject.catalog.events(after, kinds, limit).await.unwrap();
    assert_eq!(events(0, Vec::new(), 10).await, Events { events: Vec::new(), last: 0 });
    for instance in 1..=3 {
        subject.insert_with(record(1, 1, instance), to("reader", QUIET)).await;
    }
    subject.clock.advance(Duration::from_secs(30));
    release(&subject).await;
    let claimed = claim(&subject, "a").await;
    conclude(&subject, "a", claimed[0].job, JobState::Delivered, None).await;
    conclude(&subject, "a", claimed[1].job, JobState::Parked, None).await;
    let before = events(0, Vec::new(), 100).await;
    let kinds = |events: &Events| events.events.iter().map(|event| event.kind).collect::<Vec<_>>();
    use EventKind::{DeliveryParked, DeliveryReleased, InstanceStored};
    assert_eq!(kinds(&before), [InstanceStored, InstanceStored, InstanceStored, DeliveryReleased]);
    conclude(&subject, "a", claimed[2].job, JobState::Delivered, None).await;
    assert_eq!(kinds(&events(before.last, Vec::new(), 100).await), [DeliveryParked]);
    let first = events(0, Vec::new(), 2).await;
    assert_eq!((first.events.len(), first.last), (2, first.events[1].id));
    let only = events(0, vec![DeliveryParked], 10).await;
    assert_eq!(kinds(&only), [DeliveryParked]);
    assert!(
        matches!(&only.events[0].subject, EventSubject::Delivery { remote, .. } if *remote == name("reader"))
    );
    assert_eq!(events(only.last, Vec::new(), 10).await.last, only.last);
}

#[tokio::test]
async fn a_webhook_goes_on_where_it_was_and_a_new_one_begins_now() {
    let subject = Subject::new().await;
    subject.insert_with(record(1, 1, 1), Vec::new()).await;
    let record = |kinds| WebhookRecord {
        name: name("ris"),
        url: "http://127.0.0.1/".to_owned(),
        secret: "s".to_owned(),
        kinds,
    };
    let put = async |since| subject.catalog.put_webhook(record(Vec::new()), since, "anna").await.unwrap();
    let only = async || subject.catalog.webhooks().await.unwrap().remove(0);
    put(Since::Now).await;
    let last = subject.catalog.last_event().await.unwrap();
    assert!(only().await.after >= 1);
    let at = subject.clock.now() + Duration::from_secs(5);
    subject.catalog.webhook_told(name("ris"), last, 3, at, "HTTP 500".to_owned()).await.unwrap();
    let told = only().await;
    assert_eq!(
        (told.after, told.failures, told.next_at, told.words.as_deref()),
        (last, 3, at, Some("HTTP 500"))
    );
    put(Since::Now).await;
    assert_eq!(
        (only().await.after, only().await.failures),
        (last, 0),
        "a change ends the pause and loses nothing"
    );
    put(Since::Beginning).await;
    assert_eq!(only().await.after, 0);
    assert!(subject.catalog.remove_webhook(name("ris"), "anna").await.unwrap());
    assert!(!subject.catalog.remove_webhook(name("ris"), "anna").await.unwrap());
}

#[tokio::test]
async fn records_come_back_as_they_were_kept_by_study_and_from_the_newest_on() {
    let subject = Subject::new().await;
    let kept: Vec<_> = (1..=3).map(|study| record(study, 1, 1)).collect();
    for record in &kept {
        subject.insert_with(record.clone(), Vec::new()).await;
    }
    assert_eq!(subject.catalog.records(uid("1.2.2"), 10).await.unwrap(), [kept[1].clone()]);
    let newest = subject.catalog.records_before(i64::MAX, 2).await.unwrap();
    assert_eq!(
        newest.iter().map(|(_, record)| record.clone()).collect::<Vec<_>>(),
        [kept[2].clone(), kept[1].clone()]
    );
    let rest = subject.catalog.records_before(newest[1].0, 10).await.unwrap();
    assert_eq!(rest.into_iter().map(|(_, record)| record).collect::<Vec<_>>(), [kept[0].clone()]);
}
