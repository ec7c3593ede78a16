//! The keys that a node holds. Their file is read again when it changes, so that a node that runs learns of a new key; one
//! that cannot be read then is told of, and the keys stay as they were.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, fs, io};

use super::fault::Fault;
use super::file;
use super::keys::{Key, KeyId, Keys};

/// How often it is looked whether the file has changed.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The keys of a store. Clones are one.
#[derive(Clone)]
pub struct Ring {
    inner: Arc<Inner>,
}

struct Inner {
    /// None: they never change.
    file: Option<PathBuf>,
    state: Mutex<State>,
}

struct State {
    keys: Arc<Keys>,
    stamp: Option<Stamp>,
    looked_at: Instant,
}

/// What a file is known by: another one, or one with other bytes, has another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> io::Result<Self> {
        let found = fs::metadata(path)?;
        let changed = (found.ctime(), found.ctime_nsec());
        Ok(Self { inode: found.ino(), bytes: found.len(), changed })
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ring({:?})", self.inner.file)
    }
}

impl From<Keys> for Ring {
    /// Keys that never change.
    fn from(keys: Keys) -> Self {
        Self::new(None, keys, None)
    }
}

impl Ring {
    /// Reads a key file. It blocks.
    ///
    /// # Errors
    /// Says what is wrong with the file, and what to do.
    pub fn open(path: &Path) -> Result<Self, String> {
        let stamp = Stamp::of(path).ok();
        Ok(Self::new(Some(path.to_owned()), file::read(path)?, stamp))
    }

    fn new(file: Option<PathBuf>, keys: Keys, stamp: Option<Stamp>) -> Self {
        let state = State { keys: Arc::new(keys), stamp, looked_at: Instant::now() };
        Self { inner: Arc::new(Inner { file, state: Mutex::new(state) }) }
    }

    /// The keys as they are now, give or take [`LOOK_EVERY`].
    pub(crate) async fn now(&self) -> Arc<Keys> {
        let is_due = self.with(|state| state.looked_at.elapsed() >= LOOK_EVERY);
        if is_due {
            self.look().await;
        }
        self.with(|state| Arc::clone(&state.keys))
    }

    /// The key of this id. For one that is not known the file is looked at again at once: another node may write with it.
    pub(super) async fn opening(&self, id: &KeyId) -> Result<Arc<Key>, Fault> {
        match self.now().await.opening(id) {
            Err(Fault::NoKey(_)) => {
                self.look().await;
                self.with(|state| state.keys.opening(id))
            }
            found => found,
        }
    }

    async fn look(&self) {
        let Some(file) = self.inner.file.clone() else { return };
        let known = self.with(|state| {
            state.looked_at = Instant::now();
            state.stamp
        });
        let job = move || {
            let stamp = Stamp::of(&file).ok().filter(|stamp| Some(*stamp) != known)?;
            Some((stamp, file::read(&file)))
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "one short look every few seconds, and a ring is there before any pool"
        )]
        let looked = tokio::task::spawn_blocking(job);
        let Ok(Some((stamp, read))) = looked.await else { return };
        self.with(|state| state.stamp = Some(stamp));
        match read {
            Ok(keys) => {
                tracing::info!(first = %keys.first(), keys = keys.ids().len(), "the keys of the store were read anew");
                self.with(|state| state.keys = Arc::new(keys));
            }
            Err(words) => {
                tracing::error!(
                    words,
                    "the keys of the store have changed and cannot be read; they stay as they were"
                );
            }
        }
    }

    fn with<T>(&self, what: impl FnOnce(&mut State) -> T) -> T {
        what(&mut self.inner.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[tokio::test]
    async fn a_key_that_came_is_found_at_once_and_a_broken_file_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let one = file::add(&path, Some("one".parse().unwrap()), file::Place::First, Timestamp::UNIX_EPOCH)
            .unwrap();
        let ring = Ring::open(&path).unwrap();
        assert_eq!(ring.now().await.first(), &one);
        let two = file::add(&path, None, file::Place::First, Timestamp::UNIX_EPOCH).unwrap();
        assert!(ring.opening(&two).await.is_ok());
        assert_eq!(ring.now().await.first(), &two);
        fs::write(&path, "nonsense").unwrap();
        assert!(matches!(ring.opening(&"three".parse().unwrap()).await, Err(Fault::NoKey(_))));
        assert_eq!(ring.now().await.first(), &two);
    }
}
