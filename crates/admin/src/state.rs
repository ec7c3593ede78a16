//! What the administrator's door looks at.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use causeway_archive::Archive;
use causeway_core::{AeTitle, Fingerprint};
use causeway_forward::Forwarder;
use causeway_tls::Tls;

/// How others find the node over the web.
#[derive(Debug, Clone, Default)]
pub struct LinkFace {
    /// Its root URL, where the settings say it.
    pub url: Option<String>,
    /// The certificate that it presents, where nobody else vouches for it.
    pub certificate: Option<Fingerprint>,
}

/// The node as its administrator's door sees it. Cheap to clone: all clones are one.
#[derive(Clone)]
pub struct Node {
    pub(crate) archive: Archive,
    pub(crate) forwarder: Forwarder,
    /// Whoever holds certificates: the doors.
    pub(crate) holders: Arc<[Tls]>,
    pub(crate) ae_title: AeTitle,
    pub(crate) dimse_port: u16,
    pub(crate) viewers: Arc<[String]>,
    pub(crate) link: Arc<LinkFace>,
    is_ready: Arc<AtomicBool>,
}

impl Node {
    /// A node that is not ready yet; `holders`: all that hold certificates.
    #[must_use]
    pub fn new(
        archive: Archive,
        forwarder: Forwarder,
        holders: Vec<Tls>,
        ae_title: AeTitle,
        dimse_port: u16,
    ) -> Self {
        let (viewers, holders) = (Arc::from([]), holders.into());
        let (link, is_ready) = (Arc::default(), Arc::default());
        Self { archive, forwarder, holders, ae_title, dimse_port, viewers, link, is_ready }
    }

    /// The same node with viewers of these names below `viewers/`, each a piece of a URL.
    #[must_use]
    pub fn with_viewers(self, names: Vec<String>) -> Self {
        Self { viewers: names.into(), ..self }
    }

    /// The same node, as others find it who are invited to a link.
    #[must_use]
    pub fn with_link(self, link: LinkFace) -> Self {
        Self { link: Arc::new(link), ..self }
    }

    /// Says whether callers may be sent here.
    pub fn set_ready(&self, is_ready: bool) {
        self.is_ready.store(is_ready, Ordering::Release);
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Acquire)
    }
}
