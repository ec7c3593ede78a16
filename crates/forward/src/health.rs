//! How a destination fares: the circuit breaker, as a pure state.
//!
//! ```text
//!          reached                     failed as a whole
//!   Well ◄──────────┐   Well ───────────────────────────► Held{until}
//!                   └── Probing ◄── its time has come ─── Held{until}
//!                          └──────── failed again ──────► Held{later}
//! ```
//! Only failures of the destination as a whole count: no connection, no association, a request refused altogether,
//! a line that broke. What it says of a single instance is that job's own affair (`job`).

use std::time::Duration;

use causeway_core::Clock;
use jiff::Timestamp;

use crate::backoff::Jitter;
use crate::failure::{Failure, Kind};
use crate::job::{Policy, retry_at};

/// Longest pause before an unreachable destination is tried again. A try is one connection, so it may be made often,
/// and one that comes back waits no longer than this.
const UNREACHABLE_CEILING: Duration = Duration::from_secs(60);

/// The state of one destination.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Health {
    /// As far as is known it can be reached.
    #[default]
    Well,
    /// It failed, and is left alone for a while; then a single job goes first, as a probe.
    Held {
        /// Failures in a row.
        failures: u32,
        /// Until when.
        until: Timestamp,
        /// The last failure.
        because: Failure,
    },
}

/// How much may be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    /// As much as there is.
    All,
    /// One job, to see whether it works again.
    Probe,
    /// Nothing before this time.
    NotBefore(Timestamp),
}

impl Health {
    /// What may be sent now.
    #[must_use]
    pub(crate) fn leave(&self, now: Timestamp) -> Leave {
        match self {
            Self::Well => Leave::All,
            Self::Held { until, .. } if *until > now => Leave::NotBefore(*until),
            Self::Held { .. } => Leave::Probe,
        }
    }

    /// The destination took something, or at least answered.
    #[must_use]
    pub(crate) fn reached(self) -> Self {
        Self::Well
    }

    /// The destination failed as a whole.
    #[must_use]
    pub(crate) fn failed(self, because: Failure, clock: &dyn Clock, jitter: Jitter, policy: &Policy) -> Self {
        let failures = match self {
            Self::Well => 1,
            Self::Held { failures, .. } => failures.saturating_add(1),
        };
        let ceiling = if because.kind == Kind::Transient {
            policy.ceiling.min(UNREACHABLE_CEILING)
        } else {
            policy.ceiling
        };
        let policy = Policy { ceiling, ..*policy };
        let until = retry_at(&because, failures, clock.now(), jitter, &policy);
        Self::Held { failures, until, because }
    }
}

#[cfg(test)]
mod tests {
    use causeway_core::ManualClock;

    use super::*;

    const POLICY: Policy = Policy { ceiling: Duration::from_secs(900), unclear_attempts: 5 };

    #[test]
    fn a_destination_that_fails_is_left_alone_then_probed_and_left_alone_for_longer() {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let down = || Failure::new(Kind::Transient, "no answer");
        let health = Health::default();
        assert_eq!(health.leave(clock.now()), Leave::All);
        let health = health.failed(down(), &clock, Jitter::new(1.0), &POLICY);
        let until = Timestamp::from_second(5).unwrap();
        assert_eq!(health.leave(clock.now()), Leave::NotBefore(until));
        clock.advance(Duration::from_millis(4999));
        assert_eq!(health.leave(clock.now()), Leave::NotBefore(until));
        clock.advance(Duration::from_millis(1));
        assert_eq!(health.leave(clock.now()), Leave::Probe);
        let health = health.failed(down(), &clock, Jitter::new(1.0), &POLICY);
        assert_eq!(health.leave(clock.now()), Leave::NotBefore(Timestamp::from_second(15).unwrap()));
        assert_eq!(health.reached().leave(clock.now()), Leave::All);
    }

    #[test]
    fn a_destination_that_is_down_for_long_is_tried_each_minute_and_one_that_refuses_each_quarter_of_an_hour()
    {
        for (kind, seconds) in [(Kind::Transient, 60), (Kind::Refused, 900), (Kind::Exhausted, 900)] {
            let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
            let mut health = Health::default();
            for _ in 0..10_000 {
                health = health.failed(Failure::new(kind, ""), &clock, Jitter::new(1.0), &POLICY);
            }
            let until = Timestamp::from_second(seconds).unwrap();
            assert_eq!(health.leave(clock.now()), Leave::NotBefore(until), "{kind:?}");
        }
    }
}
