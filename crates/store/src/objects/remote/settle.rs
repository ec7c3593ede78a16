//! Settling. An object may be deleted meanwhile (`objects/deleting`): whichever comes last leaves nothing in the store of
//! what was deleted, and nothing goes from the spool that is not whole in the store.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use causeway_core::{ExpectedObject, ObjectKey};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Mutex, OwnedSemaphorePermit};
use tokio::time::{Instant, sleep_until};

use super::RemoteObjects;
use crate::error::Error;
use crate::objects::source::Source;
use crate::objects::{Objects, Place, Settlement};
use crate::{Store, files, layout};

/// After so many uploads in a row that the store failed, no more of a batch are begun.
const FAILURES_IN_A_ROW: usize = 4;

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
    sender: UnboundedSender<Fate>,
    receiver: Mutex<UnboundedReceiver<Fate>>,
}

impl Default for Fates {
    fn default() -> Self {
        let (sender, receiver) = unbounded_channel();
        Self { under_way: AtomicUsize::new(0), sender, receiver: Mutex::new(receiver) }
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

    fn note(&mut self, remote: &RemoteObjects, (key, fate): Fate) {
        remote.fates.under_way.fetch_sub(1, Ordering::AcqRel);
        match fate {
            Ok(Whether::Settled) => {
                self.failures = 0;
                remote.succeeded();
                self.settlement.settled.push(key);
            }
            Ok(Whether::Gone) => {}
            Err(error) => {
                if error.is_of_object_store() {
                    self.failures += 1;
                    remote.failed();
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
        let is_free = batch.goes_on() && !store.inner.objects.under_way.contains(&expected.object);
        let slot = if is_free { slot(remote, &mut told, &mut batch).await } else { None };
        match slot {
            Some(slot) if batch.goes_on() => begin(store, fates, expected, slot),
            _ => batch.settlement.not_tried += 1,
        }
    }
    while fates.under_way.load(Ordering::Acquire) > 0 {
        // Cancel-safe: a fate is taken or is still there.
        tokio::select! {
            Some(fate) = told.recv() => batch.note(remote, fate),
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
                batch.note(remote, fate);
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
        let objects = &store.inner.objects;
        match &objects.first {
            Place::Remote(remote) => remote.settle_one(&store, objects, expected).await,
            Place::Local(_) => Err(Error::Closed),
        }
    });
    task.await.unwrap_or(Err(Error::Closed))
}

impl RemoteObjects {
    async fn settle_one(
        &self,
        store: &Store,
        objects: &Objects,
        expected: ExpectedObject,
    ) -> Result<Whether, Error> {
        let key = expected.object.clone();
        let _turn = objects.under_way.begin(&key).await;
        let spooled = store.inner.spooled_path(&key);
        let path = spooled.clone();
        let opened = store.inner.readers.run(move || files::open_first([path])).await??;
        let expected_bytes = expected.object_bytes;
        let Some((file, bytes)) = opened else {
            // Settled before a crash, or deleted since.
            return match store.settled_length(&key).await {
                Ok(found) => whole(&key, expected_bytes, found).map(|()| Whether::Settled),
                Err(Error::NotFound(_)) => Ok(Whether::Gone),
                Err(error) => Err(error),
            };
        };
        let mut source = Source::spooled(store.clone(), file, bytes, expected)?;
        self.upload(&mut source, &layout::object_path(&key)).await?;
        match self.length(&key).await {
            // It was doomed meanwhile: what is there does not matter.
            Err(Error::NotFound(_)) if objects.is_doomed(&key) => {}
            Err(Error::NotFound(_)) => whole(&key, expected_bytes, 0)?,
            found => whole(&key, expected_bytes, found?)?,
        }
        let is_removed = store.inner.writers.run(move || files::remove_found(&spooled)).await??;
        if is_removed && !objects.is_doomed(&key) {
            return Ok(Whether::Settled);
        }
        // Deleted while it was on its way: it must not stay.
        objects.remove_or_doom(store, &key).await?;
        Ok(Whether::Gone)
    }
}

/// Whether an object is as long as it must be.
pub(in crate::objects) fn whole(key: &ObjectKey, expected: u64, found: u64) -> Result<(), Error> {
    if found == expected { Ok(()) } else { Err(Error::Length { key: key.clone(), expected, found }) }
}
