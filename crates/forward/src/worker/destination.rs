//! One destination: claim, send, conclude, as long as jobs are due and the destination takes them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use causeway_catalog::Owed;
use causeway_catalog::delivery::{Claim, Claimed, Lane};
use causeway_core::link::MAX_OFFERED;
use causeway_core::{Remote, RemoteName};
use causeway_dimse::scu::{Known, Said};
use tokio::sync::watch;
use tokio::time::Instant;

use super::outcomes::Outcomes;
use super::{AFTER_FAILURE, Inner};
use crate::backoff::Jitter;
use crate::failure::Failure;
use crate::health::Leave;
use crate::job::Outcome;
use crate::sender::{Broke, Ready, Sender, Sink};

/// Nudges come with each instance, wherever it goes: those within this time are one.
const NUDGES_TOGETHER: Duration = Duration::from_millis(20);

/// What a remote refused is proposed to it again after this time.
const ASKED_ANEW_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Which jobs a task takes, and how others see that it is at work.
pub(super) struct Course {
    pub(super) lane: Lane,
    pub(super) is_sending: Arc<AtomicBool>,
}

/// Serves `remote` until nothing is due, it fails as a whole, it is changed or removed, or the node stops.
pub(super) async fn serve(
    inner: &Arc<Inner>,
    remote: &Remote,
    course: Course,
    mut stopped: watch::Receiver<bool>,
) {
    let way = inner.way(remote, known(inner, &remote.name).await);
    let mut sender = match Sender::to(remote, &inner.archive, way) {
        Ok(sender) => sender,
        Err(failure) => return broke(inner, &remote.name, course.lane, failure, &mut stopped).await,
    };
    let mut nudges = inner.router.nudges();
    let mut idle_since = None;
    // The address in force may change meanwhile, or what the remote takes: this line stands for what was before.
    let forgiven = inner.times_forgiven(&remote.name);
    while !*stopped.borrow() && is_current(inner, remote, forgiven) && inner.absence(&remote.name).is_none() {
        let (limit, further) = match inner.health(&remote.name).leave(inner.clock.now()) {
            Leave::All => (inner.config.batch_instances, Further::WhileItLasts),
            Leave::Probe => (1, Further::Nothing),
            Leave::NotBefore(_) => break,
        };
        let claimed = match inner.catalog.claim(claim(inner, remote, course.lane, limit)).await {
            // Beside another task nothing is waited for: that one takes what comes.
            Ok(claimed) if claimed.is_empty() && course.lane == Lane::Urgent => break,
            Ok(claimed) if claimed.is_empty() => {
                course.is_sending.store(false, Ordering::Relaxed);
                let task = Task { inner, remote, lane: course.lane, further, forgiven, stopped: &stopped };
                if let Err(broke) = acknowledge(task, &mut sender).await {
                    over(inner, remote, course.lane, broke, &mut stopped).await;
                    break;
                }
                let since = *idle_since.get_or_insert_with(Instant::now);
                if linger(&mut nudges, since + inner.config.linger(), &mut stopped).await {
                    continue;
                }
                break;
            }
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::warn!(remote = %remote.name, %error, "jobs could not be claimed");
                rest(&mut stopped).await;
                break;
            }
        };
        if !is_current(inner, remote, forgiven) {
            // What an administrator retries is claimed after it was said to be tried anew: not over this line.
            let mut outcomes = Outcomes::new(inner, &remote.name);
            outcomes.open(&claimed);
            if let Err(error) = outcomes.finish(None).await {
                tracing::warn!(remote = %remote.name, %error, "jobs could not be given back; their leases lapse");
            }
            break;
        }
        idle_since = None;
        course.is_sending.store(true, Ordering::Relaxed);
        let task = Task { inner, remote, lane: course.lane, further, forgiven, stopped: &stopped };
        if let Err(broke) = deliver(task, &mut sender, claimed).await {
            over(inner, remote, course.lane, broke, &mut stopped).await;
            break;
        }
    }
    sender.close().await;
}

/// What the remote was found to take, not long ago: what it refused then it may take by now.
async fn known(inner: &Inner, remote: &RemoteName) -> Known {
    if inner.is_asked_anew(remote) {
        return Known::default();
    }
    let acceptances = match inner.catalog.acceptances(remote.clone()).await {
        Ok(acceptances) => acceptances,
        Err(error) => {
            // Then it is asked as if for the first time.
            tracing::warn!(%remote, %error, "what it takes could not be read");
            return Known::default();
        }
    };
    let now = inner.clock.now();
    let is_fresh = |at| Duration::try_from(now.duration_since(at)).is_ok_and(|age| age <= ASKED_ANEW_AFTER);
    let fresh = acceptances.into_iter().filter(|it| is_fresh(it.at));
    fresh.map(|it| ((it.sop_class, it.transfer_syntax), it.taken)).collect()
}

/// Waits for more to come, until `end`; says whether it may have.
async fn linger(
    nudges: &mut watch::Receiver<u64>,
    end: Instant,
    stopped: &mut watch::Receiver<bool>,
) -> bool {
    tokio::select! {
        _ = nudges.changed() => {}
        () = tokio::time::sleep_until(end) => return false,
        _ = stopped.wait_for(|stopped| *stopped) => return false,
    }
    tokio::time::sleep(NUDGES_TOGETHER).await;
    nudges.mark_unchanged();
    true
}

/// Gives the catalog time to recover: the hub would start this task again at once.
async fn rest(stopped: &mut watch::Receiver<bool>) {
    let until_stopped = stopped.wait_for(|stopped| *stopped);
    // It is over either way.
    let _ = tokio::time::timeout(AFTER_FAILURE, until_stopped).await;
}

/// Sending broke off.
async fn over(
    inner: &Inner,
    remote: &Remote,
    lane: Lane,
    because: Broke,
    stopped: &mut watch::Receiver<bool>,
) {
    match because {
        Broke::Destination(failure) => broke(inner, &remote.name, lane, failure, stopped).await,
        Broke::Catalog(error) => {
            tracing::warn!(remote = %remote.name, %error, "outcomes could not be written; they are found out anew");
            rest(stopped).await;
        }
    }
}

/// The destination failed as a whole. A line beside another may be one more than it takes, which says nothing of how it
/// fares; a moment passes before the next is tried.
async fn broke(
    inner: &Inner,
    remote: &RemoteName,
    lane: Lane,
    failure: Failure,
    stopped: &mut watch::Receiver<bool>,
) {
    match lane {
        Lane::All => failed(inner, remote, failure),
        Lane::Urgent => {
            tracing::info!(%remote, because = %failure.words, "no line of its own for what is urgent");
            rest(stopped).await;
        }
    }
}

/// The destination failed as a whole.
pub(super) fn failed(inner: &Inner, remote: &RemoteName, failure: Failure) {
    tracing::warn!(%remote, because = %failure.words, "the destination failed; it is tried again later");
    let health = inner.health(remote).failed(failure, &*inner.clock, Jitter::random(), &inner.policy());
    inner.set_health(remote, health);
}

/// What a task is at.
#[derive(Clone, Copy)]
struct Task<'a> {
    inner: &'a Arc<Inner>,
    remote: &'a Remote,
    lane: Lane,
    further: Further,
    /// How often the remote had been said to be well when the task began.
    forgiven: u64,
    stopped: &'a watch::Receiver<bool>,
}

impl Task<'_> {
    /// Whether the address in force is the one that is sent to, and what was agreed with it still counts.
    fn is_current(&self) -> bool {
        is_current(self.inner, self.remote, self.forgiven)
    }
}

fn is_current(inner: &Inner, remote: &Remote, forgiven: u64) -> bool {
    inner.archive.remote(&remote.name).as_ref() == Some(remote)
        && inner.times_forgiven(&remote.name) == forgiven
}

fn claim(inner: &Inner, remote: &Remote, lane: Lane, limit: u32) -> Claim {
    Claim {
        remote: remote.name.clone(),
        owner: inner.owner.clone(),
        lease: inner.config.lease(),
        limit,
        lane,
        closed: inner.closed_routes(),
    }
}

/// Whether more is claimed while the first batch is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Further {
    /// As long as anything is due.
    WhileItLasts,
    /// Nothing: it is a probe.
    Nothing,
}

/// Sends what was claimed and what is claimed meanwhile, holding the leases; what was not attempted goes back into the
/// queue.
async fn deliver(task: Task<'_>, sender: &mut Sender, claimed: Vec<Claimed>) -> Result<(), Broke> {
    let (leases, Task { inner, remote, .. }) = (Leases::default(), task);
    let mut desk = Desk { outcomes: Outcomes::new(inner, &remote.name), task, leases: &leases };
    let ready = desk.take_on(claimed).await?;
    let sent = tokio::select! {
        sent = sender.send(&ready, &mut desk) => sent,
        never = hold(inner, &leases) => match never {},
    };
    let because = match &sent {
        Err(Broke::Destination(failure)) => Some(failure),
        _ => None,
    };
    if desk.outcomes.was_answered() {
        inner.set_health(&remote.name, inner.health(&remote.name).reached());
    }
    desk.outcomes.finish(because).await?;
    sent
}

/// Tells the remote of the receipts that it gave, when nothing else is to be done.
async fn acknowledge(task: Task<'_>, sender: &mut Sender) -> Result<(), Broke> {
    let (leases, Task { inner, remote, .. }) = (Leases::default(), task);
    let mut desk = Desk { outcomes: Outcomes::new(inner, &remote.name), task, leases: &leases };
    sender.acknowledge(&mut desk).await
}

/// The jobs that are held.
type Leases = Mutex<BTreeSet<i64>>;

/// Where a sender tells outcomes and gets more from.
struct Desk<'a> {
    task: Task<'a>,
    outcomes: Outcomes<'a>,
    leases: &'a Leases,
}

impl Desk<'_> {
    /// Holds what was claimed; of what is gone here it is told at once.
    async fn take_on(&mut self, claimed: Vec<Claimed>) -> Result<Vec<Ready>, causeway_catalog::Error> {
        let mut ready = Vec::with_capacity(claimed.len());
        self.leases.lock().unwrap_or_else(PoisonError::into_inner).extend(claimed.iter().map(|job| job.job));
        self.outcomes.open(&claimed);
        for job in claimed {
            match job.instance.clone() {
                Some(instance) => ready.push(Ready { job, instance }),
                None => self.tell(&job, &Outcome::Gone).await?,
            }
        }
        Ok(ready)
    }
}

impl Sink for Desk<'_> {
    async fn tell(&mut self, job: &Claimed, outcome: &Outcome) -> Result<(), causeway_catalog::Error> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner).remove(&job.job);
        self.outcomes.tell(job, outcome).await
    }

    async fn more(&mut self, limit: usize) -> Result<Vec<Ready>, causeway_catalog::Error> {
        let Task { inner, remote, lane, further, stopped, .. } = self.task;
        if further == Further::Nothing || *stopped.borrow() || !self.task.is_current() {
            return Ok(Vec::new());
        }
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        match inner.catalog.claim(claim(inner, remote, lane, limit)).await {
            Ok(claimed) => self.take_on(claimed).await,
            Err(error) => {
                // What is on its way goes on; the next claim shows whether the catalog is back.
                tracing::warn!(remote = %remote.name, %error, "jobs could not be claimed");
                Ok(Vec::new())
            }
        }
    }

    async fn learnt(&mut self, said: Vec<Said>) -> Result<(), causeway_catalog::Error> {
        let said = said.into_iter().map(|((sop_class, syntax), taken)| (sop_class, syntax, taken)).collect();
        self.task.inner.catalog.learn(self.task.remote.name.clone(), said).await
    }

    async fn owed(&mut self) -> Result<Vec<Owed>, causeway_catalog::Error> {
        let Task { inner, remote, .. } = self.task;
        inner.catalog.receipts_owed(remote.name.clone(), MAX_OFFERED).await
    }

    async fn told(&mut self, jobs: Vec<i64>) -> Result<(), causeway_catalog::Error> {
        self.task.inner.catalog.receipts_told(jobs).await
    }

    fn stopped(&self) -> watch::Receiver<bool> {
        self.task.stopped.clone()
    }
}

/// Renews the leases for ever, at a third of their length.
async fn hold(inner: &Inner, leases: &Leases) -> std::convert::Infallible {
    let lease = inner.config.lease();
    loop {
        tokio::time::sleep(lease / 3).await;
        let jobs = leases.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        if let Err(error) = inner.catalog.renew(jobs, inner.owner.clone(), lease).await {
            tracing::warn!(%error, "leases could not be renewed");
        }
    }
}
