//! Parts of a stored data set, read from wherever they stand in it: straight from the store, or, where the stored bytes
//! cannot be read in place (deflated, big endian), in the course of laying the data set out anew.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use causeway_core::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, Layout};
use causeway_core::{StoredInstance, Uid};
use causeway_store::Blob;

use crate::Archive;
use crate::error::{RetrieveError, unreadable};
use crate::retrieve::{Object, Wanted};

/// The data set of an instance, in a layout that can be read in place: offsets are bytes from its start.
pub(crate) struct Pieces {
    /// Transfer syntax in which it is read.
    pub(crate) transfer_syntax: Uid,
    source: Source,
}

enum Source {
    Stored { blob: Blob, data_set: Range<u64> },
    Relaid { archive: Archive, instance: Box<StoredInstance>, onward: Option<Onward> },
}

/// A data set as it is laid out anew: what has come by does not come again.
struct Onward {
    object: Object,
    /// What came last and is not used yet, and where it begins.
    chunk: Bytes,
    at: u64,
}

impl Archive {
    /// Opens the data set of an instance.
    pub(crate) async fn pieces(&self, instance: &StoredInstance) -> Result<Pieces, RetrieveError> {
        let stored = &instance.transfer_syntax;
        let source = match Layout::of(stored) {
            Layout::ImplicitLittleEndian | Layout::ExplicitLittleEndian => Source::Stored {
                blob: self.open_blob_of(instance).await?,
                data_set: u64::from(instance.data_set_offset)..instance.object_bytes,
            },
            Layout::ExplicitBigEndian | Layout::DeflatedExplicitLittleEndian => {
                Source::Relaid { archive: self.clone(), instance: Box::new(instance.clone()), onward: None }
            }
        };
        let transfer_syntax = match &source {
            Source::Stored { .. } => stored.clone(),
            Source::Relaid { .. } => explicit()?,
        };
        Ok(Pieces { transfer_syntax, source })
    }
}

fn explicit() -> Result<Uid, RetrieveError> {
    Uid::parse(EXPLICIT_VR_LITTLE_ENDIAN).map_err(unreadable)
}

impl Pieces {
    /// Some of the bytes from `at` on, at most `most`; none at the end of the data set. What is laid out anew may
    /// come in smaller pieces than there is.
    pub(crate) async fn some(&mut self, at: u64, most: u64) -> Result<Bytes, RetrieveError> {
        match &mut self.source {
            Source::Stored { blob, data_set } => {
                let start = data_set.start.saturating_add(at).min(data_set.end);
                let end = start.saturating_add(most).min(data_set.end);
                Ok(blob.read(start..end).await?)
            }
            Source::Relaid { archive, instance, onward } => {
                let held = match onward.take().filter(|held| held.at <= at) {
                    Some(held) => held,
                    None => {
                        let wanted = Wanted::OneOf(vec![explicit()?]);
                        let object = archive.open_instance(instance, &wanted).await?;
                        Onward { object, chunk: Bytes::new(), at: 0 }
                    }
                };
                onward.insert(held).some(at, most).await
            }
        }
    }

    /// Exactly these bytes.
    ///
    /// # Errors
    /// When the data set ends before, too.
    pub(crate) async fn all(&mut self, range: Range<u64>) -> Result<Bytes, RetrieveError> {
        let whole = range.end.saturating_sub(range.start);
        let first = self.some(range.start, whole).await?;
        if first.len() as u64 == whole {
            return Ok(first);
        }
        let mut bytes = BytesMut::from(&first[..]);
        while (bytes.len() as u64) < whole {
            let read = bytes.len() as u64;
            let some = self.some(range.start.saturating_add(read), whole - read).await?;
            if some.is_empty() {
                return Err(unreadable("the data set ends in the middle of a value"));
            }
            bytes.extend_from_slice(&some);
        }
        Ok(bytes.freeze())
    }
}

impl Onward {
    async fn some(&mut self, at: u64, most: u64) -> Result<Bytes, RetrieveError> {
        loop {
            let behind = self.at.saturating_add(self.chunk.len() as u64);
            if at < behind {
                let from = usize::try_from(at - self.at).unwrap_or(usize::MAX).min(self.chunk.len());
                let rest = self.chunk.slice(from..);
                let end = usize::try_from(most).unwrap_or(usize::MAX).min(rest.len());
                return Ok(rest.slice(..end));
            }
            let Some(chunk) = self.object.chunk().await? else { return Ok(Bytes::new()) };
            (self.at, self.chunk) = (behind, chunk);
        }
    }
}
