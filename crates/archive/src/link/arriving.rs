//! An instance on its way in over a line that may break: a task takes it in, and outlives the request that brought its
//! first bytes. When the line breaks, the task waits for the rest with all it has so far, for a while; the next request
//! goes on where the last one ended.
//!
//! ```text
//!            begin                  end
//!   nothing ───────► attached ─────────────► durable, or refused
//!                     │    ▲
//!               break ▼    │ begin, from where it stands
//!                    waiting ──── too long ────► nothing
//! ```
//! What an earlier process left of an instance (`beginnings`) is read first, and then the rest is waited for in the same way.
//!
//! Tasks are spawned here, one per instance; each ends with its instance, or when nothing came for too long. What waits
//! is bounded in number and in bytes for each remote.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use causeway_core::link::words::{Begin, Fate, Offered, Refused};
use causeway_core::{Class, Digest, Door, Envelope, Principal, RemoteName, Status};
use causeway_store::{Begun, BlobStream};
use futures_util::StreamExt as _;
use tokio::sync::{mpsc, oneshot};

use super::beginnings::Key;
use crate::ingest::{Announced, Body, BodyError};
use crate::{Archive, IngestError};

/// Chunks that may wait for the archive to take them.
const CHUNKS_WAITING: usize = 4;
/// Smallest instance of which a beginning is kept, in bytes: less is sent again as fast as it is asked for.
pub const MIN_KEPT_BYTES: u64 = 128 * 1024;
/// Most instances of one remote that wait for the rest of their bytes.
pub const MAX_WAITING_INSTANCES: usize = 16;
/// Most bytes that instances of one remote that wait for the rest may have in all.
pub const MAX_WAITING_BYTES: u64 = 16 * 1024 * 1024 * 1024;
/// How long the rest of an instance is waited for.
pub const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// An instance that is not whole yet, as those see it who bring its bytes.
struct Slot {
    /// Bytes of the whole data set.
    bytes: u64,
    /// Bytes of the data set that came so far.
    taken: AtomicU64,
    /// Who brings them: the request that began with it last. The one before it has no say any more.
    bearer: AtomicU64,
    /// Held while a chunk is handed on, so that the next bearer begins after it.
    live: tokio::sync::Mutex<Option<Live>>,
}

struct Live {
    pieces: mpsc::Sender<Piece>,
    fate: oneshot::Receiver<Fate>,
}

enum Piece {
    Chunk(Bytes),
    End,
}

/// The instances that are not whole yet and are large enough to be worth keeping.
#[derive(Default)]
pub struct Leftovers(Mutex<HashMap<Key, Arc<Slot>>>);

impl Leftovers {
    fn slots(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<Slot>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many bytes there are of it; none: nothing of it is on its way.
    fn taken(&self, key: &Key) -> Option<u64> {
        self.slots().get(key).map(|slot| slot.taken.load(Ordering::Acquire))
    }

    fn find(&self, key: &Key) -> Option<Arc<Slot>> {
        self.slots().get(key).cloned()
    }

    /// Keeps it, where there is room for another of its remote.
    fn keep(&self, key: &Key, slot: &Arc<Slot>) {
        let mut slots = self.slots();
        let of_remote = || slots.iter().filter(|(other, _)| other.from == key.from);
        let bytes: u64 = of_remote().map(|(_, slot)| slot.bytes).fold(slot.bytes, u64::saturating_add);
        if slot.bytes >= MIN_KEPT_BYTES
            && of_remote().count() < MAX_WAITING_INSTANCES
            && bytes <= MAX_WAITING_BYTES
        {
            slots.insert(key.clone(), Arc::clone(slot));
        }
    }

    fn forget(&self, key: &Key, slot: &Arc<Slot>) {
        let mut slots = self.slots();
        if slots.get(key).is_some_and(|kept| Arc::ptr_eq(kept, slot)) {
            slots.remove(key);
        }
    }

    /// How many wait or are on their way.
    #[must_use]
    pub fn count(&self) -> usize {
        self.slots().len()
    }
}

/// An instance whose bytes a request brings. Dropped before its end, it waits for another request.
pub struct Arriving {
    slot: Arc<Slot>,
    bearer: u64,
    /// Bytes that come again and are passed over.
    again: u64,
}

/// Why a chunk was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTaken {
    /// Another request brings it.
    Relieved,
    /// There is more of it than was announced.
    TooMuch,
    /// It was refused already; its fate says why.
    Decided,
}

impl Archive {
    /// How many bytes there are of an instance that is offered.
    pub(super) fn taken(&self, from: &RemoteName, offered: &Offered) -> u64 {
        let key = Key { from: from.clone(), instance: offered.instance.clone(), digest: offered.digest };
        let left = || self.inner.beginnings.bytes(&key);
        self.inner.leftovers.taken(&key).unwrap_or_else(left).min(offered.bytes)
    }

    /// Begins an instance, or goes on with it. Without one, the fate says why.
    ///
    /// # Errors
    /// Says what becomes of it, when it cannot be gone on with from where it begins.
    pub async fn arrive(
        &self,
        principal: &Arc<Principal>,
        envelope: Envelope,
        from: &RemoteName,
        begin: &Begin,
    ) -> Result<Arriving, Fate> {
        let key = Key { from: from.clone(), instance: begin.instance.clone(), digest: begin.digest };
        if let Some(slot) = self.inner.leftovers.find(&key) {
            let bearer = slot.bearer.fetch_add(1, Ordering::AcqRel) + 1;
            // Whoever brought it before has handed on its last chunk when this is had.
            let is_live = slot.live.lock().await.as_ref().is_some_and(|live| !live.pieces.is_closed());
            let taken = slot.taken.load(Ordering::Acquire);
            if is_live && begin.bytes == slot.bytes && begin.from <= taken {
                return Ok(Arriving { slot, bearer, again: taken - begin.from });
            }
            self.inner.leftovers.forget(&key, &slot);
        }
        let before = self.before(&key, begin).await;
        let taken = before.as_ref().map_or(0, |before| before.begun.bytes);
        if begin.from > taken {
            return Err(Fate::Again);
        }
        let (pieces, receiver) = mpsc::channel(CHUNKS_WAITING);
        let (told, fate) = oneshot::channel();
        let slot = Arc::new(Slot {
            bytes: begin.bytes,
            taken: AtomicU64::new(taken),
            bearer: AtomicU64::new(0),
            live: tokio::sync::Mutex::new(Some(Live { pieces, fate })),
        });
        self.inner.leftovers.keep(&key, &slot);
        let taking = Taking {
            bytes: begin.bytes,
            archive: self.clone(),
            principal: Arc::clone(principal),
            envelope: Envelope {
                door: Door::Link,
                remote: Some(from.clone()),
                via: begin.via.clone(),
                ..envelope
            },
            announced: Announced {
                sop_class: Some(begin.sop_class.clone()),
                sop_instance: Some(begin.instance.clone()),
                transfer_syntax: begin.transfer_syntax.clone(),
            },
            mark: (begin.bytes >= MIN_KEPT_BYTES).then(|| key.mark()).flatten(),
            digest: begin.digest,
            before,
        };
        let (archive, kept) = (self.clone(), Arc::clone(&slot));
        tokio::spawn(async move {
            let fate = taking.run(receiver).await;
            archive.inner.leftovers.forget(&key, &kept);
            // The request may be gone; the next offer finds out.
            let _ = told.send(fate);
        });
        Ok(Arriving { slot, bearer: 0, again: taken - begin.from })
    }

    /// What an earlier process left of an instance, where it can be gone on with from where this begins; else it goes.
    async fn before(&self, key: &Key, begin: &Begin) -> Option<Before> {
        let begun = self.inner.beginnings.take(key)?;
        if begin.from > 0 && begin.from <= begun.bytes && begun.bytes <= begin.bytes {
            match self.read_beginning(&begun).await {
                Ok(bytes) => return Some(Before { begun, bytes }),
                Err(error) => tracing::warn!(%error, "the beginning of an instance cannot be read"),
            }
        }
        self.remove_beginning(&begun).await;
        None
    }

    /// Instances over links that are not whole yet.
    #[must_use]
    pub fn arriving(&self) -> usize {
        self.inner.leftovers.count()
    }
}

impl Arriving {
    /// Some more of it. Waits while the archive is behind.
    ///
    /// # Errors
    /// When it is of no use here.
    pub async fn data(&mut self, mut chunk: Bytes) -> Result<(), NotTaken> {
        let again = usize::try_from(self.again).unwrap_or(usize::MAX).min(chunk.len());
        self.again -= again as u64;
        let _ = chunk.split_to(again);
        if chunk.is_empty() {
            return Ok(());
        }
        let live = self.slot.live.lock().await;
        let Some(live) = live.as_ref().filter(|_| self.is_bearer()) else { return Err(NotTaken::Relieved) };
        let bytes = chunk.len() as u64;
        let taken = self.slot.taken.load(Ordering::Acquire).saturating_add(bytes);
        if taken > self.slot.bytes {
            return Err(NotTaken::TooMuch);
        }
        // Room first: a call that is given up in between has taken nothing.
        let room = live.pieces.reserve().await.map_err(|_| NotTaken::Decided)?;
        room.send(Piece::Chunk(chunk));
        self.slot.taken.store(taken, Ordering::Release);
        Ok(())
    }

    /// It is whole: its fate comes once it is decided. None: another request brings it.
    pub async fn end(self) -> Option<oneshot::Receiver<Fate>> {
        if !self.is_bearer() {
            return None;
        }
        let Live { pieces, fate } = self.slot.live.lock().await.take()?;
        if self.slot.taken.load(Ordering::Acquire) == self.slot.bytes {
            // Where nobody takes it any more, its fate is decided.
            let _ = pieces.send(Piece::End).await;
        }
        Some(fate)
    }

    /// It will not be whole: what there is of it is thrown away.
    pub async fn withdraw(self) {
        if self.is_bearer() {
            drop(self.slot.live.lock().await.take());
        }
    }

    fn is_bearer(&self) -> bool {
        self.slot.bearer.load(Ordering::Acquire) == self.bearer
    }
}

/// What takes an instance in.
struct Taking {
    archive: Archive,
    principal: Arc<Principal>,
    envelope: Envelope,
    announced: Announced,
    digest: Digest,
    bytes: u64,
    /// What its file is to be known by.
    mark: Option<Bytes>,
    before: Option<Before>,
}

/// What an earlier process left of it.
struct Before {
    begun: Begun,
    bytes: BlobStream,
}

impl Taking {
    /// Nobody vouches for what was left: where that was no good, all of it is asked for.
    async fn run(mut self, pieces: mpsc::Receiver<Piece>) -> Fate {
        let before = self.before.take();
        let begun = before.as_ref().map(|before| before.begun.clone());
        let mark = self.mark.take();
        let bytes = self.bytes;
        let mut body = Pieces { bytes, before: before.map(|before| before.bytes), mark, pieces };
        let archive = self.archive.clone();
        let fate = self.take(&mut body).await;
        let Some(begun) = begun else { return fate };
        archive.remove_beginning(&begun).await;
        match fate {
            Fate::Refused(refused) if refused.status != Status::OUT_OF_RESOURCES.0 => Fate::Again,
            other => other,
        }
    }

    async fn take(self, body: &mut Pieces) -> Fate {
        let Self { archive, principal, envelope, announced, digest, .. } = self;
        let received = match archive.receive(&principal, envelope, announced, body, None).await {
            Ok(received) => received,
            Err(error) => return refused(&error),
        };
        if received.digest() != digest {
            let words = "what arrived is not what was announced: its digest is another".to_owned();
            return Fate::Refused(Refused { status: Status::PROCESSING_FAILURE.0, words });
        }
        match archive.finish(received).await {
            Ok(accepted) => Fate::Receipt(archive.receipt(&accepted, digest)),
            Err(error) => refused(&error),
        }
    }
}

/// Why an instance was refused, in words that name nothing of this machine.
fn refused(error: &IngestError) -> Fate {
    let words = match error {
        IngestError::Store(_) | IngestError::Catalog(_) => {
            tracing::warn!(%error, "an instance could not be kept");
            match error.class() {
                Class::Exhausted => "the node has run out of room",
                Class::Transient => "the node is busy",
                Class::Peer | Class::Caller | Class::Bug => "the node failed to keep the instance",
            }
            .to_owned()
        }
        IngestError::Access(_)
        | IngestError::Body(_)
        | IngestError::Unreadable(_)
        | IngestError::MissingIdentifier(_)
        | IngestError::Mismatch { .. }
        | IngestError::OtherStudy { .. }
        | IngestError::Unseen(_)
        | IngestError::NotStorage(_)
        | IngestError::Conflict(_)
        | IngestError::Held(_)
        | IngestError::Quota { .. } => error.to_string(),
    };
    // A transfer that broke off is no fault of the instance.
    let status = match error {
        IngestError::Body(_) => Status::PROCESSING_FAILURE.0,
        _ => error.failure_reason(),
    };
    Fate::Refused(Refused { status, words })
}

/// The bytes: those that were left, then those of whichever requests bring them.
struct Pieces {
    /// Of the whole instance.
    bytes: u64,
    before: Option<BlobStream>,
    mark: Option<Bytes>,
    pieces: mpsc::Receiver<Piece>,
}

impl Body for Pieces {
    fn announced_bytes(&self) -> Option<u64> {
        Some(self.bytes)
    }

    fn mark(&self) -> Option<Bytes> {
        self.mark.clone()
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        let broken = |words: &str| BodyError { words: words.to_owned(), class: Class::Transient };
        if let Some(before) = &mut self.before {
            match before.next().await {
                Some(chunk) => {
                    return chunk.map(Some).map_err(|error| broken(&error.to_string()));
                }
                None => self.before = None,
            }
        }
        match tokio::time::timeout(PATIENCE, self.pieces.recv()).await {
            Ok(Some(Piece::Chunk(chunk))) => Ok(Some(chunk)),
            Ok(Some(Piece::End)) => Ok(None),
            Ok(None) => Err(broken("it ended before it was whole")),
            Err(_) => Err(broken("the rest of it did not come in time")),
        }
    }
}
