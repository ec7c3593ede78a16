//! Collecting: what a paired node has for this one, where only this one can call. One task for each remote that is called
//! over a link: it asks whether there is anything, waits for the answer, takes what there is, and asks again.
//!
//! ```text
//!            nothing, or something was taken
//!          ┌─────────┐
//!          ▼         │
//!   ──► asking ──────┴──── failed ────► resting, longer each time ────► asking
//! ```
//! Lives here: the hub that keeps those tasks; in `fetch` one question and what is taken. Never here: what becomes of an
//! instance (`causeway_archive::link::intake`), and what is given to others (`sender/link`).

mod fetch;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use causeway_core::{Permission, Remote, RemoteName};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use crate::backoff::{Jitter, pause};
use crate::failure::{Failure, Kind};
use crate::worker::Inner;

/// How often it is looked whether remotes were added, changed or removed.
const NAP: Duration = Duration::from_secs(1);
/// Most remotes from which is collected.
const MAX_REMOTES: usize = 256;
/// Longest pause after a question that failed: it is one request.
const CEILING: Duration = Duration::from_secs(60);
/// Pause after a line broke that had worked.
const AFTER_BREAK: Duration = Duration::from_millis(500);

/// Keeps a task for each remote from which is collected.
pub(crate) struct Hub {
    inner: Arc<Inner>,
    pub(crate) tasks: JoinSet<()>,
    running: HashMap<RemoteName, (Remote, AbortHandle)>,
    stopped: watch::Receiver<bool>,
}

impl Hub {
    pub(crate) fn new(inner: &Arc<Inner>, stopped: watch::Receiver<bool>) -> Self {
        Self { inner: Arc::clone(inner), tasks: JoinSet::new(), running: HashMap::new(), stopped }
    }

    pub(crate) async fn run(&mut self) {
        loop {
            self.reconcile();
            tokio::select! {
                () = tokio::time::sleep(NAP) => {}
                Some(done) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    if let Err(error) = done && error.is_panic() {
                        tracing::error!(%error, "collecting failed by a fault of this program; it is begun anew");
                        tokio::time::sleep(NAP).await;
                    }
                }
            }
        }
    }

    /// Ends what is for a remote that is not as it was, begins what is missing.
    fn reconcile(&mut self) {
        let remotes = self.inner.archive.remotes();
        let wanted =
            |remote: &&Remote| remote.callable_link().is_some() && remote.allow.allow(Permission::Store);
        self.running.retain(|name, (known, task)| {
            let is_same = remotes.iter().filter(wanted).any(|it| it.name == *name && it == known);
            if !is_same {
                // An instance in the middle waits for the rest.
                task.abort();
            }
            is_same && !task.is_finished()
        });
        for remote in remotes.iter().filter(wanted).take(MAX_REMOTES) {
            if !self.running.contains_key(&remote.name) {
                let (inner, stopped) = (Arc::clone(&self.inner), self.stopped.clone());
                let of = remote.clone();
                let task = self.tasks.spawn(async move { collect(&inner, &of, stopped).await });
                self.running.insert(remote.name.clone(), (remote.clone(), task));
            }
        }
    }
}

/// Asks one remote, again and again, until the node stops.
async fn collect(inner: &Inner, remote: &Remote, mut stopped: watch::Receiver<bool>) {
    tokio::select! {
        () = ask_for_ever(inner, remote) => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}

async fn ask_for_ever(inner: &Inner, remote: &Remote) {
    let mut failures = 0;
    loop {
        match fetch::fetch(inner, remote, &mut failures).await {
            Ok(()) => {}
            Err(failure) => {
                failures += 1;
                tell(remote, &failure, failures);
                tokio::time::sleep(rest(&failure, failures)).await;
            }
        }
    }
}

/// How long nothing is asked after so many failures in a row, the last of which was this.
fn rest(failure: &Failure, failures: u32) -> Duration {
    let least = failure.not_before.unwrap_or_default().min(CEILING);
    match failures {
        0 | 1 if failure.kind == Kind::Transient => least.max(AFTER_BREAK),
        _ => least.max(pause(failure.kind, failures.saturating_sub(1), Jitter::random(), CEILING)),
    }
}

/// Once when it begins, and then at a debug level: it may go on for days.
fn tell(remote: &Remote, failure: &Failure, failures: u32) {
    if failures == 2 {
        tracing::warn!(remote = %remote.name, because = %failure.words, "nothing can be collected there; it is tried again");
    } else {
        tracing::debug!(remote = %remote.name, because = %failure.words, failures, "nothing was collected");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_broke_is_tried_at_once_and_one_that_stays_broken_each_minute() {
        let broke = Failure::new(Kind::Transient, "the line broke");
        assert_eq!(rest(&broke, 1), AFTER_BREAK);
        assert!((Duration::from_millis(2500)..=Duration::from_secs(5)).contains(&rest(&broke, 2)));
        for failures in [20, 1000, u32::MAX] {
            assert!((CEILING / 2..=CEILING).contains(&rest(&broke, failures)));
        }
    }

    #[test]
    fn one_that_asks_for_time_is_given_it_within_bounds() {
        let asks = |seconds| Failure {
            not_before: Some(Duration::from_secs(seconds)),
            ..Failure::new(Kind::Exhausted, "busy")
        };
        assert_eq!(rest(&asks(45), 1).max(Duration::from_secs(45)), rest(&asks(45), 1));
        assert_eq!(rest(&asks(100_000), 1), CEILING);
    }
}
