//! Bytes on their way to a place, read once from their beginning to their end: what they must be is seen as they pass.

use std::fs::File;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use causeway_core::{Digest, ExpectedObject};
use sha2::{Digest as _, Sha256};

use super::{Known, Place};
use crate::error::Error;
use crate::{Store, blob};

/// The bytes of one object.
pub(super) struct Source {
    store: Store,
    from: From,
    known: Known,
    at: u64,
    hasher: Sha256,
}

/// Where they lie.
enum From {
    Spool(Arc<File>),
    /// In a folder that is moved from.
    OldFolder(Arc<File>),
    /// In an object store that is moved from.
    OldStore,
}

impl Source {
    /// A spooled file of so many bytes.
    pub(super) fn spooled(
        store: Store,
        file: File,
        bytes: u64,
        expected: ExpectedObject,
    ) -> Result<Self, Error> {
        if bytes != expected.object_bytes {
            let words = format!("it has {bytes} bytes, and {} came", expected.object_bytes);
            return Err(Error::Damaged { key: expected.object, words });
        }
        Ok(Self::new(store, From::Spool(Arc::new(file)), Known::from(expected)))
    }

    /// A file of so many bytes in the folder that is moved from.
    pub(super) fn old_file(store: Store, file: File, bytes: u64, known: Known) -> Result<Self, Error> {
        known.hold_against(bytes)?;
        Ok(Self::new(store, From::OldFolder(Arc::new(file)), known))
    }

    /// An object in the object store that is moved from.
    pub(super) fn old_object(store: Store, known: Known) -> Self {
        Self::new(store, From::OldStore, known)
    }

    fn new(store: Store, from: From, known: Known) -> Self {
        Self { store, from, known, at: 0, hasher: Sha256::new() }
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.known.object_bytes
    }

    /// The next bytes, at most so many; none at the end.
    pub(super) async fn next(&mut self, most: u64) -> Result<Option<Bytes>, Error> {
        let end = self.at.saturating_add(most).min(self.bytes());
        if self.at == end {
            return Ok(None);
        }
        let range = self.at..end;
        let mut hasher = std::mem::take(&mut self.hasher);
        // The digest begins behind what the node put before the bytes that came.
        let from = self.known.digest.map_or(u64::MAX, |(from, _)| from);
        let skip = usize::try_from(from.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let see = move |bytes: Bytes| {
            hasher.update(bytes.get(skip..).unwrap_or_default());
            (bytes, hasher)
        };
        let readers = &self.store.inner.readers;
        let (bytes, hasher) = match &self.from {
            From::Spool(file) | From::OldFolder(file) => {
                let file = Arc::clone(file);
                readers.run(move || blob::read_exact(&file, range).map(see)).await??
            }
            From::OldStore => {
                let bytes = self.read_old(range).await?;
                readers.run(move || see(bytes)).await?
            }
        };
        (self.hasher, self.at) = (hasher, end);
        Ok(Some(bytes))
    }

    async fn read_old(&self, range: std::ops::Range<u64>) -> Result<Bytes, Error> {
        let Known { object, object_bytes, .. } = &self.known;
        let Some(Place::Remote(old)) = &self.store.inner.objects.also else {
            return Err(Error::NotFound(object.clone()));
        };
        let wanted = range.end - range.start;
        match old.get(object, *object_bytes, range).await {
            Ok(found) => {
                let bytes = found.bytes().await?;
                if bytes.len() as u64 != wanted {
                    let source = io::ErrorKind::UnexpectedEof.into();
                    return Err(Error::Disk {
                        operation: "reading from the object store".to_owned(),
                        source,
                    });
                }
                Ok(bytes)
            }
            Err(Error::Length { found, .. }) => {
                Err(self.known.hold_against(found).err().unwrap_or(Error::Closed))
            }
            Err(error) => Err(error),
        }
    }

    /// Whether what was read is what came.
    pub(super) fn check(&self) -> Result<(), Error> {
        let Some((_, noted)) = self.known.digest else { return Ok(()) };
        let digest = Digest(self.hasher.clone().finalize().into());
        if digest == noted {
            return Ok(());
        }
        let words = format!("its digest is {digest}, and {noted} was noted when it came");
        let key = self.known.object.clone();
        Err(match self.from {
            From::Spool(_) => Error::Damaged { key, words },
            From::OldFolder(_) | From::OldStore => Error::DamagedOld { key, words },
        })
    }
}
