//! What acceptor and requestor have in common: the wire, the state, and the PDU that is being read.
//!
//! Each PDU that arrives goes through the state table before anything is done with it.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite};

use super::machine::Machine;
use super::receive::{Announced, Fragment, Partial};
use super::wire::{Fill, Flush, Wire};
use super::{Context, Message};
use crate::error::{Error, Wait};
use crate::pdu::associate::{self, Acceptance, Request};
use crate::pdu::frame::{HEADER_BYTES, Header};
use crate::pdu::{Abort, Reject};
use crate::state::{Action, Event};
use crate::timeouts::{Settings, Timeouts};
use causeway_core::limits::{MAX_ASSOCIATE_PDU_BYTES, MAX_PDATA_BYTES};

/// Length of A-ASSOCIATE-RJ, A-RELEASE-RQ, A-RELEASE-RP and A-ABORT behind their headers.
const FIXED_PDU_BYTES: u32 = 4;

/// One association, whichever side we are.
pub(crate) struct Driver<S> {
    pub(crate) wire: Wire<S>,
    pub(super) machine: Machine,
    pub(crate) timeouts: Timeouts,
    /// Whether we asked for the association.
    pub(super) requestor: bool,
    /// The contexts accepted.
    pub(crate) contexts: Vec<Context>,
    /// Longest P-DATA-TF that we announced.
    pub(crate) receive_limit: u32,
    /// Longest fragment that the peer takes: even.
    pub(crate) fragment_limit: usize,
    /// Bytes of the present P-DATA-TF that have not been taken yet.
    pub(super) pdu_left: u32,
    /// The presentation data value that is being read.
    pub(super) fragment: Option<Fragment>,
    /// The command that is being gathered.
    pub(super) partial: Option<Partial>,
    /// The data set that is being read.
    pub(super) data_set: Option<Announced>,
    /// How long the rest of the present PDU may still be waited for.
    pub(super) patience: Duration,
    /// The number of the last request of ours.
    pub(super) last_message_id: u16,
    /// Requests of ours whose responses [`Driver::next`] gives.
    pub(super) posted: Vec<u16>,
    /// Responses to such requests that came while an answer to another was awaited.
    pub(super) early: VecDeque<Message>,
    /// Requests of the peer that it cancelled while we waited for an answer of its own.
    pub(super) cancelled: Vec<u16>,
}

/// A PDU that the table lets in.
pub(crate) enum Arrival {
    /// A-ASSOCIATE-RQ, and whether the provider may accept it.
    Request(Box<Request>),
    /// A-ASSOCIATE-AC.
    Acceptance(Acceptance),
    /// A-ASSOCIATE-RJ.
    Rejection(Reject),
    /// P-DATA-TF: its header is taken, its values come next.
    Data,
    /// A-RELEASE-RQ.
    ReleaseWanted,
    /// A-RELEASE-RP.
    Released,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Driver<S> {
    pub(crate) fn new(stream: S, settings: &Settings, requestor: bool) -> Self {
        Self {
            wire: Wire::new(stream),
            machine: Machine::new(),
            timeouts: settings.timeouts,
            requestor,
            contexts: Vec::new(),
            receive_limit: settings.max_pdu.clamp(super::send::MIN_PDU_BYTES, MAX_PDATA_BYTES),
            fragment_limit: 0,
            pdu_left: 0,
            fragment: None,
            partial: None,
            data_set: None,
            patience: settings.timeouts.read,
            last_message_id: 0,
            posted: Vec::new(),
            early: VecDeque::new(),
            cancelled: Vec::new(),
        }
    }

    /// Moves the machine.
    pub(crate) fn take(&mut self, event: Event) -> Result<Action, Error> {
        self.machine.take(event, self.requestor)
    }

    /// The context with this id.
    pub(crate) fn context(&self, id: u8) -> Option<&Context> {
        self.contexts.iter().find(|context| context.id == id)
    }

    /// Waits for the next PDU; how long for its first byte depends on what is awaited.
    pub(crate) async fn arrive(&mut self, awaited: Wait) -> Result<Arrival, Error> {
        let header = self.header(awaited).await?;
        let event = header.event();
        if event == Event::InvalidPdu {
            self.open_pdu(header);
            let words = if header.begins_tls() && awaited == Wait::AssociateRequest {
                "it began TLS, which is spoken at another port, if at all"
            } else {
                "a PDU of an unknown type"
            };
            return Err(self.offended(event, Abort::UNRECOGNIZED_PDU, words).await);
        }
        // An answer is not owed the reading of what has no place here, however long it says it is.
        if matches!(self.machine.peek(event), None | Some(Action::Aa1 | Action::Aa7 | Action::Aa8)) {
            self.open_pdu(header);
            return Err(self.offended(event, Abort::UNEXPECTED_PDU, "a PDU that has no place here").await);
        }
        if !self.fits(event, header.length_bytes) {
            self.open_pdu(header);
            let words = "a PDU whose length cannot be";
            return Err(self.offended(Event::InvalidPdu, Abort::INVALID_PARAMETER, words).await);
        }
        if event == Event::DataPdu {
            self.take(event)?;
            self.open_pdu(header);
            return Ok(Arrival::Data);
        }
        let body = self.whole(header).await?;
        match self.arrived(event, &body) {
            Ok(arrival) => arrival,
            Err(words) => Err(self.offended(Event::InvalidPdu, Abort::INVALID_PARAMETER, words).await),
        }
    }

    /// Takes a header that is in the inbox; what follows it is yet to be taken, or to be skipped.
    fn open_pdu(&mut self, header: Header) {
        self.wire.inbox.advance(HEADER_BYTES);
        self.pdu_left = header.length_bytes;
    }

    /// Whether the length that a PDU claims can be.
    fn fits(&self, event: Event, length_bytes: u32) -> bool {
        match event {
            Event::DataPdu => length_bytes <= self.receive_limit,
            Event::AssociateRqPdu | Event::AssociateAcPdu => length_bytes <= MAX_ASSOCIATE_PDU_BYTES,
            _ => length_bytes == FIXED_PDU_BYTES,
        }
    }

    /// A PDU's header, left in the inbox.
    async fn header(&mut self, awaited: Wait) -> Result<Header, Error> {
        let (first, rest) = match awaited {
            // ARTIM runs until the whole request is there (PS3.8 Table 9-6, AE-6).
            Wait::AssociateRequest => (self.timeouts.artim, None),
            Wait::Message => (self.timeouts.idle, Some(self.timeouts.read)),
            _ => (self.timeouts.read, Some(self.timeouts.read)),
        };
        self.patience = first;
        while self.wire.inbox.is_empty() {
            self.more(awaited).await?;
        }
        if let Some(rest) = rest {
            self.patience = rest;
        }
        loop {
            if let Some(bytes) = self.wire.front::<HEADER_BYTES>() {
                return Ok(Header::read(bytes));
            }
            self.more(Wait::RestOfPdu).await?;
        }
    }

    /// The bytes behind a header, taken out of the inbox with it.
    async fn whole(&mut self, header: Header) -> Result<Bytes, Error> {
        let length = usize::try_from(header.length_bytes).unwrap_or(usize::MAX).saturating_add(HEADER_BYTES);
        while self.wire.inbox.len() < length {
            self.more(Wait::RestOfPdu).await?;
        }
        Ok(self.wire.inbox.split_to(length).freeze().slice(HEADER_BYTES..))
    }

    /// Moves the machine by a PDU that is there as a whole. Outer error: it is invalid.
    fn arrived(&mut self, event: Event, body: &[u8]) -> Result<Result<Arrival, Error>, &'static str> {
        let fixed = body.first_chunk::<4>().copied().unwrap_or_default();
        let (favourable, arrival) = match event {
            Event::AssociateRqPdu => {
                let request = associate::request(body)?;
                let acceptable = request.proposal.as_ref().is_ok_and(|proposal| proposal.protocol_version_1);
                (acceptable, Arrival::Request(Box::new(request)))
            }
            Event::AssociateAcPdu => (true, Arrival::Acceptance(associate::acceptance(body)?)),
            Event::AssociateRjPdu => (true, Arrival::Rejection(Reject::read(fixed))),
            Event::ReleaseRqPdu => (self.requestor, Arrival::ReleaseWanted),
            Event::ReleaseRpPdu => (true, Arrival::Released),
            Event::AbortPdu => {
                return Ok(self.take(event).and_then(|_| Err(Error::Aborted(Abort::read(fixed)))));
            }
            _ => return Err("a PDU of an unknown type"),
        };
        Ok(self.machine.take(event, favourable).map(|_| arrival))
    }

    /// Waits for more bytes within the patience left for the present PDU.
    pub(crate) async fn more(&mut self, awaited: Wait) -> Result<(), Error> {
        let mut patience = self.patience;
        let filled = self.wire.fill(&mut patience).await;
        self.patience = patience;
        match filled {
            Ok(Fill::More) => Ok(()),
            Ok(Fill::End) => Err(self.lost(Error::Closed)),
            Ok(Fill::TimedOut) => Err(self.overdue(awaited).await),
            Err(error) => Err(self.lost(Error::Io(error))),
        }
    }

    /// Writes what is queued.
    pub(crate) async fn flush(&mut self) -> Result<(), Error> {
        let flush = self.wire.flush(self.timeouts.write, self.may_watch()).await;
        self.flushed(flush).await
    }

    /// Whether the inbox stands between two PDUs, so that what comes can be looked at while we write.
    pub(super) const fn may_watch(&self) -> bool {
        self.pdu_left == 0
    }

    /// What the end of a flush means.
    pub(super) async fn flushed(&mut self, flush: Flush) -> Result<(), Error> {
        match flush {
            Flush::Done => Ok(()),
            Flush::TimedOut => {
                self.wire.forget_queued();
                Err(self.overdue(Wait::Send).await)
            }
            Flush::Aborted => Err(self.aborted()),
            Flush::Broken(error) => Err(self.lost(Error::Io(error))),
        }
    }

    /// Takes the A-ABORT at the front of the inbox.
    pub(crate) fn aborted(&mut self) -> Error {
        self.wire.forget_queued();
        let body = self.wire.front::<10>().unwrap_or_default();
        let [_, _, _, _, _, _, b0, b1, b2, b3] = body;
        let _ = self.take(Event::AbortPdu);
        Error::Aborted(Abort::read([b0, b1, b2, b3]))
    }
}
