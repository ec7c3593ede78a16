//! What every request finds behind the door: the archive, the settings, and the few things shared by all requests.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use causeway_archive::Archive;
use causeway_core::{Clock, Principal, SystemClock};
use causeway_tls::Hush;
use tokio::sync::Semaphore;

use crate::commitment::MAX_READ_AT_ONCE;
use crate::config::Config;
use crate::problem::Problem;
use crate::rates::Rates;

/// Shared by all requests; one per router.
pub(crate) struct Door {
    pub(crate) archive: Archive,
    pub(crate) config: Config,
    pub(crate) clock: Arc<dyn Clock>,
    /// A caller from this machine that needs no token.
    pub(crate) local: Arc<Principal>,
    /// Requests that may be under way at once.
    pub(crate) places: Arc<Semaphore>,
    /// How often each caller may ask, and how often each address may do so in vain.
    pub(crate) rates: Rates,
    pub(crate) refusals: Rates,
    /// Tells of callers that ask too often.
    pub(crate) hush: Hush,
    /// Requests that may store at once.
    pub(crate) stores: Arc<Semaphore>,
    /// Requests for storage commitment that may be read at once.
    pub(crate) commitments: Semaphore,
    /// Tells this run's request ids from those of the last.
    run: u32,
    requests: AtomicU64,
}

impl Door {
    pub(crate) fn new(archive: Archive, config: Config) -> Arc<Self> {
        let places = |count| Arc::new(Semaphore::new(usize::try_from(count).unwrap_or(usize::MAX >> 4)));
        let limits = &config.limits;
        let (places, stores) = (places(limits.requests), places(limits.stores));
        let rates = Rates::new(limits.requests_per_second);
        let refusals = Rates::new(limits.refusals_per_second);
        // A hasher with random keys is a random number; nothing secret hangs on it.
        let [.., a, b, c, d] = RandomState::new().build_hasher().finish().to_be_bytes();
        Arc::new(Self {
            archive,
            config,
            clock: Arc::new(SystemClock),
            local: Arc::new(Principal::local()),
            places,
            rates,
            refusals,
            hush: Hush::default(),
            stores,
            commitments: Semaphore::new(MAX_READ_AT_ONCE),
            run: u32::from_be_bytes([a, b, c, d]),
            requests: AtomicU64::new(0),
        })
    }

    /// An id that no other request of this node has, short enough to read out on the telephone.
    pub(crate) fn request_id(&self) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        format!("{:08x}-{number:x}", self.run)
    }
}

/// Who asks: put there by `front`, which every request passes.
pub(crate) struct Caller(pub(crate) Arc<Principal>);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let found = parts.extensions.get::<Arc<Principal>>();
        found.cloned().map(Self).ok_or_else(|| Problem::unauthorized("a token is needed here"))
    }
}
