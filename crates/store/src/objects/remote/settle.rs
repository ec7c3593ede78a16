//! Settling and deleting. Both may be at the same object: whichever comes last leaves nothing in the store of what was
//! deleted, and nothing goes from the spool that is not whole in the store.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use causeway_core::{ExpectedObject, ObjectKey};
use futures_util::{StreamExt, stream};

use super::RemoteObjects;
use super::upload::Source;
use crate::error::Error;
use crate::objects::{Objects, Settlement};
use crate::{Store, files, layout};

/// After so many uploads in a row that the store failed, no more of a batch are begun.
const FAILURES_IN_A_ROW: usize = 4;
/// After so long no more of a batch are begun: what is there by then is told.
const LONGEST_BATCH: Duration = Duration::from_secs(10);
/// Doomed objects that are removed at a time.
const DOOMED_AT_A_TIME: usize = 200;

/// What became of one object.
enum Fate {
    Settled(ObjectKey),
    /// Deleted since.
    Gone,
    NotTried,
    Failed(ObjectKey, Error),
}

/// How a batch goes.
struct Batch {
    began: Instant,
    failures: AtomicUsize,
}

impl Batch {
    fn goes_on(&self) -> bool {
        self.failures.load(Ordering::Relaxed) < FAILURES_IN_A_ROW && self.began.elapsed() < LONGEST_BATCH
    }

    fn note(&self, fate: &Fate) {
        match fate {
            Fate::Failed(_, error) if error.is_of_object_store() => {
                self.failures.fetch_add(1, Ordering::Relaxed);
            }
            Fate::Settled(_) => self.failures.store(0, Ordering::Relaxed),
            Fate::Failed(..) | Fate::Gone | Fate::NotTried => {}
        }
    }
}

/// Settles objects, several at a time.
pub(crate) async fn settle(store: &Store, objects: Vec<ExpectedObject>, uploads: usize) -> Settlement {
    let batch = Batch { began: Instant::now(), failures: AtomicUsize::new(0) };
    let fates: Vec<Fate> = stream::iter(objects)
        .map(|expected| async {
            if !batch.goes_on() {
                return Fate::NotTried;
            }
            let fate = settle_apart(store.clone(), expected).await;
            batch.note(&fate);
            fate
        })
        .buffer_unordered(uploads)
        .collect()
        .await;
    let mut settlement = Settlement::default();
    for fate in fates {
        match fate {
            Fate::Settled(key) => settlement.settled.push(key),
            Fate::Failed(key, error) => settlement.failed.push((key, error)),
            Fate::NotTried => settlement.not_tried += 1,
            Fate::Gone => {}
        }
    }
    settlement
}

/// In a task of its own: when whoever asks goes away, an upload is ended all the same, and leaves no parts behind.
async fn settle_apart(store: Store, expected: ExpectedObject) -> Fate {
    let key = expected.object.clone();
    let task = tokio::spawn(async move {
        let Objects::Remote(remote) = &store.inner.objects else { return Ok(None) };
        remote.settle_one(&store, expected).await
    });
    match task.await {
        Ok(Ok(Some(key))) => Fate::Settled(key),
        Ok(Ok(None)) => Fate::Gone,
        Ok(Err(error)) => Fate::Failed(key, error),
        Err(_) => Fate::Failed(key, Error::Closed),
    }
}

impl RemoteObjects {
    /// How many are uploaded at a time.
    pub(crate) const fn uploads(&self) -> usize {
        self.remote.uploads
    }

    async fn settle_one(&self, store: &Store, expected: ExpectedObject) -> Result<Option<ObjectKey>, Error> {
        let key = expected.object.clone();
        let _turn = self.under_way.begin(&key).await;
        let spooled = store.inner.spooled_path(&key);
        let path = spooled.clone();
        let opened = store.inner.readers.run(move || files::open_first([Some(path)])).await??;
        let expected_bytes = expected.object_bytes;
        let Some((file, bytes)) = opened else {
            // Uploaded before a crash, or deleted since.
            return match self.length(&key).await {
                Ok(found) => whole(&key, expected_bytes, found).map(|()| Some(key)),
                Err(Error::NotFound(_)) => Ok(None),
                Err(error) => Err(error),
            };
        };
        let mut source = Source::new(store.clone(), file, bytes, expected)?;
        self.upload(&mut source, &layout::object_path(&key)).await?;
        match self.length(&key).await {
            // It was doomed meanwhile: what is there does not matter.
            Err(Error::NotFound(_)) if self.doomed.contains(&key) => {}
            Err(Error::NotFound(_)) => whole(&key, expected_bytes, 0)?,
            found => whole(&key, expected_bytes, found?)?,
        }
        let is_removed = store.inner.writers.run(move || files::remove_found(&spooled)).await??;
        if is_removed && !self.doomed.contains(&key) {
            return Ok(Some(key));
        }
        // Deleted while it was on its way: it must not stay.
        self.remove_or_doom(store, &key).await?;
        Ok(None)
    }

    /// Removes an object for good. Where that cannot be done now, it is noted, and is done when it can.
    pub(crate) async fn delete(&self, store: &Store, key: &ObjectKey) -> Result<(), Error> {
        if self.under_way.contains(key) {
            // Whoever uploads it removes it; should the node end before that, the note is left.
            return self.doom(store, key).await;
        }
        self.remove_or_doom(store, key).await
    }

    async fn remove_or_doom(&self, store: &Store, key: &ObjectKey) -> Result<(), Error> {
        match self.remove(key).await {
            Ok(()) if self.doomed.contains(key) => self.strike(store, key).await,
            Ok(()) => Ok(()),
            Err(error) => {
                tracing::info!(object = %key, %error, "a deleted object is removed from the object store later");
                self.doom(store, key).await
            }
        }
    }

    async fn doom(&self, store: &Store, key: &ObjectKey) -> Result<(), Error> {
        let (doomed, key) = (self.doomed.clone(), key.clone());
        store.inner.writers.run(move || doomed.add(&key)).await?
    }

    async fn strike(&self, store: &Store, key: &ObjectKey) -> Result<(), Error> {
        let (doomed, key) = (self.doomed.clone(), key.clone());
        store.inner.writers.run(move || doomed.strike(&key)).await?
    }

    /// Removes what could not be removed before; gives whether there was any.
    pub(crate) async fn remove_doomed(&self, store: &Store) -> Result<bool, Error> {
        let doomed = self.doomed.some(DOOMED_AT_A_TIME);
        let mut is_any = false;
        for key in doomed {
            // One that is uploaded is left to whoever uploads it.
            if !self.under_way.contains(&key) {
                self.remove(&key).await?;
                self.strike(store, &key).await?;
                is_any = true;
            }
        }
        Ok(is_any)
    }
}

fn whole(key: &ObjectKey, expected: u64, found: u64) -> Result<(), Error> {
    if found == expected { Ok(()) } else { Err(Error::Length { key: key.clone(), expected, found }) }
}
