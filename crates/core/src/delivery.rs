//! What is to be forwarded: the words that the router, the catalog and the sender share.

use serde::{Deserialize, Serialize};

use crate::remote::RemoteName;

/// When a route sends what it caught.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "on")]
pub enum Trigger {
    /// Each instance at once.
    Instance,
    /// The series once nothing more of it has come for a while.
    Series {
        /// How long, in seconds.
        quiet_seconds: u32,
    },
    /// The study once nothing more of it has come for a while.
    Study {
        /// How long, in seconds.
        quiet_seconds: u32,
    },
}

/// What goes first where several want to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Before everything else.
    Stat,
    /// As it comes.
    #[default]
    Routine,
    /// With what the others leave, yet never with nothing.
    Bulk,
}

impl Priority {
    /// All, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Stat, Self::Routine, Self::Bulk];

    /// Its name in settings and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stat => "stat",
            Self::Routine => "routine",
            Self::Bulk => "bulk",
        }
    }
}

/// What becomes of an instance that comes after its study or series was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Late {
    /// What is new is sent, as a further part of the same delivery.
    #[default]
    Delta,
    /// Everything is sent once more, with what is new.
    Whole,
    /// It is not sent.
    Leave,
}

/// One instance is to go to one remote, because one route said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedDelivery {
    /// The route.
    pub route: RemoteName,
    /// Where to.
    pub remote: RemoteName,
    /// When.
    pub trigger: Trigger,
    /// What it goes before.
    pub priority: Priority,
    /// What is done when it comes late.
    pub late: Late,
    /// How long it is kept back after it is ready, in seconds.
    pub delay_seconds: u32,
}

impl PlannedDelivery {
    /// A delivery of ordinary priority, without delay, to which what comes late is added.
    #[must_use]
    pub fn plain(route: RemoteName, remote: RemoteName, trigger: Trigger) -> Self {
        let (priority, late) = (Priority::default(), Late::default());
        Self { route, remote, trigger, priority, late, delay_seconds: 0 }
    }
}
