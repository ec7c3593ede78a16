//! How long to wait before the next attempt: exponential, with jitter, by kind of failure, up to a ceiling. Pure.

use std::time::Duration;

use crate::failure::Kind;

/// A share of 0 to 1 that spreads attempts in time, so that what failed together does not come back together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Jitter(f64);

impl Jitter {
    /// A jitter; what is outside 0 to 1 becomes the nearest that is within.
    #[must_use]
    pub(crate) fn new(share: f64) -> Self {
        Self(if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) })
    }

    /// Any jitter.
    #[must_use]
    pub(crate) fn random() -> Self {
        Self::new(rand::random())
    }
}

/// First pause after a failure of this kind.
const fn first(kind: Kind) -> Duration {
    match kind {
        Kind::Transient => Duration::from_secs(5),
        Kind::Exhausted | Kind::Unclear | Kind::Ours => Duration::from_secs(30),
        Kind::Refused => Duration::from_secs(60),
        Kind::Permanent => Duration::ZERO,
    }
}

/// Doublings beyond which every pause is at the ceiling anyway.
const MAX_DOUBLINGS: u32 = 20;

/// The pause after the `attempt`th failure in a row (from 1): doubled each time, at most `ceiling`, at least half of
/// that by jitter.
#[must_use]
pub(crate) fn pause(kind: Kind, attempt: u32, jitter: Jitter, ceiling: Duration) -> Duration {
    let doublings = attempt.saturating_sub(1).min(MAX_DOUBLINGS);
    let full = first(kind).saturating_mul(1 << doublings).min(ceiling);
    full / 2 + (full / 2).mul_f64(jitter.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CEILING: Duration = Duration::from_secs(900);
    const KINDS: [Kind; 5] = [Kind::Transient, Kind::Exhausted, Kind::Unclear, Kind::Ours, Kind::Refused];

    #[test]
    fn the_pause_doubles_up_to_the_ceiling() {
        let pauses: Vec<u64> = (1..=10)
            .map(|attempt| pause(Kind::Transient, attempt, Jitter::new(1.0), CEILING).as_secs())
            .collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
    }

    #[test]
    fn a_broken_line_is_tried_sooner_than_a_full_disk_and_that_sooner_than_a_closed_door() {
        let first = |kind| pause(kind, 1, Jitter::new(0.0), CEILING);
        assert!(first(Kind::Transient) < first(Kind::Exhausted));
        assert!(first(Kind::Exhausted) < first(Kind::Refused));
    }

    proptest! {
        #[test]
        fn jitter_spreads_over_the_upper_half_and_never_beyond_the_ceiling(
            kind in prop::sample::select(KINDS.to_vec()),
            attempt in 1_u32..,
            share in -1.0..2.0_f64,
            ceiling in 1_u64..100_000,
        ) {
            let ceiling = Duration::from_secs(ceiling);
            let after = |share| pause(kind, attempt, Jitter::new(share), ceiling);
            prop_assert!(after(share) >= after(0.0) && after(share) <= after(1.0));
            prop_assert!(after(1.0) <= ceiling);
            prop_assert!(after(0.0) > Duration::ZERO);
            prop_assert!(pause(kind, attempt.saturating_add(1), Jitter::new(0.0), ceiling) >= after(0.0));
        }
    }
}
