//! What a failure calls for. Every room's error says its class; one table turns the class into a DIMSE status,
//! an HTTP status and a decision to try again.

use serde::{Deserialize, Serialize};

use crate::status::Status;

/// Sorted by remedy, not by library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// The far side broke a rule or sent something unreadable: it must send otherwise.
    Peer,
    /// The caller asked for what is not there, not allowed or not sensible: it must ask otherwise.
    Caller,
    /// It may work in a moment: try again.
    Transient,
    /// Space, memory or a limit is used up: try again when there is room.
    Exhausted,
    /// Our own fault: report it.
    Bug,
}

impl Class {
    /// The C-STORE status that says this, when nothing finer is known (PS3.4 §B.2.3).
    #[must_use]
    pub const fn store_status(self) -> Status {
        match self {
            Self::Peer | Self::Caller => Status::CANNOT_UNDERSTAND,
            Self::Transient | Self::Exhausted => Status::OUT_OF_RESOURCES,
            Self::Bug => Status::PROCESSING_FAILURE,
        }
    }

    /// The HTTP status that says this, when nothing finer is known (PS3.18 §8.5).
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Peer | Self::Caller => 400,
            Self::Transient | Self::Exhausted => 503,
            Self::Bug => 500,
        }
    }

    /// Whether the same request may succeed later without a change.
    #[must_use]
    pub const fn is_worth_retrying(self) -> bool {
        matches!(self, Self::Transient | Self::Exhausted | Self::Bug)
    }
}
