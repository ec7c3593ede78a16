//! A connection to a peer, with TLS around it or without: one type, so that what lies above is built once.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use rustls::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

use crate::explain::{alert_words, of_rustls};
use crate::inlet::Inlet;

/// The connection.
#[derive(Debug)]
pub enum Line {
    /// As it is.
    Plain(TcpStream),
    /// With TLS around it; the handshake is done.
    Tls(Box<Secure>),
}

/// A connection with TLS around it.
#[derive(Debug)]
pub struct Secure(TlsStream<Inlet>);

impl Line {
    pub(crate) fn secure(stream: impl Into<TlsStream<Inlet>>) -> Self {
        Self::Tls(Box::new(Secure(stream.into())))
    }

    /// The cipher suite in use, as IANA names it; none without TLS.
    #[must_use]
    pub fn suite(&self) -> Option<&'static str> {
        let Self::Tls(secure) = self else { return None };
        let suite = secure.0.get_ref().1.negotiated_cipher_suite()?;
        suite.suite().as_str().map(crate::suites::iana)
    }
}

/// Puts an error of TLS in words: a peer that does not like our certificate says so only here in version 1.3.
fn in_words(error: io::Error) -> io::Error {
    match of_rustls(&error) {
        Some(Error::AlertReceived(alert)) => {
            io::Error::new(error.kind(), format!("the peer ended TLS: {}", alert_words(*alert)))
        }
        _ => error,
    }
}

impl AsyncRead for Secure {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.get_mut().0).poll_read(cx, buf) {
            // The end without a goodbye of TLS: many peers just close. What was still owed is noticed above: PDUs and
            // HTTP messages say how long they are, associations are released.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(in_words(error))),
            other => other,
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(&mut stream.0).poll_write(cx, buf).map_err(in_words),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(&mut stream.0).poll_write_vectored(cx, bufs).map_err(in_words),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.0.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(&mut stream.0).poll_flush(cx).map_err(in_words),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(&mut stream.0).poll_shutdown(cx).map_err(in_words),
        }
    }
}
