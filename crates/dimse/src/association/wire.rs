//! The stream beneath an association: reading ahead into one buffer, writing gathered, each wait bounded.
//!
//! Never here: what the bytes mean, but for one look: whether the peer has aborted while we write.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use crate::pdu::frame::HEADER_BYTES;

/// Read ahead before an association stands: enough for any usual request.
const EARLY_READ_BYTES: usize = 16 * 1024;
/// Read ahead on an established association: a large P-DATA-TF and what follows it.
const READ_BYTES: usize = 256 * 1024;
/// With less room than this the buffer is renewed, so that each read can be a large one.
const MIN_ROOM_BYTES: usize = 64 * 1024;
/// Most slices handed to one vectored write.
const MAX_SLICES: usize = 64;
/// Type of A-ABORT, the only PDU that is looked for while writing.
const A_ABORT: u8 = 7;
/// How long a look at the inbox of a broken connection may take: the system has all that will ever come.
const LAST_LOOK: Duration = Duration::from_millis(500);
/// Bytes of an A-ABORT.
const A_ABORT_BYTES: usize = HEADER_BYTES + 4;

/// How a read ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    /// There is more in the inbox.
    More,
    /// The peer has closed its side.
    End,
    /// Nothing came in time.
    TimedOut,
}

/// How a flush ended.
#[derive(Debug)]
pub(crate) enum Flush {
    /// All is written.
    Done,
    /// The peer took nothing for too long.
    TimedOut,
    /// An A-ABORT stands at the front of the inbox.
    Aborted,
    /// The connection broke.
    Broken(io::Error),
}

/// How one write went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrote {
    /// Some of what is queued is written.
    Some,
    /// Nothing yet, but there is more in the inbox.
    Heard,
    /// An A-ABORT stands at the front of the inbox.
    Aborted,
}

/// Bytes to be written.
struct Piece {
    bytes: Bytes,
    /// The operation that they answer, when they may be withdrawn.
    answers: Option<u16>,
    /// Whether a message begins with them of which nothing is written yet.
    begins: bool,
}

/// A stream with its buffers.
pub(crate) struct Wire<S> {
    stream: S,
    /// What has been read and not yet been taken.
    pub(crate) inbox: BytesMut,
    outbox: VecDeque<Piece>,
    outbox_bytes: usize,
    read_ahead_bytes: usize,
    ended: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Wire<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            inbox: BytesMut::new(),
            outbox: VecDeque::new(),
            outbox_bytes: 0,
            read_ahead_bytes: EARLY_READ_BYTES,
            ended: false,
        }
    }

    /// From now on reads may be large.
    pub(crate) fn established(&mut self) {
        self.read_ahead_bytes = READ_BYTES;
    }

    /// Whether the peer has closed its side and all it sent is taken.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.ended && self.inbox.is_empty()
    }

    /// The first `N` bytes of the inbox, when they are there.
    pub(crate) fn front<const N: usize>(&self) -> Option<[u8; N]> {
        self.inbox.first_chunk::<N>().copied()
    }

    /// Waits for more bytes, at most for `wait`, from which the time waited is taken off.
    pub(crate) async fn fill(&mut self, wait: &mut Duration) -> io::Result<Fill> {
        let began = Instant::now();
        let filled = timeout(*wait, poll_fn(|cx| self.poll_fill(cx))).await;
        *wait = wait.saturating_sub(began.elapsed());
        match filled {
            Err(_) => Ok(Fill::TimedOut),
            Ok(Ok(0)) => Ok(Fill::End),
            Ok(Ok(_)) => Ok(Fill::More),
            Ok(Err(error)) => Err(error),
        }
    }

    /// Reads what is there now, without waiting, up to the read-ahead; says whether anything came.
    pub(crate) fn try_fill(&mut self) -> io::Result<bool> {
        let mut cx = Context::from_waker(Waker::noop());
        let before = self.inbox.len();
        while self.inbox.len() < self.read_ahead_bytes {
            match self.poll_fill(&mut cx) {
                Poll::Pending | Poll::Ready(Ok(0)) => break,
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Err(error),
            }
        }
        Ok(self.inbox.len() > before)
    }

    /// Waits for anything more, for as long as it takes; for ever when no more is taken in.
    pub(crate) async fn hear(&mut self) -> io::Result<usize> {
        let is_full = self.inbox.len() >= self.read_ahead_bytes;
        if is_full || self.ended {
            return std::future::pending().await;
        }
        poll_fn(|cx| self.poll_fill(cx)).await
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.ended {
            return Poll::Ready(Ok(0));
        }
        let room = self.inbox.capacity() - self.inbox.len();
        if room < MIN_ROOM_BYTES.min(self.read_ahead_bytes) {
            // Takes the old buffer again when no slice of it is held any more.
            self.inbox.reserve(self.read_ahead_bytes);
        }
        let read = pin!(self.stream.read_buf(&mut self.inbox)).poll(cx);
        if let Poll::Ready(Ok(0)) = read {
            self.ended = true;
        }
        read
    }

    /// Queues bytes to be written by the next [`Self::flush`].
    pub(crate) fn push(&mut self, bytes: Bytes) {
        self.push_piece(Piece { bytes, answers: None, begins: true });
    }

    /// Queues an answer to the operation `answers`, which is withdrawn when that is cancelled before it is written.
    pub(crate) fn push_answer(&mut self, command: Bytes, data_set: Bytes, answers: u16) {
        self.push_piece(Piece { bytes: command, answers: Some(answers), begins: true });
        self.push_piece(Piece { bytes: data_set, answers: Some(answers), begins: false });
    }

    fn push_piece(&mut self, piece: Piece) {
        if !piece.bytes.is_empty() {
            self.outbox_bytes = self.outbox_bytes.saturating_add(piece.bytes.len());
            self.outbox.push_back(piece);
        }
    }

    /// Takes back the answers to the operation `answers` of which nothing is written yet.
    pub(crate) fn withdraw(&mut self, answers: u16) {
        let mut is_begun = true;
        self.outbox.retain(|piece| {
            is_begun &= !piece.begins;
            is_begun || piece.answers != Some(answers)
        });
        self.outbox_bytes = self.outbox.iter().map(|piece| piece.bytes.len()).sum();
    }

    /// How much is queued.
    pub(crate) const fn queued_bytes(&self) -> usize {
        self.outbox_bytes
    }

    /// Writes all that is queued. `watch`: the inbox stands between two PDUs, so that an A-ABORT would be its
    /// first bytes: then it ends the writing.
    pub(crate) async fn flush(&mut self, wait: Duration, watch: bool) -> Flush {
        let mut left = wait;
        while !self.outbox.is_empty() {
            match self.write(&mut left, watch).await {
                Ok(Wrote::Some) => left = wait,
                Ok(Wrote::Heard) => {}
                Ok(Wrote::Aborted) => return Flush::Aborted,
                Err(end) => return end,
            }
        }
        self.flush_stream(wait, watch).await
    }

    /// Whether all that was queued has been handed to the stream.
    pub(crate) fn is_written(&self) -> bool {
        self.outbox.is_empty()
    }

    /// Writes once. `left` is how long the peer may go on taking nothing; the time waited is taken off.
    pub(crate) async fn write(&mut self, left: &mut Duration, watch: bool) -> Result<Wrote, Flush> {
        let began = Instant::now();
        let wrote = timeout(*left, poll_fn(|cx| self.poll_write(cx, watch))).await;
        *left = left.saturating_sub(began.elapsed());
        match wrote {
            Err(_) => Err(Flush::TimedOut),
            Ok(Ok(wrote)) => Ok(wrote),
            Ok(Err(error)) => Err(self.broken(error, watch).await),
        }
    }

    /// Has the stream hand on what it was given.
    pub(crate) async fn flush_stream(&mut self, wait: Duration, watch: bool) -> Flush {
        match timeout(wait, self.stream.flush()).await {
            Err(_) => Flush::TimedOut,
            Ok(Ok(())) => Flush::Done,
            Ok(Err(error)) => self.broken(error, watch).await,
        }
    }

    /// Writes once; while the peer takes nothing, listens to it.
    fn poll_write(&mut self, cx: &mut Context<'_>, watch: bool) -> Poll<io::Result<Wrote>> {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let count = slices
            .iter_mut()
            .zip(&self.outbox)
            .map(|(slice, piece)| *slice = IoSlice::new(&piece.bytes))
            .count();
        let slices = slices.get(..count).unwrap_or_default();
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        match written {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(count)) => {
                self.written(count);
                Poll::Ready(Ok(Wrote::Some))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                let before = self.inbox.len();
                while watch && self.inbox.len() < self.read_ahead_bytes {
                    match self.poll_fill(cx) {
                        // An end or an error of reading shows itself in writing, too, or later on.
                        Poll::Pending | Poll::Ready(Ok(0) | Err(_)) => break,
                        Poll::Ready(Ok(_)) => {}
                    }
                    if self.is_aborted() {
                        return Poll::Ready(Ok(Wrote::Aborted));
                    }
                }
                if self.inbox.len() > before { Poll::Ready(Ok(Wrote::Heard)) } else { Poll::Pending }
            }
        }
    }

    fn written(&mut self, mut count: usize) {
        self.outbox_bytes = self.outbox_bytes.saturating_sub(count);
        while let Some(front) = self.outbox.front_mut() {
            if count < front.bytes.len() {
                front.bytes.advance(count);
                front.begins &= count == 0;
                return;
            }
            count -= front.bytes.len();
            self.outbox.pop_front();
        }
    }

    /// A broken write often means that the peer has aborted and closed: its reason may still be there to be read,
    /// and if it is, it is known at once.
    async fn broken(&mut self, error: io::Error, watch: bool) -> Flush {
        self.forget_queued();
        let mut wait = LAST_LOOK;
        while watch && !self.is_aborted() && self.inbox.len() < self.read_ahead_bytes {
            match self.fill(&mut wait).await {
                Ok(Fill::More) => {}
                Ok(Fill::End | Fill::TimedOut) | Err(_) => break,
            }
        }
        if watch && self.is_aborted() { Flush::Aborted } else { Flush::Broken(error) }
    }

    /// Whether an A-ABORT stands at the front of the inbox.
    pub(crate) fn is_aborted(&self) -> bool {
        self.front::<A_ABORT_BYTES>().is_some_and(|[kind, ..]| kind == A_ABORT)
    }

    /// Forgets what is queued.
    pub(crate) fn forget_queued(&mut self) {
        self.outbox.clear();
        self.outbox_bytes = 0;
    }

    /// Closes our side.
    pub(crate) async fn close(&mut self, wait: Duration) {
        self.inbox.clear();
        self.ended = true;
        self.forget_queued();
        // Whether the peer learns of it is no longer our concern.
        let _ = timeout(wait, self.stream.shutdown()).await;
    }
}
