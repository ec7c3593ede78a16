//! Taking an instance in: stage, tap, make durable, decide, record. The only way in, for every door.
//!
//! The bytes stream into the spool while SHA-256 and the head of the data set are tapped on the way; nothing is
//! parsed twice and nothing is held whole. Success is returned only after the file and its folder are on disk and
//! the row, its deliveries and its audit line are committed in one transaction.

mod body;
pub(crate) mod doubts;
mod file;
pub(crate) mod head;
pub(crate) mod turns;

use bytes::Bytes;
use causeway_catalog::{Inserted, OnConflict};
use causeway_core::{Digest, Envelope, Identifiers, InstanceRecord, Permission, Principal, Sight, Uid};
use causeway_dataset::file_meta;
use causeway_store::{Scratch, Staging};
use sha2::{Digest as _, Sha256};

pub use body::{Body, BodyError, OneChunk};
use head::HeadTap;

use crate::error::IngestError;
use crate::{Acknowledge, Archive, Duplicate, access, verify};

/// What the sender said it would send: by a C-STORE command and its presentation context, or by File Meta
/// Information.
#[derive(Debug, Clone)]
pub struct Announced {
    /// Affected SOP Class UID; a file without File Meta Information does not say.
    pub sop_class: Option<Uid>,
    /// Affected SOP Instance UID; likewise.
    pub sop_instance: Option<Uid>,
    /// Transfer syntax of the data set.
    pub transfer_syntax: Uid,
}

/// What became of an instance that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is new.
    New,
    /// It was here before, byte for byte.
    SameBytes,
    /// It took the place of another (`[ingest] duplicate = "replace"`).
    Replaced,
}

/// An instance that is safe now.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// Which it is.
    pub ids: Identifiers,
    /// Its SOP class.
    pub sop_class: Uid,
    /// What became of it.
    pub outcome: Outcome,
}

/// An instance that has been read to its end and is not durable yet. Dropped, it leaves nothing.
pub struct Received {
    staging: Staging,
    record: InstanceRecord,
    sight: Sight,
}

/// The reserve before the data set, in bytes: preamble and File Meta Information are padded to it, so that the
/// body can be written before the head is known. Long AE titles, UIDs and remote names together stay below.
pub(crate) const HEADER_BYTES: usize = 1024;

impl Received {
    /// Digest of the data set that came.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.record.digest
    }
}

impl Archive {
    /// A place to put aside what belongs to instances that have not come whole.
    #[must_use]
    pub fn scratch(&self) -> Scratch {
        self.inner.store.scratch()
    }

    /// Takes one instance, its data set streaming in as `body`. `study`: the study it must belong to, if any.
    ///
    /// # Errors
    /// Nothing is kept of an instance that is not taken; the error says why, in words and codes.
    pub async fn ingest(
        &self,
        principal: &Principal,
        envelope: Envelope,
        announced: Announced,
        body: &mut impl Body,
        study: Option<&Uid>,
    ) -> Result<Accepted, IngestError> {
        let received = self.receive(principal, envelope, announced, body, study).await?;
        self.finish(received).await
    }

    /// The first half of [`Self::ingest`]: reads the instance to its end, so that whoever sends it can go on. It is
    /// not safe before [`Self::finish`] says so.
    ///
    /// # Errors
    /// As for [`Self::ingest`].
    pub async fn receive(
        &self,
        principal: &Principal,
        envelope: Envelope,
        announced: Announced,
        body: &mut impl Body,
        study: Option<&Uid>,
    ) -> Result<Received, IngestError> {
        let received = self.take(principal, envelope, announced, body, study).await;
        if received.is_err() {
            self.inner.counters.refused();
        }
        received
    }

    /// The second half of [`Self::ingest`]: makes the instance durable and records it. Once begun it is to be waited
    /// for.
    ///
    /// # Errors
    /// As for [`Self::ingest`].
    pub async fn finish(&self, received: Received) -> Result<Accepted, IngestError> {
        let Received { staging, record, sight } = received;
        let ingested = self.keep(staging, record, &sight).await;
        self.inner.counters.count(&ingested);
        ingested
    }

    async fn take(
        &self,
        principal: &Principal,
        envelope: Envelope,
        announced: Announced,
        body: &mut impl Body,
        study: Option<&Uid>,
    ) -> Result<Received, IngestError> {
        let sight = access::sight(principal, Permission::Store)?;
        let at_least = body.announced_bytes().unwrap_or(1);
        self.within_quota(envelope.remote.as_ref(), announced.sop_instance.as_ref(), at_least).await?;
        let key = self.inner.store.new_key();
        let mut intake = Intake {
            staging: self.inner.store.stage(key.clone(), HEADER_BYTES),
            hasher: Sha256::new(),
            tap: HeadTap::new(&announced.transfer_syntax),
            data_set_bytes: 0,
        };
        if let Some(mark) = body.mark() {
            intake.staging.mark(&mark);
        }
        if let Some(bytes) = body.announced_bytes() {
            intake.staging.announce(bytes)?;
        }
        while let Some(chunk) = body.chunk().await? {
            intake.take(chunk).await?;
        }
        let (staging, record) = intake.finish(key, envelope, announced, study)?;
        Ok(Received { staging, record, sight })
    }

    /// Looked at for whether its sender may add it, then durable, then recorded.
    async fn keep(
        &self,
        staging: Staging,
        mut record: InstanceRecord,
        sight: &Sight,
    ) -> Result<Accepted, IngestError> {
        // Before anything is on disk: a replay would not know who sent it.
        if !self.may_place(sight, &record).await? {
            return Err(IngestError::Unseen(record.ids.study));
        }
        // Before its turn: room may have to be made.
        let (remote, instance) = (record.envelope.remote.as_ref(), &record.ids.instance);
        self.within_quota(remote, Some(instance), record.object_bytes).await?;
        let turn = self.inner.turns.of(&record.ids.instance).await;
        self.resolve_doubts_of::<IngestError>(&record.ids.instance).await?;
        record.object = self.inner.store.new_key();
        record.envelope.received_at = self.inner.clock.now();
        let header = file_meta::write_padded(&self.file_meta(&record), HEADER_BYTES).map_err(unreadable)?;
        staging.commit_as(&record.object, Bytes::from(header)).await?;
        let (ids, sop_class, object) = (record.ids.clone(), record.sop_class.clone(), record.object.clone());
        let fresh = verify::fresh(&record);
        let recorded = self.record_as(record, self.on_conflict()).await;
        let recorded = self.or_in_doubt(&ids.instance, &object, recorded)?;
        drop(turn);
        let (outcome, kept) = match recorded {
            Inserted::New | Inserted::Known => (Outcome::New, object),
            Inserted::SameBytes { object: kept } => (Outcome::SameBytes, self.repeated(fresh, kept).await?),
            Inserted::Replaced { object: old } => {
                // Should the node die here, the replay knows the old bytes as superseded.
                self.inner.store.delete(&old).await?;
                (Outcome::Replaced, object)
            }
            Inserted::Conflict | Inserted::Superseded => {
                self.inner.store.discard(&object).await?;
                return Err(match self.on_conflict() {
                    OnConflict::KeepFirst => IngestError::Conflict(ids.instance),
                    OnConflict::Replace => IngestError::Held(ids.instance),
                });
            }
        };
        if self.inner.config.acknowledge == Acknowledge::Store {
            self.settle_now(&kept).await?;
        }
        Ok(Accepted { ids, sop_class, outcome })
    }

    /// Writes the row, its deliveries and its audit line. The same for an instance that just came and for one
    /// found in the spool at start; what becomes of its bytes the caller decides.
    pub(crate) async fn record_as(
        &self,
        record: InstanceRecord,
        on_conflict: OnConflict,
    ) -> Result<Inserted, IngestError> {
        let inner = &self.inner;
        let deliveries = self.destinations(&record);
        let planned = !deliveries.is_empty();
        let inserted = inner.catalog.insert(record, deliveries, on_conflict).await?;
        if matches!(inserted, Inserted::New | Inserted::Replaced { .. }) {
            inner.settling.nudge();
            inner.returning.nudge();
            if planned {
                inner.dispatcher.nudge();
            }
        }
        Ok(inserted)
    }

    /// What the settings say of a second instance of the same UID.
    pub(crate) fn on_conflict(&self) -> OnConflict {
        match self.inner.config.duplicate {
            Duplicate::Replace => OnConflict::Replace,
            Duplicate::KeepFirst => OnConflict::KeepFirst,
        }
    }

    fn file_meta(&self, record: &InstanceRecord) -> file_meta::FileMeta {
        file_meta::FileMeta {
            sop_class: record.sop_class.clone(),
            sop_instance: record.ids.instance.clone(),
            transfer_syntax: record.transfer_syntax.clone(),
            receiving_ae: self.inner.config.ae_title.clone(),
            envelope: Some(record.envelope.clone()),
        }
    }
}

/// An instance on its way in.
struct Intake {
    staging: Staging,
    hasher: Sha256,
    tap: HeadTap,
    data_set_bytes: u64,
}

impl Intake {
    async fn take(&mut self, chunk: Bytes) -> Result<(), IngestError> {
        self.hasher.update(&chunk);
        self.tap.feed(&chunk)?;
        self.data_set_bytes += chunk.len() as u64;
        self.staging.write(chunk).await?;
        Ok(())
    }

    /// Everything that is known of the instance, checked against what was announced.
    fn finish(
        self,
        object: causeway_core::ObjectKey,
        envelope: Envelope,
        announced: Announced,
        study: Option<&Uid>,
    ) -> Result<(Staging, InstanceRecord), IngestError> {
        let head = self.tap.finish()?;
        head.check(&announced, study)?;
        let record = InstanceRecord {
            patient: head.patient,
            ids: head.ids,
            sop_class: head.sop_class,
            transfer_syntax: announced.transfer_syntax,
            object,
            object_bytes: HEADER_BYTES as u64 + self.data_set_bytes,
            data_set_offset: u32::try_from(HEADER_BYTES).unwrap_or(u32::MAX),
            digest: Digest(self.hasher.finalize().into()),
            envelope,
            attributes: head.attributes,
        };
        Ok((self.staging, record))
    }
}

pub(crate) fn unreadable(error: impl std::fmt::Display) -> IngestError {
    IngestError::Unreadable(error.to_string())
}
