//! What this node has of an offer: the very bytes, other bytes, some of them, or nothing. What the offer acknowledges of
//! this node's own receipts is kept.

use std::collections::BTreeMap;

use causeway_catalog::Held;
use causeway_core::link::words::{Offer, Offered, Refused, Standing};
use causeway_core::{LinkReceipt, Permission, Principal, RemoteName, Status, Uid};

use crate::error::SearchError;
use crate::{Archive, Duplicate, access};

impl Archive {
    /// How each offered instance stands here. What is here is safe from a crash, so that a receipt for it is true; so is
    /// what is acknowledged, when this returns.
    ///
    /// # Errors
    /// When the caller may not store here, or the catalog fails.
    pub async fn standings(
        &self,
        principal: &Principal,
        from: &RemoteName,
        offer: &Offer,
    ) -> Result<Vec<Standing>, SearchError> {
        access::allow(principal, Permission::Store)?;
        if !offer.acknowledged.is_empty() {
            self.known(from, &offer.acknowledged).await?;
        }
        let offered = &offer.instances;
        if offered.is_empty() {
            return Ok(Vec::new());
        }
        let instances = offered.iter().map(|one| one.instance.clone()).collect();
        let held = self.inner.catalog.held(instances).await?;
        Ok(offered.iter().map(|one| self.standing(from, one, &held)).collect())
    }

    /// Keeps that receipts are known to whom they were given: those for what is here, so that nobody fills the catalog
    /// with others.
    async fn known(&self, from: &RemoteName, receipts: &[LinkReceipt]) -> Result<(), SearchError> {
        let instances = receipts.iter().map(|receipt| receipt.instance.clone()).collect();
        let held = self.inner.catalog.held(instances).await?;
        let is_ours = |receipt: &&LinkReceipt| {
            receipt.node == *self.node_id()
                && held.get(&receipt.instance).is_some_and(|held| held.digest == receipt.digest)
        };
        let ours: Vec<_> = receipts.iter().filter(is_ours).cloned().collect();
        if !ours.is_empty() {
            self.inner.catalog.receipts_known(from.clone(), ours).await?;
        }
        Ok(())
    }

    fn standing(&self, from: &RemoteName, offered: &Offered, held: &BTreeMap<Uid, Held>) -> Standing {
        match held.get(&offered.instance) {
            Some(held) if held.digest == offered.digest => Standing::Have(LinkReceipt {
                instance: offered.instance.clone(),
                digest: held.digest,
                at: held.received_at,
                node: self.node_id().clone(),
            }),
            // Said before its bytes are on the line for nothing.
            Some(_) if self.inner.config.duplicate == Duplicate::KeepFirst => Standing::Refused(Refused {
                status: Status::DUPLICATE_SOP_INSTANCE.0,
                words: "it is kept there with other content, and the first is kept ([ingest] duplicate = \
                        \"keep-first\" there)"
                    .to_owned(),
            }),
            Some(_) | None => Standing::Send(self.taken(from, offered)),
        }
    }
}
