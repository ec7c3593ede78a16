//! The handshake with a caller.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use causeway_core::Clock;
use rustls::ServerConfig;
use rustls::server::{Acceptor, NoServerSessionStorage};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};

use crate::certificate::Certificate;
use crate::config::{ClientCertificates, Config};
use crate::explain::Attempt;
use crate::inlet::Inlet;
use crate::material::{Hands, Material};
use crate::refusal::{HandshakeError, Peer};
use crate::stream::Line;
use crate::suites::{VERSIONS, iana, provider};
use crate::trust::{Demand, Notes, OfCallers};

/// How long a caller that was refused may take to read why, before the connection is closed.
const FAREWELL: Duration = Duration::from_secs(1);
/// Most that is read of such a caller meanwhile, in bytes: closed with unread bytes, a connection takes our last
/// words back.
const MAX_FAREWELL_BYTES: usize = 64 * 1024;

/// A handshake that came to nothing, and the connection, to part from the caller.
pub(crate) struct Failed {
    pub(crate) reason: HandshakeError,
    pub(crate) inlet: Option<Inlet>,
}

impl From<HandshakeError> for Failed {
    fn from(reason: HandshakeError) -> Self {
        Self { reason, inlet: None }
    }
}

/// What stands among cipher suites and is none: renegotiation info (RFC 5746), fallback (RFC 7507).
const SIGNALS: [u16; 2] = [0x00FF, 0x5600];

/// Takes a caller's handshake.
pub(crate) async fn accept(
    stream: TcpStream,
    material: &Material,
    settings: &Config,
    clock: &Arc<dyn Clock>,
) -> Result<(Line, Option<Certificate>), Failed> {
    let notes = Notes::default();
    let table = settings.table;
    let config = configure(material, settings, clock, &notes)?;
    let attempt = |inlet: Option<&Inlet>, suites| Attempt {
        peer: Peer::Caller(table),
        opening: inlet.map(Inlet::opening).unwrap_or_default(),
        noted: notes.read(),
        suites,
    };
    let mut inlet = Inlet::new(stream);
    if let Some(words) = table.to_plain()
        && let Ok(Some(b'A'..=b'Z')) = inlet.first().await
    {
        return Err(speaks_plain(inlet, words).await);
    }
    let mut acceptor = LazyConfigAcceptor::new(Acceptor::default(), inlet);
    let start = match (&mut acceptor).await {
        Ok(start) => start,
        Err(error) => {
            let inlet = acceptor.take_io();
            let reason = attempt(inlet.as_ref(), Vec::new()).explain(&error);
            return Err(Failed { reason, inlet });
        }
    };
    let suites = suites(&start);
    match start.into_stream(config).into_fallible().await {
        Ok(stream) => {
            let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
            let presented = chain.first().and_then(|der| Certificate::of(der).ok());
            Ok((Line::secure(stream), presented))
        }
        Err((error, inlet)) => {
            let reason = attempt(Some(&inlet), suites).explain(&error);
            Err(Failed { reason, inlet: Some(inlet) })
        }
    }
}

/// Tells a caller without TLS, in its own language, that it is wrong here.
async fn speaks_plain(mut inlet: Inlet, words: &str) -> Failed {
    // Whether it takes the answer is not our concern.
    let _ = inlet.write_all(words.as_bytes()).await;
    let reason = HandshakeError::NotTls("it speaks HTTP without TLS; its addresses must begin with https://");
    Failed { reason, inlet: Some(inlet) }
}

/// What the caller offered, by name; what is no suite but a signal is left out.
fn suites(start: &StartHandshake<Inlet>) -> Vec<String> {
    let name = |suite: &rustls::CipherSuite| match suite.as_str() {
        Some(name) => iana(name).to_owned(),
        None => format!("{:#06X}", u16::from(*suite)),
    };
    let is_signal = |suite: &&rustls::CipherSuite| SIGNALS.contains(&u16::from(**suite));
    let hello = start.client_hello();
    hello.cipher_suites().iter().filter(|suite| !is_signal(suite)).map(name).collect()
}

fn configure(
    material: &Material,
    settings: &Config,
    clock: &Arc<dyn Clock>,
    notes: &Notes,
) -> Result<Arc<ServerConfig>, HandshakeError> {
    let own = material.own.clone().ok_or(HandshakeError::NoIdentity)?;
    let wrong = |error: rustls::Error| HandshakeError::Other(error.to_string());
    let builder = ServerConfig::builder_with_details(provider(), Arc::new(Hands(Arc::clone(clock))))
        .with_protocol_versions(&VERSIONS)
        .map_err(wrong)?;
    let demand = match settings.asked() {
        ClientCertificates::Required => Some(Demand::Required),
        ClientCertificates::Requested => Some(Demand::Requested),
        ClientCertificates::None => None,
    };
    let builder = match demand {
        Some(demand) => builder.with_client_cert_verifier(Arc::new(OfCallers {
            authorities: material.client_ca.clone(),
            demand,
            notes: notes.clone(),
        })),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(own);
    config.ignore_client_order = true;
    // Each connection proves anew who it is: nothing outlives a change of certificates or CAs.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.alpn_protocols = settings.table.protocols();
    Ok(Arc::new(config))
}

/// Lets a caller that was refused read the alert that says why, then closes.
pub(crate) async fn part(mut inlet: Inlet) {
    let farewell = async {
        inlet.shutdown().await?;
        let mut rest = (&mut inlet).take(MAX_FAREWELL_BYTES as u64);
        let mut scrap = vec![0; 4096];
        while rest.read(&mut scrap).await? > 0 {}
        Ok::<(), io::Error>(())
    };
    // Whether it was read is not our concern.
    let _ = timeout(FAREWELL, farewell).await;
}
