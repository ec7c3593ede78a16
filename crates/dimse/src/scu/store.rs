//! C-STORE: giving the peer an instance, its data set streamed (PS3.7 §9.1.1).

use std::collections::VecDeque;

use bytes::Bytes;
use causeway_core::{AeTitle, Status, Uid};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Body, Requestor};
use crate::error::Error;
use crate::message::{CStoreRq, Command, Priority};
use crate::pdu::Abort;

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
        let message_id = self.next_message_id();
        let command = Command::CStoreRq(CStoreRq {
            message_id,
            sop_class: request.sop_class,
            sop_instance: request.sop_instance,
            priority: request.priority,
            move_originator: request.move_originator,
        });
        self.driver.queue_command(context, &command, true)?;
        self.stream(context, &mut body).await?;
        match self.answer(message_id).await?.command {
            Command::CStoreRsp(rsp) => Ok(Response { status: rsp.status, comment: rsp.comment }),
            _ => Err(self.wrong_answer().await),
        }
    }

    /// Sends the data set in fragments as large as the peer takes. One is held back until it is known whether
    /// it is the last, since only that one may, and must, say so.
    async fn stream(&mut self, context: u8, body: &mut impl Body) -> Result<(), Error> {
        let limit = self.driver.fragment_limit();
        let mut held = Held::default();
        loop {
            match body.chunk().await {
                Ok(Some(bytes)) => held.push(bytes),
                Ok(None) => break,
                Err(error) => {
                    self.driver.abort(Abort::BY_USER).await;
                    return Err(Error::Body(error));
                }
            }
            while held.len > limit {
                self.driver.queue_fragment(context, false, held.take(limit));
                self.driver.flush().await?;
            }
        }
        let rest = held.len;
        self.driver.queue_fragment(context, true, held.take(rest));
        self.driver.flush().await
    }
}

/// Slices that wait to become a fragment.
#[derive(Default)]
struct Held {
    slices: VecDeque<Bytes>,
    len: usize,
}

impl Held {
    fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.len = self.len.saturating_add(bytes.len());
            self.slices.push_back(bytes);
        }
    }

    /// The first `count` bytes, which are there.
    fn take(&mut self, count: usize) -> Vec<Bytes> {
        let (mut parts, mut missing) = (Vec::new(), count);
        while missing > 0 {
            let Some(front) = self.slices.front_mut() else { break };
            let part = front.split_to(missing.min(front.len()));
            if front.is_empty() {
                self.slices.pop_front();
            }
            missing = missing.saturating_sub(part.len());
            self.len = self.len.saturating_sub(part.len());
            parts.push(part);
        }
        parts
    }
}
