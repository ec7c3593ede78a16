//! Bytes put aside while a request is under way: what comes before it can be used, and is read back when it can.
//!
//! Few are held in memory, more go to a file of the spool that has no name, so that nothing is left of it when it is
//! dropped, nor after a crash. What is put aside is never acknowledged to anyone.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::error::Error;
use crate::room::Disk;
use crate::{Store, files};

/// Bytes held in memory before there is a file.
pub const MAX_HELD_SCRATCH_BYTES: usize = 1024 * 1024;
/// What a chunk counts as at least while it is held, in bytes: it holds its receive buffer.
const MIN_CHARGE_BYTES: usize = 4096;
/// Bytes read at a time.
const READ_BYTES: u64 = 256 * 1024;

/// Bytes that are being put aside.
pub struct Scratch {
    store: Store,
    held: Vec<Bytes>,
    charged_bytes: usize,
    file: Option<Arc<File>>,
    /// Bytes in the file.
    written: u64,
    bytes: u64,
}

/// Bytes that were put aside. Cheap to clone.
#[derive(Clone)]
pub struct Aside {
    store: Store,
    source: Source,
    bytes: u64,
}

#[derive(Clone)]
enum Source {
    Held(Arc<[Bytes]>),
    File(Arc<File>),
}

impl Store {
    /// A place to put bytes aside.
    #[must_use]
    pub fn scratch(&self) -> Scratch {
        let store = self.clone();
        Scratch { store, held: Vec::new(), charged_bytes: 0, file: None, written: 0, bytes: 0 }
    }
}

impl Scratch {
    /// Bytes so far.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds a chunk. Waits while the disk is behind.
    ///
    /// # Errors
    /// When the disk fails or is full, or would not have room for what is put aside and as much again: what is made of
    /// it takes its place beside it.
    pub async fn append(&mut self, chunk: Bytes) -> Result<(), Error> {
        self.bytes += chunk.len() as u64;
        self.charged_bytes += chunk.len().max(MIN_CHARGE_BYTES);
        self.held.push(chunk);
        if self.charged_bytes > MAX_HELD_SCRATCH_BYTES { self.flush().await } else { Ok(()) }
    }

    /// What was put aside so far.
    ///
    /// # Errors
    /// When the disk fails or is full.
    pub async fn so_far(&mut self) -> Result<Aside, Error> {
        if self.file.is_some() && !self.held.is_empty() {
            self.flush().await?;
        }
        let source = match &self.file {
            Some(file) => Source::File(Arc::clone(file)),
            None => Source::Held(self.held.as_slice().into()),
        };
        Ok(Aside { store: self.store.clone(), source, bytes: self.bytes })
    }

    async fn flush(&mut self) -> Result<(), Error> {
        let chunks = std::mem::take(&mut self.held);
        self.charged_bytes = 0;
        let inner = &self.store.inner;
        let (spool, path) = (inner.spool.clone(), inner.part_path(&self.store.new_key()));
        let (file, at) = (self.file.clone(), self.written);
        let kept = inner.room.kept(Disk::Spool);
        let job = move || {
            if files::space(&spool)?.free < at.saturating_add(kept) {
                return Err(Error::disk("putting aside in", &spool)(io::ErrorKind::StorageFull.into()));
            }
            let file = match file {
                Some(file) => file,
                None => {
                    let file = files::create_scratch(&path)?;
                    files::remove(&path)?;
                    Arc::new(file)
                }
            };
            files::write_all(&mut &*file, &chunks).map_err(Error::disk("putting aside in", &spool))?;
            Ok(file)
        };
        self.file = Some(inner.writers.run(job).await??);
        self.written = self.bytes;
        Ok(())
    }
}

impl Aside {
    /// How many bytes.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The first bytes of `range`, as many as are read at a time; none where it is empty or lies beyond the end.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn read(&self, range: Range<u64>) -> Result<Bytes, Error> {
        let end = range.end.min(self.bytes).min(range.start.saturating_add(READ_BYTES));
        let source = self.source.clone();
        let bytes = usize::try_from(end.saturating_sub(range.start)).unwrap_or_default();
        match source {
            Source::Held(chunks) => Ok(of_chunks(&chunks, range.start, bytes)),
            Source::File(file) => {
                let job = move || {
                    let mut buffer = BytesMut::zeroed(bytes);
                    file.read_exact_at(&mut buffer, range.start)?;
                    Ok(buffer.freeze())
                };
                let read: io::Result<Bytes> = self.store.inner.readers.run(job).await?;
                read.map_err(|source| Error::Disk {
                    operation: "reading what was put aside".to_owned(),
                    source,
                })
            }
        }
    }

    /// A reader of all of it, for a thread that may block.
    #[must_use]
    pub const fn into_reader(self) -> AsideReader {
        AsideReader { aside: self, at: 0 }
    }
}

/// As many of `bytes` from `start` as lie in one chunk.
fn of_chunks(chunks: &[Bytes], start: u64, bytes: usize) -> Bytes {
    let mut before = 0;
    for chunk in chunks {
        let length = chunk.len() as u64;
        if let Some(at) = start.checked_sub(before).filter(|at| *at < length) {
            let at = usize::try_from(at).unwrap_or(usize::MAX).min(chunk.len());
            return chunk.slice(at..at.saturating_add(bytes).min(chunk.len()));
        }
        before += length;
    }
    Bytes::new()
}

/// Reads what was put aside, blocking.
pub struct AsideReader {
    aside: Aside,
    at: u64,
}

impl Read for AsideReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &self.aside.source {
            Source::File(file) => file.read_at(buffer, self.at)?,
            Source::Held(chunks) => {
                let found = of_chunks(chunks, self.at, buffer.len());
                buffer.iter_mut().zip(&found).for_each(|(to, from)| *to = *from);
                found.len()
            }
        };
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for AsideReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.aside.bytes.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, ObjectsConfig};

    async fn store(folder: &std::path::Path) -> Store {
        let spool = folder.join("spool");
        Store::open(Config { spool, objects: ObjectsConfig::Local(folder.join("objects")) }).await.unwrap()
    }

    fn bytes(count: usize) -> Vec<u8> {
        (0..count).map(|at| u8::try_from(at % 251).unwrap()).collect()
    }

    #[tokio::test]
    async fn what_is_put_aside_is_read_back_from_memory_and_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        for count in
            [0, 10, MAX_HELD_SCRATCH_BYTES, MAX_HELD_SCRATCH_BYTES + 1, 3 * MAX_HELD_SCRATCH_BYTES + 7]
        {
            let expected = bytes(count);
            let mut scratch = store.scratch();
            for chunk in expected.chunks(10_000) {
                scratch.append(Bytes::copy_from_slice(chunk)).await.unwrap();
            }
            assert_eq!(scratch.bytes(), count as u64);
            let aside = scratch.so_far().await.unwrap();
            let (mut all, mut at) = (Vec::new(), 3);
            while let Ok(some) = aside.read(at..u64::MAX).await
                && !some.is_empty()
            {
                at += some.len() as u64;
                all.extend_from_slice(&some);
            }
            assert_eq!(all, expected.get(3..).unwrap_or_default(), "{count}");
            let (mut reader, mut all) = (aside.into_reader(), Vec::new());
            reader.seek(SeekFrom::End(0)).unwrap();
            reader.seek(SeekFrom::Start(0)).unwrap();
            reader.read_to_end(&mut all).unwrap();
            assert_eq!(all, expected);
        }
    }

    #[tokio::test]
    async fn what_was_put_aside_stays_while_more_comes() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let mut scratch = store.scratch();
        scratch.append(Bytes::from_static(b"one")).await.unwrap();
        let first = scratch.so_far().await.unwrap();
        scratch.append(Bytes::from(bytes(2 * MAX_HELD_SCRATCH_BYTES))).await.unwrap();
        scratch.append(Bytes::from_static(b"last")).await.unwrap();
        let all = scratch.so_far().await.unwrap();
        assert_eq!(first.read(0..3).await.unwrap(), "one");
        assert_eq!(all.read(0..3).await.unwrap(), "one");
        assert_eq!(all.read(all.bytes() - 4..all.bytes()).await.unwrap(), "last");
    }

    #[tokio::test]
    async fn its_file_has_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let mut scratch = store.scratch();
        scratch.append(Bytes::from(bytes(2 * MAX_HELD_SCRATCH_BYTES))).await.unwrap();
        assert!(scratch.file.is_some());
        let names = std::fs::read_dir(folder.path().join("spool")).unwrap();
        let parts =
            names.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with("part"));
        assert_eq!(parts.count(), 0);
    }
}
