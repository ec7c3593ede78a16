//! Outcomes on their way into the catalog: stepped at once, written in small groups.

use std::collections::BTreeMap;
use std::time::Duration;

use causeway_catalog::delivery::{Afterwards, Claimed, JobState, Last, Update};
use causeway_core::RemoteName;
use tokio::time::Instant;

use super::Inner;
use crate::backoff::Jitter;
use crate::failure::{Failure, Kind};
use crate::job::{Next, Outcome, State, step};

/// Outcomes that are written together at most: a synced commit each.
const MAX_TOGETHER: usize = 64;
/// How long an outcome waits for company.
const MAX_WAIT: Duration = Duration::from_millis(500);

/// The outcomes of one batch, and of what is claimed while it is sent.
pub(super) struct Outcomes<'a> {
    inner: &'a Inner,
    remote: &'a RemoteName,
    /// Jobs of which nothing was told yet, with their attempts.
    open: BTreeMap<i64, u32>,
    pending: Vec<Update>,
    /// What follows a delivery to this remote.
    afterwards: Afterwards,
    /// Whether it is asked what it lists of what it was sent over the web.
    is_counted: bool,
    since: Instant,
    was_answered: bool,
}

impl<'a> Outcomes<'a> {
    pub(super) fn new(inner: &'a Inner, remote: &'a RemoteName) -> Self {
        // Commitment is a service of the DIMSE side, asked of whoever was sent to over it; a count one of the web's.
        let now = inner.archive.remote(remote);
        let asks = now
            .as_ref()
            .is_some_and(|it| it.follow.commitment && it.dicomweb.is_none() && it.sending_link().is_none());
        let is_counted = now.is_some_and(|it| !it.follow.no_count);
        let afterwards = if asks { Afterwards::AskCommitment } else { Afterwards::Nothing };
        Self {
            inner,
            remote,
            open: BTreeMap::new(),
            pending: Vec::new(),
            afterwards,
            is_counted,
            since: Instant::now(),
            was_answered: false,
        }
    }

    /// These are to be told of.
    pub(super) fn open(&mut self, claimed: &[Claimed]) {
        self.open.extend(claimed.iter().map(|job| (job.job, job.attempts)));
    }

    /// Whether the far side said something of some instance: only then is it known to be well.
    pub(super) const fn was_answered(&self) -> bool {
        self.was_answered
    }

    /// Writes what is left; jobs of which nothing was told go back, with the destination's failure in words.
    pub(super) async fn finish(&mut self, because: Option<&Failure>) -> Result<(), causeway_catalog::Error> {
        for (job, attempts) in std::mem::take(&mut self.open) {
            let next = self.step(attempts, &Outcome::NotSent);
            let mut update = update(job, next, Afterwards::Nothing);
            update.last = because.map(|failure| Last {
                class: Some(failure.kind.class()),
                status: failure.status,
                words: failure.words.clone(),
            });
            self.pending.push(update);
        }
        self.flush().await
    }

    /// A broken line is held against the instance when it alone breaks it: such an answer counts as unclear.
    fn judged(&self, job: i64, outcome: &Outcome) -> Outcome {
        match outcome {
            Outcome::Delivered(_) | Outcome::Stored(..) | Outcome::Proven(_) => {
                self.inner.breakers(self.remote, |breakers| breakers.delivered(job))
            }
            Outcome::Failed(failure) if failure.kind == Kind::Transient => {
                if self.inner.breakers(self.remote, |breakers| breakers.broke(job)) {
                    return Outcome::Failed(Failure { kind: Kind::Unclear, ..failure.clone() });
                }
            }
            Outcome::Gone => self.inner.breakers(self.remote, |breakers| breakers.forget(job)),
            Outcome::Failed(_) | Outcome::NotSent => {}
        }
        outcome.clone()
    }

    fn step(&self, attempts: u32, outcome: &Outcome) -> Next {
        step(attempts, outcome, self.inner.clock.now(), Jitter::random(), &self.inner.policy())
    }

    async fn flush(&mut self) -> Result<(), causeway_catalog::Error> {
        let updates = std::mem::take(&mut self.pending);
        self.since = Instant::now();
        if updates.is_empty() {
            return Ok(());
        }
        self.inner.catalog.conclude(updates, self.inner.owner.clone()).await
    }
}

impl Outcomes<'_> {
    /// One job is decided.
    pub(super) async fn tell(
        &mut self,
        job: &Claimed,
        outcome: &Outcome,
    ) -> Result<(), causeway_catalog::Error> {
        let Some(attempts) = self.open.remove(&job.job) else { return Ok(()) };
        self.was_answered |= is_answer(outcome);
        let outcome = self.judged(job.job, outcome);
        let next = self.step(attempts, &outcome);
        if let State::Parked = next.state {
            self.inner.breakers(self.remote, |breakers| breakers.forget(job.job));
            let words = next.last.as_ref().map(|last| last.words.as_str()).unwrap_or_default();
            tracing::warn!(job = job.job, route = %job.route, because = words, "an instance was parked");
        }
        let afterwards = match &outcome {
            Outcome::Proven(receipt) => Afterwards::Proven(receipt.clone()),
            Outcome::Stored(_, sent_as) if self.is_counted => Afterwards::AskListing(sent_as.clone()),
            Outcome::Stored(..) => Afterwards::Nothing,
            Outcome::Delivered(_) | Outcome::Failed(_) | Outcome::NotSent | Outcome::Gone => {
                self.afterwards.clone()
            }
        };
        self.pending.push(update(job.job, next, afterwards));
        if self.pending.len() >= MAX_TOGETHER || self.since.elapsed() >= MAX_WAIT {
            self.flush().await?;
        }
        Ok(())
    }
}

/// Whether the far side said this. What failed of our own doing, or with the line, says nothing of how it fares.
fn is_answer(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Delivered(_) | Outcome::Stored(..) | Outcome::Proven(_) => true,
        Outcome::Failed(failure) => matches!(failure.kind, Kind::Permanent | Kind::Unclear),
        Outcome::NotSent | Outcome::Gone => false,
    }
}

fn update(job: i64, next: Next, afterwards: Afterwards) -> Update {
    let (state, retry_at) = match next.state {
        State::RetryAt(at) => (JobState::Waiting, Some(at)),
        State::Delivered => (JobState::Delivered, None),
        State::Parked => (JobState::Parked, None),
        State::Cancelled => (JobState::Cancelled, None),
    };
    let last = next.last.map(|last| Last { class: last.class, status: last.status, words: last.words });
    Update { job, state, retry_at, attempts: next.attempts, last, afterwards }
}
