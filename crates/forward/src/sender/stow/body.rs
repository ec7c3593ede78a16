//! The body of a STOW request: a multipart stream (RFC 2046 §5.1), never whole in memory, and what is known of it
//! while it goes out: when the far side last took some, how many parts it took to their end, and which could not be
//! read here.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use causeway_archive::{Archive, Object, Passage, Throttle, Wanted};
use futures_util::stream::{self, Stream, StreamExt};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::super::{Ready, ungiven};
use super::before::Answers;
use crate::failure::Failure;

/// Most bytes that are handed over at once: small enough that a slow line shows progress within its time.
const PIECE_BYTES: usize = 64 * 1024;

/// A part that could not be read to its end here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// Which part, from 0.
    pub(super) part: usize,
    /// Why.
    pub(super) failure: Failure,
}

/// How an upload goes. All clones are one.
#[derive(Debug, Clone)]
pub(super) struct Upload(Arc<Progress>);

#[derive(Debug)]
struct Progress {
    begun: Instant,
    taken: Mutex<Option<Instant>>,
    /// Parts that could not be read, in their order.
    faults: Mutex<Vec<Fault>>,
    /// We broke off in the middle of the last of them.
    broke_off: AtomicBool,
    /// Parts that are behind us, from the first.
    parts: AtomicUsize,
    /// All but the body's last bytes was taken.
    is_sent: AtomicBool,
    /// Rung when it was.
    bell: Arc<Notify>,
}

impl Upload {
    /// An upload that begins now; `bell` is rung at its end.
    pub(super) fn new(bell: Arc<Notify>) -> Self {
        Self(Arc::new(Progress {
            begun: Instant::now(),
            taken: Mutex::default(),
            faults: Mutex::default(),
            broke_off: AtomicBool::new(false),
            parts: AtomicUsize::new(0),
            is_sent: AtomicBool::new(false),
            bell,
        }))
    }

    /// Whether anything of the body was taken: without it the far side had no say in what failed.
    pub(super) fn was_taken(&self) -> bool {
        self.taken().is_some()
    }

    /// How many parts, from the first, were taken to their end.
    pub(super) fn parts(&self) -> usize {
        self.0.parts.load(Ordering::Acquire)
    }

    /// Whether all parts were taken to their end: what is waited for is an answer.
    pub(super) fn is_sent(&self) -> bool {
        self.0.is_sent.load(Ordering::Acquire)
    }

    fn end(&self) {
        self.0.is_sent.store(true, Ordering::Release);
        self.0.bell.notify_one();
    }

    /// The parts that could not be read here. They were left out, but for the last one where [`Self::broke_off`].
    pub(super) fn faults(&self) -> Vec<Fault> {
        self.0.faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the request ended in the middle because a part could not be read to its end.
    pub(super) fn broke_off(&self) -> bool {
        self.0.broke_off.load(Ordering::Acquire)
    }

    /// Completes when nothing was taken for `limit`.
    pub(super) async fn silent_for(&self, limit: Duration) {
        loop {
            let until = self.taken().unwrap_or(self.0.begun) + limit;
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }

    fn taken(&self) -> Option<Instant> {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn failed(&self, part: usize, failure: Failure) {
        self.0.faults.lock().unwrap_or_else(PoisonError::into_inner).push(Fault { part, failure });
    }

    fn is_behind(&self, part: usize) {
        self.0.parts.store(part + 1, Ordering::Release);
    }
}

/// Where parts come from, how they are given, and how fast they may go.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) archive: Archive,
    pub(super) passage: Passage,
    pub(super) throttle: Throttle,
}

/// The request's body. Each instance is opened when its turn comes; one that cannot be is left out. It does not end, so
/// that it cannot be answered, before what was asked beside it is heard.
pub(super) fn multipart(
    source: Source,
    batch: Vec<Ready>,
    boundary: String,
    upload: &Upload,
    asked: Vec<Answers>,
) -> impl Stream<Item = Result<Bytes, io::Error>> + use<> {
    let end = format!("\r\n--{boundary}--\r\n");
    let (noted, taken, ended) = (upload.clone(), upload.clone(), upload.clone());
    let parts = stream::iter(batch.into_iter().enumerate())
        .flat_map(move |(at, ready)| part(Part::new(at, ready, source.clone(), noted.clone()), &boundary));
    let last = stream::once(async move {
        ended.end();
        for answers in asked {
            answers.heard().await;
        }
        Ok(Bytes::from(end))
    });
    parts.chain(last).inspect(move |_| taken.take())
}

/// A part on its way.
struct Part {
    at: usize,
    ready: Ready,
    source: Source,
    upload: Upload,
    state: State,
}

enum State {
    ToOpen { head: String },
    Open { object: Object, rest: Bytes },
    Done,
}

impl Part {
    const fn new(at: usize, ready: Ready, source: Source, upload: Upload) -> Self {
        Self { at, ready, source, upload, state: State::Done }
    }

    /// The next piece; none at the end.
    async fn piece(&mut self) -> Result<Option<Bytes>, io::Error> {
        match &mut self.state {
            State::ToOpen { head } => {
                let head = std::mem::take(head);
                let Source { archive, passage, .. } = &self.source;
                match archive.open_for(passage, &self.ready.instance, &Wanted::Web).await {
                    Ok(object) => {
                        // The file says its transfer syntax itself; some servers drop a part whose type has parameters.
                        let via = self.ready.job.via.and(archive.node_id());
                        let head = format!("{head}\r\nCauseway-Via: {via}\r\n\r\n");
                        let rest = object.file_meta.clone();
                        self.state = State::Open { object, rest };
                        Ok(Some(Bytes::from(head)))
                    }
                    Err(error) => {
                        self.upload.failed(self.at, ungiven(&error));
                        self.end();
                        Ok(None)
                    }
                }
            }
            State::Open { object, rest } => {
                while rest.is_empty() {
                    match object.chunk().await {
                        Ok(Some(chunk)) => *rest = chunk,
                        Ok(None) => {
                            self.end();
                            return Ok(None);
                        }
                        Err(error) => {
                            // The client tells a failing body and a failing line not apart: this is how we know.
                            self.upload.failed(self.at, ungiven(&error));
                            self.upload.0.broke_off.store(true, Ordering::Release);
                            self.state = State::Done;
                            return Err(io::Error::other(error));
                        }
                    }
                }
                let wanted = rest.len().min(PIECE_BYTES);
                let leave = self.source.throttle.take(self.ready.priority(), wanted).await;
                Ok(Some(rest.split_to(leave.clamp(1, wanted))))
            }
            State::Done => Ok(None),
        }
    }

    fn end(&mut self) {
        self.upload.is_behind(self.at);
        self.state = State::Done;
    }
}

fn part(mut part: Part, boundary: &str) -> impl Stream<Item = Result<Bytes, io::Error>> + use<> {
    part.state = State::ToOpen { head: format!("\r\n--{boundary}\r\nContent-Type: application/dicom") };
    stream::unfold(part, async |mut part| {
        let piece = part.piece().await.transpose()?;
        Some((piece, part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn silence_counts_from_what_was_taken_last() {
        let (upload, begun) = (Upload::new(Arc::default()), Instant::now());
        let moment = Duration::from_millis(100);
        assert!(!upload.was_taken());
        let other = upload.clone();
        let takes = async move {
            for _ in 0..3 {
                tokio::time::sleep(moment).await;
                other.take();
            }
        };
        tokio::join!(takes, upload.silent_for(moment * 4));
        assert!(begun.elapsed() >= moment * 7);
        assert!(upload.was_taken());
    }
}
