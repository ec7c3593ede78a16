//! The body of an upload, made while it goes out: instances are read one after the other, packed where that pays, and
//! never whole in memory. A line that waits for its next byte is never this end's doing, but for the disk.
//!
//! Packing is done on a thread of its own, one for each upload, which ends with it. It is tried where the data set is
//! not compressed already, and only while the line is behind: on a fast line it would be in the way.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use causeway_archive::link::Parcel;
use causeway_archive::link::hatch::Pieces;
use causeway_archive::{Archive, Passage, Throttle, Wanted};
use causeway_core::link::frame::{self, MAX_DATA_BYTES};
use causeway_core::link::words::Begin;
use causeway_core::transfer_syntax::Plain;
use futures_util::StreamExt as _;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::Asked;
use super::client::silent;
use super::heard::Told;
use super::reach::Outlet;
use crate::failure::{Failure, Kind};
use crate::sender::ungiven;

/// Pieces that wait for the packer.
const PIECES_WAITING: usize = 2;
/// Pieces that wait for the line.
const PIECES_READY: usize = 4;
/// Most bytes of a data set in a piece.
const PIECE_BYTES: usize = 64 * 1024;
const _: () = assert!(PIECE_BYTES <= MAX_DATA_BYTES);

/// An upload that is to be made.
pub(super) struct Uploading<'a> {
    pub(super) archive: &'a Archive,
    pub(super) wanted: &'a [Asked<'a>],
    /// How the remote is given instances.
    pub(super) passage: &'a Passage,
    /// No further instance is begun after this.
    pub(super) until: Instant,
    pub(super) stopped: &'a watch::Receiver<bool>,
    pub(super) throttle: &'a Throttle,
}

/// A piece for the packer.
enum Piece {
    /// To go out as it is.
    AsIs(Bytes),
    /// Some of a data set; packed where `may` says so and it pays.
    Data(Bytes, Packing),
}

/// Whether a data set is worth the try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Tried,
    NotTried,
}

/// Where what is known of instances goes: place among those wanted, and what.
pub(super) type Telling = mpsc::Sender<(usize, Told)>;

/// Instances that were begun, in the order of the upload: their places among those wanted.
type Begun = std::sync::Mutex<Vec<usize>>;

impl Uploading<'_> {
    /// Makes the upload, and tells of each instance as it is heard of. At most one word for each instance is told.
    pub(super) async fn run(&self, outlet: Outlet, patience: Duration, told: Telling) -> Result<(), Failure> {
        let (pieces, packer) = mpsc::channel(PIECES_WAITING);
        let (ready, body) = mpsc::channel(PIECES_READY);
        let named = thread::Builder::new().name("link-pack".to_owned());
        named
            .spawn(move || pack(packer, &ready))
            .map_err(|error| Failure::new(Kind::Ours, format!("no thread is to be had: {error}")))?;
        let activity = Activity::new();
        let begun = Begun::default();
        let hear = async {
            let mut lines = outlet.give(taken(body, activity.clone())).await?;
            while let Some(said) = lines.next().await? {
                activity.note();
                let at = begun.lock().ok().and_then(|begun| begun.get(said.index as usize).copied());
                let Some(at) = at else {
                    return Err(Failure::new(
                        Kind::Unclear,
                        "its answer is about an instance that was not sent",
                    ));
                };
                // There is room, unless the far side speaks of one thing again and again.
                let _ = told.try_send((at, Told::Fate(said.fate)));
            }
            Ok(())
        };
        let produce = self.produce(pieces, &begun, &told);
        let both = async {
            tokio::pin!(hear, produce);
            tokio::select! {
                heard = &mut hear => heard,
                () = &mut produce => hear.await,
            }
        };
        tokio::select! {
            ended = both => ended,
            () = activity.silent_for(patience) => Err(silent()),
        }
    }

    /// Reads instance after instance. It ends early when nobody takes what it reads.
    async fn produce(&self, pieces: mpsc::Sender<Piece>, begun: &Begun, told: &Telling) {
        for (at, asked) in self.wanted.iter().enumerate() {
            let instance = &asked.ready.instance;
            if *self.stopped.borrow() || Instant::now() >= self.until {
                return;
            }
            let mut object = match self.archive.open_for(self.passage, instance, &Wanted::Stored).await {
                Ok(object) => object,
                Err(error) => {
                    let _ = told.try_send((at, Told::Unreadable(ungiven(&error))));
                    continue;
                }
            };
            if let Ok(mut begun) = begun.lock() {
                begun.push(at);
            }
            let head = Piece::AsIs(frame::begin(&self.begin(asked)));
            if pieces.send(head).await.is_err() {
                return;
            }
            let packing = packing(asked.parcel);
            let mut skip = asked.from;
            let end = loop {
                match object.chunk().await {
                    Ok(Some(mut chunk)) => {
                        let passed = usize::try_from(skip).unwrap_or(usize::MAX).min(chunk.len());
                        skip -= passed as u64;
                        let _ = chunk.split_to(passed);
                        while !chunk.is_empty() {
                            // What is packed afterwards is charged as if it were not.
                            let least = chunk.len().min(PIECE_BYTES);
                            let leave = self.throttle.take(asked.ready.priority(), least).await;
                            let some = chunk.split_to(leave.clamp(1, least));
                            if pieces.send(Piece::Data(some, packing)).await.is_err() {
                                return;
                            }
                        }
                    }
                    Ok(None) => break frame::end(),
                    Err(error) => {
                        let _ = told.try_send((at, Told::Unreadable(ungiven(&error))));
                        break frame::withdrawn();
                    }
                }
            };
            if pieces.send(Piece::AsIs(end)).await.is_err() {
                return;
            }
        }
    }

    fn begin(&self, asked: &Asked<'_>) -> Begin {
        let Parcel { instance, sop_class, transfer_syntax, digest, bytes } = asked.parcel.clone();
        let via = asked.ready.job.via.and(self.archive.node_id());
        Begin { instance, sop_class, transfer_syntax, digest, bytes, from: asked.from, via }
    }
}

/// What is compressed already, by pixels or as a whole, does not get smaller.
fn packing(parcel: &Parcel) -> Packing {
    match Plain::of(&parcel.transfer_syntax) {
        Some(Plain::ByLayout) => Packing::Tried,
        Some(Plain::ByDecoding) | None => Packing::NotTried,
    }
}

/// The packer's work, until nobody gives it more or takes what it made.
fn pack(mut pieces: mpsc::Receiver<Piece>, ready: &mpsc::Sender<Bytes>) {
    let mut pays = true;
    while let Some(piece) = pieces.blocking_recv() {
        let sent = match piece {
            Piece::AsIs(bytes) => {
                // A frame that is none of data stands between two instances: what did not pay for one may for the next.
                pays = true;
                ready.blocking_send(bytes)
            }
            Piece::Data(data, packing) => {
                let is_behind = ready.capacity() < PIECES_READY;
                let packed = (packing == Packing::Tried && pays && is_behind).then(|| frame::packed(&data));
                match packed {
                    Some(Some(frame)) => ready.blocking_send(frame),
                    tried => {
                        pays &= tried.is_none();
                        let head = ready.blocking_send(frame::data_head(&data));
                        head.and_then(|()| ready.blocking_send(data))
                    }
                }
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

/// The body as it is taken.
fn taken(body: mpsc::Receiver<Bytes>, activity: Activity) -> Pieces {
    let pieces = futures_util::stream::unfold((body, activity), |(mut body, activity)| async move {
        let piece = body.recv().await?;
        activity.note();
        Some((Ok::<_, io::Error>(piece), (body, activity)))
    });
    pieces.boxed()
}

/// When the far side last took or said something. All clones are one.
#[derive(Debug, Clone)]
struct Activity(std::sync::Arc<(Instant, AtomicU64)>);

impl Activity {
    fn new() -> Self {
        Self(std::sync::Arc::new((Instant::now(), AtomicU64::new(0))))
    }

    fn note(&self) {
        let (begun, last) = &*self.0;
        let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        last.store(milliseconds, Ordering::Relaxed);
    }

    /// Completes when there was nothing for `limit`.
    async fn silent_for(&self, limit: Duration) {
        let (begun, last) = &*self.0;
        loop {
            let until = *begun + Duration::from_millis(last.load(Ordering::Relaxed)) + limit;
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }
}
