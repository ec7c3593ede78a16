//! Beginnings: blobs that were marked while they were staged, so that what came of them outlives the process. The mark
//! stands at the front of the file, where the header comes once the blob is whole. Nothing vouches for such bytes: a crash
//! of the machine may have left holes, so whoever goes on with them checks the whole.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use causeway_core::ObjectKey;

use crate::error::Error;
use crate::spool::PART_SUFFIX;
use crate::{Blob, Store, files};

/// How the front of a marked file begins. A blob's own begins with a preamble of zeros.
const MAGIC: &[u8] = b"causeway: begun\n";
/// Bytes that say how long the mark is.
const LENGTH_BYTES: usize = 2;

/// A beginning that an earlier process left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// Names it here.
    pub key: ObjectKey,
    /// What it was marked with.
    pub mark: Bytes,
    /// Bytes of its body.
    pub bytes: u64,
    /// How long ago it was last written to.
    pub age: Duration,
}

/// What a sweep found.
#[derive(Debug, Default)]
pub struct Swept {
    /// Files that were removed.
    pub removed: usize,
    /// Beginnings, which are left where they are.
    pub begun: Vec<Begun>,
}

/// The front of a marked file of which so many bytes are set aside; none when the mark is too long for it.
pub(crate) fn front(mark: &[u8], header_bytes: usize) -> Option<Bytes> {
    let length = u16::try_from(mark.len()).ok()?.to_be_bytes();
    let mut front = [MAGIC, &length, mark].concat();
    if front.len() > header_bytes {
        return None;
    }
    front.resize(header_bytes, 0);
    Some(Bytes::from(front))
}

/// What a file is marked with; none if it is not.
fn mark(front: &[u8]) -> Option<&[u8]> {
    let (length, rest) = front.strip_prefix(MAGIC)?.split_first_chunk::<LENGTH_BYTES>()?;
    rest.get(..usize::from(u16::from_be_bytes(*length)))
}

/// Removes what no one can go on with; says what is left.
fn sweep(spool: &Path, header_bytes: usize) -> Result<Swept, Error> {
    let mut swept = Swept::default();
    for entry in fs::read_dir(spool).map_err(Error::disk("listing", spool))? {
        let entry = entry.map_err(Error::disk("listing", spool))?;
        let name = entry.file_name();
        let Some(key) = name.to_str().and_then(|name| name.strip_suffix(PART_SUFFIX)) else { continue };
        match ObjectKey::parse(key).ok().and_then(|key| look(&entry.path(), key, header_bytes)) {
            Some(begun) => swept.begun.push(begun),
            None => {
                files::remove(&entry.path())?;
                swept.removed += 1;
            }
        }
    }
    Ok(swept)
}

/// The beginning that a file is. One that cannot be read is none.
fn look(path: &Path, key: ObjectKey, header_bytes: usize) -> Option<Begun> {
    let mut file = File::open(path).ok()?;
    let about = file.metadata().ok()?;
    let bytes = about.len().checked_sub(header_bytes as u64)?;
    let mut front = vec![0; header_bytes];
    file.read_exact(&mut front).ok()?;
    let age = about.modified().ok()?.elapsed().unwrap_or_default();
    Some(Begun { key, mark: Bytes::copy_from_slice(mark(&front)?), bytes, age })
}

impl Store {
    /// Removes what was half-written when the last process ended, but for beginnings of which the first `header_bytes`
    /// were set aside. To be called before anything is staged.
    ///
    /// # Errors
    /// When the folder cannot be read or a file not removed.
    pub async fn sweep(&self, header_bytes: usize) -> Result<Swept, Error> {
        let spool = self.inner.spool.clone();
        self.inner.writers.run(move || sweep(&spool, header_bytes)).await?
    }

    /// Opens a beginning, its front included.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is gone, or when the disk fails.
    pub async fn open_begun(&self, key: &ObjectKey) -> Result<Blob, Error> {
        let path = self.inner.part_path(key);
        let found = self.inner.readers.run(move || files::open_first([path])).await??;
        let (file, bytes) = found.ok_or_else(|| Error::NotFound(key.clone()))?;
        Ok(Blob::file(self.clone(), file, bytes))
    }

    /// Removes a beginning, if it is there.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn remove_begun(&self, key: &ObjectKey) -> Result<(), Error> {
        let path = self.inner.part_path(key);
        self.inner.writers.run(move || files::remove(&path)).await?
    }

    /// Leaves marked files where they are from now on when their stagings are dropped: the process ends.
    pub fn leave_beginnings(&self) {
        self.inner.leaves_beginnings.store(true, std::sync::atomic::Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back_and_one_that_is_too_long_is_none() {
        let room = 64;
        let most = room - MAGIC.len() - LENGTH_BYTES;
        for bytes in [0, 1, most - 1, most] {
            let text = vec![7; bytes];
            let front = front(&text, room).unwrap();
            assert_eq!((front.len(), mark(&front)), (room, Some(text.as_slice())));
        }
        assert_eq!(front(&vec![7; most + 1], room), None);
        assert_eq!(front(&vec![7; 70_000], 100_000), None);
        for other in [&[0; 64][..], b"", b"causeway: begun\n", b"causeway: begun\n\xff\xff12"] {
            assert_eq!(mark(other), None);
        }
    }
}
