//! Errands: what is owed to a remote beside instances, each on an association of its own. Results of commitments that
//! were asked of us, commitments that we ask for, notices of what is available here; over the web, counts of what is
//! listed there.
//!
//! Lives here: the hub that finds out what is owed, one task per remote and kind of errand that carries it out, and what
//! an answer calls for. Never here: doors, and what is settled (the archive knows).
//!
//! Invariant: an errand is done only when the far side said Success to it, a count when it listed all or cannot. The catalog's table is the truth; the
//! archive's bell a hint.

mod ask;
mod config;
mod count;
mod line;
mod step;
mod tell;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use causeway_archive::CatalogError;
use causeway_catalog::errand::{Count, Counted, Errand, ErrandKind, Task};
use causeway_core::commitment::Request;
use causeway_core::{Remote, RemoteName, Uid};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};

use self::ask::Asked;
pub use self::config::Config;
use self::count::Told;
use self::step::{Attempt, Limits, step};
use crate::backoff::Jitter;
use crate::failure::{Failure, Kind};
use crate::health::{Health, Leave};
use crate::worker::{AFTER_FAILURE, Inner};

/// How long the hub sleeps at most, whatever it was told.
const LONGEST_NAP: Duration = Duration::from_secs(2);
/// How long it waits at least, however often the bell is rung.
const SHORTEST_NAP: Duration = Duration::from_millis(100);
/// Tasks at the same time; what is due to other remotes waits for its turn.
const MAX_TASKS: usize = 16;
/// Associations of one remote that are kept open at the same time for results.
const MAX_LINGERING: usize = 8;

/// Whose errands, and which. One remote may take one kind and not another.
type Course = (RemoteName, ErrandKind);

/// A UID that was never used (PS3.5 §B.2).
fn fresh_uid() -> Uid {
    Uid::of_uuid(uuid::Uuid::new_v4().as_u128())
}

/// Finds out what is owed, and starts whoever carries it out.
pub(crate) struct Hub {
    inner: Arc<Inner>,
    pub(crate) tasks: JoinSet<Option<Failure>>,
    /// For whom each task runs.
    busy: HashMap<Id, Course>,
    /// How those fare that failed: they are left alone for a while.
    health: HashMap<Course, Health>,
    bell: watch::Receiver<u64>,
    stopped: watch::Receiver<bool>,
}

impl Hub {
    pub(crate) fn new(inner: &Arc<Inner>, stopped: watch::Receiver<bool>) -> Self {
        Self {
            inner: Arc::clone(inner),
            tasks: JoinSet::new(),
            busy: HashMap::new(),
            health: HashMap::new(),
            bell: inner.archive.commitment_bell(),
            stopped,
        }
    }

    pub(crate) async fn run(&mut self) {
        loop {
            let nap = match self.round().await {
                Ok(nap) => nap,
                Err(error) => {
                    tracing::warn!(%error, "errands could not be looked after; it is tried again");
                    AFTER_FAILURE
                }
            };
            tokio::select! {
                _ = self.bell.changed() => tokio::time::sleep(SHORTEST_NAP).await,
                () = tokio::time::sleep(nap) => {}
                Some(done) = self.tasks.join_next_with_id(), if !self.tasks.is_empty() => self.ended(done),
            }
        }
    }

    /// What is new is made due, what is due is started; says how long nothing more will be.
    async fn round(&mut self) -> Result<Duration, CatalogError> {
        let Inner { archive, catalog, config, .. } = &*self.inner;
        let settings = &config.errands;
        archive.decide_commitments(settings.settle(), settings.report()).await?;
        let limit = settings.request_instances;
        catalog.gather_commitments(settings.gather(), limit, settings.request(), fresh_uid).await?;
        catalog.gather_counts(settings.gather(), settings.request()).await?;
        let remotes = archive.remotes();
        let told = remotes.iter().filter(|remote| remote.follow.availability);
        let told = told.map(|remote| remote.name.clone()).collect();
        let more = catalog.note_arrivals(told, settings.notice_quiet(), settings.report()).await?;
        for given_up in catalog.expire_errands().await? {
            tracing::warn!(
                kind = given_up.kind.as_str(), uid = %given_up.uid, because = given_up.words,
                remote = given_up.remote.as_ref().map(RemoteName::as_str), "an errand was given up"
            );
        }
        let nap = self.start_due().await?;
        Ok(if more { Duration::ZERO } else { nap })
    }

    async fn start_due(&mut self) -> Result<Duration, CatalogError> {
        let now = self.inner.clock.now();
        let mut nap = LONGEST_NAP;
        for due in self.inner.catalog.errands_due().await? {
            let course = (due.remote, due.kind);
            if self.busy.values().any(|busy| *busy == course) {
                continue;
            }
            let at = match self.health.get(&course).cloned().unwrap_or_default().leave(now) {
                Leave::NotBefore(until) => until.max(due.at),
                Leave::All | Leave::Probe => due.at,
            };
            if at > now {
                nap = nap.min(Duration::try_from(at.duration_since(now)).unwrap_or(nap));
                continue;
            }
            // One that cannot be called gets its results when it calls.
            let remote = self.inner.archive.remote(&course.0).filter(|it| match due.kind {
                ErrandKind::Count => it.dicomweb.is_some(),
                ErrandKind::Result | ErrandKind::Request | ErrandKind::Notice | ErrandKind::Inquiry => {
                    it.dimse_peer().is_some()
                }
            });
            if let Some(remote) = remote
                && self.busy.len() < MAX_TASKS
            {
                self.start(remote, due.kind);
            }
        }
        Ok(nap)
    }

    fn start(&mut self, remote: Remote, kind: ErrandKind) {
        let (inner, stopped, name) = (Arc::clone(&self.inner), self.stopped.clone(), remote.name.clone());
        let courier = Courier { inner, remote, kind, stopped, lingering: JoinSet::new() };
        let task = self.tasks.spawn(courier.run());
        self.busy.insert(task.id(), (name, kind));
    }

    fn ended(&mut self, done: Result<(Id, Option<Failure>), JoinError>) {
        let (id, failure) = match done {
            Ok((id, failure)) => (id, failure),
            Err(error) => {
                tracing::error!(%error, "an errand failed by a fault of ours; its lease lapses");
                (error.id(), Some(Failure::new(Kind::Ours, "it failed by a fault of this program")))
            }
        };
        let Some(course) = self.busy.remove(&id) else { return };
        let health = self.health.remove(&course).unwrap_or_default();
        if let Some(failure) = failure {
            let jitter = Jitter::random();
            let held = health.failed(failure, &*self.inner.clock, jitter, &self.inner.policy());
            self.health.insert(course, held);
        }
    }
}

/// The errands of one kind of one remote, while they are carried out.
struct Courier {
    inner: Arc<Inner>,
    remote: Remote,
    kind: ErrandKind,
    stopped: watch::Receiver<bool>,
    /// Associations on which results may come.
    lingering: JoinSet<()>,
}

impl Courier {
    /// Carries out what is due, one after the other, until nothing is, one fails, or the node stops; gives the failure.
    async fn run(mut self) -> Option<Failure> {
        let failure = self.carry_out_all().await;
        let mut stopped = self.stopped.clone();
        tokio::select! {
            () = async { while self.lingering.join_next().await.is_some() {} } => {}
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
        failure
    }

    async fn carry_out_all(&mut self) -> Option<Failure> {
        let Inner { catalog, config, owner, .. } = &*Arc::clone(&self.inner);
        // Longer than one can take: a call, a request, its answer.
        let lease = config.lease() + config.connect() + config.response() * 2;
        let ours = |error: CatalogError| Failure::new(Kind::Ours, error.to_string());
        while !*self.stopped.borrow() {
            match catalog.claim_errand(self.remote.name.clone(), self.kind, owner.clone(), lease).await {
                Ok(Some(errand)) => match self.carry_out(errand).await {
                    Ok(None) => {}
                    Ok(Some(failure)) => return Some(failure),
                    Err(error) => {
                        tracing::warn!(
                            remote = %self.remote.name, %error, "what became of an errand could not be written"
                        );
                        return Some(ours(error));
                    }
                },
                Ok(None) => return None,
                Err(error) => {
                    tracing::warn!(remote = %self.remote.name, %error, "errands could not be claimed");
                    return Some(ours(error));
                }
            }
        }
        None
    }

    /// One errand; gives its failure.
    async fn carry_out(&mut self, errand: Errand) -> Result<Option<Failure>, CatalogError> {
        let inner = Arc::clone(&self.inner);
        let Errand { id, attempts, task } = errand;
        let (attempt, asked) = match &task {
            Task::Count(count) => match count::look(&inner, &self.remote, count).await {
                Ok(told) => return self.counted(id, count, told).await.map(|()| None),
                Err(failure) => (Attempt::Failed(failure), None),
            },
            Task::Result(_) | Task::Request(_) | Task::Notice(_) => self.attempt(&task).await,
        };
        let (status, words) = match &attempt {
            Attempt::Done => (None, "the far side has taken it".to_owned()),
            Attempt::Asked => (None, "the far side was asked; its result is awaited".to_owned()),
            Attempt::Failed(failure) => {
                tracing::warn!(
                    remote = %self.remote.name, errand = id, kind = self.kind.as_str(), because = failure.words,
                    "an errand failed; it is tried again"
                );
                (failure.status, failure.words.clone())
            }
        };
        let limits = Limits { ceiling: inner.policy().ceiling, result: inner.config.errands.result() };
        let fresh = matches!(task, Task::Request(_)).then(fresh_uid);
        let next = step(&attempt, attempts, inner.clock.now(), Jitter::random(), &limits, fresh);
        inner.catalog.conclude_errand(id, inner.owner.clone(), next, status, words).await?;
        if let (Some(asked), Task::Request(request)) = (asked, task) {
            self.linger(asked, request).await;
        }
        Ok(match attempt {
            Attempt::Failed(failure) => Some(failure),
            Attempt::Done | Attempt::Asked => None,
        })
    }

    /// Writes what the far side listed.
    async fn counted(&self, id: i64, count: &Count, told: Told) -> Result<(), CatalogError> {
        let Inner { catalog, config, clock, owner, .. } = &*self.inner;
        let remote = &self.remote.name;
        let (counted, words) = count::judge(told, count, remote, clock.now(), config.errands.looks());
        match &counted {
            Counted::Whole => {}
            Counted::Again(..) => tracing::info!(%remote, errand = id, told = words, "not all is listed yet"),
            Counted::Lacking(_) => {
                tracing::warn!(%remote, errand = id, study.uid = %count.study, told = words, "not all that was delivered is listed");
            }
            Counted::CannotBeAsked => {
                tracing::info!(%remote, errand = id, told = words, "nothing is counted")
            }
        }
        catalog.conclude_count(id, owner.clone(), counted, words).await
    }

    /// Does what is to be done; gives the association on which the result of a request may come.
    async fn attempt(&self, task: &Task) -> (Attempt, Option<Asked>) {
        let (inner, remote) = (&*self.inner, &self.remote);
        let done = match task {
            Task::Result(settlement) => tell::result(inner, remote, settlement).await,
            Task::Notice(study) => tell::availability(inner, remote, study).await,
            Task::Count(count) => count::look(inner, remote, count).await.map(drop),
            Task::Request(request) => {
                return match ask::request(inner, remote, request).await {
                    Ok(asked) => (Attempt::Asked, Some(asked)),
                    Err(failure) => (Attempt::Failed(failure), None),
                };
            }
        };
        (done.map_or_else(Attempt::Failed, |()| Attempt::Done), None)
    }

    /// Hears on an association that was used to ask for a while, beside whatever is due next.
    async fn linger(&mut self, asked: Asked, request: Request) {
        if self.lingering.len() >= MAX_LINGERING {
            self.lingering.join_next().await;
        }
        let (inner, remote, mut stopped) =
            (Arc::clone(&self.inner), self.remote.name.clone(), self.stopped.clone());
        self.lingering.spawn(async move {
            tokio::select! {
                () = ask::listen(&inner, &remote, asked, &request, inner.config.errands.linger()) => {}
                _ = stopped.wait_for(|stopped| *stopped) => {}
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_uid_is_one_and_never_the_same() {
        let (one, other) = (fresh_uid(), fresh_uid());
        assert!(one.as_str().starts_with("2.25.") && one.as_str().len() <= 64);
        assert_ne!(one, other);
    }
}
