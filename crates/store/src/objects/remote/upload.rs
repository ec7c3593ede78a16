//! One upload: the bytes are read once (`objects/source`), their digest taken on the way and held against the one that was
//! noted when they came, and only then is the object there. The server is given a checksum of each piece and refuses what is not that.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt, TryFutureExt};
use object_store::path::Path;
use object_store::{Attribute, Attributes, MultipartUpload, PutMultipartOptions, PutOptions};

use super::RemoteObjects;
use crate::error::Error;
use crate::objects::source::Source;
use crate::sealed::WholeBytes;

/// What objects are (PS3.18 §8.7.3.2): a file of Part 10.
const MEDIA_TYPE: &str = "application/dicom";
/// Longest object that is uploaded in one request, in bytes; longer ones go in parts of this length.
pub(super) const PART_BYTES: u64 = 8 * 1024 * 1024;
/// Parts of one object under way at the same time.
const PARTS_AT_ONCE: usize = 4;
/// Most parts of one object: what providers allow, and some left over.
const MAX_PARTS: u64 = 9_000;
/// Bytes held in memory by all uploads together.
pub(super) const MAX_HELD_BYTES: usize = 64 * 1024 * 1024;
/// A request may take so long, and what its bytes take at the slowest.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes in a second, at the slowest.
const SLOWEST: u64 = 32 * 1024;

/// What is asked of the store is answered within a time that fits its length, or not at all.
pub(super) async fn within<T>(
    bytes: u64,
    request: impl Future<Output = Result<T, object_store::Error>>,
) -> Result<T, Error> {
    let patience = PATIENCE + Duration::from_secs(bytes / SLOWEST);
    match tokio::time::timeout(patience, request).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Error::NoAnswer(patience)),
    }
}

pub(super) fn attributes() -> Attributes {
    Attributes::from_iter([(Attribute::ContentType, MEDIA_TYPE)])
}

/// How long the parts are: all but the last are the same, which some stores ask for.
pub(super) fn part_bytes(bytes: u64) -> u64 {
    const MEBIBYTE: u64 = 1024 * 1024;
    bytes.div_ceil(MAX_PARTS).next_multiple_of(MEBIBYTE).max(PART_BYTES)
}

impl RemoteObjects {
    /// Uploads the whole of it. When this fails, there is no object of this name that was not there before, and no part
    /// of one is left, as far as the store can be reached.
    pub(in crate::objects) async fn upload(&self, source: &mut Source, path: &Path) -> Result<(), Error> {
        if source.bytes() > PART_BYTES {
            return self.upload_in_parts(source, path).await;
        }
        let _held = self.hold(source.bytes()).await?;
        let whole = source.next(PART_BYTES).await?.unwrap_or_default();
        source.check()?;
        let bytes = whole.len() as u64;
        let options = PutOptions { attributes: attributes(), ..PutOptions::default() };
        within(bytes, self.remote.writing.put_opts(path, whole.into(), options)).await?;
        Ok(())
    }

    async fn upload_in_parts(&self, source: &mut Source, path: &Path) -> Result<(), Error> {
        let mut options = PutMultipartOptions { attributes: attributes(), ..PutMultipartOptions::default() };
        options.extensions.insert(WholeBytes(source.bytes()));
        let mut upload = within(0, self.remote.writing.put_multipart_opts(path, options)).await?;
        let whole = async {
            self.put_parts(source, upload.as_mut()).await?;
            source.check()?;
            within(0, upload.complete()).await
        };
        match whole.await {
            Ok(_) => Ok(()),
            Err(error) => {
                // Best effort: what cannot be reached cannot be told, and a rule of the bucket takes what is left.
                let _ = within(0, upload.abort()).await;
                Err(error)
            }
        }
    }

    async fn put_parts(&self, source: &mut Source, upload: &mut dyn MultipartUpload) -> Result<(), Error> {
        let length = part_bytes(source.bytes());
        let mut under_way = FuturesUnordered::new();
        loop {
            if under_way.len() == PARTS_AT_ONCE {
                under_way.next().await.transpose()?;
            }
            // Parts of one's own are waited for before leave to hold more is: else all could wait for one another.
            let held = match self.try_hold(length) {
                Some(held) => held,
                None if under_way.is_empty() => self.hold(length).await?,
                None => {
                    under_way.next().await.transpose()?;
                    continue;
                }
            };
            let Some(part) = source.next(length).await? else { break };
            let bytes = part.len() as u64;
            let sent = within(bytes, upload.put_part(part.into()));
            under_way.push(sent.map_ok(move |()| drop(held)));
        }
        while under_way.next().await.transpose()?.is_some() {}
        Ok(())
    }

    fn permits(bytes: u64) -> u32 {
        let most = u32::try_from(MAX_HELD_BYTES).unwrap_or(u32::MAX);
        u32::try_from(bytes).unwrap_or(most).clamp(1, most)
    }

    async fn hold(&self, bytes: u64) -> Result<tokio::sync::OwnedSemaphorePermit, Error> {
        let leave = Arc::clone(&self.held).acquire_many_owned(Self::permits(bytes)).await;
        leave.map_err(|_| Error::Closed)
    }

    fn try_hold(&self, bytes: u64) -> Option<tokio::sync::OwnedSemaphorePermit> {
        Arc::clone(&self.held).try_acquire_many_owned(Self::permits(bytes)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_as_long_as_they_must_be_and_never_too_many() {
        for bytes in [PART_BYTES + 1, MAX_PARTS * PART_BYTES, MAX_PARTS * PART_BYTES + 1, 5 << 40] {
            let length = part_bytes(bytes);
            assert!(length >= PART_BYTES && bytes.div_ceil(length) <= MAX_PARTS, "{bytes}");
        }
        assert_eq!(part_bytes(MAX_PARTS * PART_BYTES), PART_BYTES);
    }
}
