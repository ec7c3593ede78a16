//! Why an association or a message failed, in words an administrator can act on.

use std::io;

use causeway_core::{Class, Uid};
use causeway_tls::HandshakeError;

use crate::negotiation::{Proposal, Rejection};
use crate::pdu::{Abort, Reject};

/// What a body of a C-STORE may fail with.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// What was waited for when the time ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// A TCP connection.
    Connect,
    /// The caller's A-ASSOCIATE-RQ (ARTIM, PS3.8 §9.1.5).
    AssociateRequest,
    /// The peer's answer to our A-ASSOCIATE-RQ.
    AssociateAnswer,
    /// The rest of a PDU that had begun.
    RestOfPdu,
    /// The data set that a command announced.
    DataSet,
    /// The next message, or the answer to our request.
    Message,
    /// The end of an operation that the peer was asked to stop.
    Cancel,
    /// The peer to take what we send.
    Send,
    /// The peer's answer to our A-RELEASE-RQ.
    Release,
}

impl std::fmt::Display for Wait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Connect => "the connection to be taken",
            Self::AssociateRequest => "an association request",
            Self::AssociateAnswer => "an answer to the association request",
            Self::RestOfPdu => "the rest of a PDU",
            Self::DataSet => "the data set that a command announced by (0000,0800)",
            Self::Message => "the next message",
            Self::Cancel => "the peer to heed a cancel",
            Self::Send => "the peer to take what is sent",
            Self::Release => "an answer to the release request",
        })
    }
}

/// Why an association or a message failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection could be opened.
    #[error("connecting to {host}:{port} failed: {source}")]
    Connect {
        /// Whom we called.
        host: String,
        /// At which port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// A connection was opened and could not be secured.
    #[error("TLS with {host}:{port} failed: {source}")]
    Secure {
        /// Whom we called.
        host: String,
        /// At which port.
        port: u16,
        /// What went wrong.
        source: HandshakeError,
    },
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    /// The peer closed the connection without a release.
    #[error("the peer closed the connection without a release")]
    Closed,
    /// A wait took too long.
    #[error("timed out waiting for {0}")]
    Timeout(Wait),
    /// The peer rejected our association.
    #[error("the peer rejected the association: {0}")]
    Rejected(Reject),
    /// We rejected the caller's association.
    #[error("the association was refused: {rejection}")]
    Refused {
        /// Why.
        rejection: Rejection,
        /// What the caller proposed; none when its AE titles could not be read.
        proposal: Option<Box<Proposal>>,
    },
    /// The peer aborted the association.
    #[error("the peer aborted the association ({0})")]
    Aborted(Abort),
    /// The peer broke the protocol; the association was aborted.
    #[error("the peer broke the protocol: {0}")]
    Protocol(&'static str),
    /// The peer sent more than is read.
    #[error("the peer sent more than {limit_bytes} bytes where an identifier was expected")]
    TooLarge {
        /// The bound.
        limit_bytes: usize,
    },
    /// The context id was never negotiated.
    #[error("presentation context {0} is not accepted on this association")]
    NoContext(u8),
    /// The peer accepted no context for what was wanted.
    #[error("the peer accepts no presentation context for {sop_class} in {transfer_syntax}")]
    NotAccepted {
        /// The abstract syntax that was wanted.
        sop_class: Uid,
        /// The transfer syntax it was wanted in.
        transfer_syntax: Uid,
    },
    /// The peer accepted no context for a service.
    #[error("the peer does not serve {0} to us")]
    NotServed(Uid),
    /// Who we are could not be read from where it is kept.
    #[error("who we say to be cannot be read: {0}")]
    Credentials(#[source] io::Error),
    /// The peer did not take the role of an SCP for a SOP class, so it cannot be given instances of it.
    #[error("no context with SCP role for {0}")]
    NoRole(Uid),
    /// What was to be sent could not be read to its end; the association was aborted.
    #[error("the data set could not be read: {0}")]
    Body(#[source] BodyError),
    /// We were asked for what the association's state, or the protocol's bounds, do not allow.
    #[error("misused: {0}")]
    Misuse(&'static str),
}

impl Error {
    /// What this failure calls for.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Connect { .. } | Self::Io(_) | Self::Closed | Self::Timeout(_) | Self::Aborted(_) => {
                Class::Transient
            }
            Self::Secure { source, .. } => source.class(),
            Self::Rejected(reject) if reject.is_transient() => Class::Transient,
            Self::Refused { rejection, .. } if rejection.reject().is_transient() => Class::Exhausted,
            Self::Rejected(_)
            | Self::Protocol(_)
            | Self::TooLarge { .. }
            | Self::NotAccepted { .. }
            | Self::NotServed(_)
            | Self::NoRole(_) => Class::Peer,
            Self::Refused { .. } | Self::Credentials(_) => Class::Caller,
            Self::Body(_) => Class::Transient,
            Self::NoContext(_) | Self::Misuse(_) => Class::Bug,
        }
    }
}
