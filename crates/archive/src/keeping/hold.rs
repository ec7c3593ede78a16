//! Legal holds: placed, listed and taken away by administrators. What they hold up is decided where something is removed.

use causeway_catalog::Hold;
use causeway_core::{Permission, Principal, Uid};

use crate::error::SearchError;
use crate::{Archive, access};

/// Longest reason, in characters.
pub const MAX_REASON_CHARS: usize = 500;
/// Most holds that are listed at a time.
const MAX_HOLDS_TOLD: u32 = 500;

/// Why a hold was not placed.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// The reason is none.
    #[error("a hold has a reason of 1 to {MAX_REASON_CHARS} characters, without line breaks")]
    Reason,
    /// It was not allowed, or the catalog failed.
    #[error(transparent)]
    Search(#[from] SearchError),
}

impl Archive {
    /// Places a study on hold, whether it is here or not, or changes the reason; gives how it stands.
    ///
    /// # Errors
    /// When the caller is no administrator, the reason is none, or the catalog fails.
    pub async fn hold(
        &self,
        principal: &Principal,
        study: Uid,
        reason: &str,
    ) -> Result<Option<Hold>, HoldError> {
        access::allow(principal, Permission::Admin).map_err(SearchError::from)?;
        let reason = reason.trim();
        let is_fine =
            (1..=MAX_REASON_CHARS).contains(&reason.chars().count()) && !reason.chars().any(char::is_control);
        if !is_fine {
            return Err(HoldError::Reason);
        }
        let held = self.inner.catalog.put_hold(study, reason.to_owned(), &principal.name).await;
        Ok(held.map_err(SearchError::from)?)
    }

    /// Takes the hold of a study away; says whether there was one.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn release_hold(&self, principal: &Principal, study: Uid) -> Result<bool, SearchError> {
        access::allow(principal, Permission::Admin)?;
        let was_there = self.inner.catalog.remove_hold(study, &principal.name).await?;
        self.inner.keeping.ring();
        Ok(was_there)
    }

    /// Studies on hold, from beyond the study `after` on, at most five hundred.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn holds(&self, principal: &Principal, after: String) -> Result<Vec<Hold>, SearchError> {
        access::allow(principal, Permission::Admin)?;
        Ok(self.inner.catalog.holds(after, MAX_HOLDS_TOLD).await?)
    }
}
