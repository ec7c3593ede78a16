//! Objects that are sealed as files, in the form that they have in an object store.

use std::io;

use bytes::Bytes;
use causeway_core::ObjectKey;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};

use super::ring::Ring;
use super::writing::Sealer;
use super::{bound_name, reading};
use crate::error::Error;
use crate::layout;

/// Seals the bytes of one object as they come.
pub(crate) struct Seal(Sealer);

impl Seal {
    /// Of an object that will be so long.
    pub(crate) async fn new(ring: &Ring, key: &ObjectKey, bytes: u64) -> Result<Self, Error> {
        let path = layout::object_path(key);
        Ok(Self(Sealer::of(ring, &bound_name(&path), bytes).await.map_err(Error::Sealed)?))
    }

    /// Gives what is sealed by now.
    pub(crate) fn take(&mut self, chunk: Bytes) -> Result<Vec<Bytes>, Error> {
        let sealed = self.0.take(&chunk.into()).map_err(Error::Sealed)?;
        Ok(sealed.into_iter().collect())
    }

    /// That all of it came.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.0.check().map_err(Error::Sealed)
    }
}

/// The plain bytes of an object that is sealed in a file, and how many they are.
///
/// # Errors
/// When it does not open. What follows its first segment may not open either: then the stream ends with an error.
pub async fn unsealed(
    ring: &Ring,
    key: &ObjectKey,
    sealed_bytes: u64,
    chunks: BoxStream<'static, io::Result<Bytes>>,
) -> Result<(u64, BoxStream<'static, Result<Bytes, Error>>), Error> {
    let chunks = chunks.map_err(|error| object_store::Error::Generic { store: "file", source: error.into() });
    let path = layout::object_path(key);
    let (bytes, plain) = reading::open_whole(ring, &bound_name(&path), sealed_bytes, chunks.boxed()).await?;
    Ok((bytes, plain.map_err(Error::from).boxed()))
}
