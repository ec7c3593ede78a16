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

/// One instance is to go to one remote, because one route said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedDelivery {
    /// The route.
    pub route: RemoteName,
    /// Where to.
    pub remote: RemoteName,
    /// When.
    pub trigger: Trigger,
}
