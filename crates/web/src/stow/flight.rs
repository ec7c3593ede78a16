//! The instances of one request on their way into the archive, a few at once: while the first is being made durable,
//! the next is already coming in. What is in flight is bounded in number and in bytes; when it is full, the request's
//! body is not read.
//!
//! Tasks are spawned here, one per instance, and gathered here. When the client goes away, those that have all their
//! bytes finish by themselves and the one in the middle fails for want of them.

use std::collections::BTreeMap;

use bytes::Bytes;
use causeway_core::{Class, Via};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::broken::Broken;
use super::part::{CHUNKS_WAITING, Fate, Piece, Refusal, Sender};

/// Most instances of one request.
pub(crate) const MAX_INSTANCES: usize = 100_000;
/// Bytes of instances in flight beyond which no further one is begun, and all but the one coming in are waited for.
pub(crate) const MAX_BYTES_IN_FLIGHT: u64 = 16 * 1024 * 1024;
/// Failure Reason of what broke inside: Processing failure (PS3.18 Table I.2-2).
const PROCESSING_FAILURE: u16 = 0x0110;

/// The instances of one request.
pub(super) struct Flight {
    sender: Sender,
    at_once: usize,
    in_flight: InFlight,
    /// Bytes of each instance that is in flight.
    bytes: BTreeMap<usize, u64>,
    begun: usize,
    fates: Vec<(usize, Fate)>,
}

/// A file that is coming in.
pub(super) struct Coming {
    index: usize,
    /// Gone when the file was refused before its end; the rest of it is passed over.
    pieces: Option<mpsc::Sender<Piece>>,
}

/// Instances that are being taken in. Dropping this lets them finish.
struct InFlight(JoinSet<(usize, Fate)>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.detach_all();
    }
}

impl Flight {
    pub(super) fn new(sender: Sender, at_once: u32) -> Self {
        Self {
            sender,
            at_once: usize::try_from(at_once).unwrap_or(1).max(1),
            in_flight: InFlight(JoinSet::new()),
            bytes: BTreeMap::new(),
            begun: 0,
            fates: Vec::new(),
        }
    }

    /// The place of another instance among those of the request.
    pub(super) const fn number(&mut self) -> Result<usize, Broken> {
        if self.begun == MAX_INSTANCES {
            return Err(Broken::TooMany);
        }
        let index = self.begun;
        self.begun += 1;
        Ok(index)
    }

    /// Begins a file that has passed these nodes, when there is room for another.
    pub(super) async fn begin(&mut self, via: Via) -> Result<Coming, Broken> {
        let index = self.number()?;
        let (pieces, receiver) = mpsc::channel(CHUNKS_WAITING);
        self.launch(index, 0, |sender| sender.over(via).ingest(receiver)).await;
        Ok(Coming { index, pieces: Some(pieces) })
    }

    /// Spawns what takes in the instance at `index`, of so many bytes, when there is room for another.
    pub(super) async fn launch<F>(&mut self, index: usize, bytes: u64, ingest: impl FnOnce(Sender) -> F)
    where
        F: Future<Output = Fate> + Send + 'static,
    {
        while self.in_flight.0.len() >= self.at_once || self.bytes_in_flight() > MAX_BYTES_IN_FLIGHT {
            self.gather_one().await;
        }
        let fate = ingest(self.sender.clone());
        self.in_flight.0.spawn(async move { (index, fate.await) });
        self.bytes.insert(index, bytes);
    }

    pub(super) async fn data(&mut self, coming: &mut Coming, data: Bytes) {
        let Some(pieces) = &coming.pieces else { return };
        if let Some(bytes) = self.bytes.get_mut(&coming.index) {
            *bytes += data.len() as u64;
        }
        if pieces.send(Piece::Chunk(data)).await.is_err() {
            // Refused before its end: its fate says why, the rest of it is of no interest.
            coming.pieces = None;
            return;
        }
        while self.in_flight.0.len() > 1 && self.bytes_in_flight() > MAX_BYTES_IN_FLIGHT {
            self.gather_one().await;
        }
    }

    fn bytes_in_flight(&self) -> u64 {
        self.bytes.values().sum()
    }

    /// Waits for one of the instances in flight.
    async fn gather_one(&mut self) {
        match self.in_flight.0.join_next().await {
            Some(Ok((index, fate))) => {
                self.bytes.remove(&index);
                self.fates.push((index, fate));
            }
            Some(Err(error)) => {
                tracing::error!(%error, "taking in an instance ended in a panic");
                let words = "the node failed to take the instance".to_owned();
                self.refuse(usize::MAX, Refusal::nameless(PROCESSING_FAILURE, words, Class::Bug));
                // Which one it was is not known; its bytes must not count for ever.
                if self.in_flight.0.is_empty() {
                    self.bytes.clear();
                }
            }
            None => self.bytes.clear(),
        }
    }

    pub(super) fn refuse(&mut self, index: usize, refusal: Refusal) {
        self.fates.push((index, Fate::Refused(refusal)));
    }

    /// What became of all instances, in the order in which they came.
    pub(super) async fn finish(mut self) -> Vec<Fate> {
        while !self.in_flight.0.is_empty() {
            self.gather_one().await;
        }
        let mut fates = std::mem::take(&mut self.fates);
        fates.sort_by_key(|(index, _)| *index);
        fates.into_iter().map(|(_, fate)| fate).collect()
    }
}

impl Coming {
    /// The file is whole.
    pub(super) async fn end(self) {
        self.say(Piece::End).await;
    }

    /// The file will not be whole.
    pub(super) async fn break_off(self, words: String) {
        self.say(Piece::Broken(words)).await;
    }

    async fn say(self, piece: Piece) {
        if let Some(pieces) = self.pieces {
            // Where no one listens any more, the fate is known already.
            let _ = pieces.send(piece).await;
        }
    }
}
