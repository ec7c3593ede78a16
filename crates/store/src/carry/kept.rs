//! A place that objects are carried from and to: a folder, a folder in which they are sealed as they are in an object store,
//! or an object store.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use causeway_core::ObjectKey;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};

use super::{CHUNK_BYTES, below, make_empty, prepared, sync_folders};
use crate::blob::Blob;
use crate::error::Error;
use crate::objects::Remote;
use crate::sealed::{Ring, Seal, unsealed};
use crate::{BlobStream, files};

/// Where objects are kept.
#[derive(Debug, Clone)]
pub enum Kept {
    /// In a folder.
    Folder(PathBuf),
    /// In a folder, sealed.
    Sealed(PathBuf, Ring),
    /// In an object store.
    Bucket(Remote),
}

/// An object that is being read.
pub struct Opened {
    /// How long it is.
    pub bytes: u64,
    chunks: BoxStream<'static, Result<Bytes, Error>>,
}

impl Opened {
    /// A file.
    pub(super) fn file(path: &Path) -> Result<Option<Self>, Error> {
        let Some((file, bytes)) = files::open_first([path.to_owned()])? else { return Ok(None) };
        let chunks = chunks_of(file).map_err(Error::reading).boxed();
        Ok(Some(Self { bytes, chunks }))
    }

    /// What is read by other means.
    #[must_use]
    pub fn blob(blob: Blob) -> Self {
        let bytes = blob.bytes();
        Self { bytes, chunks: blob.stream(0..bytes).boxed() }
    }

    /// Reads it; `see` is shown all bytes in their order.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn read(mut self, see: &mut (dyn FnMut(&[u8]) + Send)) -> Result<(), Error> {
        while let Some(chunk) = self.chunks.try_next().await? {
            see(&chunk);
        }
        Ok(())
    }

    fn begun(bytes: u64, stream: BlobStream) -> Self {
        Self { bytes, chunks: stream.boxed() }
    }
}

impl Kept {
    /// Opens an object that should be so long; none: there is none of this name.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn open(&self, key: &ObjectKey, bytes: u64) -> Result<Option<Opened>, Error> {
        match self {
            Self::Folder(root) => Opened::file(&below(root, key)),
            Self::Sealed(root, ring) => {
                let found = files::open_first([below(root, key)])?;
                let Some((file, sealed_bytes)) = found else { return Ok(None) };
                let (bytes, chunks) = unsealed(ring, key, sealed_bytes, chunks_of(file)).await?;
                Ok(Some(Opened { bytes, chunks }))
            }
            Self::Bucket(remote) => match remote.begin(key, bytes).await {
                Ok(stream) => Ok(Some(Opened::begun(bytes, stream))),
                // It is not what it should be, and is read as it is.
                Err(Error::Length { found, .. }) => {
                    Ok(Some(Opened::begun(found, remote.begin(key, found).await?)))
                }
                Err(Error::NotFound(_)) => Ok(None),
                Err(error) => Err(error),
            },
        }
    }

    /// Whether there is an object of this name.
    ///
    /// # Errors
    /// When that cannot be known.
    pub async fn has(&self, key: &ObjectKey) -> Result<bool, Error> {
        match self {
            Self::Folder(root) | Self::Sealed(root, _) => Ok(below(root, key).is_file()),
            Self::Bucket(remote) => remote.has(key).await,
        }
    }

    /// Puts an object there, where none of its name may be, and has it durable but for its folder; `see` is shown all bytes in
    /// their order.
    ///
    /// # Errors
    /// When it cannot be read or written; there is no such object then.
    pub async fn put(
        &self,
        key: &ObjectKey,
        object: Opened,
        see: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<(), Error> {
        match self {
            Self::Folder(root) => write(root, key, object.chunks.inspect_ok(|chunk| see(chunk))).await,
            Self::Sealed(root, ring) => {
                let mut seal = Seal::new(ring, key, object.bytes).await?;
                let sealed = object.chunks.inspect_ok(|chunk| see(chunk));
                let sealed = sealed.and_then(|chunk| std::future::ready(seal.take(chunk)));
                write(
                    root,
                    key,
                    sealed.map_ok(|chunks| stream::iter(chunks.into_iter().map(Ok))).try_flatten(),
                )
                .await?;
                seal.check().inspect_err(|_| drop(fs::remove_file(below(root, key))))
            }
            Self::Bucket(remote) => {
                remote.put(key, object.bytes, object.chunks.inspect_ok(|chunk| see(chunk))).await
            }
        }
    }

    /// Sees that there is nothing; makes a folder that is missing.
    ///
    /// # Errors
    /// When there is something, or that cannot be known.
    pub async fn make_empty(&self) -> Result<(), Error> {
        match self {
            Self::Folder(root) | Self::Sealed(root, _) => make_empty(root),
            Self::Bucket(remote) => remote.check_empty().await,
        }
    }

    /// Has the folders on disk, too.
    ///
    /// # Errors
    /// When one cannot be read or synced.
    pub fn finish(&self) -> Result<(), Error> {
        match self {
            Self::Folder(root) | Self::Sealed(root, _) => sync_folders(root),
            Self::Bucket(_) => Ok(()),
        }
    }
}

/// The bytes of a file.
fn chunks_of(file: File) -> BoxStream<'static, io::Result<Bytes>> {
    let next = |mut file: File| async move {
        let mut buffer = vec![0; CHUNK_BYTES];
        let count = file.read(&mut buffer)?;
        buffer.truncate(count);
        Ok((count > 0).then(|| (Bytes::from(buffer), file)))
    };
    stream::try_unfold(file, next).boxed()
}

/// Writes a file that is there whole or not at all.
async fn write(
    root: &Path,
    key: &ObjectKey,
    chunks: impl futures_util::Stream<Item = Result<Bytes, Error>>,
) -> Result<(), Error> {
    let path = prepared(root, key)?;
    let mut file = files::create(&path)?;
    let written = async {
        let mut chunks = std::pin::pin!(chunks);
        while let Some(chunk) = chunks.try_next().await? {
            file.write_all(&chunk).map_err(Error::disk("writing", &path))?;
        }
        file.sync_all().map_err(Error::disk("syncing", &path))
    };
    written.await.inspect_err(|_| drop(fs::remove_file(&path)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout;
    use crate::sealed::{Fault, Keys, MAGIC, SEGMENT_BYTES};

    fn ring() -> Ring {
        Ring::from(Keys::parse("first AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=").unwrap())
    }

    fn object(bytes: Vec<u8>, announced: u64) -> Opened {
        let chunks: Vec<_> = bytes.chunks(50_000).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        Opened { bytes: announced, chunks: stream::iter(chunks).boxed() }
    }

    async fn read(kept: &Kept, key: &ObjectKey) -> Result<Vec<u8>, Error> {
        let opened = kept.open(key, 0).await?.unwrap();
        let whole: Vec<Bytes> = opened.chunks.try_collect().await?;
        assert_eq!(whole.iter().map(Bytes::len).sum::<usize>() as u64, opened.bytes);
        Ok(whole.concat())
    }

    #[tokio::test]
    async fn what_is_put_into_a_folder_is_read_back_and_sealed_where_it_is_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let (plain, sealed) = (folder.path().join("plain"), folder.path().join("sealed"));
        let segment = usize::try_from(SEGMENT_BYTES).unwrap();
        for length in [1, segment - 1, segment, segment + 1, 3 * segment + 7] {
            let bytes: Vec<u8> = (0..=250).cycle().take(length).collect();
            for kept in [Kept::Folder(plain.clone()), Kept::Sealed(sealed.clone(), ring())] {
                let (key, mut seen) = (layout::new_key(), Vec::new());
                let put = object(bytes.clone(), length as u64);
                kept.put(&key, put, &mut |some| seen.extend_from_slice(some)).await.unwrap();
                assert_eq!(seen, bytes);
                assert_eq!(read(&kept, &key).await.unwrap(), bytes);
                if let Kept::Sealed(root, _) = &kept {
                    let there = fs::read(below(root, &key)).unwrap();
                    assert!(there.starts_with(&MAGIC) && there.len() > length);
                }
            }
        }
    }

    #[tokio::test]
    async fn what_does_not_open_is_damage_and_another_name_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::Sealed(folder.path().to_owned(), ring());
        let (key, other) = (layout::new_key(), layout::new_key());
        kept.put(&key, object(vec![7; 100_000], 100_000), &mut |_| {}).await.unwrap();
        assert!(kept.open(&other, 0).await.unwrap().is_none());
        let path = below(folder.path(), &key);
        let mut there = fs::read(&path).unwrap();
        fs::write(below(folder.path(), &other), &there).unwrap();
        assert!(read(&kept, &other).await.unwrap_err().is_damage());
        *there.last_mut().unwrap() ^= 1;
        fs::write(&path, &there).unwrap();
        assert!(read(&kept, &key).await.unwrap_err().is_damage());
        // That may be by the settings.
        fs::write(&path, [7; 1000]).unwrap();
        assert!(matches!(read(&kept, &key).await, Err(Error::Sealed(Fault::Plain))));
    }

    #[tokio::test]
    async fn what_ends_early_or_fails_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let sealed = Kept::Sealed(folder.path().to_owned(), ring());
        let plain = Kept::Folder(folder.path().to_owned());
        let key = layout::new_key();
        assert!(sealed.put(&key, object(vec![7; 10], 11), &mut |_| {}).await.is_err());
        let chunks = stream::iter([Ok(Bytes::from_static(b"7")), Err(Error::NotFound(key.clone()))]);
        let broken = Opened { bytes: 2, chunks: chunks.boxed() };
        assert!(plain.put(&key, broken, &mut |_| {}).await.is_err());
        assert!(!below(folder.path(), &key).exists());
    }
}
