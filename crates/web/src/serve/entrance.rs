//! The way in: a place for each connection, and where TLS is spoken, the handshake before it.
//!
//! Handshakes have places of their own, so that who stalls in one takes no place from those who are through.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use causeway_archive::Archive;
use causeway_core::incident::Peer;
use causeway_core::{Incident, IncidentKind};
use causeway_tls::{HandshakeError, Hush, Line, Tls};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

use crate::config::Limits;

/// TLS handshakes under way at once; more wait in the backlog.
const HANDSHAKES_AT_ONCE: usize = 256;

/// The way in.
pub(super) struct Entrance {
    tls: Option<Tls>,
    archive: Archive,
    connections: Arc<Semaphore>,
    handshakes: Arc<Semaphore>,
    hush: Hush,
}

/// A connection that was taken, and its place.
pub(super) struct Taken {
    stream: TcpStream,
    pub(super) from: SocketAddr,
    permit: OwnedSemaphorePermit,
}

impl Entrance {
    pub(super) fn new(tls: Option<Tls>, archive: Archive, limits: &Limits) -> Self {
        let connections = usize::try_from(limits.connections).unwrap_or(usize::MAX >> 4);
        Self {
            tls,
            archive,
            connections: Arc::new(Semaphore::new(connections)),
            handshakes: Arc::new(Semaphore::new(HANDSHAKES_AT_ONCE)),
            hush: Hush::default(),
        }
    }

    /// The next caller, when there is a place for it. Cancel-safe: a permit or a connection that is not returned has
    /// not been taken.
    pub(super) async fn accept(&self, listener: &TcpListener) -> io::Result<Taken> {
        let places = if self.tls.is_some() { &self.handshakes } else { &self.connections };
        let permit = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
        let (stream, from) = listener.accept().await?;
        // Answers are written whole; waiting for more to send only delays them. Failing to say so is no harm.
        let _ = stream.set_nodelay(true);
        Ok(Taken { stream, from, permit })
    }

    /// The caller's connection, ready for HTTP, and the place that it holds; none when no handshake came of it or the
    /// node stops.
    pub(super) async fn admit(
        &self,
        taken: Taken,
        stopped: &mut watch::Receiver<bool>,
    ) -> Option<(Line, OwnedSemaphorePermit)> {
        let Taken { stream, from, permit } = taken;
        let Some(tls) = &self.tls else { return Some((Line::Plain(stream), permit)) };
        let shaken = async {
            let line = match tls.accept(stream).await {
                Ok((line, _)) => line,
                Err(error) => {
                    self.tell_refused(&error, from);
                    return None;
                }
            };
            let place = Arc::clone(&self.connections).acquire_owned().await.ok()?;
            Some((line, place))
        };
        tokio::select! {
            shaken = shaken => shaken,
            _ = stopped.wait_for(|stopped| *stopped) => None,
        }
    }

    fn tell_refused(&self, error: &HandshakeError, from: SocketAddr) {
        let address = from.ip().to_canonical();
        if *error == HandshakeError::Silent {
            // Whoever looks whether the port is there.
            return tracing::debug!(%address, %error, "no TLS handshake came of a web connection");
        }
        if let Some(kept) = self.hush.ask(address, &error.to_string(), Instant::now()) {
            tracing::warn!(%address, kept_back = kept, "refused in the TLS handshake of the web listener: {error}");
        }
        self.archive.note(Incident {
            kind: IncidentKind::Handshake,
            peer: Peer { address, ae_title: String::new() },
            subject: format!("web listener: {error}"),
            words: error.to_string(),
            remedy: None,
        });
    }
}
