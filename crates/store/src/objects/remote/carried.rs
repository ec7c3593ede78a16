//! Objects of an object store that are carried apart from any node: read, and put there from elsewhere.

use std::ops::Range;
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use causeway_core::ObjectKey;
use futures_util::{Stream, StreamExt, TryStreamExt};
use object_store::{
    GetOptions, GetResult, MultipartUpload, ObjectStoreExt as _, PutMultipartOptions, PutOptions,
};

use super::Remote;
use super::settle::whole;
use super::upload::{PART_BYTES, attributes, part_bytes, within};
use crate::blob::BlobStream;
use crate::error::Error;
use crate::layout;
use crate::sealed::WholeBytes;

impl Remote {
    /// The bytes of an object that should be so long.
    pub(crate) async fn begin(&self, key: &ObjectKey, bytes: u64) -> Result<BlobStream, Error> {
        Ok(BlobStream::found(self.get(key, bytes, 0..bytes.max(1)).await?))
    }

    /// Asks for a range that is not empty, and sees on the way that the object is as long as it must be.
    pub(super) async fn get(
        &self,
        key: &ObjectKey,
        bytes: u64,
        range: Range<u64>,
    ) -> Result<GetResult, Error> {
        let options = GetOptions { range: Some(range.into()), ..GetOptions::default() };
        let found = self.reading.get_opts(&layout::object_path(key), options).await;
        let found = found.map_err(|error| Error::of_object(key, error))?;
        whole(key, bytes, found.meta.size).map(|()| found)
    }

    /// Whether there is an object of this name.
    pub(crate) async fn has(&self, key: &ObjectKey) -> Result<bool, Error> {
        match self.length(key).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// How long an object is.
    pub(super) async fn length(&self, key: &ObjectKey) -> Result<u64, Error> {
        let path = layout::object_path(key);
        match self.reading.head(&path).await {
            Ok(meta) => Ok(meta.size),
            // What is not there is told without words, be it the object or the whole bucket: so it is asked for some.
            Err(object_store::Error::NotFound { .. }) => {
                let options = GetOptions { range: Some((0..1).into()), ..GetOptions::default() };
                let found = self.reading.get_opts(&path, options).await;
                found.map(|found| found.meta.size).map_err(|error| Error::of_object(key, error))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Sees that there is nothing in it.
    pub(crate) async fn check_empty(&self) -> Result<(), Error> {
        match self.reading.list(None).next().await.transpose()? {
            None => Ok(()),
            Some(_) => Err(Error::NotEmpty(self.name.clone())),
        }
    }

    /// Puts an object of so many bytes there. When this fails there is no object of this name that was not there before.
    pub(crate) async fn put(
        &self,
        key: &ObjectKey,
        bytes: u64,
        chunks: impl Stream<Item = Result<Bytes, Error>>,
    ) -> Result<(), Error> {
        let path = layout::object_path(key);
        let mut parts = Parts { chunks: pin!(chunks), ahead: BytesMut::new() };
        if bytes <= PART_BYTES {
            let whole = parts.next(bytes).await?;
            let options = PutOptions { attributes: attributes(), ..PutOptions::default() };
            within(bytes, self.writing.put_opts(&path, whole.into(), options)).await?;
            return Ok(());
        }
        let mut options = PutMultipartOptions { attributes: attributes(), ..PutMultipartOptions::default() };
        options.extensions.insert(WholeBytes(bytes));
        let mut upload = within(0, self.writing.put_multipart_opts(&path, options)).await?;
        let done = put_parts(upload.as_mut(), bytes, &mut parts).await;
        if done.is_err() {
            // Best effort: what cannot be reached cannot be told, and a rule of the bucket takes what is left.
            let _ = within(0, upload.abort()).await;
        }
        done
    }
}

/// One after the other: several objects are on their way at the same time.
async fn put_parts<S: Stream<Item = Result<Bytes, Error>>>(
    upload: &mut dyn MultipartUpload,
    bytes: u64,
    parts: &mut Parts<'_, S>,
) -> Result<(), Error> {
    let (length, mut left) = (part_bytes(bytes), bytes);
    while left > 0 {
        let part = parts.next(length.min(left)).await?;
        left -= part.len() as u64;
        within(length, upload.put_part(part.into())).await?;
    }
    within(0, upload.complete()).await?;
    Ok(())
}

/// The bytes of an object, as many at a time as are asked for.
struct Parts<'s, S> {
    chunks: std::pin::Pin<&'s mut S>,
    ahead: BytesMut,
}

impl<S: Stream<Item = Result<Bytes, Error>>> Parts<'_, S> {
    async fn next(&mut self, bytes: u64) -> Result<Bytes, Error> {
        let wanted = usize::try_from(bytes).unwrap_or(usize::MAX);
        while self.ahead.len() < wanted {
            match self.chunks.try_next().await? {
                Some(chunk) => self.ahead.extend_from_slice(&chunk),
                None => return Err(Error::reading(std::io::ErrorKind::UnexpectedEof.into())),
            }
        }
        Ok(self.ahead.split_to(wanted).freeze())
    }
}
