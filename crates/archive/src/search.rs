//! Searching: access, then the catalog.

use causeway_catalog::Answers;
use causeway_core::{Permission, Principal, Query};

use crate::error::SearchError;
use crate::{Archive, access};

impl Archive {
    /// The entities that `query` describes, in a stable order, each with the attributes of its level and of
    /// those above.
    ///
    /// # Errors
    /// When the caller may not query, or the catalog fails.
    pub async fn search(&self, principal: &Principal, query: Query) -> Result<Answers, SearchError> {
        access::allow(principal, Permission::Query)?;
        Ok(self.inner.catalog.search(query).await?)
    }

    /// How many entities `query` describes, its limit and offset left aside; counting stops at `up_to`.
    ///
    /// # Errors
    /// As for [`Archive::search`].
    pub async fn count(&self, principal: &Principal, query: Query, up_to: u64) -> Result<u64, SearchError> {
        access::allow(principal, Permission::Query)?;
        Ok(self.inner.catalog.count(query, up_to).await?)
    }
}
