//! Visits: what an administrator has the node do at a remote at once, and watches while it is done: ask what it has
//! (`find`), have it give instances (`retrieve`, by C-GET in `pull`, by C-MOVE in `moved` or by WADO-RS in `wado`), give it files (`send`).
//!
//! All of them stand here, and not in a door, because each is a call of ours: it needs what this room knows of a remote
//! and of ourselves, as a delivery does. Never here: HTTP; the queue: a visit that fails is not tried again by itself.
//!
//! A visit runs in a task of its own, so that it can take leave of the remote in order (C-CANCEL, release) when
//! nobody listens any more. [`Visit`] is what is heard of it; dropping it stops the visit.

mod find;
mod moved;
mod pull;
mod retrieve;
mod send;
pub(crate) mod survey;
mod wado;
mod words;

use std::sync::Arc;

use causeway_archive::AccessError;
use causeway_core::{Permission, Principal, Remote, RemoteName, Status};
use causeway_dimse::Timeouts;
use causeway_dimse::scu::Call;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

pub use find::{FindEnd, FindLine, MAX_KEYS, Question, QuestionError, Root, Scope};
pub use retrieve::{Counts, Retrieval, RetrieveEnd, RetrieveLine, Way, With};
pub use send::{FileLine, Files, SendEnd, SendLine};

use crate::sender;
use crate::worker::{Forwarder, Inner};

/// Visits under way at once.
pub const MAX_VISITS: usize = 8;
/// Lines that wait for whoever listens; the visit, and with it the remote, waits with one more.
const LINES_AHEAD: usize = 64;

/// Why a visit is not run.
#[derive(Debug, thiserror::Error)]
pub enum VisitError {
    /// The caller is no administrator.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// There is no remote of this name.
    #[error("there is no remote '{0}'")]
    NoRemote(RemoteName),
    /// What is asked for cannot be.
    #[error(transparent)]
    Question(#[from] QuestionError),
    /// There is no room for another.
    #[error("{MAX_VISITS} visits are under way; try again when one is done")]
    Busy,
}

/// What is heard of a visit, line by line, until its end. Dropped, it stops the visit.
#[derive(Debug)]
pub struct Visit<L> {
    lines: mpsc::Receiver<L>,
    stopping: watch::Receiver<bool>,
}

impl<L> Visit<L> {
    /// The next line; none when all is told, or the node stops.
    pub async fn next(&mut self) -> Option<L> {
        tokio::select! {
            biased;
            line = self.lines.recv() => line,
            _ = self.stopping.wait_for(|stopping| *stopping) => None,
        }
    }
}

/// Places for visits; all of them free: none is under way.
pub(crate) struct Places {
    free: Arc<Semaphore>,
    stopping: watch::Sender<bool>,
}

impl Default for Places {
    fn default() -> Self {
        Self { free: Arc::new(Semaphore::new(MAX_VISITS)), stopping: watch::Sender::new(false) }
    }
}

impl Places {
    fn take(&self) -> Result<OwnedSemaphorePermit, VisitError> {
        Arc::clone(&self.free).try_acquire_owned().map_err(|_| VisitError::Busy)
    }

    /// Completes when no visit is under way.
    pub(crate) async fn drained(&self) {
        let all = u32::try_from(MAX_VISITS).unwrap_or(u32::MAX);
        let _ = self.free.acquire_many(all).await;
    }
}

/// Leaves only characters that harm no line, and not too many: the words are a remote's.
fn said(comment: Option<&str>) -> String {
    comment.map(|comment| crate::failure::clean(comment.trim())).unwrap_or_default()
}

/// A status as it is told: four hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told(pub Status);

impl Serialize for Told {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:04X}", self.0.0))
    }
}

impl Forwarder {
    /// Stops every visit: the node stops. They take leave of their remotes until [`Self::run_until`] ends.
    pub fn stop_visits(&self) {
        self.inner.visits.stopping.send_replace(true);
    }

    /// Turns true when the node stops: whoever is told something without an end is told no more.
    #[must_use]
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.inner.visits.stopping.subscribe()
    }

    /// The remote of a visit, for an administrator.
    fn remote_for(&self, principal: &Principal, name: &RemoteName) -> Result<Remote, VisitError> {
        causeway_archive::access::allow(principal, Permission::Admin)?;
        self.inner.archive.remote(name).ok_or_else(|| VisitError::NoRemote(name.clone()))
    }

    /// Sets out: runs what `visit` makes of the sender of lines, in a task of its own that holds a place until it
    /// is done.
    fn set_out<L, F>(&self, visit: impl FnOnce(mpsc::Sender<L>) -> F) -> Result<Visit<L>, VisitError>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let place = self.inner.visits.take()?;
        let (lines, heard) = mpsc::channel(LINES_AHEAD);
        let visit = visit(lines);
        tokio::spawn(async move {
            visit.await;
            drop(place);
        });
        Ok(Visit { lines: heard, stopping: self.inner.visits.stopping.subscribe() })
    }
}

impl Inner {
    /// How `remote` is called for a visit, without contexts yet; in words why it is not.
    fn call(&self, remote: &Remote) -> Result<Call, String> {
        let mut call =
            sender::call(remote, &self.caller, self.patience()).map_err(|failure| failure.words)?;
        // It may search for long before it says anything.
        let idle = &mut call.settings.timeouts.idle;
        *idle = Timeouts::default().idle.max(*idle);
        Ok(call)
    }
}
