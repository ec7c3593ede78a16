//! What happens to instances and deliveries, as others follow it. The kinds, and their names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EventKind {
    /// An instance came and is kept.
    #[serde(rename = "instance.stored")]
    InstanceStored,
    /// Other bytes of an instance are to take the place of those that were kept; they are stored next.
    #[serde(rename = "instance.replaced")]
    InstanceReplaced,
    /// Other bytes of an instance that is kept came, and were refused.
    #[serde(rename = "instance.conflict")]
    InstanceConflict,
    /// An instance was deleted.
    #[serde(rename = "instance.deleted")]
    InstanceDeleted,
    /// An instance that was deleted was brought back.
    #[serde(rename = "instance.restored")]
    InstanceRestored,
    /// A study, or a series, is to be sent: it has been quiet, and is complete as far as is known.
    #[serde(rename = "delivery.released")]
    DeliveryReleased,
    /// The far side said of each instance of a delivery that it has it.
    #[serde(rename = "delivery.confirmed")]
    DeliveryConfirmed,
    /// It proved it.
    #[serde(rename = "delivery.committed")]
    DeliveryCommitted,
    /// Nothing more of a delivery is sent by itself, and some of it needs a decision.
    #[serde(rename = "delivery.parked")]
    DeliveryParked,
    /// Of what the far side said to have it does not list all, however often it was asked.
    #[serde(rename = "delivery.unlisted")]
    DeliveryUnlisted,
    /// An instance came round between gateways and is not sent on again.
    #[serde(rename = "loop.ended")]
    LoopEnded,
}

/// A text that names no kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no kind of event; there are {all}", all = EventKind::ALL.map(EventKind::as_str).join(", "))]
pub struct EventKindError(String);

impl EventKind {
    /// All there are.
    pub const ALL: [Self; 11] = [
        Self::InstanceStored,
        Self::InstanceReplaced,
        Self::InstanceConflict,
        Self::InstanceDeleted,
        Self::InstanceRestored,
        Self::DeliveryReleased,
        Self::DeliveryConfirmed,
        Self::DeliveryCommitted,
        Self::DeliveryParked,
        Self::DeliveryUnlisted,
        Self::LoopEnded,
    ];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InstanceStored => "instance.stored",
            Self::InstanceReplaced => "instance.replaced",
            Self::InstanceConflict => "instance.conflict",
            Self::InstanceDeleted => "instance.deleted",
            Self::InstanceRestored => "instance.restored",
            Self::DeliveryReleased => "delivery.released",
            Self::DeliveryConfirmed => "delivery.confirmed",
            Self::DeliveryCommitted => "delivery.committed",
            Self::DeliveryParked => "delivery.parked",
            Self::DeliveryUnlisted => "delivery.unlisted",
            Self::LoopEnded => "loop.ended",
        }
    }

    /// The verb under which the audit trail has it.
    #[must_use]
    pub const fn verb(self) -> &'static str {
        match self {
            Self::InstanceStored => "store",
            Self::InstanceReplaced => "replace",
            Self::InstanceConflict => "store-conflict",
            Self::InstanceDeleted => "delete",
            Self::InstanceRestored => "restore",
            Self::DeliveryReleased => "delivery-released",
            Self::DeliveryConfirmed => "delivery-confirmed",
            Self::DeliveryCommitted => "delivery-committed",
            Self::DeliveryParked => "delivery-parked",
            Self::DeliveryUnlisted => "delivery-unlisted",
            Self::LoopEnded => "loop-ended",
        }
    }

    /// The kind that the audit trail has under a verb.
    #[must_use]
    pub fn of_verb(verb: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.verb() == verb)
    }

    /// Whether it is about a delivery, and not an instance.
    #[must_use]
    pub const fn is_of_delivery(self) -> bool {
        match self {
            Self::DeliveryReleased
            | Self::DeliveryConfirmed
            | Self::DeliveryCommitted
            | Self::DeliveryParked
            | Self::DeliveryUnlisted => true,
            Self::InstanceStored
            | Self::InstanceReplaced
            | Self::InstanceConflict
            | Self::InstanceDeleted
            | Self::InstanceRestored
            | Self::LoopEnded => false,
        }
    }
}

impl FromStr for EventKind {
    type Err = EventKindError;

    fn from_str(text: &str) -> Result<Self, EventKindError> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| EventKindError(text.chars().take(64).collect()))
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_one_name_wherever_it_is_written() {
        for kind in EventKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(EventKind::of_verb(kind.verb()), Some(kind));
        }
        let error = "instance.stord".parse::<EventKind>().unwrap_err().to_string();
        assert!(error.contains("instance.stord") && error.contains("instance.stored"), "{error}");
    }
}
