//! The link between two nodes, as far as the archive has a part in it: who this node is, who was paired with it, what
//! it has of an offer, and instances that come over a line that may break.
//!
//! Lives here: `pairing`, invitations and keys; `standing`, the answer to an offer; `parcel`, what is said of an instance
//! that goes out; `arriving`, an instance on its way in, over as many requests as it takes; `beginnings`, those of them that
//! an earlier process left; `intake`, an upload that is read into them; `hatch`, where what is for a remote that cannot be
//! called meets it when it calls. Never here: HTTP, and when something is sent.

pub mod arriving;
pub mod beginnings;
pub mod hatch;
pub mod intake;
pub mod pairing;
mod parcel;
mod standing;

use causeway_catalog::ReceiptReport;
use causeway_core::incident::Peer;
use causeway_core::link::Onward;
use causeway_core::{
    Credential, Incident, IncidentKind, InstanceRecord, LinkReceipt, NodeId, Permission, PlannedDelivery,
    Principal, RemoteName,
};
use jiff::Timestamp;
use serde::Serialize;

use crate::error::SearchError;
use crate::{Accepted, Archive, access};

use hatch::Presence;

pub use arriving::{Arriving, Leftovers};
pub use pairing::{LinkKeys, PairingError};
pub use parcel::Parcel;

/// How a link stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LinkReport {
    /// The remote.
    pub name: RemoteName,
    /// Which node it is.
    pub node: NodeId,
    /// Where it is called.
    pub url: Option<String>,
    /// Where it is not called: how it comes for what is for it.
    pub collects: Option<Collector>,
    /// What both ends know.
    #[serde(flatten)]
    pub receipts: ReceiptReport,
}

/// A remote that comes for what is for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Collector {
    /// It waits for something, or did a moment ago.
    pub is_there: bool,
    /// When it was heard of last, where it is away; not since this node was started, if none.
    pub last_seen: Option<Timestamp>,
}

impl Archive {
    /// Which node this is.
    #[must_use]
    pub fn node_id(&self) -> &NodeId {
        &self.inner.node
    }

    /// Where remotes that cannot be called collect what is for them.
    #[must_use]
    pub fn hatch(&self) -> &hatch::Hatch {
        &self.inner.hatch
    }

    /// How a link stands: whether the far side is there, and what both ends know of receipts. `None`: there is none to a
    /// remote of this name.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn link_report(
        &self,
        principal: &Principal,
        name: &RemoteName,
    ) -> Result<Option<LinkReport>, SearchError> {
        access::allow(principal, Permission::Admin)?;
        let Some(remote) = self.remote(name) else { return Ok(None) };
        let Some(address) = &remote.link else { return Ok(None) };
        let collects = remote.collects().then(|| match self.hatch().presence(name) {
            Presence::There => Collector { is_there: true, last_seen: None },
            Presence::Away(last_seen) => Collector { is_there: false, last_seen },
        });
        let receipts = self.inner.catalog.receipt_report(name.clone()).await?;
        let (node, url) = (address.node.clone(), address.url.clone());
        Ok(Some(LinkReport { name: name.clone(), node, url, collects, receipts }))
    }

    /// This node's word that it has what was accepted just now, with this digest.
    #[must_use]
    pub fn receipt(&self, accepted: &Accepted, digest: causeway_core::Digest) -> LinkReceipt {
        LinkReceipt {
            instance: accepted.ids.instance.clone(),
            digest,
            at: self.inner.clock.now(),
            node: self.node_id().clone(),
        }
    }

    /// Where an instance goes from here; nowhere when it was here before. It is kept all the same.
    pub(crate) fn destinations(&self, record: &InstanceRecord) -> Vec<PlannedDelivery> {
        let deliveries = self.inner.dispatcher.plan(record);
        let words = match record.envelope.via.onward(self.node_id()) {
            Onward::Open => return deliveries,
            Onward::Circle => {
                "an instance came back to this node over other nodes; it is kept and not forwarded again"
            }
            Onward::TooLong => {
                "an instance passed more nodes than are kept of it; it is kept and not forwarded, as a circle could not be told"
            }
        };
        if !deliveries.is_empty() {
            self.note(circle(record, words));
        }
        Vec::new()
    }
}

fn circle(record: &InstanceRecord, words: &str) -> Incident {
    let address = record.envelope.source_address.unwrap_or(std::net::Ipv4Addr::UNSPECIFIED.into());
    let from = record.envelope.remote.as_ref().map(RemoteName::as_str).unwrap_or_default();
    Incident {
        kind: IncidentKind::Circle,
        peer: Peer { address, ae_title: String::new() },
        subject: format!("instances from {from} that passed this node before"),
        words: words.to_owned(),
        remedy: Some(
            "`causeway route list` here and at the nodes on the way: one of the routes sends back what came from the \
             other side; give it a condition such as `remote != 'NAME'`"
                .to_owned(),
        ),
    }
}

/// The remote that a caller over the web is, where it showed the key of one that was paired.
#[must_use]
pub fn paired(principal: &Principal) -> Option<RemoteName> {
    match principal.credential {
        Credential::Remote => principal.name.parse().ok(),
        Credential::Machine | Credential::Token | Credential::Provider => None,
    }
}
