//! A connection that ends by itself when its peer does nothing: before the first request is there, or while it
//! should take what we send. HTTP's own timers cover the rest.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// Whether the first request of a connection has arrived.
#[derive(Debug, Clone, Default)]
pub(crate) struct Opened(Arc<AtomicBool>);

impl Opened {
    /// It has.
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A connection with deadlines.
pub(crate) struct Guarded<S> {
    inner: S,
    opened: Opened,
    /// Runs until the first request is there.
    opening: Option<Pin<Box<Sleep>>>,
    /// Runs while the peer takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    is_stalled: bool,
    write_patience: Duration,
}

impl<S> Guarded<S> {
    pub(crate) fn new(inner: S, opened: Opened, opening: Duration, write_patience: Duration) -> Self {
        let opening = Some(Box::pin(sleep(opening)));
        Self { inner, opened, opening, stalled: None, is_stalled: false, write_patience }
    }

    /// Fails when the first request is overdue.
    fn poll_opening(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.opening.is_some() && self.opened.is_set() {
            self.opening = None;
        }
        match &mut self.opening {
            Some(opening) => {
                ready!(opening.as_mut().poll(cx));
                Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, "no request came in time"))
            }
            None => Poll::Pending,
        }
    }

    /// Passes on what a write came to, and fails when it has come to nothing for too long.
    fn watch_write<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.is_stalled = false;
            return outcome;
        }
        let patience = self.write_patience;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
        if !self.is_stalled {
            self.is_stalled = true;
            stalled.as_mut().reset(Instant::now() + patience);
        }
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the receiver took nothing for too long")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.inner).poll_read(cx, buf) {
            Poll::Ready(outcome) => Poll::Ready(outcome),
            Poll::Pending => this.poll_opening(cx).map(Err),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.inner).poll_write(cx, buf);
        this.watch_write(cx, outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.inner).poll_write_vectored(cx, bufs);
        this.watch_write(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.inner).poll_flush(cx);
        this.watch_write(cx, outcome)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.inner).poll_shutdown(cx);
        this.watch_write(cx, outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_request_ends() {
        let (_peer, stream) = tokio::io::duplex(64);
        let mut guarded = Guarded::new(stream, Opened::default(), SECOND, SECOND);
        let error = guarded.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_without_a_request_win_no_time() {
        let (mut peer, stream) = tokio::io::duplex(64);
        let mut guarded = Guarded::new(stream, Opened::default(), SECOND, SECOND);
        peer.write_all(b"P").await.unwrap();
        assert_eq!(guarded.read_u8().await.unwrap(), b'P');
        assert!(guarded.read_u8().await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn once_a_request_was_there_reading_has_no_deadline_here() {
        let (mut peer, stream) = tokio::io::duplex(64);
        let opened = Opened::default();
        let mut guarded = Guarded::new(stream, opened.clone(), SECOND, SECOND);
        opened.set();
        let late = async {
            sleep(10 * SECOND).await;
            peer.write_all(b"x").await.unwrap();
        };
        let (byte, ()) = tokio::join!(guarded.read_u8(), late);
        assert_eq!(byte.unwrap(), b'x');
    }

    #[tokio::test(start_paused = true)]
    async fn a_receiver_that_takes_nothing_ends_the_connection_and_one_that_is_slow_does_not() {
        let (mut peer, stream) = tokio::io::duplex(8);
        let mut guarded = Guarded::new(stream, Opened::default(), SECOND, SECOND);
        let slow = async {
            for _ in 0..4 {
                sleep(SECOND * 9 / 10).await;
                peer.read_exact(&mut [0; 8]).await.unwrap();
            }
        };
        let (written, ()) = tokio::join!(guarded.write_all(&[0; 40]), slow);
        written.unwrap();
        let error = guarded.write_all(&[0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
