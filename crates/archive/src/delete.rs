//! Removing instances, on purpose and on record: the row goes, a tombstone stays, then the bytes go.

use std::time::Duration;

use causeway_core::{Permission, Principal, Selection, StoredInstance};
use causeway_store::Store;

use crate::error::RetrieveError;
use crate::{Archive, access};

/// How finely the moment of a deletion is noted.
const MOMENT: Duration = Duration::from_millis(1);

impl Archive {
    /// Removes all instances that `selection` names and that the caller sees; says how many there were. Bytes that outlive their row, since
    /// the node stopped or the disk failed, are removed by the next replay, which knows the tombstone.
    ///
    /// # Errors
    /// When the caller may not delete, or the catalog fails.
    pub async fn delete(&self, principal: &Principal, selection: &Selection) -> Result<usize, RetrieveError> {
        let sight = access::sight(principal, Permission::Delete)?;
        let removed = {
            let _turn = self.inner.turns.all().await;
            let removed = self.inner.catalog.delete(selection.clone(), sight, &principal.name).await?;
            // What is kept next is kept later, to the millisecond that both moments are noted in.
            tokio::time::sleep(MOMENT).await;
            removed
        };
        let count = removed.len();
        // A task of its own: a caller who leaves now must not leave the bytes behind.
        let bytes = tokio::spawn(remove_bytes(self.inner.store.clone(), removed));
        if let Err(error) = bytes.await {
            tracing::error!(%error, "the bytes of deleted instances could not all be removed");
        }
        Ok(count)
    }
}

async fn remove_bytes(store: Store, removed: Vec<StoredInstance>) {
    for instance in removed {
        if let Err(error) = store.delete(&instance.object).await {
            tracing::warn!(object = %instance.object, %error, "the bytes of a deleted instance could not be removed");
        }
    }
}
