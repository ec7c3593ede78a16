//! How fast bytes go out to a remote: over all its lines together no faster than it may, and what is urgent before what is
//! not.
//!
//! Whoever sends asks for leave before each piece: [`Throttle::take`]. A throttle is had of the remote as it is; when its
//! limits change, those that have one are held to the new ones. It stands here, and not with deliveries, because what other
//! doors send to a remote shares its limits with them.
//!
//! Lives here: the waiting; `bucket`, pure, says how long. Never here: what is sent.

mod bucket;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use causeway_core::{Bandwidth, Clock, Priority, Remote, RemoteName};
use tokio::sync::{Mutex as Turn, Notify};
use tokio::time::Instant;

use crate::Archive;
use bucket::{Bucket, Grant};

/// The throttles of all remotes.
pub(crate) struct Throttles {
    clock: Arc<dyn Clock>,
    all: Mutex<HashMap<RemoteName, Arc<Shared>>>,
}

impl Archive {
    /// The throttle of `remote`, held to its limits as they are.
    #[must_use]
    pub fn throttle(&self, remote: &Remote) -> Throttle {
        self.inner.throttles.of(remote)
    }
}

/// The throttle of one remote. All clones, and all that were had of one remote, are one.
#[derive(Clone)]
pub struct Throttle(Arc<Shared>);

struct Shared {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Of each priority one asks at a time, in the order in which they came.
    turns: [Turn<()>; Priority::ALL.len()],
    /// Rung when something was taken: another may be next.
    taken: Notify,
}

struct State {
    bandwidth: Bandwidth,
    bucket: Bucket,
}

impl Throttles {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, all: Mutex::default() }
    }

    fn of(&self, remote: &Remote) -> Throttle {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = all.entry(remote.name.clone()).or_insert_with(|| {
            let state = State { bandwidth: Bandwidth::default(), bucket: Bucket::new(Instant::now()) };
            Arc::new(Shared {
                clock: Arc::clone(&self.clock),
                state: Mutex::new(state),
                turns: Default::default(),
                taken: Notify::new(),
            })
        });
        shared.lock().bandwidth = remote.bandwidth.clone();
        Throttle(Arc::clone(shared))
    }
}

impl std::fmt::Debug for Throttle {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_tuple("Throttle").field(&self.0.lock().bandwidth).finish()
    }
}

impl Throttle {
    /// Waits until some of `wanted` bytes may go out; says how many: 1 to `wanted`. Dropped while it waits, it has taken
    /// nothing.
    pub async fn take(&self, priority: Priority, wanted: usize) -> usize {
        let shared = &*self.0;
        if wanted == 0 || shared.lock().bandwidth.is_unlimited() {
            return wanted;
        }
        let _turn = match shared.turns.get(priority as usize) {
            Some(turn) => Some(turn.lock().await),
            None => None,
        };
        let _wish = Wish::of(shared, priority);
        loop {
            let taken = shared.taken.notified();
            match shared.ask(priority, wanted) {
                Grant::Bytes(bytes) => {
                    shared.taken.notify_waiters();
                    return bytes.max(1);
                }
                Grant::After(time) => {
                    tokio::select! {
                        () = tokio::time::sleep(time) => {}
                        () = taken => {}
                    }
                }
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, priority: Priority, wanted: usize) -> Grant {
        let mut state = self.lock();
        let rate = state.bandwidth.at(self.clock.now()).map(causeway_core::bandwidth::Rate::bytes_per_second);
        state.bucket.take(priority, wanted, rate, Instant::now())
    }
}

/// That one of a priority waits, as long as it does.
struct Wish<'a> {
    shared: &'a Shared,
    priority: Priority,
}

impl<'a> Wish<'a> {
    fn of(shared: &'a Shared, priority: Priority) -> Self {
        shared.lock().bucket.wants(priority, true, Instant::now());
        Self { shared, priority }
    }
}

impl Drop for Wish<'_> {
    fn drop(&mut self) {
        self.shared.lock().bucket.wants(self.priority, false, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use causeway_core::ManualClock;
    use jiff::Timestamp;

    use super::*;

    fn remote(limit: &str) -> Remote {
        let bandwidth = Bandwidth::new(vec![limit.parse().unwrap()]).unwrap();
        Remote { bandwidth, ..Remote::named("far".parse().unwrap()) }
    }

    fn throttles() -> Throttles {
        Throttles::new(Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH)))
    }

    /// Takes so many bytes, piece by piece.
    async fn send(throttle: Throttle, priority: Priority, mut bytes: usize) {
        while bytes > 0 {
            bytes -= throttle.take(priority, bytes.min(8 * 1024)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn all_that_send_to_a_remote_share_its_limit() {
        let throttles = throttles();
        let begun = Instant::now();
        let sends = (0..4).map(|_| {
            let throttle = throttles.of(&remote("1MB/s"));
            tokio::spawn(send(throttle, Priority::Routine, 500_000))
        });
        for sent in sends.collect::<Vec<_>>() {
            sent.await.unwrap();
        }
        let took = begun.elapsed().as_secs_f64();
        assert!((1.9..2.3).contains(&took), "{took}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_urgent_does_not_wait_behind_what_is_not_and_that_is_not_starved() {
        let throttles = throttles();
        let throttle = throttles.of(&remote("1MB/s"));
        let bulk = tokio::spawn(send(throttle.clone(), Priority::Bulk, 20_000_000));
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        let begun = Instant::now();
        send(throttle.clone(), Priority::Stat, 1_600_000).await;
        let took = begun.elapsed().as_secs_f64();
        assert!((1.6..2.0).contains(&took), "{took}");
        bulk.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_that_is_changed_holds_for_those_that_send() {
        let throttles = throttles();
        let throttle = throttles.of(&remote("64kbit/s"));
        let begun = Instant::now();
        let sending = tokio::spawn(send(throttle, Priority::Routine, 1_000_000));
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        drop(throttles.of(&Remote::named("far".parse().unwrap())));
        sending.await.unwrap();
        assert!(begun.elapsed() < std::time::Duration::from_secs(3));
    }
}
