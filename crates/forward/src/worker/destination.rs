//! One destination: claim, send, conclude, as long as jobs are due and the destination takes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use causeway_catalog::delivery::{Claim, Claimed, Lane};
use causeway_core::{Remote, RemoteName};
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
    let (patience, terms) = (inner.patience(), inner.terms());
    let opened =
        Sender::to(remote, &inner.archive, &inner.caller, patience, terms, inner.config.request_bytes);
    let mut sender = match opened {
        Ok(sender) => sender,
        Err(failure) => return broke(inner, &remote.name, course.lane, failure, &mut stopped).await,
    };
    let mut nudges = inner.router.nudges();
    let mut idle_since = None;
    // The address in force may change meanwhile, or what the remote takes: this line stands for what was before.
    let forgiven = inner.times_forgiven(&remote.name);
    let is_current = || {
        inner.archive.remote(&remote.name).as_ref() == Some(remote)
            && inner.times_forgiven(&remote.name) == forgiven
    };
    while !*stopped.borrow() && is_current() {
        let limit = match inner.health(&remote.name).leave(inner.clock.now()) {
            Leave::All => inner.config.batch_instances,
            Leave::Probe => 1,
            Leave::NotBefore(_) => break,
        };
        let claim = Claim {
            remote: remote.name.clone(),
            owner: inner.owner.clone(),
            lease: inner.config.lease(),
            limit,
            lane: course.lane,
            closed: inner.closed_routes(),
        };
        let claimed = match inner.catalog.claim(claim).await {
            // Beside another task nothing is waited for: that one takes what comes.
            Ok(claimed) if claimed.is_empty() && course.lane == Lane::Urgent => break,
            Ok(claimed) if claimed.is_empty() => {
                course.is_sending.store(false, Ordering::Relaxed);
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
        idle_since = None;
        course.is_sending.store(true, Ordering::Relaxed);
        match deliver(inner, &remote.name, &mut sender, claimed, &stopped).await {
            Ok(()) => {}
            Err(Broke::Destination(failure)) => {
                broke(inner, &remote.name, course.lane, failure, &mut stopped).await;
                break;
            }
            Err(Broke::Catalog(error)) => {
                tracing::warn!(remote = %remote.name, %error, "outcomes could not be written; they are found out anew");
                rest(&mut stopped).await;
                break;
            }
        }
    }
    sender.close().await;
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

/// Sends what was claimed, holding the leases meanwhile; what was not attempted goes back into the queue.
async fn deliver(
    inner: &Arc<Inner>,
    remote: &RemoteName,
    sender: &mut Sender,
    claimed: Vec<Claimed>,
    stopped: &watch::Receiver<bool>,
) -> Result<(), Broke> {
    let jobs: Vec<i64> = claimed.iter().map(|job| job.job).collect();
    let mut outcomes = Outcomes::new(inner, remote, &claimed);
    let mut ready = Vec::with_capacity(claimed.len());
    for job in claimed {
        match job.instance.clone() {
            Some(instance) => ready.push(Ready { job, instance }),
            None => outcomes.tell(&job, &Outcome::Gone).await?,
        }
    }
    let sent = tokio::select! {
        sent = send_until_stopped(sender, &ready, inner.portion(), &mut outcomes, stopped) => sent,
        never = hold(inner, jobs) => match never {},
    };
    let because = match &sent {
        Err(Broke::Destination(failure)) => Some(failure),
        _ => None,
    };
    if outcomes.was_answered() {
        inner.set_health(remote, inner.health(remote).reached());
    }
    outcomes.finish(because).await?;
    sent
}

/// In portions of a few instances for each association, so that a node that stops waits for a portion and not for the
/// batch.
async fn send_until_stopped(
    sender: &mut Sender,
    ready: &[Ready],
    portion: usize,
    outcomes: &mut Outcomes<'_>,
    stopped: &watch::Receiver<bool>,
) -> Result<(), Broke> {
    for portion in ready.chunks(portion) {
        if *stopped.borrow() {
            break;
        }
        sender.send(portion, outcomes).await?;
    }
    Ok(())
}

/// Renews the leases for ever, at a third of their length.
async fn hold(inner: &Inner, jobs: Vec<i64>) -> std::convert::Infallible {
    let lease = inner.config.lease();
    loop {
        tokio::time::sleep(lease / 3).await;
        if let Err(error) = inner.catalog.renew(jobs.clone(), inner.owner.clone(), lease).await {
            tracing::warn!(%error, "leases could not be renewed");
        }
    }
}
