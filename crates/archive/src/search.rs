//! Searching: access, then the catalog.

use causeway_catalog::Answers;
use causeway_core::{Permission, Principal, Query};

use crate::error::SearchError;
use crate::{Archive, access};

impl Archive {
    /// The entities that `query` describes and that the caller sees, in a stable order, each with the attributes of its level and of
    /// those above.
    ///
    /// # Errors
    /// When the caller may not query, or the catalog fails.
    pub async fn search(&self, principal: &Principal, query: Query) -> Result<Answers, SearchError> {
        let query = Query { sight: access::sight(principal, Permission::Query)?, ..query };
        Ok(self.inner.catalog.search(self.in_our_zone(query)).await?)
    }

    /// A query in another zone takes dates and times of which nothing says the zone to be of ours.
    fn in_our_zone(&self, mut query: Query) -> Query {
        if let (Some(zones), Some(zone)) = (&mut query.zones, &self.inner.config.zone) {
            zones.assume(zone);
        }
        query
    }

    /// How many of them there are, its limit and offset left aside; counting stops at `up_to`.
    ///
    /// # Errors
    /// As for [`Archive::search`].
    pub async fn count(&self, principal: &Principal, query: Query, up_to: u64) -> Result<u64, SearchError> {
        let query = Query { sight: access::sight(principal, Permission::Query)?, ..query };
        Ok(self.inner.catalog.count(self.in_our_zone(query), up_to).await?)
    }
}
