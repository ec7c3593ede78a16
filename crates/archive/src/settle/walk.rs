//! What comes after a round of settling, pure: where the next begins, and when.
//!
//! Objects that would not settle are passed over, so that they hide no others, and are come back to when the end of the queue
//! is reached. A store that settles nothing is asked again after pauses that grow.

use std::time::Duration;

use super::AFTER_FAILURE;

/// The first pause after a round in which the store failed and nothing settled; each doubles the one before.
const FIRST_PAUSE: Duration = AFTER_FAILURE;
/// The longest.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What came of a round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Round {
    /// Objects that were in the queue from where it began.
    pub(super) asked: u32,
    /// Those of them that are known not to settle, and were not tried.
    pub(super) passed_over: u32,
    /// Those that settled.
    pub(super) settled: u32,
    /// Those that would not.
    pub(super) failed: u32,
    /// Those of them for which the store is to blame.
    pub(super) failed_by_store: u32,
    /// Those that it did not come to.
    pub(super) not_tried: u32,
}

/// When the next round is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    AtOnce,
    After(Duration),
    /// When there is more, or after a while.
    WhenRung,
}

/// The walk along the queue.
#[derive(Debug, Default)]
pub(super) struct Walk {
    skip: u32,
    /// Whether something was left behind that may settle if it is tried again.
    is_left: bool,
    failures: u32,
}

impl Walk {
    /// How many at the front of the queue are passed over.
    pub(super) const fn skip(&self) -> u32 {
        self.skip
    }

    pub(super) fn after(&mut self, round: Round) -> Next {
        if round.asked == 0 {
            if self.skip == 0 {
                // What failed was deleted since: nothing waits for the store any more.
                *self = Self::default();
            }
            let is_left = std::mem::take(&mut self.is_left);
            self.skip = 0;
            return match self.failures {
                0 if is_left => Next::After(AFTER_FAILURE),
                0 => Next::WhenRung,
                failures => Next::After(pause(failures)),
            };
        }
        self.skip = self.skip.saturating_add(round.failed).saturating_add(round.passed_over);
        self.is_left |= round.failed > 0;
        if round.settled > 0 {
            self.failures = 0;
            return Next::AtOnce;
        }
        if round.failed_by_store > 0 {
            self.failures = self.failures.saturating_add(1);
            return Next::After(pause(self.failures));
        }
        if round.not_tried > 0 { Next::After(AFTER_FAILURE) } else { Next::AtOnce }
    }
}

fn pause(failures: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
    doubled.min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: Round =
        Round { asked: 0, passed_over: 0, settled: 0, failed: 0, failed_by_store: 0, not_tried: 0 };

    #[test]
    fn a_store_that_is_away_is_asked_after_pauses_that_grow_to_a_minute_and_at_once_when_it_is_back() {
        let mut walk = Walk::default();
        let away = Round { asked: 100, failed: 4, failed_by_store: 4, not_tried: 96, ..EMPTY };
        let pauses: Vec<_> = (0..6).map(|_| walk.after(away)).collect();
        let expected = [5, 10, 20, 40, 60, 60].map(|seconds| Next::After(Duration::from_secs(seconds)));
        assert_eq!(pauses, expected);
        assert_eq!(walk.skip(), 24, "the next that are tried are others");
        assert_eq!(walk.after(EMPTY), Next::After(LONGEST_PAUSE), "the end of the queue is no success");
        assert_eq!(walk.skip(), 0);
        assert_eq!(walk.after(Round { asked: 100, settled: 100, ..EMPTY }), Next::AtOnce);
        assert_eq!(walk.after(EMPTY), Next::WhenRung);
    }

    #[test]
    fn what_will_not_settle_is_passed_over_and_come_back_to() {
        let mut walk = Walk::default();
        assert_eq!(walk.after(Round { asked: 10, settled: 8, failed: 2, ..EMPTY }), Next::AtOnce);
        assert_eq!(walk.skip(), 2);
        assert_eq!(walk.after(EMPTY), Next::After(AFTER_FAILURE));
        assert_eq!(walk.skip(), 0);
        assert_eq!(walk.after(Round { asked: 2, failed: 2, ..EMPTY }), Next::AtOnce);
        assert_eq!(walk.after(EMPTY), Next::After(AFTER_FAILURE));
    }

    #[test]
    fn a_queue_whose_failures_were_deleted_is_empty() {
        let mut walk = Walk::default();
        let away = Round { asked: 1, failed: 1, failed_by_store: 1, ..EMPTY };
        for _ in 0..2 {
            assert!(matches!(walk.after(away), Next::After(_)));
            assert_eq!(walk.after(EMPTY), Next::After(pause(walk.failures)), "it is come back to");
        }
        assert_eq!(walk.after(EMPTY), Next::WhenRung);
        assert_eq!(walk.after(away), Next::After(FIRST_PAUSE), "what comes later is not paid for");
        assert_eq!(walk.after(EMPTY), Next::After(FIRST_PAUSE));
        assert_eq!(walk.after(Round { failed_by_store: 0, ..away }), Next::AtOnce);
        walk = Walk { failures: 0, ..walk };
        assert_eq!(walk.after(EMPTY), Next::After(AFTER_FAILURE));
        assert_eq!(walk.after(EMPTY), Next::WhenRung);
    }

    #[test]
    fn what_is_damaged_is_not_come_back_to_in_haste() {
        let mut walk = Walk::default();
        assert_eq!(walk.after(Round { asked: 3, passed_over: 3, ..EMPTY }), Next::AtOnce);
        assert_eq!(walk.skip(), 3);
        assert_eq!(walk.after(EMPTY), Next::WhenRung);
    }
}
