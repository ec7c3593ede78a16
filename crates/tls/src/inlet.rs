//! A TCP connection beneath TLS: read in large pieces, where rustls asks for 4 KiB at a time, and with its first bytes
//! kept, which tell what a peer speaks that does not speak TLS.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::net::TcpStream;

/// Bytes read at once: four records of TLS.
const READ_BYTES: usize = 64 * 1024;
/// First bytes that are kept: the header of a record, that of a handshake message, the version of a ClientHello.
pub(crate) const OPENING_BYTES: usize = 11;

/// The connection.
#[derive(Debug)]
pub(crate) struct Inlet {
    stream: BufReader<TcpStream>,
    opening: Opening,
}

/// The first bytes that a peer sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Opening {
    bytes: [u8; OPENING_BYTES],
    count: usize,
}

impl Opening {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.count).unwrap_or_default()
    }

    fn take(&mut self, read: &[u8]) {
        let room = self.bytes.iter_mut().skip(self.count);
        self.count += room.zip(read).map(|(place, byte)| *place = *byte).count();
    }

    #[cfg(test)]
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut opening = Self::default();
        opening.take(bytes);
        opening
    }
}

impl Inlet {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream: BufReader::with_capacity(READ_BYTES, stream), opening: Opening::default() }
    }

    /// The first byte that the peer sent, which stays to be read; none when it closed without one.
    pub(crate) async fn first(&mut self) -> io::Result<Option<u8>> {
        Ok(self.stream.fill_buf().await?.first().copied())
    }

    pub(crate) const fn opening(&self) -> Opening {
        self.opening
    }
}

impl AsyncRead for Inlet {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        if this.opening.count < OPENING_BYTES {
            this.opening.take(buf.filled().get(before..).unwrap_or_default());
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Inlet {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
