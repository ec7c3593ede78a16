//! The worklist: entries are added, changed and removed by who keeps it, and found by who works through it
//! (PS3.4 §K); how far they are follows from what modalities tell (`performed`).

mod candidates;
mod entry;
mod sweep;
mod values;

use causeway_catalog::{Entries, Kept, Likeness, WorklistItem, WorklistQuery};
use causeway_core::query::{Key, Matching};
use causeway_core::{Attributes, Class, Level, Permission, Principal, Query, Tag, Uid, Vr};

use crate::error::{AccessError, SearchError};
use crate::{Archive, access};

pub use candidates::{Candidate, MAX_SCORE, Reason};
pub use entry::Invalid;
pub(crate) use entry::new_uid;
pub use sweep::{MAX_SWEEP_BATCH, SWEEP_PAUSE};

/// Most candidates that are named for one study.
pub const MAX_CANDIDATES: usize = 20;

/// Why an entry was not kept.
#[derive(Debug, thiserror::Error)]
pub enum WorklistError {
    /// The caller may not keep the worklist.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// An attribute is missing or has a value that cannot be.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Another entry has the same study and step ID.
    #[error("entry {0} of the worklist has this study and this step ID already")]
    Taken(i64),
    /// There is no such entry.
    #[error("the worklist has no entry {0}")]
    Unknown(i64),
    /// The catalog failed.
    #[error("the worklist could not be kept: {0}")]
    Catalog(#[from] causeway_catalog::Error),
}

impl WorklistError {
    /// What it calls for.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Access(_) | Self::Invalid(_) | Self::Taken(_) | Self::Unknown(_) => Class::Caller,
            Self::Catalog(error) => error.class(),
        }
    }
}

/// The worklist is kept and read by those who may work through it, and by administrators.
pub(crate) fn allow(principal: &Principal) -> Result<(), AccessError> {
    if access::allow(principal, Permission::Admin).is_ok() {
        return Ok(());
    }
    access::allow(principal, Permission::Worklist)
}

impl Archive {
    /// Adds an entry. Study Instance UID, Scheduled Procedure Step ID, Requested Procedure ID and the status are
    /// chosen where they are missing; of the two descriptions one stands for both. On disk when this returns.
    ///
    /// # Errors
    /// When the caller may not, the entry cannot be kept as it is, or the catalog fails.
    pub async fn add_worklist_item(
        &self,
        principal: &Principal,
        entry: Attributes,
    ) -> Result<WorklistItem, WorklistError> {
        allow(principal)?;
        let entry = entry::complete(entry, None);
        entry::check(&entry)?;
        let kept = self.inner.catalog.add_worklist_item(entry, &principal.name).await?;
        self.kept(kept).await
    }

    /// Puts an entry in the place of the one of this number, whose UID, IDs and status it takes where it has none of
    /// its own. On disk when this returns.
    ///
    /// # Errors
    /// As for [`Self::add_worklist_item`]; [`WorklistError::Unknown`] where there is none of this number.
    pub async fn put_worklist_item(
        &self,
        principal: &Principal,
        id: i64,
        entry: Attributes,
    ) -> Result<WorklistItem, WorklistError> {
        allow(principal)?;
        let earlier = self.inner.catalog.worklist_item(id).await?.ok_or(WorklistError::Unknown(id))?;
        let entry = entry::complete(entry, Some(&earlier.attributes));
        entry::check(&entry)?;
        let kept = self.inner.catalog.put_worklist_item(id, entry, &principal.name).await?;
        self.kept(kept).await.map_err(|error| match error {
            WorklistError::Unknown(_) => WorklistError::Unknown(id),
            other => other,
        })
    }

    async fn kept(&self, kept: Kept) -> Result<WorklistItem, WorklistError> {
        match kept {
            Kept::As(id) => self.inner.catalog.worklist_item(id).await?.ok_or(WorklistError::Unknown(id)),
            Kept::Taken(id) => Err(WorklistError::Taken(id)),
            Kept::Unknown => Err(WorklistError::Unknown(0)),
        }
    }

    /// Removes an entry; says whether there was one.
    ///
    /// # Errors
    /// When the caller may not, or the catalog fails.
    pub async fn remove_worklist_item(&self, principal: &Principal, id: i64) -> Result<bool, SearchError> {
        allow(principal)?;
        Ok(self.inner.catalog.remove_worklist_item(id, &principal.name).await?)
    }

    /// The entry of this number.
    ///
    /// # Errors
    /// When the caller may not, or the catalog fails.
    pub async fn worklist_item(
        &self,
        principal: &Principal,
        id: i64,
    ) -> Result<Option<WorklistItem>, SearchError> {
        allow(principal)?;
        Ok(self.inner.catalog.worklist_item(id).await?)
    }

    /// The entries that `query` describes, by the time they are scheduled for.
    ///
    /// # Errors
    /// When the caller may not.
    pub fn worklist(&self, principal: &Principal, query: WorklistQuery) -> Result<Entries, AccessError> {
        allow(principal)?;
        Ok(self.inner.catalog.worklist(query))
    }

    /// Entries that the study may belong to, the likeliest first, at most [`MAX_CANDIDATES`]; nothing is changed.
    /// `None`: the study is not here.
    ///
    /// # Errors
    /// When the caller may not read the worklist or not query, or the catalog fails.
    pub async fn worklist_matches(
        &self,
        principal: &Principal,
        study: &Uid,
    ) -> Result<Option<Vec<Candidate>>, SearchError> {
        allow(principal)?;
        let matching = Matching::UidList(vec![study.clone()]);
        let key = Key { tag: Tag::STUDY_INSTANCE_UID, vr: Vr::UI, matching };
        let found = self.search(principal, Query::all(Level::Study).with(key)).await?.next().await?;
        let Some(attributes) = found else { return Ok(None) };
        let text = |tag| attributes.first(tag).map(str::to_owned);
        let likeness = Likeness {
            study: Some(study.clone()),
            accession: text(Tag::ACCESSION_NUMBER),
            patient_id: text(Tag::PATIENT_ID),
            patient_name: text(Tag::PATIENT_NAME),
        };
        let items = self.inner.catalog.worklist_like(likeness).await?;
        let mut candidates = candidates::rank(&attributes, items);
        candidates.truncate(MAX_CANDIDATES);
        Ok(Some(candidates))
    }
}
