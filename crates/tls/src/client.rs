//! The handshake with a peer that we call.

use std::fmt;
use std::sync::Arc;

use causeway_core::{Clock, Fingerprint};
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::certificate::Certificate;
use crate::explain::Attempt;
use crate::inlet::Inlet;
use crate::material::{Hands, Material};
use crate::refusal::{HandshakeError, Peer};
use crate::stream::Line;
use crate::suites::{VERSIONS, provider};
use crate::tls::Tls;
use crate::trust::{Notes, OfCalled, Standard};

/// How a connection to a peer is to be secured. Made by [`Tls::towards`], from the remote alone, so that nobody who
/// calls can forget it. Cheap to clone.
#[derive(Clone)]
pub struct Security(How);

#[derive(Clone)]
enum How {
    Plain,
    Tls { tls: Tls, pins: Vec<Fingerprint> },
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            How::Plain => "Plain",
            How::Tls { .. } => "Tls",
        })
    }
}

impl Security {
    /// None: for a peer that is called without TLS, and in tests.
    pub const PLAIN: Self = Self(How::Plain);

    pub(crate) const fn tls(tls: Tls, pins: Vec<Fingerprint>) -> Self {
        Self(How::Tls { tls, pins })
    }

    /// Secures a fresh connection to `host`.
    ///
    /// # Errors
    /// Says in words why the peer is not the one, or what did not fit.
    pub async fn secure(&self, stream: TcpStream, host: &str) -> Result<Line, HandshakeError> {
        match &self.0 {
            How::Plain => Ok(Line::Plain(stream)),
            How::Tls { tls, pins } => tls.connect(stream, host, pins).await,
        }
    }
}

/// Shakes hands with the peer at `host`, whose certificate is one of `pins`, or, without any, is for `host` and
/// issued by whom we trust.
pub(crate) async fn connect(
    stream: TcpStream,
    host: &str,
    pins: &[Fingerprint],
    material: &Material,
    clock: &Arc<dyn Clock>,
) -> Result<(Line, Option<Certificate>), HandshakeError> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| HandshakeError::Host(host.to_owned()))?;
    let standard = if pins.is_empty() {
        Standard::Authorities(material.ca.clone().ok_or(HandshakeError::NoTrust)?)
    } else {
        Standard::Pinned(pins.to_vec())
    };
    let notes = Notes::default();
    let config = configure(material, standard, clock, &notes)?;
    let connecting = TlsConnector::from(config).connect(name, Inlet::new(stream)).into_fallible();
    match connecting.await {
        Ok(stream) => {
            let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
            let presented = chain.first().and_then(|der| Certificate::of(der).ok());
            Ok((Line::secure(stream), presented))
        }
        Err((error, inlet)) => {
            let (opening, noted) = (inlet.opening(), notes.read());
            Err(Attempt { peer: Peer::Called(material.table), opening, noted, suites: Vec::new() }
                .explain(&error))
        }
    }
}

fn configure(
    material: &Material,
    standard: Standard,
    clock: &Arc<dyn Clock>,
    notes: &Notes,
) -> Result<Arc<ClientConfig>, HandshakeError> {
    let wrong = |error: rustls::Error| HandshakeError::Other(error.to_string());
    let builder = ClientConfig::builder_with_details(provider(), Arc::new(Hands(Arc::clone(clock))))
        .with_protocol_versions(&VERSIONS)
        .map_err(wrong)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(OfCalled { standard, notes: notes.clone() }));
    let mut config = match &material.client {
        Some(identity) => builder.with_client_cert_resolver(Arc::clone(identity) as _),
        None => builder.with_no_client_auth(),
    };
    // A resumed session would not be judged again, and each remote is judged by its own certificates.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// How an HTTP client shakes hands with a peer that is known by this very certificate: for a client's setting of TLS,
/// with HTTP/2 offered before HTTP/1.1.
///
/// # Errors
/// When the cryptography cannot be set up.
pub fn pinned(certificate: Fingerprint, clock: &Arc<dyn Clock>) -> Result<ClientConfig, HandshakeError> {
    let wrong = |error: rustls::Error| HandshakeError::Other(error.to_string());
    let verifier = OfCalled { standard: Standard::Pinned(vec![certificate]), notes: Notes::default() };
    let mut config = ClientConfig::builder_with_details(provider(), Arc::new(Hands(Arc::clone(clock))))
        .with_protocol_versions(&VERSIONS)
        .map_err(wrong)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.resumption = Resumption::disabled();
    Ok(config)
}
