//! The handle that the rooms hold: handshakes with what is in force, and the change of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use causeway_core::{Clock, Fingerprint, Remote};
use jiff::Timestamp;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::certificate::Certificate;
use crate::client::{self, Security};
use crate::config::{CatalogConfig, Config, WebConfig};
use crate::expiry::{AGAIN, Expiry, Notice, Urgency};
use crate::files::LoadError;
use crate::material::{Material, stamps};
use crate::refusal::{HandshakeError, day};
use crate::server;
use crate::stream::Line;

/// Most certificates of peers whose near end is remembered as told; beyond it, it is told again.
const MAX_TOLD: usize = 1024;

/// TLS as the node has it. Cheap to clone: all clones are one.
#[derive(Clone)]
pub struct Tls {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    clock: Arc<dyn Clock>,
    /// What is in force; those who are shaking hands go on with what they began with.
    material: RwLock<Arc<Material>>,
    /// Peers' certificates whose near end was told, and when.
    told: Mutex<BTreeMap<Fingerprint, Timestamp>>,
}

impl Tls {
    /// The port registered for DICOM over TLS (PS3.15 §B.12).
    pub const REGISTERED_PORT: u16 = 2762;

    /// Reads the files. What should be put right and does not stand in the way is for [`Self::remarks`].
    ///
    /// # Errors
    /// When the settings contradict themselves, or a file cannot be read, is not what it should be, or a key is not
    /// that of its certificate. An expired certificate is no error: a node that starts and warns is worth more.
    pub fn open(config: Config, clock: Arc<dyn Clock>) -> Result<Self, LoadError> {
        config.check()?;
        let material = RwLock::new(Arc::new(Material::load(&config)?));
        Ok(Self { inner: Arc::new(Inner { config, clock, material, told: Mutex::default() }) })
    }

    /// Reads the files of `[web.tls]`, as [`Self::open`] does.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub fn for_web(config: WebConfig, clock: Arc<dyn Clock>) -> Result<Self, LoadError> {
        Self::open(config.into(), clock)
    }

    /// Reads the files of `[catalog.tls]`, as [`Self::open`] does.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub fn for_catalog(config: CatalogConfig, clock: Arc<dyn Clock>) -> Result<Self, LoadError> {
        Self::open(config.into(), clock)
    }

    /// Where the listener with TLS is to listen, if at all.
    #[must_use]
    pub fn listen(&self) -> Option<SocketAddr> {
        self.inner.config.listen
    }

    /// Takes a caller's handshake, within `handshake_seconds`; gives the certificate it presented and
    /// proved to hold, if any.
    ///
    /// # Errors
    /// Says in words what did not fit. The caller was told in the language of TLS.
    pub async fn accept(&self, stream: TcpStream) -> Result<(Line, Option<Certificate>), HandshakeError> {
        let Inner { config, clock, .. } = &*self.inner;
        let material = self.material();
        let handshake = server::accept(stream, &material, config, clock);
        match self.in_time(handshake).await {
            Ok((line, presented)) => {
                self.tell_end_of("a caller", presented.as_ref());
                Ok((line, presented))
            }
            Err(server::Failed { reason, inlet }) => {
                if let Some(inlet) = inlet {
                    server::part(inlet).await;
                }
                Err(reason)
            }
        }
    }

    /// How a connection to `remote` is secured: by what it lists, and nothing else.
    #[must_use]
    pub fn towards(&self, remote: &Remote) -> Security {
        match &remote.dimse {
            Some(dimse) if dimse.tls => Security::tls(self.clone(), remote.certificates.clone()),
            _ => Security::PLAIN,
        }
    }

    /// How a connection to a server that is no remote is secured: its certificate is for its name, and issued by whom
    /// we trust.
    #[must_use]
    pub fn towards_server(&self) -> Security {
        Security::tls(self.clone(), Vec::new())
    }

    pub(crate) async fn connect(
        &self,
        stream: TcpStream,
        host: &str,
        pins: &[Fingerprint],
    ) -> Result<Line, HandshakeError> {
        let material = self.material();
        let handshake = client::connect(stream, host, pins, &material, &self.inner.clock);
        let (line, presented) = self.in_time(handshake).await?;
        self.tell_end_of(host, presented.as_ref());
        Ok(line)
    }

    async fn in_time<T, E: From<HandshakeError>>(
        &self,
        handshake: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let seconds = u64::from(self.inner.config.handshake_seconds);
        let shaken = timeout(self.inner.config.handshake(), handshake).await;
        shaken.unwrap_or_else(|_| Err(HandshakeError::Timeout { seconds }.into()))
    }

    /// The certificates that the node holds.
    #[must_use]
    pub fn held(&self) -> Vec<Expiry> {
        self.material().held.clone()
    }

    /// How the certificates and keys are, one by one.
    #[must_use]
    pub fn notices(&self) -> Vec<Notice> {
        let (material, now) = (self.material(), self.inner.clock.now());
        let held = material.held.iter().map(|held| held.notice(now));
        held.chain(material.remarks.iter().cloned()).collect()
    }

    /// What an administrator should put right: certificates that run out, keys that others can read.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let pressing = |notice: &Notice| notice.urgency > Urgency::None;
        self.notices().iter().filter(|notice| pressing(notice)).map(Notice::to_string).collect()
    }

    /// Reads the files again and puts them in force for the handshakes to come.
    ///
    /// # Errors
    /// When they cannot be used; what was in force stays.
    pub(crate) fn reload(&self) -> Result<(), LoadError> {
        let material = Arc::new(Material::load(&self.inner.config)?);
        *self.inner.material.write().unwrap_or_else(PoisonError::into_inner) = material;
        Ok(())
    }

    pub(crate) fn stamps(&self) -> Vec<Option<crate::files::Stamp>> {
        stamps(&self.inner.config)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    fn material(&self) -> Arc<Material> {
        self.inner.material.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Warns, once a day, that a peer's certificate will soon be refused.
    fn tell_end_of(&self, peer: &str, presented: Option<&Certificate>) {
        let Some(certificate) = presented else { return };
        let now = self.now();
        if certificate.urgency(now) != Urgency::Soon || !self.is_due(certificate.fingerprint, now) {
            return;
        }
        tracing::warn!(
            peer, %certificate, expires = %day(certificate.not_after), days = certificate.days_left(now),
            "the certificate of a peer will expire soon, and will then be refused"
        );
    }

    fn is_due(&self, fingerprint: Fingerprint, now: Timestamp) -> bool {
        let mut told = self.inner.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.get(&fingerprint).is_some_and(|last| now.duration_since(*last).unsigned_abs() < AGAIN) {
            return false;
        }
        if told.len() >= MAX_TOLD {
            told.clear();
        }
        told.insert(fingerprint, now);
        true
    }
}
