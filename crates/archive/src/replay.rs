//! After a start: what lies in the spool without a row is recorded again, by key, to the same effect.
//!
//! Each spooled file carries its envelope in its File Meta Information, so that the record made here is the one
//! that was made, or was about to be made, before the crash. A file that is not whole cannot be here: only
//! complete, synced files are renamed into the spool.

use causeway_catalog::{Inserted, OnConflict};
use causeway_core::{Class, Digest, InstanceRecord, ObjectKey};
use causeway_dataset::file_meta::{Parsed, Part10Reader, Step};
use futures_util::{StreamExt, TryStreamExt as _};
use sha2::{Digest as _, Sha256};

use crate::Archive;
use crate::error::IngestError;
use crate::ingest::head::HeadTap;
use crate::ingest::unreadable;
use crate::verify;

/// What a replay found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Files that had their row, or are of what was removed and can be brought back.
    pub known: usize,
    /// Files that were recorded now.
    pub recorded: usize,
    /// Files that turned out to be repeats of what is kept, or to be replaced or deleted since, and went.
    pub outlived: usize,
    /// Files whose UID is kept with other bytes. They stay where they are: which of the two was acknowledged is
    /// not known for sure.
    pub conflicting: usize,
    /// Files that could not be read; they stay where they are.
    pub unreadable: usize,
}

impl Archive {
    /// Sweeps what a crash left half-written, then records every spooled instance that has no row yet, oldest
    /// first, as they were recorded then. To be awaited before the first peer is let in.
    ///
    /// # Errors
    /// When store or catalog fail; a single unreadable file is counted and left.
    pub async fn replay(&self) -> Result<Replayed, IngestError> {
        self.sweep().await?;
        let mut replayed = Replayed::default();
        let mut keys: Vec<ObjectKey> = self.inner.store.spooled().try_collect().await?;
        // Keys are ordered by time.
        keys.sort_unstable();
        for key in keys {
            if self.inner.catalog.object_known(key.clone()).await? {
                replayed.known += 1;
                continue;
            }
            match self.replay_one(&key, self.on_conflict()).await {
                Ok(Inserted::New | Inserted::Known) => replayed.recorded += 1,
                Ok(Inserted::Replaced { object: old }) => {
                    self.inner.store.delete(&old).await?;
                    replayed.recorded += 1;
                }
                Ok(Inserted::SameBytes { object: kept }) => {
                    let fresh = verify::fresh(&self.read_record(&key).await?);
                    self.repeated(fresh, kept).await?;
                    replayed.outlived += 1;
                }
                Ok(Inserted::Superseded) => {
                    self.inner.store.delete(&key).await?;
                    replayed.outlived += 1;
                }
                Ok(Inserted::Conflict) => {
                    replayed.conflicting += 1;
                    tracing::warn!(object = %key, "a spooled file's instance is kept with other bytes; the file stays");
                }
                Err(error) if is_of_one_file(&error) => {
                    replayed.unreadable += 1;
                    tracing::error!(object = %key, %error, "a spooled file cannot be read; it stays in the spool");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(replayed)
    }

    /// Records one object; `on_conflict`: should its instance be kept with other bytes.
    pub(crate) async fn replay_one(
        &self,
        key: &ObjectKey,
        on_conflict: OnConflict,
    ) -> Result<Inserted, IngestError> {
        let record = self.read_record(key).await?;
        self.record_found(record, on_conflict).await
    }

    /// The same of one that was read.
    pub(crate) async fn record_found(
        &self,
        record: InstanceRecord,
        on_conflict: OnConflict,
    ) -> Result<Inserted, IngestError> {
        let (instance, received_at) = (record.ids.instance.clone(), record.envelope.received_at);
        if self.inner.catalog.deleted_since(instance, received_at).await? {
            return Ok(Inserted::Superseded);
        }
        self.record_as(record, on_conflict).await
    }

    /// Makes the record of a stored object from its bytes alone.
    pub(crate) async fn read_record(&self, key: &ObjectKey) -> Result<InstanceRecord, IngestError> {
        let blob = self.inner.store.open_blob(key).await?;
        let object_bytes = blob.bytes();
        let mut chunks = blob.stream(0..object_bytes);
        let mut reader = Part10Reader::new();
        let parsed = loop {
            let Some(chunk) = chunks.next().await.transpose()? else {
                break reader.finish().map_err(unreadable)?;
            };
            if let Step::Done(parsed) = reader.feed(chunk).map_err(unreadable)? {
                break parsed;
            }
        };
        let Parsed { meta, data_set_offset, rest } = parsed;
        let envelope =
            meta.envelope.ok_or_else(|| IngestError::Unreadable("it has no envelope of ours".to_owned()))?;
        let mut tap = HeadTap::new(&meta.transfer_syntax);
        let mut hasher = Sha256::new();
        let mut next = Some(rest);
        while let Some(chunk) = next {
            hasher.update(&chunk);
            tap.feed(&chunk)?;
            next = chunks.next().await.transpose()?;
        }
        let head = tap.finish()?;
        Ok(InstanceRecord {
            patient: head.patient,
            ids: head.ids,
            sop_class: head.sop_class,
            transfer_syntax: meta.transfer_syntax,
            object: key.clone(),
            object_bytes,
            data_set_offset: u32::try_from(data_set_offset).map_err(unreadable)?,
            digest: Digest(hasher.finalize().into()),
            envelope,
            attributes: head.attributes,
        })
    }
}

/// Whether an error is about the one file that was read, so that the others can be read all the same.
pub(crate) fn is_of_one_file(error: &IngestError) -> bool {
    matches!(error, IngestError::Store(error) if error.is_of_one_object()) || error.class() == Class::Peer
}
