//! The files of one request, a few at once: while the first is being made durable, the next is already coming in.
//! What is in flight is bounded in number and in bytes; when it is full, the request's body is not read.
//!
//! Tasks are spawned here, one per file, and gathered here. When the client goes away, those that have all their
//! bytes finish by themselves and the one in the middle fails for want of them.

use std::collections::BTreeMap;

use bytes::Bytes;
use causeway_core::Class;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::content::{Payload, is_file_part};
use super::part::{CHUNKS_WAITING, Fate, Piece, Refusal, Sender};
use crate::body::{BrokenOff, RequestBody};
use crate::multipart::read::{MultipartError, Reader, Step};

/// Most files in one request.
pub(crate) const MAX_PARTS: usize = 100_000;
/// Bytes of files in flight beyond which no further one is begun, and all but the one coming in are waited for.
pub(crate) const MAX_BYTES_IN_FLIGHT: u64 = 16 * 1024 * 1024;
/// Failure Reason of what is no readable file: Cannot understand (PS3.18 Table I.2-2).
const CANNOT_UNDERSTAND: u16 = 0xC000;
/// Failure Reason of what broke inside: Processing failure.
const PROCESSING_FAILURE: u16 = 0x0110;

/// How a body came to its end before it was whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    /// The bytes stopped.
    #[error(transparent)]
    Off(#[from] BrokenOff),
    /// They are no multipart body.
    #[error("the multipart body is malformed: {0}")]
    Framing(#[from] MultipartError),
    /// More than [`MAX_PARTS`].
    #[error("a request holds at most {MAX_PARTS} instances")]
    TooMany,
}

/// The files of one request.
pub(super) struct Intake {
    sender: Sender,
    at_once: usize,
    in_flight: InFlight,
    /// Bytes of each file that is in flight.
    bytes: BTreeMap<usize, u64>,
    /// The file that is coming in.
    current: Option<Current>,
    begun: usize,
    fates: Vec<(usize, Fate)>,
}

struct Current {
    index: usize,
    /// Gone when the file was refused before its end; the rest of it is passed over.
    pieces: Option<mpsc::Sender<Piece>>,
}

/// Files that are being taken in. Dropping this lets them finish.
struct InFlight(JoinSet<(usize, Fate)>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.detach_all();
    }
}

impl Intake {
    pub(super) fn new(sender: Sender, at_once: u32) -> Self {
        Self {
            sender,
            at_once: usize::try_from(at_once).unwrap_or(1).max(1),
            in_flight: InFlight(JoinSet::new()),
            bytes: BTreeMap::new(),
            current: None,
            begun: 0,
            fates: Vec::new(),
        }
    }

    /// Takes in all of a request's body.
    pub(super) async fn take(&mut self, payload: Payload, mut body: RequestBody) -> Result<(), Broken> {
        let ended = match payload {
            Payload::Multipart(reader) => self.take_parts(*reader, &mut body).await,
            Payload::Single => self.take_single(&mut body).await,
        };
        // A file that did not come to its end loses its sender here, and is dropped by the archive.
        self.current = None;
        ended
    }

    async fn take_parts(&mut self, mut reader: Reader, body: &mut RequestBody) -> Result<(), Broken> {
        loop {
            match reader.step()? {
                Step::NeedMore => match body.chunk().await? {
                    Some(chunk) => reader.feed(chunk),
                    None => return Ok(reader.finish()?),
                },
                Step::Begin(head) => self.begin(head.content_type.as_deref()).await?,
                Step::Data(data) => self.data(data).await,
                Step::End => self.end().await,
                Step::Finished => return Ok(()),
            }
        }
    }

    async fn take_single(&mut self, body: &mut RequestBody) -> Result<(), Broken> {
        self.begin(None).await?;
        while let Some(chunk) = body.chunk().await? {
            self.data(chunk).await;
        }
        self.end().await;
        Ok(())
    }

    /// Begins a file, when there is room for another.
    async fn begin(&mut self, content_type: Option<&str>) -> Result<(), Broken> {
        if self.begun == MAX_PARTS {
            return Err(Broken::TooMany);
        }
        let index = self.begun;
        self.begun += 1;
        if !is_file_part(content_type) {
            let words = "a part's Content-Type is not application/dicom".to_owned();
            self.refuse(index, Refusal::nameless(CANNOT_UNDERSTAND, words, Class::Peer));
            self.current = Some(Current { index, pieces: None });
            return Ok(());
        }
        while self.in_flight.0.len() >= self.at_once || self.bytes_in_flight() > MAX_BYTES_IN_FLIGHT {
            self.gather_one().await;
        }
        let (pieces, receiver) = mpsc::channel(CHUNKS_WAITING);
        let sender = self.sender.clone();
        self.in_flight.0.spawn(async move { (index, sender.ingest(receiver).await) });
        self.bytes.insert(index, 0);
        self.current = Some(Current { index, pieces: Some(pieces) });
        Ok(())
    }

    async fn data(&mut self, data: Bytes) {
        let Some(current) = &mut self.current else { return };
        let Some(pieces) = &current.pieces else { return };
        if let Some(bytes) = self.bytes.get_mut(&current.index) {
            *bytes += data.len() as u64;
        }
        if pieces.send(Piece::Chunk(data)).await.is_err() {
            // Refused before its end: its fate says why, the rest of it is of no interest.
            current.pieces = None;
            return;
        }
        while self.in_flight.0.len() > 1 && self.bytes_in_flight() > MAX_BYTES_IN_FLIGHT {
            self.gather_one().await;
        }
    }

    async fn end(&mut self) {
        if let Some(Current { pieces: Some(pieces), .. }) = self.current.take() {
            // Where no one listens any more, the fate is known already.
            let _ = pieces.send(Piece::End).await;
        }
    }

    fn bytes_in_flight(&self) -> u64 {
        self.bytes.values().sum()
    }

    /// Waits for one of the files in flight.
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

    fn refuse(&mut self, index: usize, refusal: Refusal) {
        self.fates.push((index, Fate::Refused(refusal)));
    }

    /// What became of all files, in the order in which they came.
    pub(super) async fn finish(mut self) -> Vec<Fate> {
        while !self.in_flight.0.is_empty() {
            self.gather_one().await;
        }
        let mut fates = std::mem::take(&mut self.fates);
        fates.sort_by_key(|(index, _)| *index);
        fates.into_iter().map(|(_, fate)| fate).collect()
    }
}
