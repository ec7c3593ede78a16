//! Removing instances, on purpose and on record: the one path for people, rules and quotas. The row goes, a tombstone stays;
//! the bytes go when the grace is over, and until then everything can be brought back (`removed.rs`).

use std::time::Duration;

use causeway_catalog::{RemovedObject, Removing};
use causeway_core::keeping::Removal;
use causeway_core::{Permission, Principal, Selection, Sight, StoredInstance};

use crate::error::DeleteError;
use crate::{Archive, access};

/// How finely the moment of a deletion is noted.
pub(crate) const MOMENT: Duration = Duration::from_millis(1);

impl Archive {
    /// Removes all instances that `selection` names and that the caller sees; says how many there were. Bytes that outlive
    /// their grace, since the node stopped or the disk failed, are removed later ([`Archive::keep_until`]).
    ///
    /// # Errors
    /// When the caller may not delete, the study is on hold, or the catalog fails.
    pub async fn delete(&self, principal: &Principal, selection: &Selection) -> Result<usize, DeleteError> {
        let sight = access::sight(principal, Permission::Delete)?;
        // A file that turns out to have no row would have no tombstone either, and come back.
        self.resolve_doubts::<DeleteError>().await?;
        let removal = Removal::asked(principal, self.inner.config.grace);
        match self.remove(selection.clone(), sight, removal).await? {
            Removing::Done(removed) => Ok(removed.len()),
            Removing::Held(hold) => Err(DeleteError::held(hold, principal)),
        }
    }

    /// Removes what `selection` names and `sight` shows.
    pub(crate) async fn remove(
        &self,
        selection: Selection,
        sight: Sight,
        removal: Removal,
    ) -> Result<Removing<Vec<StoredInstance>>, causeway_catalog::Error> {
        let is_final = removal.grace.is_zero();
        let removed = {
            let _turn = self.inner.turns.all().await;
            let removed = self.inner.catalog.delete(selection, sight, removal).await?;
            // What is kept next is kept later, to the millisecond that both moments are noted in.
            tokio::time::sleep(MOMENT).await;
            removed
        };
        let is_any = matches!(&removed, Removing::Done(removed) if !removed.is_empty());
        if is_final && is_any {
            // A task of its own: a caller who leaves now must not leave the bytes behind.
            let archive = self.clone();
            if let Err(error) = tokio::spawn(async move { archive.purge_claimed().await }).await {
                tracing::error!(%error, "the bytes of deleted instances could not all be removed");
            }
        } else if is_any {
            self.inner.keeping.ring();
        }
        Ok(removed)
    }

    /// Removes all bytes that are claimed to go. What cannot be removed now stays claimed.
    pub(crate) async fn purge_claimed(&self) {
        loop {
            match self.purge_some().await {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "the bytes of what was removed cannot go; it is tried again");
                    return;
                }
            }
        }
    }
}

/// Objects in their order, without those that are not.
pub(crate) fn keys(objects: &[RemovedObject]) -> Vec<causeway_core::ObjectKey> {
    objects.iter().map(|one| one.object.clone()).collect()
}
