//! Settling and deleting. Both may be at the same object: whichever comes last leaves nothing in the store of what was
//! deleted, and nothing goes from the spool that is not whole in the store.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use causeway_core::{ExpectedObject, ObjectKey};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Mutex, OwnedSemaphorePermit};
use tokio::time::{Instant, sleep_until};

use super::RemoteObjects;
use super::upload::Source;
use crate::error::Error;
use crate::objects::{Objects, Settlement};
use crate::{Store, files, layout};

/// After so many uploads in a row that the store failed, no more of a batch are begun.
const FAILURES_IN_A_ROW: usize = 4;
/// Doomed objects that are removed at a time.
const DOOMED_AT_A_TIME: usize = 200;

/// What became of one object.
type Fate = (ObjectKey, Result<Whether, Error>);

/// Whether an object is in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whether {
    Settled,
    /// Deleted since.
    Gone,
}

/// What is under way, and what came of it and was not told yet. At most as many as may be under way at a time, and as many
/// again.
pub(super) struct Fates {
    under_way: AtomicUsize,
    /// The store failed when it was asked last.
    is_failing: AtomicBool,
    sender: UnboundedSender<Fate>,
    receiver: Mutex<UnboundedReceiver<Fate>>,
}

impl Default for Fates {
    fn default() -> Self {
        let (sender, receiver) = unbounded_channel();
        Self {
            under_way: AtomicUsize::new(0),
            is_failing: AtomicBool::new(false),
            sender,
            receiver: Mutex::new(receiver),
        }
    }
}

/// A batch, and what came of it so far.
struct Batch {
    until: Instant,
    failures: usize,
    settlement: Settlement,
}

impl Batch {
    fn new(longest: Duration) -> Self {
        Self { until: Instant::now() + longest, failures: 0, settlement: Settlement::default() }
    }

    fn goes_on(&self) -> bool {
        self.failures < FAILURES_IN_A_ROW && Instant::now() < self.until
    }

    fn note(&mut self, fates: &Fates, (key, fate): Fate) {
        fates.under_way.fetch_sub(1, Ordering::AcqRel);
        match fate {
            Ok(Whether::Settled) => {
                self.failures = 0;
                fates.is_failing.store(false, Ordering::Relaxed);
                self.settlement.settled.push(key);
            }
            Ok(Whether::Gone) => {}
            Err(error) => {
                if error.is_of_object_store() {
                    self.failures += 1;
                    fates.is_failing.store(true, Ordering::Relaxed);
                }
                self.settlement.failed.push((key, error));
            }
        }
    }
}

/// Settles objects, several at a time.
pub(crate) async fn settle(
    store: &Store,
    remote: &RemoteObjects,
    objects: Vec<ExpectedObject>,
) -> Settlement {
    let fates = &remote.fates;
    let mut told = fates.receiver.lock().await;
    let mut batch = Batch::new(remote.remote.longest_batch);
    for expected in objects {
        let is_free = batch.goes_on() && !remote.under_way.contains(&expected.object);
        let slot = if is_free { slot(remote, &mut told, &mut batch).await } else { None };
        match slot {
            Some(slot) if batch.goes_on() => begin(store, fates, expected, slot),
            _ => batch.settlement.not_tried += 1,
        }
    }
    while fates.under_way.load(Ordering::Acquire) > 0 {
        // Cancel-safe: a fate is taken or is still there.
        tokio::select! {
            Some(fate) = told.recv() => batch.note(fates, fate),
            () = sleep_until(batch.until) => break,
        }
    }
    batch.settlement
}

/// Leave to upload one more, as soon as there is; none when the batch ends before.
async fn slot(
    remote: &RemoteObjects,
    told: &mut UnboundedReceiver<Fate>,
    batch: &mut Batch,
) -> Option<OwnedSemaphorePermit> {
    loop {
        // Cancel-safe: a fate is taken or is still there, and leave that is not taken is nobody's.
        tokio::select! {
            biased;
            Some(fate) = told.recv() => {
                batch.note(&remote.fates, fate);
                if !batch.goes_on() {
                    return None;
                }
            }
            slot = remote.slots.clone().acquire_owned() => return slot.ok(),
            () = sleep_until(batch.until) => return None,
        }
    }
}

/// Begins one, in a task of its own.
fn begin(store: &Store, fates: &Fates, expected: ExpectedObject, slot: OwnedSemaphorePermit) {
    fates.under_way.fetch_add(1, Ordering::AcqRel);
    let (store, sender) = (store.clone(), fates.sender.clone());
    tokio::spawn(async move {
        let key = expected.object.clone();
        let fate = settle_apart(store, expected).await;
        drop(slot);
        // Nobody is there to hear it when the store is closed.
        let _ = sender.send((key, fate));
    });
}

/// Settles one object, however long it takes. In a task of its own: when whoever asks goes away, an upload is ended all the
/// same, and leaves no parts behind.
pub(crate) async fn settle_apart(store: Store, expected: ExpectedObject) -> Result<Whether, Error> {
    let task = tokio::spawn(async move {
        match &store.inner.objects {
            Objects::Remote(remote) => remote.settle_one(&store, expected).await,
            Objects::Local(_) => Err(Error::Closed),
        }
    });
    task.await.unwrap_or(Err(Error::Closed))
}

impl RemoteObjects {
    async fn settle_one(&self, store: &Store, expected: ExpectedObject) -> Result<Whether, Error> {
        let key = expected.object.clone();
        let _turn = self.under_way.begin(&key).await;
        let spooled = store.inner.spooled_path(&key);
        let path = spooled.clone();
        let opened = store.inner.readers.run(move || files::open_first([Some(path)])).await??;
        let expected_bytes = expected.object_bytes;
        let Some((file, bytes)) = opened else {
            // Uploaded before a crash, or deleted since.
            return match self.length(&key).await {
                Ok(found) => whole(&key, expected_bytes, found).map(|()| Whether::Settled),
                Err(Error::NotFound(_)) => Ok(Whether::Gone),
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
            return Ok(Whether::Settled);
        }
        // Deleted while it was on its way: it must not stay.
        self.remove_or_doom(store, &key).await?;
        Ok(Whether::Gone)
    }

    /// Removes an object for good. Where that cannot be done now, it is noted, and is done when it can.
    pub(crate) async fn delete(&self, store: &Store, key: &ObjectKey) -> Result<(), Error> {
        // Whoever uploads it removes it; should the node end before that, the note is left. And nobody is to wait for a store
        // that is away.
        if self.under_way.contains(key) || self.fates.is_failing.load(Ordering::Relaxed) {
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
                self.fates.is_failing.store(false, Ordering::Relaxed);
                is_any = true;
            }
        }
        Ok(is_any)
    }
}

fn whole(key: &ObjectKey, expected: u64, found: u64) -> Result<(), Error> {
    if found == expected { Ok(()) } else { Err(Error::Length { key: key.clone(), expected, found }) }
}
