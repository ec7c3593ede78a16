//! The life of one job (one instance to one destination) as a pure step.
//!
//! ```text
//!             claim                 delivered
//!  waiting ──────────► leased ─────────────────► Delivered
//!     ▲                  │  ├── will never be ──► Parked   ── retry (by hand) ──► waiting
//!     └── RetryAt ◄──────┘  └── gone here ──────► Cancelled
//!         (failed, or not sent at all, or the lease ran out)
//! ```
//! The states are the catalog's; here is decided which comes next. `Delivered` comes of a far side's own word only.

use std::time::Duration;

use causeway_catalog::delivery::SentAs;
use causeway_core::{Class, LinkReceipt, Status};
use jiff::Timestamp;

use crate::backoff::{Jitter, pause};
use crate::failure::{Failure, Kind};

/// What became of a job that a worker had claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The far side said that it has the instance.
    Delivered(Status),
    /// It said so over the web, of an instance that went out under these UIDs.
    Stored(Status, SentAs),
    /// The far side gave a receipt for its very bytes.
    Proven(LinkReceipt),
    /// An attempt was made and failed.
    Failed(Failure),
    /// No attempt was made: the association ended before its turn, or the node is stopping.
    NotSent,
    /// The instance is no longer here.
    Gone,
}

/// How a job goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Next {
    /// Its state from now on.
    pub(crate) state: State,
    /// Attempts that were made so far.
    pub(crate) attempts: u32,
    /// Class of the last failure; kept when no attempt was made.
    pub(crate) last: Option<Last>,
}

/// What is kept of the last answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Last {
    /// The class, for a failure.
    pub(crate) class: Option<Class>,
    /// The status, where there was one.
    pub(crate) status: Option<u16>,
    /// In words.
    pub(crate) words: String,
}

/// State of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Waiting for its time.
    RetryAt(Timestamp),
    /// The far side has it.
    Delivered,
    /// Not tried again unless told to.
    Parked,
    /// Not to be sent any more.
    Cancelled,
}

/// The limits within which a job is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Longest pause between two attempts.
    pub(crate) ceiling: Duration,
    /// Attempts after which an answer that stays unclear, or a fault of ours, parks the job.
    pub(crate) unclear_attempts: u32,
}

/// The step: what comes of `outcome` for a job that had `attempts` before.
#[must_use]
pub(crate) fn step(
    attempts: u32,
    outcome: &Outcome,
    now: Timestamp,
    jitter: Jitter,
    policy: &Policy,
) -> Next {
    let made = attempts.saturating_add(1);
    match outcome {
        Outcome::Delivered(status) | Outcome::Stored(status, _) => {
            let words = if *status == Status::SUCCESS {
                "delivered".to_owned()
            } else {
                format!("delivered, with warning {status}")
            };
            let last = Some(Last { class: None, status: Some(status.0), words });
            Next { state: State::Delivered, attempts: made, last }
        }
        Outcome::Proven(receipt) => {
            let LinkReceipt { digest, at, node, .. } = receipt;
            let words =
                format!("delivered; node {node} gave a receipt for sha256 {digest}, there since {at}");
            let last = Some(Last { class: None, status: Some(Status::SUCCESS.0), words });
            Next { state: State::Delivered, attempts: made, last }
        }
        Outcome::NotSent => Next { state: State::RetryAt(now), attempts, last: None },
        Outcome::Gone => {
            let words = "the instance was deleted here before it was sent".to_owned();
            let last = Some(Last { class: Some(Class::Caller), status: None, words });
            Next { state: State::Cancelled, attempts, last }
        }
        Outcome::Failed(failure) => {
            let state = if is_final(failure.kind, made, policy) {
                State::Parked
            } else {
                State::RetryAt(retry_at(failure, made, now, jitter, policy))
            };
            let Failure { kind, status, words, .. } = failure;
            let last = Some(Last { class: Some(kind.class()), status: *status, words: words.clone() });
            Next { state, attempts: made, last }
        }
    }
}

fn is_final(kind: Kind, made: u32, policy: &Policy) -> bool {
    match kind {
        Kind::Permanent => true,
        Kind::Unclear | Kind::Ours => made >= policy.unclear_attempts,
        Kind::Transient | Kind::Exhausted | Kind::Refused => false,
    }
}

/// When the next attempt is made after the `made`th failed: after the pause, and not before the far side's wish,
/// which is heard up to an hour.
#[must_use]
pub(crate) fn retry_at(
    failure: &Failure,
    made: u32,
    now: Timestamp,
    jitter: Jitter,
    policy: &Policy,
) -> Timestamp {
    const LONGEST_WISH: Duration = Duration::from_secs(3600);
    let pause = pause(failure.kind, made, jitter, policy.ceiling);
    let wish = failure.not_before.unwrap_or_default().min(LONGEST_WISH);
    now.checked_add(pause.max(wish)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const POLICY: Policy = Policy { ceiling: Duration::from_secs(900), unclear_attempts: 5 };
    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn run(attempts: u32, outcome: &Outcome) -> Next {
        step(attempts, outcome, NOW, Jitter::new(1.0), &POLICY)
    }

    fn failed(kind: Kind) -> Outcome {
        Outcome::Failed(Failure::new(kind, "words"))
    }

    fn after(seconds: i64) -> State {
        State::RetryAt(Timestamp::from_second(seconds).unwrap())
    }

    #[test]
    fn success_and_warning_are_delivered_and_the_warning_is_kept() {
        assert_eq!(run(0, &Outcome::Delivered(Status::SUCCESS)).state, State::Delivered);
        let warned = run(3, &Outcome::Delivered(Status(0xB000)));
        assert_eq!((warned.state, warned.attempts), (State::Delivered, 4));
        assert_eq!(warned.last.unwrap().words, "delivered, with warning B000H");
    }

    #[test]
    fn a_permanent_refusal_parks_at_once() {
        let next = run(0, &failed(Kind::Permanent));
        assert_eq!((next.state, next.attempts), (State::Parked, 1));
        assert_eq!(next.last.unwrap().class, Some(Class::Peer));
    }

    #[test]
    fn a_broken_line_a_full_disk_and_a_closed_door_are_tried_for_ever() {
        for kind in [Kind::Transient, Kind::Exhausted, Kind::Refused] {
            assert_eq!(run(1_000_000, &failed(kind)).state, after(900));
        }
        assert_eq!(run(0, &failed(Kind::Transient)).state, after(5));
        assert_eq!(run(1, &failed(Kind::Transient)).state, after(10));
    }

    #[test]
    fn an_answer_that_stays_unclear_is_parked_at_the_fifth() {
        for kind in [Kind::Unclear, Kind::Ours] {
            assert!(matches!(run(3, &failed(kind)).state, State::RetryAt(_)));
            assert_eq!(run(4, &failed(kind)).state, State::Parked);
            assert_eq!(run(5, &failed(kind)).state, State::Parked);
        }
    }

    #[test]
    fn what_was_not_sent_is_due_again_at_once_and_counts_as_no_attempt() {
        assert_eq!(run(2, &Outcome::NotSent), Next { state: State::RetryAt(NOW), attempts: 2, last: None });
    }

    #[test]
    fn an_instance_that_is_gone_is_cancelled() {
        assert_eq!(run(0, &Outcome::Gone).state, State::Cancelled);
    }

    #[test]
    fn a_wish_of_the_far_side_is_heard_up_to_an_hour() {
        let wish = |seconds| {
            let not_before = Some(Duration::from_secs(seconds));
            run(0, &Outcome::Failed(Failure { not_before, ..Failure::new(Kind::Exhausted, "") })).state
        };
        assert_eq!(wish(1), after(30));
        assert_eq!(wish(300), after(300));
        assert_eq!(wish(3600), after(3600));
        assert_eq!(wish(3601), after(3600));
    }

    fn outcomes() -> impl Strategy<Value = Outcome> {
        let kind = prop::sample::select(vec![
            Kind::Transient,
            Kind::Exhausted,
            Kind::Refused,
            Kind::Unclear,
            Kind::Permanent,
            Kind::Ours,
        ]);
        prop_oneof![
            any::<u16>().prop_map(|code| match crate::failure::answer(Status(code), "") {
                crate::failure::Answer::Has(status) => Outcome::Delivered(status),
                crate::failure::Answer::HasNot(failure) => Outcome::Failed(failure),
            }),
            kind.prop_map(failed),
            Just(Outcome::NotSent),
            Just(Outcome::Gone),
        ]
    }

    proptest! {
        #[test]
        fn delivered_comes_of_the_far_sides_word_only(attempts: u32, outcome in outcomes(), share in 0.0..1.0_f64) {
            let next = step(attempts, &outcome, NOW, Jitter::new(share), &POLICY);
            let said = matches!(outcome, Outcome::Delivered(_) | Outcome::Proven(_));
            prop_assert_eq!(next.state == State::Delivered, said);
        }

        #[test]
        fn whatever_is_not_tried_again_says_why(attempts: u32, outcome in outcomes()) {
            let next = step(attempts, &outcome, NOW, Jitter::new(0.5), &POLICY);
            if matches!(next.state, State::Parked | State::Cancelled) {
                prop_assert!(next.last.is_some_and(|last| last.class.is_some() && !last.words.is_empty()));
            }
        }

        #[test]
        fn attempts_never_go_back_and_retries_are_never_in_the_past(attempts: u32, outcome in outcomes()) {
            let next = step(attempts, &outcome, NOW, Jitter::new(0.0), &POLICY);
            prop_assert!(next.attempts >= attempts);
            if let State::RetryAt(at) = next.state { prop_assert!(at >= NOW); }
        }
    }
}
