//! The one way in which a remote is given an instance: through its transform, where it has one.
//!
//! Nothing that a transform refuses or fails at goes out, and before anything goes out under other names these are
//! written down.

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use causeway_catalog::Aliases;
use causeway_core::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, Layout};
use causeway_core::{Remote, RemoteName, StoredInstance, Uid};
use causeway_dataset::file_meta;
use causeway_dataset::scanner::Progress;
use causeway_dataset::transform::{Decision, Plan, Survey, Transformer};
use futures_util::StreamExt;

use crate::Archive;
use crate::error::{RetrieveError, unreadable};
use crate::retrieve::{Object, Wanted};

/// How a remote is given instances, as it stands at this moment: not to be kept for later ones.
#[derive(Debug, Clone)]
pub struct Passage(Option<Through>);

#[derive(Debug, Clone)]
struct Through {
    remote: RemoteName,
    plan: Arc<Plan>,
}

impl Passage {
    /// Instances as they are: for who came for them and may have them.
    #[must_use]
    pub const fn unchanged() -> Self {
        Self(None)
    }

    /// Whether instances go out as they are.
    #[must_use]
    pub const fn is_unchanged(&self) -> bool {
        self.0.is_none()
    }

    /// The SOP Instance UID under which an instance goes out.
    #[must_use]
    pub fn sop_instance(&self, instance: &StoredInstance) -> Uid {
        let uid = &instance.ids.instance;
        self.0.as_ref().map_or_else(|| uid.clone(), |through| through.plan.uid(uid))
    }

    /// The Study Instance UID under which it goes out.
    #[must_use]
    pub fn study(&self, instance: &StoredInstance) -> Uid {
        let uid = &instance.ids.study;
        self.0.as_ref().map_or_else(|| uid.clone(), |through| through.plan.uid(uid))
    }

    /// SOP class and transfer syntax of an instance as it can go out without being converted.
    #[must_use]
    pub fn pair(&self, instance: &StoredInstance) -> (Uid, Uid) {
        let (sop_class, stored) = instance.pair();
        (sop_class, if self.0.is_some() { writable(&stored) } else { stored })
    }

    /// Whether who gets instances so sees another patient or study than there is.
    #[must_use]
    pub fn hides_identity(&self) -> bool {
        self.0.as_ref().is_some_and(|through| through.plan.hides_identity())
    }
}

impl Passage {
    /// Whether instances go out under other UIDs.
    #[must_use]
    pub fn renames(&self) -> bool {
        self.0.as_ref().is_some_and(|through| through.plan.transform().maps_uids())
    }
}

/// What is changed is written in little endian, and not deflated.
fn writable(stored: &Uid) -> Uid {
    match Layout::of(stored) {
        Layout::ImplicitLittleEndian | Layout::ExplicitLittleEndian => stored.clone(),
        Layout::ExplicitBigEndian | Layout::DeflatedExplicitLittleEndian => {
            Uid::parse(EXPLICIT_VR_LITTLE_ENDIAN).unwrap_or_else(|_| stored.clone())
        }
    }
}

/// A data set that is changed as it goes by; empty after its end.
pub(crate) struct Changing(Option<Box<Transformer>>);

impl Changing {
    pub(crate) fn new(layout: Layout, decision: Decision) -> Self {
        Self(Some(Box::new(Transformer::new(layout, layout, decision))))
    }

    /// Takes the next chunk that came, `None` at the end; as [`crate::relaying::Relaying::take`].
    pub(crate) fn take(
        &mut self,
        chunk: Option<Bytes>,
    ) -> Result<ControlFlow<Option<Bytes>>, causeway_dataset::Error> {
        let out = match (chunk, &mut self.0) {
            (None, transformer) => {
                let rest = transformer.take().map(|transformer| transformer.finish()).transpose()?;
                return Ok(ControlFlow::Break(rest.filter(|rest| !rest.is_empty())));
            }
            (Some(chunk), Some(transformer)) => transformer.feed(&chunk)?,
            (Some(_), None) => return Ok(ControlFlow::Break(None)),
        };
        Ok(if out.is_empty() { ControlFlow::Continue(()) } else { ControlFlow::Break(Some(out)) })
    }
}

impl Archive {
    /// How `remote` is given instances.
    ///
    /// # Errors
    /// When its transform is not there or cannot be applied: it must be given nothing then.
    pub fn passage(&self, remote: &Remote) -> Result<Passage, RetrieveError> {
        // What the caller holds may be older than what was set since.
        let current = self.remote(&remote.name);
        let Some(name) = &current.as_ref().unwrap_or(remote).transform else { return Ok(Passage(None)) };
        let plan = self.inner.transforms.plan(name).ok_or_else(|| {
            let words = format!(
                "remote '{}' is given instances through transform '{name}', which is not there",
                remote.name
            );
            RetrieveError::Transform(words)
        })?;
        Ok(Passage(Some(Through { remote: remote.name.clone(), plan })))
    }

    /// Opens an instance as it is given to a remote, in the form wanted.
    ///
    /// # Errors
    /// As [`Archive::open_instance`]; and when it must not go out, in words.
    pub async fn open_for(
        &self,
        passage: &Passage,
        instance: &StoredInstance,
        wanted: &Wanted,
    ) -> Result<Object, RetrieveError> {
        let Some(Through { remote, plan }) = &passage.0 else {
            return self.open_instance(instance, wanted).await;
        };
        let survey = self.survey(instance, plan).await?;
        let decision = plan.decide(&survey, &moment(instance)).map_err(not_transformed)?;
        if plan.hides_identity() {
            self.inner.catalog.note_aliases(aliases(remote, plan, instance, &survey)).await?;
        }
        let changed = plan.uid(&instance.ids.instance);
        self.open_changed(instance, wanted, decision, &changed).await
    }

    /// Opens an instance to be changed as was decided.
    pub(crate) async fn open_changed(
        &self,
        instance: &StoredInstance,
        wanted: &Wanted,
        decision: Decision,
        sop_instance: &Uid,
    ) -> Result<Object, RetrieveError> {
        let stored = &instance.transfer_syntax;
        let writable = writable(stored);
        let wanted = match wanted {
            Wanted::OneOf(uids) => {
                let has_to_be_laid_out_anew = writable != *stored;
                let able = uids.iter().filter(|uid| !(has_to_be_laid_out_anew && *uid == stored));
                Wanted::OneOf(able.cloned().collect())
            }
            Wanted::Stored | Wanted::Web if writable != *stored => Wanted::OneOf(vec![writable]),
            other => other.clone(),
        };
        let object = self.open_instance(instance, &wanted).await?;
        let file_meta = Bytes::from(file_meta::write(&file_meta::FileMeta {
            sop_class: instance.sop_class.clone(),
            sop_instance: sop_instance.clone(),
            transfer_syntax: object.transfer_syntax.clone(),
            receiving_ae: None,
            envelope: None,
        }));
        let changing = Changing::new(Layout::of(&object.transfer_syntax), decision);
        Ok(object.changed(changing, file_meta))
    }

    /// Reads the beginning of an instance.
    pub(crate) async fn survey(
        &self,
        instance: &StoredInstance,
        plan: &Plan,
    ) -> Result<Survey, RetrieveError> {
        let blob = self.open_blob_of(instance).await?;
        let mut stored = blob.stream(u64::from(instance.data_set_offset)..instance.object_bytes);
        let mut surveyor = plan.surveyor(Layout::of(&instance.transfer_syntax));
        while let Some(chunk) = stored.next().await.transpose()? {
            if surveyor.feed(&chunk).map_err(unreadable)? == Progress::Stopped {
                break;
            }
        }
        Ok(surveyor.finish())
    }
}

pub(crate) fn not_transformed(error: impl std::fmt::Display) -> RetrieveError {
    RetrieveError::Transform(error.to_string())
}

/// When an instance was taken in, as DT (PS3.5 §6.2).
pub(crate) fn moment(instance: &StoredInstance) -> String {
    instance.received_at.strftime("%Y%m%d%H%M%S+0000").to_string()
}

fn aliases(remote: &RemoteName, plan: &Plan, instance: &StoredInstance, survey: &Survey) -> Aliases {
    let ids = &instance.ids;
    let own = [&ids.study, &ids.series, &ids.instance].map(|uid| uid.as_str().to_owned());
    let others = survey.uids.iter().filter(|_| plan.transform().maps_uids()).cloned();
    let named = own.into_iter().chain(others).filter_map(|original| {
        let pseudonym = plan.uid(&Uid::parse(&original).ok()?);
        Some((pseudonym.as_str().to_owned(), original))
    });
    Aliases {
        remote: remote.clone(),
        project: plan.transform().project().clone(),
        study: (plan.uid(&ids.study), ids.study.clone()),
        identity: Plan::identity(survey),
        uids: named.collect(),
    }
}
