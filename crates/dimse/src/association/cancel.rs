//! Looking for a C-CANCEL-RQ while an operation runs, without losing a byte, and holding back the answers that it
//! makes needless (PS3.7 §9.3.2.3).

use bytes::Buf;
use causeway_core::limits::MAX_COMMAND_SET_BYTES;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Fed;
use super::driver::Driver;
use super::send::QUEUE_BYTES;
use super::wire::Wrote;
use crate::error::Error;
use crate::message::{Command, decode};
use crate::pdu::frame::{HEADER_BYTES, Header, PDV_HEADER_BYTES, Pdv};
use crate::state::Event;

/// A command that stands whole at the front of the inbox.
struct Front {
    context: u8,
    command: Vec<u8>,
    /// Bytes of the PDUs that hold it, and nothing else.
    taken_bytes: usize,
    /// How many PDUs these are.
    pdus: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Driver<S> {
    /// Whether the peer has cancelled `message_id`. A cancel of anything else is ignored (PS3.7 §9.3.2.3); any
    /// other message stays where it is for the next [`Driver::next`].
    pub(super) fn try_cancelled(&mut self, message_id: u16) -> Result<bool, Error> {
        if let Some(at) = self.cancelled.iter().position(|cancelled| *cancelled == message_id) {
            self.cancelled.swap_remove(at);
            self.wire.withdraw(message_id);
            return Ok(true);
        }
        if self.pdu_left > 0 || self.fragment.is_some() || self.partial.is_some() || self.data_set.is_some() {
            return Ok(false);
        }
        if let Err(error) = self.wire.try_fill() {
            return Err(self.lost(Error::Io(error)));
        }
        loop {
            if self.wire.is_aborted() {
                return Err(self.aborted());
            }
            if self.wire.is_exhausted() {
                return Err(self.lost(Error::Closed));
            }
            let Some(front) = front(&self.wire.inbox, self.receive_limit) else {
                return Ok(false);
            };
            let Ok(decoded) = decode(&front.command) else {
                return Ok(false);
            };
            let Command::CCancelRq(cancel) = decoded.command else {
                return Ok(false);
            };
            if decoded.has_data_set || self.context(front.context).is_none() {
                return Ok(false);
            }
            for _ in 0..front.pdus {
                self.take(Event::DataPdu)?;
            }
            self.wire.inbox.advance(front.taken_bytes);
            if cancel.message_id_responded == message_id {
                self.wire.withdraw(message_id);
                return Ok(true);
            }
        }
    }

    /// Returns when the peer cancels `message_id`. May be dropped while it waits: no byte is lost.
    pub(super) async fn cancelled(&mut self, message_id: u16) -> Result<(), Error> {
        while !self.try_cancelled(message_id)? {
            if let Err(error) = self.wire.hear().await {
                return Err(self.lost(Error::Io(error)));
            }
        }
        Ok(())
    }

    /// Queues an answer to the operation `message_id`, and writes when much is queued; unless the peer cancels it.
    pub(super) async fn feed_answer(
        &mut self,
        context: u8,
        command: &[u8],
        data_set: &[u8],
        message_id: u16,
    ) -> Result<Fed, Error> {
        // A look at what has come costs nothing while nothing has: the stream knows without asking the system.
        if self.try_cancelled(message_id)? {
            return Ok(Fed::Cancelled);
        }
        self.queue_answer(context, command, data_set, message_id)?;
        if self.wire.queued_bytes() > QUEUE_BYTES {
            self.flush_answers(message_id).await
        } else {
            Ok(Fed::Taken)
        }
    }

    /// Writes what is queued, and looks for a cancel after each write: of what is queued then, only the message
    /// that is half written goes out.
    pub(super) async fn flush_answers(&mut self, message_id: u16) -> Result<Fed, Error> {
        let (wait, mut fed) = (self.timeouts.write, Fed::Taken);
        let mut left = wait;
        while !self.wire.is_written() {
            match self.wire.write(&mut left, self.may_watch()).await {
                Ok(Wrote::Some) => left = wait,
                Ok(Wrote::Heard) => {}
                Ok(Wrote::Aborted) => return Err(self.aborted()),
                Err(end) => self.flushed(end).await?,
            }
            if self.try_cancelled(message_id)? {
                fed = Fed::Cancelled;
            }
        }
        let flush = self.wire.flush_stream(wait, self.may_watch()).await;
        self.flushed(flush).await.map(|()| fed)
    }
}

/// The command at the front of `inbox`, when it is there to its last byte and its PDUs hold nothing else.
fn front(inbox: &[u8], limit_bytes: u32) -> Option<Front> {
    let mut found = Front { context: 0, command: Vec::new(), taken_bytes: 0, pdus: 0 };
    let mut rest = inbox;
    loop {
        let (header, behind) = rest.split_first_chunk::<HEADER_BYTES>()?;
        let header = Header::read(*header);
        if header.event() != Event::DataPdu || header.length_bytes > limit_bytes {
            return None;
        }
        let length = usize::try_from(header.length_bytes).ok()?;
        let (mut values, behind) = behind.split_at_checked(length)?;
        found.taken_bytes += HEADER_BYTES + length;
        found.pdus += 1;
        let mut last = false;
        while !values.is_empty() {
            let (head, tail) = values.split_first_chunk::<PDV_HEADER_BYTES>()?;
            let pdv = Pdv::read(*head, u32::try_from(values.len()).ok()?).ok()?;
            let (fragment, tail) = tail.split_at_checked(usize::try_from(pdv.length_bytes).ok()?)?;
            let strange = found.pdus > 1 || !found.command.is_empty();
            if last || !pdv.command || (strange && pdv.context != found.context) {
                return None;
            }
            if found.command.len() + fragment.len() > MAX_COMMAND_SET_BYTES {
                return None;
            }
            found.context = pdv.context;
            found.command.extend_from_slice(fragment);
            last = pdv.last;
            values = tail;
        }
        if last {
            return Some(found);
        }
        rest = behind;
    }
}
