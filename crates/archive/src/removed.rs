//! What was removed and can be brought back: until the grace is over its bytes are where they were.
//!
//! Beside the bytes lies a mark, so that a catalog that is made anew from the store ([`Archive::rebuild`]) does not bring back
//! what was removed. It is written after the rows have gone, and goes before they come again: at worst what was removed
//! comes back, and never is taken for removed what is kept.

use std::pin::pin;

use bytes::Bytes;
use causeway_catalog::{BroughtBack, RemovedObject, RemovedStudy, Removing};
use causeway_core::keeping::{Age, RemovalMark};
use causeway_core::{ObjectKey, Permission, Principal, Uid};
use futures_util::{StreamExt, stream};

use crate::delete::keys;
use crate::error::{DeleteError, IngestError, SearchError};
use crate::replay::is_of_one_file;
use crate::{Archive, StoreError, access};

/// Most studies that are listed at a time.
pub const MAX_STUDIES_TOLD: u32 = 500;
/// Instances that are brought back in one transaction.
const BACK_AT_A_TIME: usize = 64;
/// Objects whose bytes are removed at the same time.
const PURGED_AT_ONCE: usize = 16;
/// Objects that are marked or purged at a time.
const AT_A_TIME: u32 = 200;

/// What became of a study that was to be brought back.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Restored {
    /// Instances that are kept again.
    pub restored: u64,
    /// Those that are not, and why.
    pub refused: Vec<NotRestored>,
}

/// An instance that could not be brought back.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct NotRestored {
    /// SOP Instance UID.
    pub instance: Uid,
    /// Why.
    pub why: String,
}

impl Archive {
    /// What can be brought back, by study, from beyond the study `after` on, at most [`MAX_STUDIES_TOLD`].
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn removed(
        &self,
        principal: &Principal,
        after: String,
    ) -> Result<Vec<RemovedStudy>, SearchError> {
        access::allow(principal, Permission::Admin)?;
        Ok(self.inner.catalog.removed_studies(after, MAX_STUDIES_TOLD).await?)
    }

    /// Brings back what was removed of a study, as far as that can be done; none: nothing of it is there. Nothing is
    /// delivered because of it.
    ///
    /// # Errors
    /// When the caller is no administrator, or store or catalog fail; what was brought back before stays.
    pub async fn restore(&self, principal: &Principal, study: Uid) -> Result<Option<Restored>, IngestError> {
        access::allow(principal, Permission::Admin)?;
        let _marks = self.inner.keeping.marks().await;
        let objects = self.inner.catalog.removed_of(study.clone()).await?;
        if objects.is_empty() {
            return Ok(None);
        }
        self.inner.catalog.unmark(study).await?;
        self.inner.store.unmark_removed(keys(&objects)).await?;
        let mut outcome = Restored::default();
        for some in objects.chunks(BACK_AT_A_TIME) {
            self.restore_some(some, &principal.name, &mut outcome).await?;
        }
        // Those that were refused are removed still.
        self.inner.keeping.ring();
        self.inner.settling.nudge();
        Ok(Some(outcome))
    }

    async fn restore_some(
        &self,
        objects: &[RemovedObject],
        who: &str,
        outcome: &mut Restored,
    ) -> Result<(), IngestError> {
        let mut records = Vec::new();
        for RemovedObject { object, ids, .. } in objects {
            let refused = |why: String| NotRestored { instance: ids.instance.clone(), why };
            match self.read_record(object).await {
                Ok(record) => records.push(record),
                Err(IngestError::Store(StoreError::NotFound(_))) => outcome.refused.push(refused(
                    "its bytes are not here: what had not settled lies in the spool of the node that took it, and a backup that could not reach that node lacks it".to_owned(),
                )),
                Err(error) if is_of_one_file(&error) => {
                    outcome.refused.push(refused(format!("its bytes cannot be read ({error})")));
                }
                Err(error) => return Err(error),
            }
        }
        let named: Vec<Uid> = records.iter().map(|record| record.ids.instance.clone()).collect();
        let became = self.inner.catalog.bring_back(records, who).await?;
        for (instance, became) in named.into_iter().zip(became) {
            let why = match became {
                BroughtBack::Back => {
                    outcome.restored += 1;
                    continue;
                }
                BroughtBack::CameAgain => {
                    "an instance of its UID came since it was removed; that one is kept, and delete it first if this one is to \
                     come back"
                }
                BroughtBack::Gone => "its bytes are going, or it was brought back just now",
            };
            outcome.refused.push(NotRestored { instance, why: why.to_owned() });
        }
        Ok(())
    }

    /// Ends the grace of what was removed of a study; says of how many instances.
    ///
    /// # Errors
    /// When the caller is no administrator, the study is on hold, or the catalog fails.
    pub async fn end_grace(&self, principal: &Principal, study: Uid) -> Result<usize, DeleteError> {
        access::allow(principal, Permission::Admin)?;
        match self.inner.catalog.end_grace(study, &principal.name).await? {
            Removing::Done(ended) => {
                self.inner.keeping.ring();
                Ok(ended)
            }
            Removing::Held(hold) => Err(DeleteError::held(hold, principal)),
        }
    }

    /// Removes the bytes of some of what is over its grace; says of how many. The bytes go before what tells of them, so
    /// that what is broken off is done again.
    pub(crate) async fn purge_some(&self) -> Result<usize, IngestError> {
        let objects = self.inner.catalog.claim_removed(AT_A_TIME).await?;
        if objects.is_empty() {
            return Ok(0);
        }
        let (mut gone, mut failed) = (Vec::new(), None);
        // Where each is a request over the network, one after the other would take long.
        let purge =
            move |one: RemovedObject| async move { (self.inner.store.delete(&one.object).await, one) };
        let mut purged = pin!(stream::iter(objects).map(purge).buffer_unordered(PURGED_AT_ONCE));
        while let Some((outcome, one)) = purged.next().await {
            match outcome {
                Ok(()) => gone.push(one),
                Err(error) => failed = Some(error),
            }
        }
        self.inner.store.unmark_removed(keys(&gone)).await?;
        let count = gone.len();
        self.inner.catalog.purged(gone).await?;
        failed.map_or(Ok(count), |error| Err(error.into()))
    }

    /// Puts marks beside some of what was removed; says beside how many.
    pub(crate) async fn mark_some(&self) -> Result<usize, IngestError> {
        let _marks = self.inner.keeping.marks().await;
        let objects = self.inner.catalog.unmarked(AT_A_TIME).await?;
        if objects.is_empty() {
            return Ok(0);
        }
        let marks = objects.iter().map(|one| (one.object.clone(), written(&one.mark))).collect();
        self.inner.store.mark_removed(marks).await?;
        // Another node may have brought some back meanwhile.
        let wrong = self.inner.catalog.marked(keys(&objects)).await?;
        self.inner.store.unmark_removed(wrong).await?;
        Ok(objects.len())
    }

    /// Learns of what was removed from the marks, for a catalog that is made anew; says of how many objects. It can be
    /// brought back for as long as its mark says, and not less than a grace from now.
    pub(crate) async fn remember_removed(&self) -> Result<u64, IngestError> {
        let mut known = 0;
        for object in self.inner.store.marked_removed().await? {
            known += u64::from(self.remember_one(&object).await?);
        }
        Ok(known)
    }

    async fn remember_one(&self, object: &ObjectKey) -> Result<bool, IngestError> {
        let Some(mark) = self.inner.store.removal_mark(object).await? else { return Ok(false) };
        let Ok(mut mark) = serde_json::from_slice::<RemovalMark>(&mark) else {
            tracing::error!(%object, "the mark of what was removed cannot be read; it counts as kept");
            return Ok(false);
        };
        let record = match self.read_record(object).await {
            Ok(record) => record,
            Err(IngestError::Store(StoreError::NotFound(_))) => return Ok(false),
            Err(error) if is_of_one_file(&error) => return Ok(false),
            Err(error) => return Err(error),
        };
        mark.purge_at = mark.purge_at.max(after(self.inner.clock.now(), self.inner.config.grace));
        self.inner.catalog.remember_removed(record, mark).await?;
        Ok(true)
    }
}

fn after(moment: jiff::Timestamp, age: Age) -> jiff::Timestamp {
    moment.checked_add(age.duration()).unwrap_or(jiff::Timestamp::MAX)
}

fn written(mark: &RemovalMark) -> Bytes {
    serde_json::to_vec(mark).unwrap_or_default().into()
}
