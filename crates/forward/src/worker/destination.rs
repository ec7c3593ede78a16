//! One destination: claim, send, conclude, as long as jobs are due and the destination takes them.

use std::sync::Arc;

use causeway_catalog::delivery::Claimed;
use causeway_core::Remote;
use tokio::sync::watch;

use super::Inner;
use super::outcomes::Outcomes;
use crate::backoff::Jitter;
use crate::failure::Failure;
use crate::health::Leave;
use crate::job::Outcome;
use crate::sender::{Broke, Ready, Sender, Sink};

/// Serves `remote` until nothing is due, it fails as a whole, or the node stops.
pub(super) async fn serve(inner: &Arc<Inner>, remote: &Remote, mut stopped: watch::Receiver<bool>) {
    let opened =
        Sender::to(remote, &inner.archive, &inner.ae_title, inner.patience(), inner.config.request_bytes);
    let mut sender = match opened {
        Ok(sender) => sender,
        Err(failure) => return failed(inner, remote, failure),
    };
    while !*stopped.borrow() {
        let limit = match inner.health(&remote.name).leave(inner.clock.now()) {
            Leave::All => inner.config.batch_instances,
            Leave::Probe => 1,
            Leave::NotBefore(_) => break,
        };
        let lease = inner.config.lease();
        let claimed = inner.catalog.claim(remote.name.clone(), inner.owner.clone(), lease, limit).await;
        let claimed = match claimed {
            Ok(claimed) if claimed.is_empty() => {
                if linger(inner, &mut stopped).await {
                    continue;
                } else {
                    break;
                }
            }
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::warn!(remote = %remote.name, %error, "jobs could not be claimed");
                break;
            }
        };
        match deliver(inner, &mut sender, claimed, &stopped).await {
            Ok(()) => inner.set_health(&remote.name, inner.health(&remote.name).reached()),
            Err(Broke::Destination(failure)) => {
                failed(inner, remote, failure);
                return;
            }
            Err(Broke::Catalog(error)) => {
                tracing::warn!(remote = %remote.name, %error, "outcomes could not be written; they are found out anew");
                break;
            }
        }
    }
    sender.close().await;
}

/// Waits a moment for more to come; says whether it may have.
async fn linger(inner: &Inner, stopped: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        () = inner.router.nudged() => true,
        () = tokio::time::sleep(inner.config.linger()) => false,
        _ = stopped.changed() => false,
    }
}

fn failed(inner: &Inner, remote: &Remote, failure: Failure) {
    tracing::warn!(remote = %remote.name, because = %failure.words, "the destination failed; it is tried again later");
    let health = inner.health(&remote.name).failed(failure, &*inner.clock, Jitter::random(), &inner.policy());
    inner.set_health(&remote.name, health);
}

/// Sends what was claimed, holding the leases meanwhile; what was not attempted goes back into the queue.
async fn deliver(
    inner: &Arc<Inner>,
    sender: &mut Sender,
    claimed: Vec<Claimed>,
    stopped: &watch::Receiver<bool>,
) -> Result<(), Broke> {
    let jobs: Vec<i64> = claimed.iter().map(|job| job.job).collect();
    let mut outcomes = Outcomes::new(inner, &claimed);
    let mut ready = Vec::with_capacity(claimed.len());
    for job in claimed {
        match job.instance.clone() {
            Some(instance) => ready.push(Ready { job, instance }),
            None => outcomes.tell(&job, &Outcome::Gone).await?,
        }
    }
    let sent = tokio::select! {
        sent = send_until_stopped(sender, &ready, &mut outcomes, stopped) => sent,
        never = hold(inner, jobs) => match never {},
    };
    let because = match &sent {
        Err(Broke::Destination(failure)) => Some(failure),
        _ => None,
    };
    outcomes.finish(because).await?;
    sent
}

/// In small portions, so that a node that stops waits for a portion and not for the batch.
async fn send_until_stopped(
    sender: &mut Sender,
    ready: &[Ready],
    outcomes: &mut Outcomes<'_>,
    stopped: &watch::Receiver<bool>,
) -> Result<(), Broke> {
    const PORTION: usize = 16;
    for portion in ready.chunks(PORTION) {
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
