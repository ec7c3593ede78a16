//! Who is kept when: one at a time of each instance, and none while something is deleted.
//!
//! A replay has the spool's files alone to go by. It takes those of one instance in the order of their names, and
//! compares the moment in each with that of a deletion. So name and moment are given in the order in which the catalog
//! hears of what happened, or a loss of power could bring back what was refused in place of what was acknowledged.

use std::hash::{BuildHasher as _, RandomState};

use causeway_core::Uid;
use tokio::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Instances that may be kept at the same time, at most: two that share a place wait for each other, needlessly.
const PLACES: usize = 256;

/// The turns.
pub(crate) struct Turns {
    all: RwLock<()>,
    places: [Mutex<()>; PLACES],
    hasher: RandomState,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            all: RwLock::default(),
            places: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
        }
    }
}

/// Somebody's turn, until it is dropped.
pub(crate) type Turn<'a> = (RwLockReadGuard<'a, ()>, Option<MutexGuard<'a, ()>>);

impl Turns {
    /// Waits for the turn of an instance.
    pub(crate) async fn of(&self, instance: &Uid) -> Turn<'_> {
        let place = usize::try_from(self.hasher.hash_one(instance) % PLACES as u64).unwrap_or_default();
        let all = self.all.read().await;
        match self.places.get(place) {
            Some(place) => (all, Some(place.lock().await)),
            None => (all, None),
        }
    }

    /// Waits until nothing is being kept, and holds up what comes.
    pub(crate) async fn all(&self) -> RwLockWriteGuard<'_, ()> {
        self.all.write().await
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn uid(text: &str) -> Uid {
        Uid::parse(text).unwrap()
    }

    #[tokio::test]
    async fn one_instance_is_kept_at_a_time_and_others_beside_it() {
        let turns = Turns::default();
        let first = turns.of(&uid("1.1")).await;
        assert!(turns.of(&uid("1.1")).now_or_never().is_none());
        let beside = (2..20).filter(|last| turns.of(&uid(&format!("1.{last}"))).now_or_never().is_some());
        assert!(beside.count() > 1);
        drop(first);
        assert!(turns.of(&uid("1.1")).now_or_never().is_some());
    }

    #[tokio::test]
    async fn nothing_is_kept_while_something_is_deleted() {
        let turns = Turns::default();
        let kept = turns.of(&uid("1.1")).await;
        assert!(turns.all().now_or_never().is_none());
        drop(kept);
        let deleted = turns.all().await;
        assert!(turns.of(&uid("1.2")).now_or_never().is_none());
        drop(deleted);
        assert!(turns.of(&uid("1.2")).now_or_never().is_some());
    }
}
