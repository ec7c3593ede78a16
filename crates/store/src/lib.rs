//! Blobs: the spool that makes an instance durable, and the object store it settles into.
//!
//! Lives here: files, folders, fsync, object stores. Never here: SQL, or what is inside a blob. The only crate
//! that names `object_store`.
//!
//! Invariant: when [`Staging::commit`] returns, the blob survives a crash whole; before that, no reader sees any
//! of it. A blob that was opened stays readable while it settles.
//!
//! ```text
//!  stage ──► <spool>/<key>.part ──fsync, rename, folder fsync──► <spool>/<key> ──settle──► objects
//! ```

mod begun;
pub mod blob;
pub mod carry;
pub mod disk;
pub mod error;
mod files;
mod folder;
pub mod layout;
mod objects;
mod pool;
pub mod removed;
mod room;
pub mod scratch;
pub mod sealed;
pub mod settings;
mod spool;
pub mod staging;
mod walk;
mod words;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use causeway_core::{ExpectedObject, ObjectKey};
use tokio::sync::{Semaphore, oneshot};

pub use begun::{Begun, Swept};
pub use blob::{Blob, BlobStream, Elsewhere};
pub use error::Error;
pub use objects::{Copied, Known, MovingNames, Probe, Remote, Settlement};
pub use pool::Pool;
pub use room::{Disk, DiskState, Watched};
pub use scratch::{Aside, AsideReader, Scratch};
pub use spool::Spooled;
pub use staging::Staging;
pub use walk::Settled;

use folder::FolderSyncer;
use objects::{Objects, Place};

/// Threads that write, sync and move files. More than cores, since they mostly wait for the disk.
const WRITER_THREADS: usize = 12;
/// Threads that read.
const READER_THREADS: usize = 6;
/// Jobs that may wait for a thread, per pool; one more waits at its caller.
const MAX_QUEUED_JOBS: usize = 256;
/// Bytes of small bodies held in memory by all stagings together; beyond it they go to their files early.
pub const MAX_HELD_BYTES: usize = 48 * 1024 * 1024;

/// Where blobs are kept.
#[derive(Clone)]
pub struct Config {
    /// Folder of the spool, on a local disk.
    pub spool: PathBuf,
    /// Where blobs settle.
    pub objects: ObjectsConfig,
}

/// Where blobs settle.
#[derive(Clone)]
pub enum ObjectsConfig {
    /// A folder on the same disk as the spool: settling is a rename.
    Local(PathBuf),
    /// An object store: settling is an upload.
    Remote(Remote),
}

/// Free and total space of a disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// What is left to this process.
    pub free: u64,
    /// All there is.
    pub total: u64,
}

/// The store. Cheap to clone: all clones are one.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    spool: PathBuf,
    spool_id: String,
    objects: Objects,
    writers: Pool,
    readers: Pool,
    syncer: FolderSyncer,
    held: Arc<Semaphore>,
    /// How much more may be taken in.
    room: Arc<room::Room>,
    /// Marked files are left where they are when their stagings are dropped.
    leaves_beginnings: Arc<AtomicBool>,
    /// Held for as long as the store is open: two processes must not share a spool.
    _lock: std::fs::File,
}

impl Store {
    /// Opens the store, making its folders where they are missing.
    ///
    /// # Errors
    /// When a folder cannot be made or another process has the spool open.
    pub async fn open(config: Config) -> Result<Self, Error> {
        Self::open_beside(config, None).await
    }

    /// The same where settled blobs lie in another place, too, which is read where the first does not have one, and from
    /// which they are moved to the first ([`Self::copy_over`]).
    ///
    /// # Errors
    /// As for [`Self::open`], or when the other place is a folder that is not there.
    pub async fn open_beside(config: Config, also: Option<ObjectsConfig>) -> Result<Self, Error> {
        let writers = Pool::new("store-write", WRITER_THREADS, MAX_QUEUED_JOBS)?;
        let readers = Pool::new("store-read", READER_THREADS, MAX_QUEUED_JOBS)?;
        let (spool, objects) = (config.spool.clone(), config.objects);
        let (lock, spool_id, syncer, objects) = writers
            .run(move || {
                let lock = spool::prepare(&spool)?;
                let (id, syncer) = (spool::identify(&spool)?, FolderSyncer::new(&spool)?);
                Ok::<_, Error>((lock, id, syncer, Objects::open(objects, also, &spool)?))
            })
            .await??;
        let held = Arc::new(Semaphore::new(MAX_HELD_BYTES));
        let leaves_beginnings = Arc::default();
        let spool = config.spool;
        let room = Arc::default();
        let inner = Inner {
            spool,
            spool_id,
            objects,
            writers,
            readers,
            syncer,
            held,
            room,
            leaves_beginnings,
            _lock: lock,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Which spool it is: the same as long as there is the folder.
    #[must_use]
    pub fn spool_id(&self) -> &str {
        &self.inner.spool_id
    }

    /// A name for a new blob: unique, ordered by time.
    #[must_use]
    pub fn new_key(&self) -> ObjectKey {
        layout::new_key()
    }

    /// Begins a blob of which the first `header_bytes` bytes will be known last.
    #[must_use]
    pub fn stage(&self, key: ObjectKey, header_bytes: usize) -> Staging {
        Staging::new(self.clone(), key, header_bytes)
    }

    /// Opens a blob for reading, spooled or settled.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none of this name, or when the disk or the object store fails.
    pub async fn open_blob(&self, key: &ObjectKey) -> Result<Blob, Error> {
        self.find(key, None).await
    }

    /// The same for a blob that is known to be so long. An object store is not asked before it is read: only then does it
    /// say that there is none, or none so long.
    ///
    /// # Errors
    /// As for [`Self::open_blob`].
    pub async fn open_known(&self, key: &ObjectKey, bytes: u64) -> Result<Blob, Error> {
        self.find(key, Some(bytes)).await
    }

    /// Opens a blob that is in the spool; none: it is not, so that it settled, or was never there.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn open_spooled(&self, key: &ObjectKey) -> Result<Option<Blob>, Error> {
        let path = self.inner.spooled_path(key);
        let opened = self.inner.readers.run(move || files::open_first([path])).await??;
        Ok(opened.map(|(file, bytes)| Blob::file(self.clone(), file, bytes)))
    }

    async fn find(&self, key: &ObjectKey, bytes: Option<u64>) -> Result<Blob, Error> {
        if let Some((file, bytes)) = self.open_file(key).await? {
            return Ok(Blob::file(self.clone(), file, bytes));
        }
        if self.inner.objects.is_doomed(key) {
            return Err(Error::NotFound(key.clone()));
        }
        let bytes = match bytes {
            Some(bytes) if self.inner.objects.has_remote() => bytes,
            Some(_) => return Err(Error::NotFound(key.clone())),
            None => match self.inner.objects.length(key).await {
                // Moved to a folder between the two looks, or not there.
                Err(error @ Error::NotFound(_)) => {
                    let (file, bytes) = self.open_file(key).await?.ok_or(error)?;
                    return Ok(Blob::file(self.clone(), file, bytes));
                }
                length => length?,
            },
        };
        Ok(Blob::remote(self.clone(), key.clone(), bytes))
    }

    /// Opens a blob that is a file, spooled or settled.
    async fn open_file(&self, key: &ObjectKey) -> Result<Option<(std::fs::File, u64)>, Error> {
        let spooled = self.inner.spooled_path(key);
        // The spool and a folder that is moved to twice: a blob may go either way between two looks.
        let settled = self.inner.objects.files(key);
        let again = if settled.len() > 1 { settled.clone() } else { Vec::new() };
        let places: Vec<_> =
            std::iter::once(spooled.clone()).chain(settled).chain([spooled]).chain(again).collect();
        self.inner.readers.run(move || files::open_first(places)).await?
    }

    /// How long a blob is that has settled, wherever.
    async fn settled_length(&self, key: &ObjectKey) -> Result<u64, Error> {
        let files = self.inner.objects.files(key);
        let found = self.inner.readers.run(move || files::open_first(files)).await??;
        match found {
            Some((_, bytes)) => Ok(bytes),
            None if self.inner.objects.is_doomed(key) => Err(Error::NotFound(key.clone())),
            None => self.inner.objects.length(key).await,
        }
    }

    /// Moves blobs from the spool to their place. Those that are in it already count as moved; those that were deleted
    /// meanwhile are left out.
    ///
    /// # Errors
    /// When the disk fails so that nothing can be said of any of them; they stay in the spool, or are in their place.
    pub async fn settle(&self, objects: Vec<ExpectedObject>) -> Result<Settlement, Error> {
        match &self.inner.objects.first {
            Place::Local(local) => {
                let (local, spool) = (local.clone(), self.inner.spool.clone());
                let keys: Vec<_> = objects.into_iter().map(|expected| expected.object).collect();
                let (tried, all) = (keys.clone(), keys);
                let settlement = self.inner.writers.run(move || local.settle(&spool, tried)).await??;
                self.with_settled_before(settlement, all).await
            }
            Place::Remote(remote) => Ok(objects::settle_remote(self, remote, objects).await),
        }
    }

    /// Adds those that had settled in the place that is moved from before that was so.
    async fn with_settled_before(
        &self,
        mut settlement: Settlement,
        all: Vec<ObjectKey>,
    ) -> Result<Settlement, Error> {
        if self.inner.objects.also.is_none() {
            return Ok(settlement);
        }
        let is_told = |key: &ObjectKey| {
            settlement.settled.contains(key) || settlement.failed.iter().any(|(failed, _)| failed == key)
        };
        let untold: Vec<_> = all.into_iter().filter(|key| !is_told(key)).collect();
        for key in untold {
            match self.settled_length(&key).await {
                Ok(_) => settlement.settled.push(key),
                Err(Error::NotFound(_)) => {}
                Err(error) => settlement.failed.push((key, error)),
            }
        }
        Ok(settlement)
    }

    /// Moves one blob to its place, however long that takes; gives whether it is there now, and was not deleted meanwhile.
    ///
    /// # Errors
    /// When the disk or the object store fails, or the blob is damaged: it stays in the spool.
    pub async fn settle_now(&self, expected: ExpectedObject) -> Result<bool, Error> {
        match &self.inner.objects.first {
            Place::Local(_) => {
                let mut settlement = self.settle(vec![expected]).await?;
                let failed = settlement.failed.pop().map(|(_, error)| error);
                failed.map_or(Ok(!settlement.settled.is_empty()), Err)
            }
            Place::Remote(_) => {
                Ok(objects::settle_apart(self.clone(), expected).await? == objects::Whether::Settled)
            }
        }
    }

    /// Removes a blob, wherever it is. Removing one that is not there is no error. What an object store cannot remove now
    /// is not to be read any more, and goes when it can: see [`Self::remove_doomed`].
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        self.discard(key).await?;
        self.inner.objects.delete(self, key).await
    }

    /// Removes a blob that was never to be settled. An object store is not asked.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn discard(&self, key: &ObjectKey) -> Result<(), Error> {
        let paths = std::iter::once(self.inner.spooled_path(key)).chain(self.inner.objects.files(key));
        let paths: Vec<_> = paths.collect();
        self.inner.writers.run(move || files::remove_all(paths)).await?
    }

    /// The same, and it stays removed whatever happens.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn discard_for_good(&self, key: &ObjectKey) -> Result<(), Error> {
        self.discard(key).await?;
        let syncer = self.inner.syncer.clone();
        let (answer, answered) = oneshot::channel();
        let sync = move || syncer.after_sync(Box::new(move |synced| drop(answer.send(synced))));
        self.inner.writers.submit(sync).await?;
        answered.await.map_err(|_| Error::Closed)?
    }

    /// Removes what is deleted and could not be removed from the object store before; gives whether there was any.
    ///
    /// # Errors
    /// When the object store cannot do so now, or the disk fails.
    pub async fn remove_doomed(&self) -> Result<bool, Error> {
        self.inner.objects.remove_doomed(self).await
    }

    /// Whether the place that blobs settle in can be used as it must be, and the one that is moved from be read. A folder
    /// can, since it was opened.
    pub async fn probe(&self) -> Probe {
        let Objects { first, also, .. } = &self.inner.objects;
        let of_first = match first {
            Place::Local(_) => Probe::Well,
            Place::Remote(remote) => remote.probe().await,
        };
        match also {
            Some(Place::Remote(remote)) if of_first == Probe::Well => remote.probe_reading().await,
            _ => of_first,
        }
    }
}

impl Inner {
    fn spooled_path(&self, key: &ObjectKey) -> PathBuf {
        self.spool.join(key.as_str())
    }

    fn aside_folder(&self) -> PathBuf {
        self.spool.join(walk::ASIDE_NAME)
    }

    fn part_path(&self, key: &ObjectKey) -> PathBuf {
        self.spool.join(format!("{key}{}", spool::PART_SUFFIX))
    }
}
