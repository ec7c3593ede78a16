//! Performed procedure steps: modalities tell of them (PS3.4 §F.7), the worklist follows, they are shown.
//!
//! Invariant: what a modality is answered Success for is on disk.

mod rules;

use causeway_catalog::{
    Meaning, NewPerformedStep, PerformedChange, PerformedFilter, PerformedStep, ScheduledReference, Written,
};
use causeway_core::worklist::PerformedStatus;
use causeway_core::{Attributes, Class, Principal, Tag, Uid};

use crate::Archive;
use crate::error::{AccessError, SearchError};
use crate::worklist::{allow, new_uid};

pub use rules::Fault;

/// Most attempts at a change while others change the same step.
const MAX_ATTEMPTS: u32 = 8;

/// Why a performed step was not created or changed.
#[derive(Debug, thiserror::Error)]
pub enum PerformedError {
    /// The caller may not report on procedure steps.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// There is a step of this UID.
    #[error("a performed procedure step of this UID is kept already")]
    Duplicate,
    /// There is no step of this UID.
    #[error("there is no performed procedure step of this UID")]
    Unknown,
    /// The step has ended.
    #[error("the performed procedure step is {0}; it can no longer change")]
    Ended(PerformedStatus),
    /// What was told cannot be.
    #[error("attributes are missing, empty or have values that cannot be")]
    Fault(Fault),
    /// Others kept changing the step.
    #[error("the performed procedure step was changed by others meanwhile; try again")]
    Contended,
    /// The catalog failed.
    #[error("the performed procedure step could not be kept: {0}")]
    Catalog(#[from] causeway_catalog::Error),
}

impl PerformedError {
    /// What it calls for.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Access(_) => Class::Caller,
            Self::Duplicate | Self::Unknown | Self::Ended(_) | Self::Fault(_) => Class::Peer,
            Self::Contended => Class::Transient,
            Self::Catalog(error) => error.class(),
        }
    }
}

impl From<Fault> for PerformedError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Archive {
    /// Keeps a new performed step, which must be in progress; the scheduled steps that it names are STARTED. Gives its
    /// UID, chosen where none was given. On disk when this returns.
    ///
    /// # Errors
    /// When the caller may not, the step cannot be so, or the catalog fails.
    pub async fn create_performed(
        &self,
        principal: &Principal,
        uid: Option<Uid>,
        attributes: Attributes,
    ) -> Result<Uid, PerformedError> {
        allow(principal)?;
        rules::check_new(&attributes)?;
        let items = rules::items(&attributes, Tag::SCHEDULED_STEP_ATTRIBUTES_SEQUENCE);
        let study = items.iter().find_map(|item| uid_at(item, Tag::STUDY_INSTANCE_UID));
        let missing = || Fault::Missing(vec![Tag::STUDY_INSTANCE_UID]);
        let uid = uid.unwrap_or_else(new_uid);
        let step = NewPerformedStep {
            uid: uid.clone(),
            study: study.ok_or_else(missing)?,
            scheduled: items.iter().filter_map(reference).collect(),
            attributes,
        };
        match self.inner.catalog.create_performed(step, &principal.name).await? {
            Written::Done => Ok(uid),
            Written::Taken => Err(PerformedError::Duplicate),
            Written::Overtaken => Err(PerformedError::Contended),
        }
    }

    /// Changes a performed step that is in progress; the scheduled steps that it names are as far as it is. Gives the
    /// attributes that it was told to change and that may not change. On disk when this returns.
    ///
    /// # Errors
    /// As for [`Self::create_performed`]; a step that has ended does not change.
    pub async fn set_performed(
        &self,
        principal: &Principal,
        uid: &Uid,
        change: Attributes,
    ) -> Result<Vec<Tag>, PerformedError> {
        allow(principal)?;
        for _ in 0..MAX_ATTEMPTS {
            let kept = self.inner.catalog.performed(uid.clone()).await?.ok_or(PerformedError::Unknown)?;
            if kept.status.is_final() {
                return Err(PerformedError::Ended(kept.status));
            }
            let rules::Changed { attributes, status, left } = rules::set(&kept.attributes, change.clone())?;
            let meaning = if rules::was_mistaken(&attributes) { Meaning::Withdrawn } else { Meaning::Counts };
            let (uid, revision) = (uid.clone(), kept.revision);
            let change = PerformedChange { uid, revision, status, attributes, meaning };
            if self.inner.catalog.change_performed(change, &principal.name).await? == Written::Done {
                return Ok(left);
            }
        }
        Err(PerformedError::Contended)
    }

    /// The performed step of this UID.
    ///
    /// # Errors
    /// When the caller may not, or the catalog fails.
    pub async fn performed(
        &self,
        principal: &Principal,
        uid: &Uid,
    ) -> Result<Option<PerformedStep>, SearchError> {
        allow(principal)?;
        Ok(self.inner.catalog.performed(uid.clone()).await?)
    }

    /// Performed steps, newest first.
    ///
    /// # Errors
    /// When the caller may not, or the catalog fails.
    pub async fn performed_steps(
        &self,
        principal: &Principal,
        filter: PerformedFilter,
    ) -> Result<Vec<PerformedStep>, SearchError> {
        allow(principal)?;
        Ok(self.inner.catalog.performed_steps(filter).await?)
    }
}

fn uid_at(attributes: &Attributes, tag: Tag) -> Option<Uid> {
    Uid::parse(attributes.first(tag)?).ok()
}

/// The scheduled step that an item of Scheduled Step Attributes Sequence means; none for a step that was not scheduled.
/// The study may be named by Referenced Study Sequence, where the modality put several orders into a study of its own
/// (PS3.4 §F.7.2.1.2).
fn reference(item: &Attributes) -> Option<ScheduledReference> {
    let step_id = item.first(Tag::SCHEDULED_PROCEDURE_STEP_ID)?.to_owned();
    let referenced = rules::items(item, Tag::REFERENCED_STUDY_SEQUENCE);
    let referenced = referenced.iter().filter_map(|study| uid_at(study, Tag::REFERENCED_SOP_INSTANCE_UID));
    let studies = uid_at(item, Tag::STUDY_INSTANCE_UID).into_iter().chain(referenced).collect();
    Some(ScheduledReference {
        step_id,
        studies,
        accession: item.first(Tag::ACCESSION_NUMBER).map(str::to_owned),
    })
}
