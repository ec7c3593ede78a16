//! The requestor's side: calling a peer, and one file per verb that is asked of it.
//!
//! Lives here: the call, the plan of contexts, the verbs, and the lines that carry many instances. Never here: what is
//! kept for later, when an instance is tried again, where bodies come from.

mod body;
mod call;
mod convoy;
pub(crate) mod courier;
mod credentials;
mod echo;
mod event;
mod find;
mod get;
mod known;
mod move_;
mod perform;
mod pipeline;
mod plan;
mod requestor;
mod stop;
mod store;

use std::time::Duration;

use causeway_core::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN};
use causeway_core::{AeTitle, Credentials, Quirks, Uid};
use causeway_tls::{Line, Security};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub use body::{AHEAD_BYTES, Ahead, Body, Pace, Paced, Whole};
pub use convoy::{Cargo, Convoy, Fate, Reach, Settled, Step, Terms, WhenBroken};
pub use courier::{Courier, Pair};
pub use event::{Heard, Reported};
pub use find::{Answered, Matches};
pub use get::{BrokenOff, GetRequest, Given, Keeper, contexts_to_be_given};
pub use known::{Known, Said};
pub use move_::{MoveRequest, Retrieved, Watcher};
pub use perform::Target;
pub use pipeline::{MAX_OPERATIONS, Ticket};
pub use plan::{MAX_CONTEXTS, plan};
pub use requestor::{RefusedContext, Requestor};
pub use stop::Wish;
pub use store::{Response, StoreRequest};

use crate::error::{Error, Wait};
use crate::negotiation::{Extended, Role, UserIdentity, Window};
use crate::timeouts::Settings;

/// How long a connection is usually waited for.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Whom to call, as whom, and for what.
#[derive(Debug, Clone)]
pub struct Call {
    /// Name or address of the peer's machine.
    pub host: String,
    /// Its TCP port.
    pub port: u16,
    /// Whether and how the connection is secured: what [`Tls::towards`](causeway_tls::Tls::towards) says of the remote.
    pub security: Security,
    /// Who calls.
    pub calling: AeTitle,
    /// Who is called.
    pub called: AeTitle,
    /// What is wanted: at most [`MAX_CONTEXTS`].
    pub contexts: Vec<WantedContext>,
    /// What is offered beside them.
    pub offers: Offers,
    /// Who we say to be, read from where it is kept when the call is made.
    pub credentials: Option<Credentials>,
    /// What the peer cannot bear.
    pub quirks: Quirks,
    /// What it was found to take; what it is known to refuse is not proposed where there is another way.
    pub known: Known,
    /// Waits and sizes.
    pub settings: Settings,
    /// How long to wait for the TCP connection.
    pub connect_timeout: Duration,
}

impl Call {
    /// A call that is not secured, for no contexts yet and with the usual waits.
    #[must_use]
    pub fn plain(host: impl Into<String>, port: u16, calling: AeTitle, called: AeTitle) -> Self {
        Self {
            host: host.into(),
            port,
            security: Security::PLAIN,
            calling,
            called,
            contexts: Vec::new(),
            offers: Offers::default(),
            credentials: None,
            quirks: Quirks::default(),
            known: Known::default(),
            settings: Settings::default(),
            connect_timeout: CONNECT_TIMEOUT,
        }
    }
}

/// What a requestor may offer beside its contexts (PS3.7 §D.3.3); by default nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Offers {
    /// Roles beside the default ones: to be given instances by C-GET, to be reported events.
    pub roles: Vec<Role>,
    /// Extended negotiation, by SOP class.
    pub extended: Vec<Extended>,
    /// Operations that may be outstanding at once.
    pub window: Option<Window>,
    /// Who the user is.
    pub identity: Option<UserIdentity>,
}

/// A presentation context to propose.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WantedContext {
    /// The service.
    pub abstract_syntax: Uid,
    /// The encodings, of which the peer picks one.
    pub transfer_syntaxes: Vec<Uid>,
}

impl WantedContext {
    /// A service whose data sets are plain: in Explicit or Implicit VR Little Endian, as the peer likes.
    #[must_use]
    pub fn plain(abstract_syntax: Uid) -> Self {
        let plain = [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN];
        let transfer_syntaxes = plain.iter().filter_map(|text| Uid::parse(text).ok()).collect();
        Self { abstract_syntax, transfer_syntaxes }
    }
}

/// Connects, secures the connection as the call says, and associates: the one way out to a peer.
///
/// # Errors
/// [`Error::Connect`] when nobody answers there, [`Error::Secure`] when it is not the peer or its TLS does not fit
/// ours; else as [`associate`].
pub async fn connect(call: &Call) -> Result<Requestor<Line>, Error> {
    let failed = |source| Error::Connect { host: call.host.clone(), port: call.port, source };
    let connecting = TcpStream::connect((call.host.as_str(), call.port));
    let stream = match timeout(call.connect_timeout, connecting).await {
        Err(_) => return Err(Error::Timeout(Wait::Connect)),
        Ok(Err(source)) => return Err(failed(source)),
        Ok(Ok(stream)) => stream,
    };
    // Requests are small and each waits for its answer: without this a delayed acknowledgement adds 40 ms.
    stream.set_nodelay(true).map_err(failed)?;
    let line = call.security.secure(stream, &call.host).await;
    let line = line.map_err(|source| Error::Secure { host: call.host.clone(), port: call.port, source })?;
    associate(line, call).await
}

/// Associates over any stream: what [`connect`] opened, or memory in tests.
///
/// # Errors
/// [`Error::Rejected`] when the peer says no; else when it aborts, leaves, breaks the protocol or says nothing.
pub async fn associate<S: AsyncRead + AsyncWrite + Unpin + Send>(
    stream: S,
    call: &Call,
) -> Result<Requestor<S>, Error> {
    Requestor::associate(stream, call).await
}
