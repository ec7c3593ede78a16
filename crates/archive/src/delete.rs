//! Removing instances, on purpose and on record: the row goes, a tombstone stays, then the bytes go.

use causeway_core::{Permission, Principal, Selection};

use crate::error::RetrieveError;
use crate::{Archive, access};

impl Archive {
    /// Removes all instances that `selection` names; says how many there were.
    ///
    /// # Errors
    /// When the caller may not delete, or catalog or store fail. Bytes that outlive their row through a crash are
    /// orphans without a name; none can be read.
    pub async fn delete(&self, principal: &Principal, selection: &Selection) -> Result<usize, RetrieveError> {
        access::allow(principal, Permission::Delete)?;
        let removed = self.inner.catalog.delete(selection.clone(), &principal.name).await?;
        for instance in &removed {
            self.inner.store.delete(&instance.object).await?;
        }
        Ok(removed.len())
    }
}
