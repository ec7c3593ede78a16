//! Webhooks: others are told of events over HTTP, in their order, until they took them.
//!
//! Lives here: the hub that finds who has something to be told, one task each, and how what is told is signed. Never
//! here: what happened (the catalog has it).
//!
//! Invariant: a webhook goes on to the next events only after it answered 2xx to those before. Told at least once: what
//! it answered just before a crash it is told again, with the same numbers.

mod sign;
mod tell;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use causeway_catalog::Webhook;
use causeway_core::RemoteName;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::tell::Teller;
use crate::backoff::Jitter;
use crate::failure::Failure;
use crate::job::retry_at;
use crate::worker::{AFTER_FAILURE, Inner};

/// How long the hub sleeps at most.
const LONGEST_NAP: Duration = Duration::from_secs(2);
/// How long it waits at least, so that what happens together is told together.
const SHORTEST_NAP: Duration = Duration::from_millis(200);
/// Events in one request.
const MAX_TOGETHER: u32 = 100;

/// Finds who has something to be told.
pub(crate) struct Hub {
    inner: Arc<Inner>,
    pub(crate) tasks: JoinSet<RemoteName>,
    busy: HashSet<RemoteName>,
    nudges: watch::Receiver<u64>,
    stopped: watch::Receiver<bool>,
}

impl Hub {
    pub(crate) fn new(inner: &Arc<Inner>, stopped: watch::Receiver<bool>) -> Self {
        let (inner, nudges) = (Arc::clone(inner), inner.router.nudges());
        Self { inner, tasks: JoinSet::new(), busy: HashSet::new(), nudges, stopped }
    }

    pub(crate) async fn run(&mut self) {
        loop {
            let nap = match self.round().await {
                Ok(()) => LONGEST_NAP,
                Err(error) => {
                    tracing::warn!(%error, "webhooks could not be looked after; it is tried again");
                    AFTER_FAILURE
                }
            };
            tokio::select! {
                _ = self.nudges.changed() => tokio::time::sleep(SHORTEST_NAP).await,
                () = tokio::time::sleep(nap) => {}
                Some(done) = self.tasks.join_next(), if !self.tasks.is_empty() => match done {
                    Ok(name) => drop(self.busy.remove(&name)),
                    Err(error) => {
                        tracing::error!(%error, "a webhook's task failed; all are started anew");
                        self.tasks.abort_all();
                        self.busy.clear();
                    }
                },
            }
        }
    }

    /// Starts telling those who are due to be told, and for whom something has happened.
    async fn round(&mut self) -> Result<(), causeway_catalog::Error> {
        let webhooks = self.inner.catalog.webhooks().await?;
        if webhooks.is_empty() {
            return Ok(());
        }
        let (last, now) = (self.inner.catalog.last_event().await?, self.inner.clock.now());
        for webhook in webhooks {
            let name = webhook.record.name.clone();
            if webhook.after < last && webhook.next_at <= now && self.busy.insert(name) {
                let (inner, stopped) = (Arc::clone(&self.inner), self.stopped.clone());
                self.tasks.spawn(async move {
                    let name = webhook.record.name.clone();
                    if let Err(error) = serve(&inner, webhook, stopped).await {
                        tracing::warn!(webhook = %name, %error, "how far a webhook is could not be written");
                    }
                    name
                });
            }
        }
        Ok(())
    }
}

/// Tells a webhook what happened until it is told all, or fails, or the node stops.
async fn serve(
    inner: &Inner,
    webhook: Webhook,
    stopped: watch::Receiver<bool>,
) -> Result<(), causeway_catalog::Error> {
    let Webhook { record, mut after, failures, .. } = webhook;
    let failed = async |failure: Failure, after| {
        tracing::warn!(webhook = %record.name, because = %failure.words, "a webhook was not told; it is tried again");
        let at = retry_at(
            &failure,
            failures.saturating_add(1),
            inner.clock.now(),
            Jitter::random(),
            &inner.policy(),
        );
        note(inner, &record.name, after, failures.saturating_add(1), at, failure.words).await
    };
    let teller = match Teller::new(&record, inner.patience()) {
        Ok(teller) => teller,
        Err(failure) => return failed(failure, after).await,
    };
    while !*stopped.borrow() {
        let told = inner.catalog.events(after, record.kinds.clone(), MAX_TOGETHER).await?;
        if told.last == after {
            break;
        }
        let words = if told.events.is_empty() {
            "nothing for it".to_owned()
        } else {
            match teller.tell(&told.events, inner.clock.now()).await {
                Ok(words) => words,
                Err(failure) => return failed(failure, after).await,
            }
        };
        after = told.last;
        note(inner, &record.name, after, 0, inner.clock.now(), words).await?;
    }
    Ok(())
}

async fn note(
    inner: &Inner,
    name: &RemoteName,
    after: i64,
    failures: u32,
    next_at: Timestamp,
    words: String,
) -> Result<(), causeway_catalog::Error> {
    inner.catalog.webhook_told(name.clone(), after, failures, next_at, words).await
}
