//! How settling stands: whether the store is away, since when and why; when something settled last; which spooled objects are
//! damaged. A change is given out once, for whoever tells of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use causeway_core::ObjectKey;
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

/// How long a damaged object is passed over, before it is looked at again: someone may have put the file back.
const DAMAGED_FOR: Duration = Duration::from_secs(3600);
/// Most damaged objects that are remembered; more are looked at each time.
const MAX_DAMAGED: usize = 10_000;
/// How often it is told that the store fails now and then.
const FALTERING_TOLD_EVERY: Duration = Duration::from_secs(60);

/// A store that is away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Away {
    /// Since when.
    pub since: Timestamp,
    /// What it said last, or that it said nothing.
    pub because: String,
}

/// How settling stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SettlingReport {
    /// Objects that wait in the spool.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// That the store is away.
    pub away: Option<Away>,
    /// Seconds since an object settled last; none: none did since the start.
    pub idle_seconds: Option<u64>,
    /// Spooled objects that are not what came, and do not settle.
    pub damaged: Vec<ObjectKey>,
}

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// The store is away, since this is what it said.
    Away(String),
    /// It is back, and was away since then.
    Back(Timestamp),
    /// It fails for some objects and not for others.
    Falters(String),
}

#[derive(Default)]
pub(super) struct Standing(Mutex<State>);

#[derive(Default)]
struct State {
    away: Option<Away>,
    settled_at: Option<Timestamp>,
    damaged: BTreeMap<ObjectKey, Instant>,
    faltering_told: Option<Instant>,
}

impl Standing {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing would settle, and the store is to blame.
    pub(super) fn failed(&self, now: Timestamp, because: String) -> Option<Change> {
        let mut state = self.state();
        let is_new = state.away.is_none();
        let since = state.away.as_ref().map_or(now, |away| away.since);
        state.away = Some(Away { since, because: because.clone() });
        is_new.then_some(Change::Away(because))
    }

    /// Something settled.
    pub(super) fn succeeded(&self, now: Timestamp) -> Option<Change> {
        let mut state = self.state();
        state.settled_at = Some(now);
        state.away.take().map(|away| Change::Back(away.since))
    }

    /// Something settled, and something else did not.
    pub(super) fn faltered(&self, now: Instant, because: String) -> Option<Change> {
        let mut state = self.state();
        let is_told =
            state.faltering_told.is_some_and(|told| now.duration_since(told) < FALTERING_TOLD_EVERY);
        if is_told || state.away.is_some() {
            return None;
        }
        state.faltering_told = Some(now);
        Some(Change::Falters(because))
    }

    /// Gives whether this was not known.
    pub(super) fn damaged(&self, object: &ObjectKey) -> bool {
        let mut state = self.state();
        if state.damaged.len() >= MAX_DAMAGED && !state.damaged.contains_key(object) {
            return true;
        }
        state.damaged.insert(object.clone(), Instant::now()).is_none()
    }

    /// Whether an object is known to be damaged, and need not be looked at again yet.
    pub(super) fn is_damaged(&self, object: &ObjectKey) -> bool {
        let found_at = self.state().damaged.get(object).copied();
        found_at.is_some_and(|at| at.elapsed() < DAMAGED_FOR)
    }

    /// It settled, or is gone.
    pub(super) fn forget(&self, object: &ObjectKey) {
        self.state().damaged.remove(object);
    }

    pub(super) fn is_away(&self) -> bool {
        self.state().away.is_some()
    }

    pub(super) fn away(&self) -> Option<Away> {
        self.state().away.clone()
    }

    pub(super) fn report(&self, now: Timestamp, (objects, bytes): (u64, u64)) -> SettlingReport {
        let state = self.state();
        let idle = state.settled_at.map(|at| now.as_second().saturating_sub(at.as_second()));
        SettlingReport {
            objects,
            bytes,
            away: state.away.clone(),
            idle_seconds: idle.map(|seconds| u64::try_from(seconds).unwrap_or_default()),
            damaged: state.damaged.keys().cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn that_a_store_goes_away_and_comes_back_is_told_once_each() {
        let standing = Standing::default();
        assert_eq!(standing.failed(at(1), "refused".to_owned()), Some(Change::Away("refused".to_owned())));
        assert_eq!(standing.failed(at(2), "no answer".to_owned()), None);
        assert_eq!(standing.away(), Some(Away { since: at(1), because: "no answer".to_owned() }));
        assert_eq!(standing.succeeded(at(3)), Some(Change::Back(at(1))));
        assert_eq!(standing.succeeded(at(4)), None);
        let report = standing.report(at(10), (2, 20));
        assert_eq!((report.objects, report.bytes, report.away, report.idle_seconds), (2, 20, None, Some(6)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_damaged_object_is_told_once_and_looked_at_again_after_an_hour() {
        let standing = Standing::default();
        let object = ObjectKey::parse("0193520a7b3c7def8123456789abcdef").unwrap();
        assert!(standing.damaged(&object) && !standing.damaged(&object));
        assert!(standing.is_damaged(&object));
        tokio::time::advance(DAMAGED_FOR).await;
        assert!(!standing.is_damaged(&object) && !standing.damaged(&object));
        standing.forget(&object);
        assert_eq!(standing.report(at(0), (0, 0)).damaged, []);
    }
}
