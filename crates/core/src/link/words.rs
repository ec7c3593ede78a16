//! The documents of a link, as JSON: pairing, offers and their answers, the head of each instance in an upload, and what
//! is said beside it where the node that is called gives and the one that calls collects.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{LinkReceipt, NodeId, Via};
use crate::digest::Digest;
use crate::uid::Uid;

/// What the invited node says to the one that invited it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// The secret of the invitation, as hexadecimal digits.
    pub secret: String,
    /// Which node it is.
    pub node: NodeId,
    /// What it will show from then on: 64 hexadecimal digits that it drew itself, so that the same request may be made
    /// again when its answer was lost.
    pub token: String,
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pair({})", self.node)
    }
}

/// What it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paired {
    /// The node that invited.
    pub node: NodeId,
    /// What it calls the one that it invited.
    pub name: String,
}

/// An instance that is offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offered {
    /// SOP Instance UID.
    pub instance: Uid,
    /// Digest of its data set.
    pub digest: Digest,
    /// Bytes of its data set.
    pub bytes: u64,
}

/// Instances that are offered, at most [`super::MAX_OFFERED`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// Each of them.
    pub instances: Vec<Offered>,
    /// Receipts that the far side gave for earlier ones, at most [`super::MAX_OFFERED`]: they are known here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acknowledged: Vec<LinkReceipt>,
}

/// How an offered instance stands on the far side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It has the very bytes.
    Have(LinkReceipt),
    /// It is to be sent, from this byte of its data set on.
    Send(u64),
    /// It will not be taken.
    Refused(Refused),
}

/// The answer to an offer: one standing for each, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// How each stands.
    pub standings: Vec<Standing>,
}

/// Why an instance was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// A status of C-STORE (PS3.4 §B.2.3) or a Failure Reason of STOW (PS3.18 §I.2.2).
    pub status: u16,
    /// For the sender's administrator; no patient data.
    pub words: String,
}

/// The head of an instance in an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    /// SOP Instance UID.
    pub instance: Uid,
    /// SOP Class UID.
    pub sop_class: Uid,
    /// Transfer syntax of the data set.
    pub transfer_syntax: Uid,
    /// Digest of the whole data set.
    pub digest: Digest,
    /// Bytes of the whole data set.
    pub bytes: u64,
    /// The byte of the data set that comes first.
    pub from: u64,
    /// The nodes that it has passed, the sender among them.
    #[serde(default, skip_serializing_if = "Via::is_empty")]
    pub via: Via,
}

/// A line of the answer to an upload: what became of one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Its place in the upload, counted from 0.
    pub index: u32,
    /// What became of it.
    pub fate: Fate,
}

/// What became of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It is there, safe from a crash.
    Receipt(LinkReceipt),
    /// It was not taken.
    Refused(Refused),
    /// It is to be offered again: what came before `from` is not there any more.
    Again,
}

/// A question whether there is anything to collect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collect {
    /// For how many seconds the answer may be waited for, at most [`super::MAX_COLLECT_SECONDS`].
    pub seconds: u32,
}

/// What there is to collect. The answer to a question is one, or `null`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collectable {
    /// Names it in what is said of it.
    pub ticket: u64,
    /// Which instances.
    pub offer: Offer,
}

/// What became of instances that were collected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collected {
    /// A line for each that is decided.
    pub said: Vec<Said>,
    /// Whether no more will be said.
    pub done: bool,
}
