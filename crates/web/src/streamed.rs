//! An answer's body that streams and knows its length, where it is known ahead.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::HttpBody;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use hyper::body::{Frame, SizeHint};

/// A stream of chunks with the number of bytes that are left in it.
pub(crate) struct Streamed<S> {
    chunks: S,
    left: Option<u64>,
}

impl<S> Streamed<S> {
    pub(crate) const fn new(chunks: S, bytes: Option<u64>) -> Self {
        Self { chunks, left: bytes }
    }
}

impl<S, E> HttpBody for Streamed<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    type Data = Bytes;
    type Error = E;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, E>>> {
        let this = self.get_mut();
        this.chunks.poll_next_unpin(cx).map_ok(|chunk| {
            this.left = this.left.map(|left| left.saturating_sub(chunk.len() as u64));
            Frame::data(chunk)
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
