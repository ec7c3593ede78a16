//! C-STORE: giving the peer an instance, its data set streamed (PS3.7 §9.1.1).

use causeway_core::{AeTitle, Status, Uid};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Body, Requestor};
use crate::error::Error;
use crate::message::Priority;

/// What is to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreRequest {
    /// The SOP class of the instance.
    pub sop_class: Uid,
    /// The SOP instance.
    pub sop_instance: Uid,
    /// How urgent.
    pub priority: Priority,
    /// Who asked for it by a C-MOVE, and that request's message id.
    pub move_originator: Option<(AeTitle, u16)>,
}

impl StoreRequest {
    /// Of medium urgency, asked for by nobody else.
    #[must_use]
    pub const fn new(sop_class: Uid, sop_instance: Uid) -> Self {
        Self { sop_class, sop_instance, priority: Priority::Medium, move_originator: None }
    }
}

/// What the peer answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// How it went.
    pub status: Status,
    /// The peer's words for it.
    pub comment: Option<String>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Requestor<S> {
    /// Stores one instance; `body` is its data set in the transfer syntax of `context`.
    ///
    /// An abort by the peer is noticed while sending. An early answer is not a reason to stop: the message must
    /// be sent to its end, or the association be given up.
    ///
    /// # Errors
    /// [`Error::Body`] when `body` fails: the association is then aborted, since a message cannot be taken back.
    /// Else when the peer aborts, leaves, breaks the protocol or stalls.
    pub async fn store(
        &mut self,
        context: u8,
        request: StoreRequest,
        mut body: impl Body,
    ) -> Result<Response, Error> {
        self.driver.store(context, request, &mut body).await
    }
}
