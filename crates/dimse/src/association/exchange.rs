//! Requests of our own on an association, whichever side asked for it, and the wait for their answers: as its
//! requestor every verb, as its acceptor the sub-operations of a C-GET and reports of events (PS3.7 §9.1.3, §10.1.1).

use std::collections::VecDeque;

use bytes::Bytes;
use causeway_core::{Status, Uid};
use tokio::io::{AsyncRead, AsyncWrite};

use super::Message;
use super::driver::Driver;
use crate::error::{Error, Wait};
use crate::message::{CCancelRq, CStoreRq, CStoreRsp, Command, NRq, NRsp, Operation};
use crate::pdu::Abort;
use crate::scu::{Body, Response, StoreRequest, Target};

/// Most requests of the peer's own that are refused while we wait for one answer.
const MAX_FOREIGN_REQUESTS: usize = 64;
/// Fragments of a data set are written when so much of them is queued, in bytes.
const WRITE_BYTES: usize = 256 * 1024;
/// Most requests of ours at once whose responses are not waited for.
const MAX_POSTED: usize = 64;
/// Most cancels of the peer that are remembered while we wait for an answer.
const MAX_CANCELS: usize = 64;

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Driver<S> {
    /// A number for the next request: never 0, which some peers take for none.
    pub(crate) fn next_message_id(&mut self) -> u16 {
        self.last_message_id = self.last_message_id.checked_add(1).unwrap_or(1);
        self.last_message_id
    }

    /// Sends a request with a data set, or without.
    pub(crate) async fn ask(
        &mut self,
        context: u8,
        command: &Command,
        data_set: Option<&[u8]>,
    ) -> Result<(), Error> {
        self.feed(context, command, data_set).await?;
        self.flush().await
    }

    /// The next response to `message_id`, as [`Self::answer_to`] waits for it.
    pub(crate) async fn answer(&mut self, message_id: u16) -> Result<Message, Error> {
        self.answer_to(&[message_id]).await
    }

    /// The next response to one of `message_ids`. What the peer cancels meanwhile is remembered; other requests of
    /// its own are refused: while we wait for an answer we serve nothing.
    pub(crate) async fn answer_to(&mut self, message_ids: &[u16]) -> Result<Message, Error> {
        for _ in 0..MAX_FOREIGN_REQUESTS {
            let Some(message) = self.arriving().await? else {
                return Err(Error::Closed);
            };
            if message.command.responded().is_some_and(|responded| message_ids.contains(&responded)) {
                return Ok(message);
            }
            if message.command.responded().is_some_and(|id| self.posted.contains(&id)) {
                // Its data set, which says nothing that is asked for, is skipped.
                self.early.push_back(Message { has_data_set: false, ..message });
                continue;
            }
            if message.command.field().is_response() {
                return Err(self.broke("an answer to a request that was not made").await);
            }
            if let Command::CCancelRq(cancel) = &message.command {
                if self.cancelled.len() < MAX_CANCELS {
                    self.cancelled.push(cancel.message_id_responded);
                }
            } else if let Some(refusal) = message.command.refuse(Status::UNRECOGNIZED_OPERATION) {
                self.ask(message.context.id, &refusal, None).await?;
            }
        }
        Err(self.broke("requests instead of an answer").await)
    }

    /// Waits between two messages: says whether something of the next one came before `stopped` completed. Bytes
    /// are never lost: they stay in the inbox.
    pub(crate) async fn heard_before(
        &mut self,
        stopped: impl Future<Output = ()> + Send,
    ) -> Result<bool, Error> {
        // What was not read of the message before is skipped by the next one; an end shows itself there, too.
        if self.data_set.is_some() || !self.wire.inbox.is_empty() || self.wire.is_exhausted() {
            return Ok(true);
        }
        tokio::select! {
            // Looked at first, so that a peer that never pauses is stopped all the same.
            biased;
            () = stopped => Ok(false),
            heard = self.wire.hear() => heard.map(|_| true).map_err(|error| self.lost(Error::Io(error))),
            () = tokio::time::sleep(self.timeouts.idle) => Err(self.overdue(Wait::Message).await),
        }
    }

    /// Whether the peer has said nothing since what was last read: between two messages it has nothing to say but that it
    /// ends the association.
    pub(crate) async fn is_quiet(&mut self) -> bool {
        if !self.wire.inbox.is_empty() || self.wire.is_exhausted() {
            return false;
        }
        tokio::select! {
            biased;
            _ = self.wire.hear() => false,
            () = std::future::ready(()) => true,
        }
    }

    /// Asks the peer to stop `message_id`; it still owes the final response.
    pub(crate) async fn cancel(&mut self, context: u8, message_id: u16) -> Result<(), Error> {
        self.ask(context, &Command::CCancelRq(CCancelRq { message_id_responded: message_id }), None).await
    }

    /// The peer answered with something of another kind.
    pub(crate) async fn wrong_answer(&mut self) -> Error {
        self.broke("an answer of another kind than the request").await
    }

    /// Gives the peer an instance; `body` is its data set in the transfer syntax of `context`.
    pub(crate) async fn store(
        &mut self,
        context: u8,
        request: StoreRequest,
        body: &mut impl Body,
    ) -> Result<Response, Error> {
        let asked = request.sop_instance.clone();
        let message_id = self.send_store(context, request, body).await?;
        match self.answer(message_id).await?.command {
            Command::CStoreRsp(rsp) => self.stored(&asked, rsp).await,
            _ => Err(self.wrong_answer().await),
        }
    }

    /// The peer's answer to the store of `asked`. Where it names an instance it is that one (PS3.7 §9.1.1.1.6): a yes to
    /// another is no yes to it.
    pub(crate) async fn stored(&mut self, asked: &Uid, rsp: CStoreRsp) -> Result<Response, Error> {
        if rsp.sop_instance.as_ref().is_some_and(|named| named != asked) {
            return Err(self.broke("an answer about another instance than the one that was sent").await);
        }
        Ok(Response { status: rsp.status, comment: rsp.comment })
    }

    /// Sends the request for a store with its data set, to its end; gives its message id.
    pub(crate) async fn send_store(
        &mut self,
        context: u8,
        request: StoreRequest,
        body: &mut impl Body,
    ) -> Result<u16, Error> {
        let message_id = self.next_message_id();
        let command = Command::CStoreRq(CStoreRq {
            message_id,
            sop_class: request.sop_class,
            sop_instance: request.sop_instance,
            priority: request.priority,
            move_originator: request.move_originator,
        });
        self.queue_command(context, &command, true)?;
        self.stream(context, body).await?;
        Ok(message_id)
    }

    /// Asks a normalized service; gives its response and the data set that came with it.
    pub(crate) async fn perform(
        &mut self,
        context: u8,
        target: Target,
        operation: Operation,
        data_set: Option<&[u8]>,
    ) -> Result<(NRsp, Option<Vec<u8>>), Error> {
        let request = self.request(context, target, operation, data_set).await?;
        let message = self.answer(request.message_id).await?;
        let Command::NRsp(rsp) = message.command else {
            return Err(self.wrong_answer().await);
        };
        if rsp.field != Command::NRq(request).field().response() {
            return Err(self.wrong_answer().await);
        }
        let data_set = if message.has_data_set { Some(self.identifier().await?) } else { None };
        Ok((rsp, data_set))
    }

    /// Sends the request of a normalized service; its response is one of the messages that [`Self::next`] gives.
    pub(crate) async fn post(
        &mut self,
        context: u8,
        target: Target,
        operation: Operation,
        data_set: Option<&[u8]>,
    ) -> Result<u16, Error> {
        if self.posted.len() >= MAX_POSTED {
            return Err(Error::Misuse("too many requests wait for their responses"));
        }
        let NRq { message_id, .. } = self.request(context, target, operation, data_set).await?;
        self.posted.push(message_id);
        Ok(message_id)
    }

    /// Sends the request of a normalized service.
    async fn request(
        &mut self,
        context: u8,
        target: Target,
        operation: Operation,
        data_set: Option<&[u8]>,
    ) -> Result<NRq, Error> {
        let Target { sop_class, sop_instance } = target;
        let request = NRq { message_id: self.next_message_id(), operation, sop_class, sop_instance };
        self.ask(context, &Command::NRq(request.clone()), data_set).await?;
        Ok(request)
    }

    /// Whether the response to a request that was posted is outstanding.
    pub(crate) fn is_posted(&self, message_id: u16) -> bool {
        self.posted.contains(&message_id)
    }

    /// The response to a request that was posted has come.
    pub(crate) fn responded(&mut self, message_id: u16) {
        self.posted.retain(|posted| *posted != message_id);
    }

    /// Sends the data set in fragments as large as the peer takes. One is held back until it is known whether
    /// it is the last, since only that one may, and must, say so.
    async fn stream(&mut self, context: u8, body: &mut impl Body) -> Result<(), Error> {
        let limit = self.fragment_limit();
        let mut held = Held::default();
        loop {
            match body.chunk().await {
                Ok(Some(bytes)) => held.push(bytes),
                Ok(None) => break,
                Err(error) => {
                    self.abort(Abort::BY_USER).await;
                    return Err(Error::Body(error));
                }
            }
            while held.len > limit {
                self.queue_fragment(context, false, held.take(limit));
                // Many peers take 16 KiB in a PDU: one write for each would be a call of the system for each.
                if self.wire.queued_bytes() >= WRITE_BYTES {
                    self.flush().await?;
                }
            }
        }
        let rest = held.len;
        self.queue_fragment(context, true, held.take(rest));
        self.flush().await
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
