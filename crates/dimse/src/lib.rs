//! DICOM's upper layer and messages (PS3.8, PS3.7): associations as acceptor and as requestor, over any stream.
//!
//! Lives here: the state table and the negotiation (both pure), the framing of PDUs, the driver that lets the
//! table decide, the command sets, the requestor's verbs. Never here: what a message means to an archive,
//! configuration, listeners. This is the only crate that names `dicom-ul`, which encodes association control.
//!
//! An acceptor calls [`accept`] and then [`Association::next`] until it says `None`; a requestor calls
//! [`scu::connect`] and then the verbs of [`scu::Requestor`].

pub mod association;
pub mod error;
pub mod message;
pub mod negotiation;
pub mod pdu;
pub mod scu;
pub mod state;
pub mod timeouts;

pub use association::{Association, Context, Encoded, Fed, Message, accept};
pub use error::{BodyError, Error, Wait};
pub use message::Command;
pub use negotiation::{Agreement, Policy, Proposal, ProposedContext, Refusal, Rejection};
pub use pdu::{Abort, Reject};
pub use timeouts::{Settings, Timeouts};
