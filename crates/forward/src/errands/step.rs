//! What an answer to an errand calls for, and what comes next. Pure.

use std::time::Duration;

use causeway_catalog::errand::Step;
use causeway_core::status::Outcome;
use causeway_core::{Status, Uid};
use jiff::Timestamp;

use crate::backoff::{Jitter, pause};
use crate::failure::{Failure, Kind};

/// Sorts a failure that the far side told in a status (PS3.7 Annex C). Whatever it is, it is tried again until time is
/// up: what is refused today an administrator may have allowed tomorrow.
pub(super) fn refusal(status: Status, said: &str) -> Failure {
    let kind = match status.0 {
        0xA700..=0xA7FF | 0x0213 => Kind::Exhausted,
        0x0122 | 0x0124 | 0x0211 | 0x0118 | 0x0123 => Kind::Refused,
        _ => Kind::Unclear,
    };
    let words = if said.is_empty() {
        format!("it answered {status}")
    } else {
        format!("it answered {status}: {said}")
    };
    Failure::with_status(kind, status.0, words)
}

/// Whether the far side took it.
pub(super) fn is_taken(status: Status) -> bool {
    matches!(status.outcome(), Outcome::Success | Outcome::Warning)
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Attempt {
    /// It was carried out.
    Done,
    /// A commitment was asked for.
    Asked,
    /// It failed.
    Failed(Failure),
}

/// What comes next, of an errand that was attempted `attempts` times before. `fresh`: a Transaction UID that was never
/// used, for a commitment that was refused (PS3.4 §J.3.2.1.2).
pub(super) fn step(
    attempt: &Attempt,
    attempts: u32,
    now: Timestamp,
    jitter: Jitter,
    limits: &Limits,
    fresh: Option<Uid>,
) -> Step {
    match attempt {
        Attempt::Done => Step::Done,
        Attempt::Asked => Step::Awaited(after(now, limits.result)),
        Attempt::Failed(failure) => {
            let pause = pause(failure.kind, attempts.saturating_add(1), jitter, limits.ceiling);
            // Without a status nobody knows whether it was heard: then it is the same request once more.
            Step::RetryAt(after(now, pause), fresh.filter(|_| failure.status.is_some()))
        }
    }
}

/// Within which it is tried and waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Longest pause between two attempts.
    pub(super) ceiling: Duration,
    /// How long the result of a commitment is waited for.
    pub(super) result: Duration,
}

fn after(now: Timestamp, pause: Duration) -> Timestamp {
    now.checked_add(pause).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { ceiling: Duration::from_secs(900), result: Duration::from_secs(3600) };

    fn run(attempt: &Attempt, attempts: u32) -> Step {
        let fresh = Some(Uid::parse("2.25.1").unwrap());
        step(attempt, attempts, Timestamp::UNIX_EPOCH, Jitter::new(1.0), &LIMITS, fresh)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn what_was_taken_is_done_and_what_was_asked_is_waited_for() {
        assert_eq!(run(&Attempt::Done, 0), Step::Done);
        assert_eq!(run(&Attempt::Asked, 7), Step::Awaited(at(3600)));
    }

    #[test]
    fn a_broken_line_is_the_same_request_again_and_a_refusal_another_transaction() {
        let broke = Attempt::Failed(Failure::new(Kind::Transient, "the line broke"));
        assert_eq!(run(&broke, 0), Step::RetryAt(at(5), None));
        assert_eq!(run(&broke, 1), Step::RetryAt(at(10), None));
        assert_eq!(run(&broke, 1000), Step::RetryAt(at(900), None));
        let refused = Attempt::Failed(refusal(Status::RESOURCE_LIMITATION, "full"));
        assert_eq!(run(&refused, 0), Step::RetryAt(at(30), Some(Uid::parse("2.25.1").unwrap())));
    }

    #[test]
    fn a_refusal_is_sorted_by_what_may_cure_it() {
        for (status, kind) in [
            (0x0213, Kind::Exhausted),
            (0xA700, Kind::Exhausted),
            (0x0122, Kind::Refused),
            (0x0124, Kind::Refused),
            (0x0110, Kind::Unclear),
            (0x0131, Kind::Unclear),
            (0x1234, Kind::Unclear),
        ] {
            assert_eq!(refusal(Status(status), "").kind, kind, "{status:04X}");
        }
        assert_eq!(refusal(Status(0x0110), "no").words, "it answered 0110H: no");
    }

    #[test]
    fn a_warning_is_an_answer_too() {
        assert!(is_taken(Status::SUCCESS) && is_taken(Status(0x0107)));
        assert!(!is_taken(Status::PROCESSING_FAILURE) && !is_taken(Status::PENDING));
    }
}
