//! The words of a link between two nodes: who they are, how they were paired, what is offered, and what proves that it
//! arrived. Pure; both ends read and write with the same types.
//!
//! Lives here: ids of nodes and the path of an instance over them, and the bounds that hold for both ends; in `code`
//! the invitation; in `frame` what an upload is made of; in `words` the documents beside it. Never here: HTTP, keys of
//! TLS, where bytes are kept.

pub mod code;
pub mod frame;
pub mod words;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::fingerprint::Fingerprint;
use crate::uid::Uid;

/// Where the link is served, below a node's root URL.
pub const BASE: &str = "/link/v1";
/// Most instances in one offer.
pub const MAX_OFFERED: usize = 1000;
/// Largest offer, and largest answer to one, in bytes.
pub const MAX_OFFER_BYTES: usize = 1024 * 1024;
/// Longest time for which a question whether there is anything to collect may go without an answer, in seconds: less
/// than proxies wait by default.
pub const MAX_COLLECT_SECONDS: u32 = 55;
/// Most nodes of which it is kept that an instance passed them.
pub const MAX_VIA_NODES: usize = 16;
/// Digits of a node's id.
const NODE_ID_DIGITS: usize = 16;

/// What tells a node from all others: 16 lower-case hexadecimal digits, drawn at its first start.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeId(String);

/// A text that is no id of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a node's id is {NODE_ID_DIGITS} lower-case hexadecimal digits")]
pub struct NodeIdError;

impl NodeId {
    /// The id that these random bits make.
    #[must_use]
    pub fn of(bits: u64) -> Self {
        Self(format!("{bits:016x}"))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NodeId {
    type Err = NodeIdError;
    fn from_str(text: &str) -> Result<Self, NodeIdError> {
        let fine =
            text.len() == NODE_ID_DIGITS && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if fine { Ok(Self(text.to_owned())) } else { Err(NodeIdError) }
    }
}

impl TryFrom<String> for NodeId {
    type Error = NodeIdError;
    fn try_from(text: String) -> Result<Self, NodeIdError> {
        text.parse()
    }
}

impl From<NodeId> for String {
    fn from(id: NodeId) -> Self {
        id.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The nodes that an instance has passed, in their order; at most [`MAX_VIA_NODES`]. Written as ids with commas between.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Via(Option<Box<Nodes>>);

/// Never none of them; behind a pointer, as most instances have passed none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Nodes(Vec<NodeId>);

/// A text that is no path over nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a path is at most {MAX_VIA_NODES} ids of nodes with commas between")]
pub struct ViaError;

/// Whether an instance may go on from a node, after those that it passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Onward {
    /// It may go on.
    Open,
    /// It was here before: it goes round in a circle.
    Circle,
    /// It has passed as many nodes as are kept of it: a circle could not be told.
    TooLong,
}

impl Via {
    /// No node was passed.
    pub const NONE: Self = Self(None);

    /// Whether it has passed no node.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn of(nodes: Vec<NodeId>) -> Self {
        Self((!nodes.is_empty()).then(|| Box::new(Nodes(nodes))))
    }

    fn nodes(&self) -> &[NodeId] {
        self.0.as_ref().map_or(&[], |nodes| nodes.0.as_slice())
    }

    /// Whether an instance with this path may go on from `node`.
    #[must_use]
    pub fn onward(&self, node: &NodeId) -> Onward {
        if self.nodes().contains(node) {
            Onward::Circle
        } else if self.nodes().len() >= MAX_VIA_NODES {
            Onward::TooLong
        } else {
            Onward::Open
        }
    }

    /// The path with `node` as its last; as it is when `node` is its last already, or when it is full.
    #[must_use]
    pub fn and(&self, node: &NodeId) -> Self {
        let mut path = self.nodes().to_vec();
        if path.last() != Some(node) && path.len() < MAX_VIA_NODES {
            path.push(node.clone());
        }
        Self::of(path)
    }
}

impl FromStr for Via {
    type Err = ViaError;
    fn from_str(text: &str) -> Result<Self, ViaError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let ids: Vec<NodeId> = text
            .split(',')
            .take(MAX_VIA_NODES + 1)
            .map(|id| id.trim().parse())
            .collect::<Result<_, _>>()
            .map_err(|_| ViaError)?;
        if ids.len() > MAX_VIA_NODES { Err(ViaError) } else { Ok(Self::of(ids)) }
    }
}

impl TryFrom<String> for Via {
    type Error = ViaError;
    fn try_from(text: String) -> Result<Self, ViaError> {
        text.parse()
    }
}

impl From<Via> for String {
    fn from(via: Via) -> Self {
        via.to_string()
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, id) in self.nodes().iter().enumerate() {
            write!(f, "{}{id}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// How a remote that was paired is reached. Its secret is kept elsewhere and never told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkAddress {
    /// Which node it is.
    pub node: NodeId,
    /// Its root URL. `None`: it calls us, we never call it, and it collects what is for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The certificate that it must present; none: it is judged by who issued it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Fingerprint>,
}

/// A node's word that it has an instance, safe from a crash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkReceipt {
    /// SOP Instance UID.
    pub instance: Uid,
    /// Digest of the data set that it has.
    pub digest: Digest,
    /// When it said so, or had it, by its clock.
    pub at: Timestamp,
    /// Which node.
    pub node: NodeId,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(nodes: usize) -> Via {
        (0..nodes).fold(Via::default(), |via, bits| via.and(&NodeId::of(bits as u64)))
    }

    #[test]
    fn a_path_goes_both_ways_and_has_a_bound() {
        for nodes in [0, 1, 2, MAX_VIA_NODES] {
            let via = path(nodes);
            assert_eq!(via.to_string().parse(), Ok(via));
        }
        let long = format!("{},{}", path(MAX_VIA_NODES), NodeId::of(99));
        assert_eq!(long.parse::<Via>(), Err(ViaError));
        for wrong in ["x", ",", "0123456789ABCDEF", "0123456789abcdef,"] {
            assert_eq!(wrong.parse::<Via>(), Err(ViaError), "{wrong}");
        }
        assert_eq!(path(MAX_VIA_NODES + 3), path(MAX_VIA_NODES));
    }

    #[test]
    fn a_circle_is_told_from_a_way_that_is_too_long() {
        assert_eq!(path(3).onward(&NodeId::of(1)), Onward::Circle);
        assert_eq!(path(3).onward(&NodeId::of(3)), Onward::Open);
        assert_eq!(path(MAX_VIA_NODES - 1).onward(&NodeId::of(99)), Onward::Open);
        assert_eq!(path(MAX_VIA_NODES).onward(&NodeId::of(99)), Onward::TooLong);
        assert_eq!(path(MAX_VIA_NODES).onward(&NodeId::of(0)), Onward::Circle);
    }

    #[test]
    fn a_node_is_named_once_where_it_was_the_last() {
        let via = path(2);
        assert_eq!(via.and(&NodeId::of(1)), via);
    }
}
