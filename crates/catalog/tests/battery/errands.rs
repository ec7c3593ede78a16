//! Errands: commitments asked of us and asked by us, notices; taken durably, held by one, concluded as was said.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use super::common::{CT, MR, Subject, asked, record, uid};
use causeway_catalog::delivery::{
    Afterwards, Change, Changed, Claim, Commitment, Filter, JobRow, JobState, Lane, Update,
};
use causeway_catalog::errand::{
    Answered, Errand, ErrandFilter, ErrandKind, ErrandRow, ErrandState, Peer, Received, Step, Task,
};
use causeway_core::commitment::{Reference, Request, Settlement};
use causeway_core::{AeTitle, PlannedDelivery, RemoteName, Selection, Sight, Status, Trigger, Uid};

const HOLD: Duration = Duration::from_secs(10);
const LEASE: Duration = Duration::from_secs(60);
const KEEP: Duration = Duration::from_secs(3600);
const QUIET: Duration = Duration::from_secs(5);

fn name(text: &str) -> RemoteName {
    text.parse().unwrap()
}

fn ct1() -> Peer {
    Peer { ae_title: AeTitle::parse("CT1").unwrap(), remote: Some(name("ct1")) }
}

fn reference(instance: u32) -> Reference {
    Reference { sop_class: uid(CT), sop_instance: uid(&format!("1.2.1.1.{instance}")) }
}

fn request(transaction: &str, instances: &[u32]) -> Request {
    let references = instances.iter().map(|instance| reference(*instance)).collect();
    Request { transaction: uid(transaction), references }
}

fn fresh() -> Uid {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(1);
    uid(&format!("2.25.{}", NEXT.fetch_add(1, Ordering::Relaxed)))
}

trait Asked {
    async fn asked(&self, from: Peer, request: &Request) -> Received;
    async fn claimed(&self, remote: &str, owner: &str) -> Option<Errand>;
    async fn concluded(&self, errand: i64, owner: &str, step: Step);
    async fn all(&self) -> Vec<ErrandRow>;
    /// Delivers instances of one study to `reader`, which is to be asked for commitment.
    async fn delivered(&self, instances: &[u32]);
    async fn jobs(&self) -> Vec<JobRow>;
    async fn gathered(&self, limit: u32) -> u64;
}

impl Asked for Subject {
    async fn asked(&self, from: Peer, request: &Request) -> Received {
        self.catalog.commitment_asked(from, request.clone(), HOLD).await.unwrap()
    }

    async fn claimed(&self, remote: &str, owner: &str) -> Option<Errand> {
        for kind in ErrandKind::ALL {
            let claimed =
                self.catalog.claim_errand(name(remote), kind, owner.to_owned(), LEASE).await.unwrap();
            if claimed.is_some() {
                return claimed;
            }
        }
        None
    }

    async fn concluded(&self, errand: i64, owner: &str, step: Step) {
        let words = "so it was".to_owned();
        self.catalog.conclude_errand(errand, owner.to_owned(), step, Some(0x0110), words).await.unwrap();
    }

    async fn all(&self) -> Vec<ErrandRow> {
        let filter = ErrandFilter { limit: 100, ..ErrandFilter::default() };
        self.catalog.errands(filter).await.unwrap()
    }

    async fn delivered(&self, instances: &[u32]) {
        for instance in instances {
            let to = PlannedDelivery::plain(name("route"), name("reader"), Trigger::Instance);
            self.insert_with(record(1, 1, *instance), vec![to]).await;
        }
        redelivered(self).await;
    }

    async fn jobs(&self) -> Vec<JobRow> {
        self.catalog.jobs(Filter { limit: 100, ..Filter::default() }).await.unwrap()
    }

    async fn gathered(&self, limit: u32) -> u64 {
        self.catalog.gather_commitments(QUIET, limit, KEEP, fresh).await.unwrap()
    }
}

async fn redelivered(subject: &Subject) {
    let (remote, owner) = (name("reader"), "w".to_owned());
    let claim = Claim { remote, owner, lease: LEASE, limit: 100, lane: Lane::All, closed: Vec::new() };
    let claimed = subject.catalog.claim(claim).await.unwrap();
    let update = |job| Update {
        job,
        state: JobState::Delivered,
        retry_at: None,
        attempts: 1,
        last: None,
        afterwards: Afterwards::AskCommitment,
    };
    let updates = claimed.iter().map(|claimed| update(claimed.job)).collect();
    subject.catalog.conclude(updates, "w".to_owned()).await.unwrap();
}

#[tokio::test]
async fn an_errand_of_a_node_that_ended_is_due_when_it_begins_again() {
    let subject = Subject::new().await;
    let asked = request("1.9", &[1]);
    let Received::New(errand) = subject.asked(ct1(), &asked).await else { unreachable!("it is new") };
    subject.catalog.decide(errand, vec![(1, Status::NO_SUCH_OBJECT)], KEEP).await.unwrap();
    subject.clock.advance(HOLD);
    assert!(subject.claimed("ct1", "w").await.is_some());
    assert!(subject.claimed("ct1", "v").await.is_none(), "it is held");
    assert_eq!(subject.catalog.end_leases("").await.unwrap(), 1);
    assert_eq!(subject.claimed("ct1", "v").await.map(|again| again.id), Some(errand));
}

/// The request of ours that waits, claimed and asked for.
async fn awaited(subject: &Subject) -> Request {
    let errand = subject.claimed("reader", "w").await.unwrap();
    let until = jiff::Timestamp::from_second(1_700_009_999).unwrap();
    subject.concluded(errand.id, "w", Step::Awaited(until)).await;
    let Task::Request(request) = errand.task else { unreachable!("not a request") };
    request
}

#[tokio::test]
async fn a_request_is_decided_told_once_and_then_its_transaction_is_used_up() {
    let subject = Subject::new().await;
    let asked = request("1.9", &[1, 2]);
    let Received::New(errand) = subject.asked(ct1(), &asked).await else { unreachable!("it is new") };
    assert_eq!(subject.asked(ct1(), &asked).await, Received::Again(errand), "asked once more");
    assert_eq!(subject.asked(ct1(), &request("1.9", &[3])).await, Received::Duplicate);
    let other = Peer { remote: None, ..ct1() };
    assert!(matches!(subject.asked(other, &asked).await, Received::New(_)), "another caller's own");
    subject.clock.advance(HOLD);
    assert_eq!(subject.claimed("ct1", "w").await, None, "nothing is told before it is decided");
    subject.catalog.decide(errand, vec![(1, Status::NO_SUCH_OBJECT)], KEEP).await.unwrap();
    let claimed = subject.claimed("ct1", "w").await.unwrap();
    let settlement = Settlement {
        transaction: uid("1.9"),
        committed: vec![reference(1)],
        failed: vec![(reference(2), Status::NO_SUCH_OBJECT)],
    };
    assert_eq!(claimed.task, Task::Result(settlement));
    assert_eq!(subject.claimed("ct1", "w").await, None, "one holds it");
    subject.concluded(errand, "w", Step::Done).await;
    assert_eq!(subject.asked(ct1(), &asked).await, Received::Duplicate);
    let row = subject.all().await.into_iter().find(|row| row.id == errand).unwrap();
    assert_eq!((row.state, row.instances, row.failed), (ErrandState::Done, 2, 1));
    assert_eq!(row.failures[0].instance, uid("1.2.1.1.2"));
}

#[tokio::test]
async fn a_caller_that_takes_no_result_may_ask_a_thousand_times_and_no_more() {
    let subject = Subject::new().await;
    let ask = async |number: u32| subject.asked(ct1(), &request(&format!("1.9.{number}"), &[1])).await;
    let mut last = 0;
    for number in 0..1000 {
        let Received::New(errand) = ask(number).await else { unreachable!("below the bound") };
        last = errand;
    }
    assert_eq!(ask(1000).await, Received::TooMany);
    subject.catalog.decide(last, Vec::new(), KEEP).await.unwrap();
    subject.catalog.claim_result(last, "door".to_owned(), LEASE).await.unwrap();
    subject.concluded(last, "door", Step::Done).await;
    assert!(matches!(ask(1000).await, Received::New(_)));
}

#[tokio::test]
async fn what_is_known_of_each_instance_is_found_for_ten_thousand_at_once() {
    let subject = Subject::new().await;
    subject.insert(record(1, 1, 1)).await;
    subject.insert(record(1, 1, 2).again_settled(&subject).await).await;
    let many: Vec<u32> = (1..=10_000).collect();
    let Received::New(errand) = subject.asked(ct1(), &request("1.9", &many)).await else {
        unreachable!("it is new")
    };
    let findings = subject.catalog.findings(errand, Sight::Everything).await.unwrap();
    assert_eq!(findings.len(), 10_000);
    let settled: Vec<Option<bool>> =
        findings[..3].iter().map(|it| it.known.as_ref().map(|known| known.is_settled)).collect();
    assert_eq!(settled, [Some(false), Some(true), None]);
    assert_eq!(findings[9_999].named.reference, reference(10_000));
}

trait Settled {
    async fn again_settled(self, subject: &Subject) -> Self;
}

impl Settled for causeway_core::InstanceRecord {
    /// Kept and settled; the same record comes back.
    async fn again_settled(self, subject: &Subject) -> Self {
        subject.insert(self.clone()).await;
        subject.catalog.mark_settled(vec![self.object.clone()]).await.unwrap();
        self
    }
}

#[tokio::test]
async fn a_result_is_left_to_the_association_at_hand_until_it_is_given_back_or_its_time_is_over() {
    let subject = Subject::new().await;
    let Received::New(errand) = subject.asked(ct1(), &request("1.9", &[1])).await else {
        unreachable!("it is new")
    };
    assert_eq!(subject.catalog.decided(vec![errand]).await.unwrap(), Vec::<i64>::new());
    subject.catalog.decide(errand, Vec::new(), KEEP).await.unwrap();
    assert_eq!(subject.catalog.decided(vec![errand]).await.unwrap(), [errand]);
    assert_eq!(subject.claimed("ct1", "w").await, None, "it is held for the association");
    let by_door = subject.catalog.claim_result(errand, "door".to_owned(), LEASE).await.unwrap();
    assert!(by_door.is_some());
    assert!(subject.catalog.claim_result(errand, "other".to_owned(), LEASE).await.unwrap().is_none());
    assert_eq!(subject.catalog.decided(vec![errand]).await.unwrap(), Vec::<i64>::new());
    subject.catalog.release_results(vec![errand], "other".to_owned()).await.unwrap();
    assert_eq!(subject.claimed("ct1", "w").await, None, "the door holds it");
    subject.catalog.release_results(vec![errand], "door".to_owned()).await.unwrap();
    assert!(subject.claimed("ct1", "w").await.is_some());
    subject.clock.advance(LEASE);
    assert!(subject.claimed("ct1", "w2").await.is_some(), "a lease that lapsed");
    subject.concluded(errand, "w", Step::Done).await;
    assert_eq!(subject.all().await[0].state, ErrandState::Due, "the second one holds it");
}

#[tokio::test]
async fn a_result_outlives_a_restart_and_is_owed_to_its_caller_until_it_is_given_up() {
    let subject = Subject::new().await;
    let Received::New(errand) = subject.asked(ct1(), &request("1.9", &[1])).await else {
        unreachable!("it is new")
    };
    let subject = subject.reopened().await;
    assert_eq!(subject.catalog.undecided(10).await.unwrap()[0].errand, errand);
    subject.catalog.decide(errand, Vec::new(), KEEP).await.unwrap();
    assert_eq!(subject.catalog.results_owed(ct1()).await.unwrap(), [errand]);
    let stranger = Peer { remote: None, ..ct1() };
    assert!(subject.catalog.results_owed(stranger).await.unwrap().is_empty());
    subject.clock.advance(KEEP - Duration::from_secs(1));
    assert!(subject.catalog.expire_errands().await.unwrap().is_empty());
    subject.clock.advance(Duration::from_secs(1));
    let given_up = subject.catalog.expire_errands().await.unwrap();
    assert_eq!((given_up[0].kind, &given_up[0].uid), (ErrandKind::Result, &uid("1.9")));
    assert!(subject.catalog.results_owed(ct1()).await.unwrap().is_empty());
    let again = subject.asked(ct1(), &request("1.9", &[2])).await;
    assert!(matches!(again, Received::New(_)), "nothing was ever told of it");
}

#[tokio::test]
async fn commitment_is_asked_for_once_a_delivery_is_quiet_or_the_request_full() {
    let subject = Subject::new().await;
    subject.delivered(&[1, 2, 3]).await;
    assert_eq!(subject.jobs().await[0].commitment, Some(Commitment::Wanted));
    assert_eq!(subject.gathered(4).await, 0, "neither quiet nor full");
    assert_eq!(subject.gathered(3).await, 1, "full");
    assert_eq!(subject.gathered(3).await, 0, "asked for once");
    let Task::Request(asked) = subject.claimed("reader", "w").await.unwrap().task else {
        unreachable!("not a request")
    };
    assert_eq!(asked.references, [reference(1), reference(2), reference(3)]);
    assert_eq!(subject.jobs().await[0].commitment, Some(Commitment::Asked));
    subject.delivered(&[4, 5]).await;
    subject.clock.advance(QUIET);
    assert_eq!(subject.gathered(100).await, 1, "quiet");
}

#[tokio::test]
async fn what_was_deleted_here_before_it_was_asked_for_is_left_out() {
    let subject = Subject::new().await;
    subject.delivered(&[1]).await;
    subject.delete(Selection::study(uid("1.2.1")), Sight::Everything, asked("admin")).await;
    subject.clock.advance(QUIET);
    assert_eq!(subject.gathered(100).await, 0);
    assert_eq!(subject.jobs().await[0].commitment, None);
}

#[tokio::test]
async fn each_instance_ends_as_the_far_side_says_of_it() {
    let subject = Subject::new().await;
    subject.delivered(&[1, 2, 3, 4]).await;
    subject.gathered(4).await;
    let asked = awaited(&subject).await;
    let settlement = Settlement {
        transaction: asked.transaction.clone(),
        committed: vec![reference(1)],
        failed: vec![(reference(2), Status::NO_SUCH_OBJECT), (reference(3), Status::CLASS_INSTANCE_CONFLICT)],
    };
    let told = async |remote, settlement: &Settlement| {
        subject.catalog.commitment_told(name(remote), settlement.clone()).await.unwrap()
    };
    assert_eq!(told("stranger", &settlement).await, Answered::Unknown, "it was not asked");
    let noted = Answered::Noted { committed: 1, resent: 1, parked: 2 };
    assert_eq!(told("reader", &settlement).await, noted);
    assert_eq!(told("reader", &settlement).await, Answered::Again);
    let facts: Vec<(JobState, Option<Commitment>)> =
        subject.jobs().await.iter().map(|job| (job.state, job.commitment)).collect();
    assert_eq!(
        facts,
        [
            (JobState::Delivered, Some(Commitment::Committed)),
            (JobState::Waiting, None),
            (JobState::Parked, Some(Commitment::NotCommitted)),
            (JobState::Parked, Some(Commitment::NotCommitted)),
        ]
    );
    let rows = subject.all().await;
    assert_eq!((rows[0].state, rows[0].failed), (ErrandState::Done, 3));
    let reasons: Vec<u16> = rows[0].failures.iter().map(|failure| failure.reason).collect();
    assert_eq!(reasons, [0x0112, 0x0119, 0x0110], "the one that is not named has none of its own");
    assert_eq!(subject.catalog.delivery_report().await.unwrap()[0].committed, 1);
}

#[tokio::test]
async fn an_instance_that_the_far_side_has_not_is_sent_again_once_and_then_parked() {
    let subject = Subject::new().await;
    subject.delivered(&[1]).await;
    for expected in [JobState::Waiting, JobState::Parked] {
        subject.clock.advance(QUIET);
        assert_eq!(subject.gathered(100).await, 1);
        let transaction = awaited(&subject).await.transaction;
        let failed = vec![(reference(1), Status::NO_SUCH_OBJECT)];
        let settlement = Settlement { transaction, committed: Vec::new(), failed };
        subject.catalog.commitment_told(name("reader"), settlement).await.unwrap();
        assert_eq!(subject.jobs().await[0].state, expected);
        redelivered(&subject).await;
    }
    let job = &subject.jobs().await[0];
    assert!(job.last.as_ref().unwrap().words.contains("does not have it"), "{job:?}");
    assert_eq!(
        subject.catalog.change_job(job.id, Change::Retry, "anna").await.unwrap(),
        Changed::Done(name("reader"))
    );
    redelivered(&subject).await;
    assert_eq!(subject.jobs().await[0].commitment, Some(Commitment::Wanted), "begun anew by hand");
}

#[tokio::test]
async fn a_result_that_never_comes_leaves_the_jobs_delivered_and_says_so() {
    let subject = Subject::new().await;
    subject.delivered(&[1]).await;
    subject.clock.advance(QUIET);
    subject.gathered(100).await;
    let asked = awaited(&subject).await;
    subject.clock.advance(Duration::from_secs(10_000));
    assert_eq!(subject.catalog.expire_errands().await.unwrap()[0].words, "the result was not told in time");
    let job = subject.jobs().await.remove(0);
    assert_eq!((job.state, job.commitment), (JobState::Delivered, Some(Commitment::NotCommitted)));
    let late =
        Settlement { transaction: asked.transaction, committed: vec![reference(1)], failed: Vec::new() };
    let noted = Answered::Noted { committed: 1, resent: 0, parked: 0 };
    assert_eq!(subject.catalog.commitment_told(name("reader"), late).await.unwrap(), noted);
    assert_eq!(subject.jobs().await[0].commitment, Some(Commitment::Committed), "better late than never");
}

#[tokio::test]
async fn a_result_that_comes_before_the_answer_to_its_request_is_not_undone_by_it() {
    let subject = Subject::new().await;
    subject.delivered(&[1]).await;
    subject.clock.advance(QUIET);
    subject.gathered(100).await;
    let errand = subject.claimed("reader", "w").await.unwrap();
    let Task::Request(asked) = errand.task else { unreachable!("not a request") };
    let settlement =
        Settlement { transaction: asked.transaction, committed: asked.references, failed: Vec::new() };
    subject.catalog.commitment_told(name("reader"), settlement).await.unwrap();
    subject.concluded(errand.id, "w", Step::Awaited(jiff::Timestamp::MAX)).await;
    assert_eq!(subject.all().await[0].state, ErrandState::Done);
}

#[tokio::test]
async fn a_refused_request_is_tried_again_under_another_transaction_uid() {
    let subject = Subject::new().await;
    subject.delivered(&[1]).await;
    subject.clock.advance(QUIET);
    subject.gathered(100).await;
    let errand = subject.claimed("reader", "w").await.unwrap();
    let at = jiff::Timestamp::from_second(1_700_000_100).unwrap();
    subject.concluded(errand.id, "w", Step::RetryAt(at, Some(uid("2.25.777")))).await;
    assert_eq!(subject.claimed("reader", "w").await, None, "not before its time");
    subject.clock.advance(Duration::from_secs(100));
    let again = subject.claimed("reader", "w").await.unwrap();
    let Task::Request(asked) = again.task else { unreachable!("not a request") };
    assert_eq!((asked.transaction, again.attempts), (uid("2.25.777"), 1));
    subject.concluded(errand.id, "w", Step::GivenUp).await;
    let job = subject.jobs().await.remove(0);
    assert_eq!((job.state, job.commitment), (JobState::Delivered, Some(Commitment::NotCommitted)));
}

#[tokio::test]
async fn a_study_is_told_of_once_it_is_quiet_and_again_when_more_of_it_came() {
    let subject = Subject::new().await;
    let arrivals = async |remotes: &[&str]| {
        let remotes = remotes.iter().map(|remote| name(remote)).collect();
        subject.catalog.note_arrivals(remotes, QUIET, KEEP).await.unwrap()
    };
    subject.insert(record(1, 1, 1)).await;
    arrivals(&["ris"]).await;
    assert!(subject.all().await.is_empty(), "what was here before is not news");
    subject.insert(record(2, 1, 1).with_class(MR)).await;
    subject.insert(record(2, 1, 2)).await;
    arrivals(&["ris", "viewer"]).await;
    assert_eq!(subject.all().await.len(), 1, "one for the remote that was known before");
    assert_eq!(subject.claimed("ris", "w").await, None, "not quiet");
    subject.clock.advance(QUIET);
    let notice = subject.claimed("ris", "w").await.unwrap();
    assert_eq!(notice.task, Task::Notice(uid("1.2.2")));
    subject.concluded(notice.id, "w", Step::Done).await;
    arrivals(&["ris", "viewer"]).await;
    assert_eq!(subject.claimed("ris", "w").await, None);
    subject.insert(record(2, 1, 3)).await;
    arrivals(&["ris", "viewer"]).await;
    subject.clock.advance(QUIET);
    for remote in ["ris", "viewer"] {
        assert_eq!(subject.claimed(remote, "w").await.unwrap().task, Task::Notice(uid("1.2.2")));
    }
    subject.insert(record(3, 1, 1)).await;
    arrivals(&[]).await;
    arrivals(&["ris"]).await;
    subject.clock.advance(QUIET);
    assert_eq!(subject.claimed("ris", "w2").await, None, "turned off and on again: from now on");
}

trait WithClass {
    fn with_class(self, sop_class: &str) -> Self;
}

impl WithClass for causeway_core::InstanceRecord {
    fn with_class(mut self, sop_class: &str) -> Self {
        self.sop_class = uid(sop_class);
        self
    }
}

#[tokio::test]
async fn errands_are_counted_and_listed_newest_first_by_kind_and_state() {
    let subject = Subject::new().await;
    for transaction in ["1.9.1", "1.9.2"] {
        let Received::New(errand) = subject.asked(ct1(), &request(transaction, &[1])).await else {
            unreachable!("it is new")
        };
        if transaction == "1.9.1" {
            subject.catalog.decide(errand, Vec::new(), KEEP).await.unwrap();
            subject.clock.advance(HOLD);
            assert!(subject.claimed("ct1", "w").await.is_some());
            subject.concluded(errand, "w", Step::Done).await;
        }
    }
    let counts = subject.catalog.errand_counts().await.unwrap();
    let counted: Vec<_> = counts.iter().map(|it| (it.kind, it.state, it.count)).collect();
    let result = ErrandKind::Result;
    assert_eq!(counted, [(result, ErrandState::Open, 1), (result, ErrandState::Done, 1)]);
    let listed =
        subject.catalog.errands(ErrandFilter { limit: 10, ..ErrandFilter::default() }).await.unwrap();
    let told: Vec<_> = listed.iter().map(|row| (row.uid.as_str(), row.state)).collect();
    assert_eq!(told, [("1.9.2", ErrandState::Open), ("1.9.1", ErrandState::Done)]);
    let done = ErrandFilter { state: Some(ErrandState::Done), limit: 10, ..ErrandFilter::default() };
    assert_eq!(subject.catalog.errands(done).await.unwrap(), listed[1..]);
    let older = ErrandFilter { before: Some(listed[0].id), limit: 10, ..ErrandFilter::default() };
    assert_eq!(subject.catalog.errands(older).await.unwrap(), listed[1..]);
    let notices = ErrandFilter { kinds: vec![ErrandKind::Notice], limit: 10, ..ErrandFilter::default() };
    assert!(subject.catalog.errands(notices).await.unwrap().is_empty());
}
