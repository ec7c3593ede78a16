//! A blob on its way in.
//!
//! A small one is held in memory and written in one go; a large one, or any when memory is short, goes to its
//! file as it comes, with room for its header at the front. Either way a commit is: write, fsync, rename into the
//! spool, fsync of the folder shared with all others who wait. Dropped without a commit, it leaves nothing.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use causeway_core::ObjectKey;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::disk::{Act, perform};
use crate::error::Error;
use crate::folder::FolderSyncer;
use crate::room::Claim;
use crate::{Store, begun, files};

/// Longest body that is held in memory, in bytes.
pub const MAX_HELD_BODY_BYTES: usize = 4 * 1024 * 1024;
/// What a chunk counts as at least while it is held, in bytes.
const MIN_CHARGE_BYTES: usize = 4096;
/// How much of a large body is gathered for one write, in bytes.
const WRITE_BYTES: usize = 1024 * 1024;
/// How much of a large body may be written and not yet on disk, in bytes: so that the last sync is short, and the
/// page cache is not flooded.
const SYNC_EVERY_BYTES: u64 = 32 * 1024 * 1024;

/// A blob that is being written.
pub struct Staging {
    store: Store,
    key: ObjectKey,
    header_bytes: usize,
    pending: Vec<Bytes>,
    pending_bytes: usize,
    /// Leave to hold `pending` in memory.
    permit: Option<OwnedSemaphorePermit>,
    /// The file, once the body goes there.
    part: Option<Part>,
    /// What is at the file's front until the header is.
    front: Option<Bytes>,
    /// The room that it takes up.
    claim: Claim,
}

/// A file that is not a blob yet. Dropped, it is removed.
struct Part {
    file: File,
    path: PathBuf,
    unsynced_bytes: u64,
    kept: bool,
    /// Of a marked one: whether it is left when it is dropped.
    left: Option<Arc<AtomicBool>>,
}

impl Staging {
    pub(crate) fn new(store: Store, key: ObjectKey, header_bytes: usize) -> Self {
        let claim = Claim::new(store.inner.room.clone());
        Self {
            claim,
            store,
            key,
            header_bytes,
            pending: Vec::new(),
            pending_bytes: 0,
            permit: None,
            part: None,
            front: None,
        }
    }

    /// Marks what is about to be written, so that a sweep finds it and knows it: see [`crate::Begun`]. To be called before
    /// anything is written. A mark that does not fit into the header's place is left out.
    pub fn mark(&mut self, mark: &[u8]) {
        self.front = begun::front(mark, self.header_bytes);
    }

    /// Sets room aside for a body of `bytes` bytes, so that one that would not fit is refused before it comes.
    ///
    /// # Errors
    /// [`Error::NoRoom`].
    pub fn announce(&mut self, bytes: u64) -> Result<(), Error> {
        self.claim.announce(bytes)
    }

    /// Adds to the body. Waits while the disk is behind.
    ///
    /// # Errors
    /// When the disk fails or has no room for it; the staging is of no more use then.
    pub async fn write(&mut self, chunk: Bytes) -> Result<(), Error> {
        if chunk.is_empty() {
            return Ok(());
        }
        self.claim.take(chunk.len() as u64)?;
        // A chunk holds its receive buffer and its place in a list: many tiny ones cost more than their bytes.
        let bytes = chunk.len().max(MIN_CHARGE_BYTES);
        let held = self.part.is_none() && self.may_hold(bytes);
        self.pending.push(chunk);
        self.pending_bytes += bytes;
        if held || (self.part.is_some() && self.pending_bytes < WRITE_BYTES) {
            return Ok(());
        }
        self.flush().await
    }

    /// Whether `bytes` more may be held in memory. Never waits for others to let go: that could be for ever.
    fn may_hold(&mut self, bytes: usize) -> bool {
        if self.pending_bytes + bytes > MAX_HELD_BODY_BYTES {
            return false;
        }
        let Ok(count) = u32::try_from(bytes) else { return false };
        match self.store.inner.held.clone().try_acquire_many_owned(count) {
            Ok(more) => {
                match &mut self.permit {
                    Some(permit) => permit.merge(more),
                    None => self.permit = Some(more),
                }
                true
            }
            Err(_) => false,
        }
    }

    /// Writes what is pending to the file, making it first where there is none.
    async fn flush(&mut self) -> Result<(), Error> {
        let chunks = std::mem::take(&mut self.pending);
        let bytes = std::mem::take(&mut self.pending_bytes) as u64;
        let part = self.part.take();
        let path = self.store.inner.part_path(&self.key);
        let header_bytes = self.header_bytes;
        let marked = self.front.clone().map(|front| (front, self.store.inner.leaves_beginnings.clone()));
        let job = move || {
            let mut part = match part {
                Some(part) => part,
                None => Part::create(path, header_bytes, marked)?,
            };
            part.append(&chunks, bytes)?;
            Ok::<_, Error>(part)
        };
        self.part = Some(self.store.inner.writers.run(job).await??);
        self.permit = None;
        self.claim.written();
        Ok(())
    }

    /// Makes the blob durable, `header` at its front. When this returns, it survives a crash.
    ///
    /// # Errors
    /// When the disk fails or is full, or `header` is not as long as was said: then there is no blob. After a
    /// failed sync the file is not trusted and goes.
    pub async fn commit(self, header: Bytes) -> Result<(), Error> {
        let key = self.key.clone();
        self.commit_as(&key, header).await
    }

    /// The same under another name than that which it was begun with.
    ///
    /// # Errors
    /// As for [`Self::commit`].
    pub async fn commit_as(mut self, key: &ObjectKey, header: Bytes) -> Result<(), Error> {
        if header.len() != self.header_bytes {
            return Err(Error::Header { expected: self.header_bytes, found: header.len() });
        }
        self.claim.take(0)?;
        let chunks = std::mem::take(&mut self.pending);
        let part = self.part.take();
        let inner = &self.store.inner;
        let (part_path, path) = (inner.part_path(&self.key), inner.spooled_path(key));
        let syncer = inner.syncer.clone();
        let (answer, answered) = oneshot::channel();
        inner
            .writers
            .submit(move || {
                let renamed = match part {
                    None => Part::whole(part_path, header, chunks),
                    Some(part) => part.complete(&header, &chunks),
                }
                .and_then(|part| part.keep_as(&path));
                finish(&syncer, path, renamed, answer);
            })
            .await?;
        answered.await.map_err(|_| Error::Closed)??;
        self.claim.written();
        Ok(())
    }
}

/// Answers once the folder is synced; a blob that is not durable is not left where a reader would find it.
fn finish(
    syncer: &FolderSyncer,
    path: PathBuf,
    renamed: Result<(), Error>,
    answer: oneshot::Sender<Result<(), Error>>,
) {
    match renamed {
        Err(error) => drop(answer.send(Err(error))),
        Ok(()) => syncer.after_sync(Box::new(move |synced| {
            if synced.is_err() {
                let _ = files::remove(&path);
            }
            drop(answer.send(synced));
        })),
    }
}

impl Part {
    fn new(path: PathBuf) -> Result<Self, Error> {
        let file = files::create(&path)?;
        Ok(Self { file, path, unsynced_bytes: 0, kept: false, left: None })
    }

    /// A file with `header_bytes` set aside at its front; `marked`: what is there until then, and whether the file is
    /// left when it is dropped.
    fn create(
        path: PathBuf,
        header_bytes: usize,
        marked: Option<(Bytes, Arc<AtomicBool>)>,
    ) -> Result<Self, Error> {
        let mut part = Self::new(path)?;
        let (front, left) = marked.unzip();
        part.left = left;
        let front = front.unwrap_or_else(|| Bytes::from(vec![0; header_bytes]));
        part.append(&[front], header_bytes as u64)?;
        Ok(part)
    }

    /// The whole blob in one go.
    fn whole(path: PathBuf, header: Bytes, mut chunks: Vec<Bytes>) -> Result<Self, Error> {
        let mut part = Self::new(path)?;
        chunks.insert(0, header);
        part.append(&chunks, 0)?;
        part.sync()?;
        Ok(part)
    }

    /// The last of the body, and the header in its place.
    fn complete(mut self, header: &[u8], chunks: &[Bytes]) -> Result<Self, Error> {
        self.append(chunks, 0)?;
        perform(Act::Write(&self.path), || files::write_front(&mut self.file, header))
            .map_err(Error::disk("writing", &self.path))?;
        self.sync()?;
        Ok(self)
    }

    fn append(&mut self, chunks: &[Bytes], bytes: u64) -> Result<(), Error> {
        perform(Act::Write(&self.path), || files::write_all(&mut self.file, chunks))
            .map_err(Error::disk("writing", &self.path))?;
        self.unsynced_bytes += bytes;
        if self.unsynced_bytes >= SYNC_EVERY_BYTES {
            self.sync()?;
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Error> {
        self.unsynced_bytes = 0;
        perform(Act::Sync(&self.path), || self.file.sync_data()).map_err(Error::disk("syncing", &self.path))
    }

    fn keep_as(mut self, path: &Path) -> Result<(), Error> {
        files::rename(&self.path, path).map_err(Error::disk("renaming", &self.path))?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let is_left = self.left.as_ref().is_some_and(|left| left.load(Ordering::Acquire));
        if !self.kept && !is_left {
            // The sweep at the next start takes what this cannot.
            let _ = files::remove(&self.path);
        }
    }
}
