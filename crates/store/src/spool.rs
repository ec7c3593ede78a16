//! The spool's folder: made ready at start, listed for a replay.

use std::fs::{self, File, OpenOptions, ReadDir};
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use causeway_core::ObjectKey;
use futures_util::{Stream, StreamExt, stream};

use crate::error::Error;
use crate::{Store, carry, files};

/// End of the name of a file that is not a blob yet.
pub(crate) const PART_SUFFIX: &str = ".part";
/// File that says the spool is in use.
const LOCK_NAME: &str = ".lock";
/// File that says which spool it is.
const ID_NAME: &str = ".id";
/// Names read from the folder in one go.
const NAMES_PER_READ: usize = 1024;

/// Makes the folder and takes its lock.
pub(crate) fn prepare(spool: &Path) -> Result<File, Error> {
    files::make_folder(spool)?;
    let path = spool.join(LOCK_NAME);
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(Error::disk("opening", &path))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(fs::TryLockError::WouldBlock) => Err(Error::InUse(spool.display().to_string())),
        Err(fs::TryLockError::Error(error)) => Err(Error::disk("locking", &path)(error)),
    }
}

/// Which spool it is: drawn when it is opened first, and kept in it.
pub(crate) fn identify(spool: &Path) -> Result<String, Error> {
    if let Some(id) = known_id(spool)? {
        return Ok(id);
    }
    let id = uuid::Uuid::new_v4().simple().to_string();
    carry::write_whole(&spool.join(ID_NAME), id.as_bytes())?;
    Ok(id)
}

/// Which spool it is; none: it was never opened.
pub(crate) fn known_id(spool: &Path) -> Result<Option<String>, Error> {
    let path = spool.join(ID_NAME);
    match fs::read_to_string(&path) {
        Ok(id) if !id.is_empty() => Ok(Some(id)),
        Ok(_) => Err(Error::disk("there is nothing in", &path)(io::ErrorKind::InvalidData.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::disk("reading", &path)(error)),
    }
}

/// Blobs in the spool, in no order.
pub struct Spooled(Pin<Box<dyn Stream<Item = Result<ObjectKey, Error>> + Send>>);

impl Stream for Spooled {
    type Item = Result<ObjectKey, Error>;
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

impl Store {
    /// The blobs that have not settled, read in steps: however many there are, few names are in memory.
    #[must_use]
    pub fn spooled(&self) -> Spooled {
        let store = self.clone();
        let batches = stream::unfold(Listing::Begin, move |listing| {
            let store = store.clone();
            async move { store.next_names(listing).await }
        });
        Spooled(Box::pin(batches.flat_map(stream::iter)))
    }

    async fn next_names(&self, listing: Listing) -> Option<(Vec<Result<ObjectKey, Error>>, Listing)> {
        let spool = self.inner.spool.clone();
        let step = self.inner.readers.run(move || listing.step(&spool)).await;
        step.unwrap_or_else(|error| Some((vec![Err(error)], Listing::End)))
    }
}

/// Where a listing of the folder stands.
enum Listing {
    Begin,
    At(ReadDir),
    End,
}

impl Listing {
    fn step(self, spool: &Path) -> Option<(Vec<Result<ObjectKey, Error>>, Self)> {
        let mut entries = match self {
            Self::End => return None,
            Self::At(entries) => entries,
            Self::Begin => match fs::read_dir(spool) {
                Ok(entries) => entries,
                Err(error) => return Some((vec![Err(Error::disk("listing", spool)(error))], Self::End)),
            },
        };
        let mut keys = Vec::new();
        for entry in entries.by_ref().take(NAMES_PER_READ) {
            match entry {
                Ok(entry) => {
                    keys.extend(entry.file_name().to_str().and_then(|n| ObjectKey::parse(n).ok()).map(Ok))
                }
                Err(error) => return Some((vec![Err(Error::disk("listing", spool)(error))], Self::End)),
            }
        }
        let next = entries.next();
        match next {
            None => Some((keys, Self::End)),
            Some(Ok(entry)) => {
                keys.extend(entry.file_name().to_str().and_then(|n| ObjectKey::parse(n).ok()).map(Ok));
                Some((keys, Self::At(entries)))
            }
            Some(Err(error)) => Some((vec![Err(Error::disk("listing", spool)(error))], Self::End)),
        }
    }
}
