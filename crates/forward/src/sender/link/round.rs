//! What is left of a batch from pass to pass, and whether another pass is worth it. Pure.
//!
//! ```text
//!             decided
//!   open ────────────────► decided
//!    │ ▲ stands, from byte n
//!    └─┘
//! ```
//! A pass brings something when an instance was decided, or when the far side has more bytes of one than before.

use std::collections::BTreeMap;

/// Passes in a row that may bring nothing before the destination counts as failed.
const MAX_FRUITLESS_PASSES: u32 = 2;

/// A batch under way.
#[derive(Debug)]
pub(super) struct Round {
    /// Instances that are not decided, with the bytes that the far side has of each.
    open: BTreeMap<usize, u64>,
    is_fruitful: bool,
    fruitless: u32,
}

/// What comes after a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// All is decided.
    Done,
    /// Another at once.
    Again,
    /// Another in a while.
    AfterPause,
    /// The destination is left to its health.
    GiveUp,
}

impl Round {
    pub(super) fn new(instances: usize) -> Self {
        Self { open: (0..instances).map(|index| (index, 0)).collect(), is_fruitful: false, fruitless: 0 }
    }

    /// The places of those that are not decided, at most `most`.
    pub(super) fn left(&self, most: usize) -> Vec<usize> {
        self.open.keys().take(most).copied().collect()
    }

    /// The far side said what became of an instance.
    pub(super) fn decided(&mut self, index: usize) {
        self.is_fruitful |= self.open.remove(&index).is_some();
    }

    /// The far side has so many bytes of an instance.
    pub(super) fn stands(&mut self, index: usize, bytes: u64) {
        if let Some(before) = self.open.get_mut(&index) {
            self.is_fruitful |= bytes > *before;
            *before = bytes;
        }
    }

    /// A pass is over, in order or not.
    pub(super) fn ended(&mut self) -> Next {
        let is_fruitful = std::mem::take(&mut self.is_fruitful);
        self.fruitless = if is_fruitful { 0 } else { self.fruitless + 1 };
        if self.open.is_empty() {
            Next::Done
        } else if is_fruitful {
            Next::Again
        } else if self.fruitless < MAX_FRUITLESS_PASSES {
            Next::AfterPause
        } else {
            Next::GiveUp
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_batch_is_done_when_each_is_decided() {
        let mut round = Round::new(2);
        round.decided(0);
        assert_eq!(round.ended(), Next::Again);
        round.decided(1);
        assert_eq!(round.ended(), Next::Done);
        assert_eq!(Round::new(0).ended(), Next::Done);
    }

    #[test]
    fn passes_that_bring_nothing_are_followed_by_one_more_and_then_none() {
        let mut round = Round::new(1);
        assert_eq!(round.ended(), Next::AfterPause);
        assert_eq!(round.ended(), Next::GiveUp);
    }

    #[test]
    fn bytes_that_are_more_than_before_are_worth_another_pass() {
        let mut round = Round::new(1);
        round.stands(0, 0);
        assert_eq!(round.ended(), Next::AfterPause);
        round.stands(0, 10);
        assert_eq!(round.ended(), Next::Again);
        round.stands(0, 10);
        assert_eq!(round.ended(), Next::AfterPause);
        round.stands(0, 9);
        assert_eq!(round.ended(), Next::GiveUp);
    }

    proptest! {
        /// Whatever the far side does: passes come to an end, unless each brings something.
        #[test]
        fn a_round_ends(steps in prop::collection::vec((0..4_usize, prop::option::of(0..5_u64)), 0..60)) {
            let mut round = Round::new(4);
            let (mut passes, mut last) = (0, Next::Again);
            for (index, bytes) in steps {
                match bytes {
                    Some(bytes) => round.stands(index, bytes),
                    None => round.decided(index),
                }
                last = round.ended();
                passes += 1;
                if matches!(last, Next::Done | Next::GiveUp) { break; }
            }
            if last == Next::Done { prop_assert!(round.open.is_empty() && passes >= 4); }
            if last == Next::GiveUp { prop_assert!(passes >= MAX_FRUITLESS_PASSES as usize); }
        }
    }
}
