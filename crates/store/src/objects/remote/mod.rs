//! An object store: settling is an upload (`settle`, `upload`), after which the spooled file goes.

mod carried;
mod marks;
mod probe;
mod settle;
mod upload;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use causeway_core::ObjectKey;
use futures_util::future::ready;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{GetResult, ObjectStore, ObjectStoreExt as _};
use tokio::sync::Semaphore;

pub use probe::Probe;
pub(super) use settle::whole;
pub(crate) use settle::{Whether, settle, settle_apart};

use crate::error::Error;
use crate::sealed::{Plain, Ring, Sealed};
use crate::walk::ASIDE_NAME;
use crate::{layout, settings};
use settle::Fates;
use upload::MAX_HELD_BYTES;

/// How long a batch is waited for where nobody says: a large object on a slow line holds up no other.
const LONGEST_BATCH: Duration = Duration::from_secs(10);

/// An object store, and how it is used.
#[derive(Clone)]
pub struct Remote {
    /// For reading, deleting and listing.
    reading: Arc<dyn ObjectStore>,
    /// For uploads, with other time-outs.
    writing: Arc<dyn ObjectStore>,
    uploads: usize,
    /// How long a batch is waited for.
    longest_batch: Duration,
    name: String,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({})", self.name)
    }
}

impl Remote {
    /// A store that is read by one client and written to by another.
    #[must_use]
    pub fn new(reading: Arc<dyn ObjectStore>, writing: Arc<dyn ObjectStore>) -> Self {
        let name = reading.to_string();
        let uploads = settings::DEFAULT_UPLOADS;
        Self { reading, writing, uploads, longest_batch: LONGEST_BATCH, name }
    }

    /// A store that one client does for.
    #[must_use]
    pub fn of(objects: Arc<dyn ObjectStore>) -> Self {
        Self::new(Arc::clone(&objects), objects)
    }

    /// The same where every name begins with `prefix`.
    #[must_use]
    pub fn below(self, prefix: &Path) -> Self {
        if prefix.as_ref().is_empty() {
            return self;
        }
        let below = |objects| Arc::new(PrefixStore::new(objects, prefix.clone())) as Arc<dyn ObjectStore>;
        Self { reading: below(self.reading), writing: below(self.writing), ..self }
    }

    /// The same where objects are sealed with the first of these keys before they go there.
    #[must_use]
    pub fn sealed(self, ring: &Ring, plain: Plain) -> Self {
        let sealed = |objects| Arc::new(Sealed::new(objects, ring.clone(), plain)) as Arc<dyn ObjectStore>;
        Self { reading: sealed(self.reading), writing: sealed(self.writing), ..self }
    }

    /// The same with so many objects uploaded at a time, at least one.
    #[must_use]
    pub fn with_uploads(self, uploads: usize) -> Self {
        Self { uploads: uploads.max(1), ..self }
    }

    /// The same where a batch is waited for so long. What is under way then goes on, and is told with a later one.
    #[must_use]
    pub fn with_longest_batch(self, longest_batch: Duration) -> Self {
        Self { longest_batch, ..self }
    }

    /// The same under another name, for whoever reads of it.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }
}

/// The object store of a node.
pub(crate) struct RemoteObjects {
    remote: Remote,
    /// Leave to upload one more at the same time.
    slots: Arc<Semaphore>,
    /// Leave to hold bytes that are uploaded.
    held: Arc<Semaphore>,
    fates: Fates,
    /// The store failed when it was asked last.
    is_failing: AtomicBool,
}

impl RemoteObjects {
    pub(crate) fn open(remote: Remote) -> Self {
        let held = Arc::new(Semaphore::new(MAX_HELD_BYTES));
        let slots = Arc::new(Semaphore::new(remote.uploads));
        Self { remote, slots, held, fates: Fates::default(), is_failing: AtomicBool::new(false) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.remote.name
    }

    /// Whether it failed when it was asked last.
    pub(super) fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Relaxed)
    }

    pub(super) fn succeeded(&self) {
        self.is_failing.store(false, Ordering::Relaxed);
    }

    fn failed(&self) {
        self.is_failing.store(true, Ordering::Relaxed);
    }

    pub(super) async fn get(
        &self,
        key: &ObjectKey,
        bytes: u64,
        range: Range<u64>,
    ) -> Result<GetResult, Error> {
        self.remote.get(key, bytes, range).await
    }

    pub(super) async fn length(&self, key: &ObjectKey) -> Result<u64, Error> {
        self.remote.length(key).await
    }

    /// The names of up to `limit` objects from beyond `after` on, in their order.
    pub(crate) async fn names_after(&self, after: &str, limit: usize) -> Result<Vec<Path>, Error> {
        let after = Path::parse(after).map_err(object_store::Error::from)?;
        let listed = match after.as_ref() {
            "" => self.remote.reading.list(None),
            _ => self.remote.reading.list_with_offset(None, &after),
        };
        // Azure's servers know where to begin only from some version on, and those before begin with the first again.
        let beyond = listed.try_filter(|found| ready(found.location > after));
        Ok(beyond.map_ok(|found| found.location).take(limit).try_collect().await?)
    }

    /// Gives an object another name, under which nobody looks for it; gives whether there was one.
    pub(crate) async fn put_aside(&self, key: &ObjectKey) -> Result<bool, Error> {
        // The end of the name is a new one each time: what was put aside before stays, and a walk takes neither for an object.
        let aside = Path::from_iter([ASIDE_NAME.to_owned(), format!("{key}.{}", layout::new_key())]);
        match self.length(key).await {
            Ok(_) => {}
            Err(Error::NotFound(_)) => return Ok(false),
            Err(error) => return Err(error),
        }
        self.remote.writing.copy(&layout::object_path(key), &aside).await?;
        self.remove(key).await?;
        Ok(true)
    }

    /// Removes an object. One that is not there is no error.
    pub(super) async fn remove(&self, key: &ObjectKey) -> Result<(), Error> {
        match self.remote.reading.delete(&layout::object_path(key)).await {
            Err(object_store::Error::NotFound { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
