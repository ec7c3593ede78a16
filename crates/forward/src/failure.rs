//! What went wrong with a delivery, sorted by what is to be done about it. Pure.
//!
//! Lives here: the kinds of failure, and the one table that sorts a status of C-STORE (PS3.4 §B.2.3, PS3.7 Annex C)
//! or a Failure Reason of STOW (PS3.18 §I.2.2), which share their numbers.

use std::time::Duration;

use causeway_core::{Class, Status, status};

/// Sorted by remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It may work in a moment: the line broke, nobody answered.
    Transient,
    /// The far side is full or busy.
    Exhausted,
    /// The far side does not let us in at all; it may once its administrator has changed that.
    Refused,
    /// The far side said neither yes nor no.
    Unclear,
    /// The far side will not have this instance, now or later.
    Permanent,
    /// Our own fault: the instance could not be read, or could not be put as the far side wants it.
    Ours,
}

impl Kind {
    /// The class under which it is kept and told.
    #[must_use]
    pub(crate) const fn class(self) -> Class {
        match self {
            Self::Transient | Self::Unclear => Class::Transient,
            Self::Exhausted => Class::Exhausted,
            Self::Refused | Self::Permanent => Class::Peer,
            Self::Ours => Class::Bug,
        }
    }
}

/// A failure, in words for an administrator; they hold no patient data of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What is to be done about it.
    pub(crate) kind: Kind,
    /// The DIMSE status, Failure Reason or HTTP status, where one was given.
    pub(crate) status: Option<u16>,
    /// What happened.
    pub(crate) words: String,
    /// When the far side asked to be left alone for a while.
    pub(crate) not_before: Option<Duration>,
}

/// Most characters of foreign text that are kept of a failure.
pub(crate) const MAX_WORDS_CHARS: usize = 300;

impl Failure {
    /// A failure without a status.
    #[must_use]
    pub(crate) fn new(kind: Kind, words: impl Into<String>) -> Self {
        Self { kind, status: None, words: clean(&words.into()), not_before: None }
    }

    /// A failure with the status that said it.
    #[must_use]
    pub(crate) fn with_status(kind: Kind, status: u16, words: impl Into<String>) -> Self {
        Self { status: Some(status), ..Self::new(kind, words) }
    }
}

/// One line without control characters, of bounded length: the words may come from the far side.
pub(crate) fn clean(words: &str) -> String {
    words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_WORDS_CHARS).collect()
}

/// What a far side's final answer for one instance means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It has the instance; with the status when that was more than plain Success.
    Has(Status),
    /// It has not.
    HasNot(Failure),
}

/// Sorts the answer of a C-STORE response, or a Failure Reason. `comment`: what the far side added in words.
#[must_use]
pub(crate) fn answer(code: Status, comment: &str) -> Answer {
    let (kind, meaning) = match (code.outcome(), code.0) {
        (status::Outcome::Success | status::Outcome::Warning, _) => return Answer::Has(code),
        (_, 0xA700..=0xA7FF | 0x0213) => (Kind::Exhausted, "out of resources"),
        (_, 0xA900..=0xA9FF) => (Kind::Permanent, "the data set does not match its SOP class"),
        (_, 0xC000..=0xCFFF) => (Kind::Permanent, "it cannot understand or will not keep the instance"),
        (_, 0x0122) => (Kind::Permanent, "the SOP class is not supported"),
        (_, 0x0124) => (Kind::Permanent, "not authorized"),
        (_, 0x0111) => (Kind::Permanent, "it has another instance with this UID"),
        (_, 0x0117) => (Kind::Permanent, "the SOP Instance UID is not valid"),
        (_, 0x0105 | 0x0106 | 0x0115 | 0x0118 | 0x0119 | 0x0210 | 0x0211 | 0x0212) => {
            (Kind::Permanent, "it does not accept the request")
        }
        (_, 0x0110) => (Kind::Unclear, "processing failure"),
        (status::Outcome::Cancel | status::Outcome::Pending, _) => {
            (Kind::Unclear, "a status that no store answer has")
        }
        (status::Outcome::Failure, _) => (Kind::Unclear, "an unknown status"),
    };
    let words = if comment.is_empty() {
        format!("{code}: {meaning}")
    } else {
        format!("{code}: {meaning}; it says: {comment}")
    };
    Answer::HasNot(Failure::with_status(kind, code.0, words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kind(code: u16) -> Option<Kind> {
        match answer(Status(code), "") {
            Answer::Has(_) => None,
            Answer::HasNot(failure) => Some(failure.kind),
        }
    }

    #[test]
    fn every_status_that_the_standard_names_is_sorted() {
        for has in [0x0000, 0xB000, 0xB006, 0xB007, 0x0107, 0x0116] {
            assert_eq!(kind(has), None, "{has:04X}");
        }
        for full in [0xA700, 0xA701, 0xA7FF, 0x0213] {
            assert_eq!(kind(full), Some(Kind::Exhausted), "{full:04X}");
        }
        for never in [0xA900, 0xA9FF, 0xC000, 0xC111, 0xCFFF, 0x0122, 0x0124, 0x0111, 0x0117, 0x0211, 0x0212]
        {
            assert_eq!(kind(never), Some(Kind::Permanent), "{never:04X}");
        }
        for unclear in [0x0110, 0xFE00, 0xFF00, 0xFF01, 0xA800, 0xD000, 0x1234] {
            assert_eq!(kind(unclear), Some(Kind::Unclear), "{unclear:04X}");
        }
    }

    #[test]
    fn foreign_words_are_one_line_of_bounded_length() {
        let Answer::HasNot(failure) = answer(Status(0xC000), &format!("a\nb\u{1b}[2J{}", "x".repeat(5000)))
        else {
            panic!("a failure");
        };
        assert!(failure.words.starts_with("C000H: ") && failure.words.contains("it says: a b [2J"));
        assert_eq!(failure.words.chars().count(), MAX_WORDS_CHARS);
    }

    proptest! {
        #[test]
        fn delivered_is_said_of_success_and_warnings_only(code: u16) {
            let has = matches!(answer(Status(code), ""), Answer::Has(_));
            let good = matches!(Status(code).outcome(), status::Outcome::Success | status::Outcome::Warning);
            prop_assert_eq!(has, good);
        }
    }
}
