//! An object store: settling is an upload, checked by length, after which the spooled file goes.

use std::sync::Arc;

use bytes::Bytes;
use causeway_core::ObjectKey;
use futures_util::{StreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, WriteMultipart};

use crate::blob::Blob;
use crate::error::Error;
use crate::{Store, files, layout};

/// Uploads under way at the same time.
const CONCURRENT_UPLOADS: usize = 8;
/// Longest blob that is uploaded in one request; longer ones go in parts of this length.
const PART_BYTES: u64 = 8 * 1024 * 1024;
/// Parts of one blob under way at the same time.
const CONCURRENT_PARTS: usize = 2;

/// The object store.
pub(crate) struct RemoteObjects {
    objects: Arc<dyn ObjectStore>,
}

impl RemoteObjects {
    pub(crate) fn new(objects: Arc<dyn ObjectStore>) -> Self {
        Self { objects }
    }

    pub(crate) async fn open(&self, key: &ObjectKey) -> Result<Blob, Error> {
        let path = layout::object_path(key);
        match self.objects.head(&path).await {
            Ok(meta) => Ok(Blob::remote(Arc::clone(&self.objects), path, meta.size)),
            Err(object_store::Error::NotFound { .. }) => Err(Error::NotFound(key.clone())),
            Err(error) => Err(error.into()),
        }
    }

    /// The names of up to `limit` objects from beyond `after` on, in their order.
    pub(crate) async fn names_after(&self, after: &str, limit: usize) -> Result<Vec<Path>, Error> {
        let listed = match after {
            "" => self.objects.list(None),
            after => self.objects.list_with_offset(None, &Path::from(after)),
        };
        let found: Vec<_> = listed.take(limit).collect().await;
        let found = found.into_iter().map(|found| found.map(|meta| meta.location));
        Ok(found.collect::<Result<_, _>>()?)
    }

    pub(crate) async fn delete(&self, path: &Path) -> Result<(), Error> {
        match self.objects.delete(path).await {
            Err(object_store::Error::NotFound { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts a mark (`removed.rs`).
    pub(crate) async fn put_mark(&self, name: &str, mark: Bytes) -> Result<(), Error> {
        self.objects.put(&Path::from(name), mark.into()).await?;
        Ok(())
    }

    /// Takes a mark away.
    pub(crate) async fn delete_mark(&self, name: &str) -> Result<(), Error> {
        self.delete(&Path::from(name)).await
    }

    /// The names of the marks in a folder.
    pub(crate) async fn marks(&self, folder: &str) -> Result<Vec<String>, Error> {
        let listed: Vec<_> = self.objects.list(Some(&Path::from(folder))).collect().await;
        let mut names = Vec::new();
        for meta in listed {
            names.extend(meta?.location.filename().map(str::to_owned));
        }
        Ok(names)
    }

    /// A mark; none: it is not there, or longer than `most` bytes.
    pub(crate) async fn mark(&self, name: &str, most: u64) -> Result<Option<Bytes>, Error> {
        match self.objects.get(&Path::from(name)).await {
            Ok(found) if found.meta.size <= most => Ok(Some(found.bytes().await?)),
            Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Uploads blobs, several at a time.
    pub(crate) async fn settle(&self, store: &Store, keys: Vec<ObjectKey>) -> Result<Vec<ObjectKey>, Error> {
        let outcomes: Vec<Result<Option<ObjectKey>, Error>> = stream::iter(keys)
            .map(|key| self.settle_one(store, key))
            .buffer_unordered(CONCURRENT_UPLOADS)
            .collect()
            .await;
        let mut settled = Vec::new();
        let mut failed = None;
        for outcome in outcomes {
            match outcome {
                Ok(key) => settled.extend(key),
                Err(error) => failed = Some(error),
            }
        }
        super::outcome(settled, failed)
    }

    async fn settle_one(&self, store: &Store, key: ObjectKey) -> Result<Option<ObjectKey>, Error> {
        let Some(blob) = store.open_spooled(&key).await? else {
            // Uploaded before a crash, or deleted since.
            return match self.open(&key).await {
                Ok(_) => Ok(Some(key)),
                Err(Error::NotFound(_)) => Ok(None),
                Err(error) => Err(error),
            };
        };
        let (path, expected) = (layout::object_path(&key), blob.bytes());
        self.upload(blob, &path).await?;
        let found = self.objects.head(&path).await?.size;
        if found != expected {
            return Err(Error::Length { key, expected, found });
        }
        let spooled = store.inner.spooled_path(&key);
        store.inner.writers.run(move || files::remove(&spooled)).await??;
        Ok(Some(key))
    }

    async fn upload(&self, blob: Blob, path: &Path) -> Result<(), Error> {
        let bytes = blob.bytes();
        if bytes <= PART_BYTES {
            let whole = blob.read(0..bytes).await?;
            self.objects.put(path, whole.into()).await?;
            return Ok(());
        }
        let upload = self.objects.put_multipart(path).await?;
        let part_bytes = usize::try_from(PART_BYTES).unwrap_or(usize::MAX);
        let mut writer = WriteMultipart::new_with_chunk_size(upload, part_bytes);
        let mut chunks = blob.stream(0..bytes);
        while let Some(chunk) = chunks.next().await {
            match chunk {
                Ok(chunk) => writer.put(chunk),
                Err(error) => {
                    let _ = writer.abort().await;
                    return Err(error);
                }
            }
            writer.wait_for_capacity(CONCURRENT_PARTS).await?;
        }
        writer.finish().await?;
        Ok(())
    }
}
