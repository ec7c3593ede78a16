//! An association as its acceptor sees it: messages in, data sets as they stream in, answers out.
//!
//! Lives here: the driver that lets the state table decide, and the acceptor's API. Never here: what messages mean.

mod accept;
mod cancel;
mod close;
pub(crate) mod driver;
mod exchange;
mod machine;
mod receive;
pub(crate) mod send;
mod wire;

use bytes::Bytes;
use causeway_core::Uid;
use tokio::io::{AsyncRead, AsyncWrite};

pub use accept::accept;

use crate::error::Error;
use crate::message::{Command, NRsp, Operation, encode};
use crate::negotiation::{Agreement, Proposal};
use crate::pdu::Abort;
use crate::scu::courier::context_for;
use crate::scu::{Body, Pair, Response, StoreRequest, Target};
use driver::Driver;

/// A presentation context that was accepted; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Its id, by which messages name it.
    pub id: u8,
    /// The service.
    pub abstract_syntax: Uid,
    /// How data sets are encoded.
    pub transfer_syntax: Uid,
}

/// A message whose command has been received; its data set, when it has one, comes by [`Association::chunk`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The context it came on.
    pub context: Context,
    /// The command.
    pub command: Command,
    /// Whether a data set follows.
    pub has_data_set: bool,
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Fed {
    /// It is written, or will be.
    Taken,
    /// The peer has cancelled the operation: it is not sent.
    Cancelled,
}

/// A command that is encoded, with a data set to follow.
#[derive(Debug, Clone)]
pub struct Encoded(Vec<u8>);

impl Encoded {
    /// Encodes a command that a data set follows.
    #[must_use]
    pub fn with_data_set(command: &Command) -> Self {
        Self(encode(command, true))
    }
}

/// An established association that a peer asked for.
///
/// After an error it is of no further use: what the peer was owed, an A-ABORT mostly, has been sent. Dropping it
/// closes the connection.
pub struct Association<S> {
    driver: Driver<S>,
    proposal: Proposal,
    agreement: Agreement,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Association<S> {
    /// What the peer proposed.
    #[must_use]
    pub const fn proposal(&self) -> &Proposal {
        &self.proposal
    }

    /// What we answered, context by context.
    #[must_use]
    pub const fn agreement(&self) -> &Agreement {
        &self.agreement
    }

    /// The accepted context with this id.
    #[must_use]
    pub fn context(&self, id: u8) -> Option<&Context> {
        self.driver.context(id)
    }

    /// The context on which the peer, having taken the role of an SCP for it, may be given an instance, and the
    /// transfer syntax to give it in (PS3.4 §C.5.3): chosen as on an association of our own.
    ///
    /// # Errors
    /// [`Error::NoRole`] when the peer did not take that role; [`Error::NotAccepted`] when it takes the instance in
    /// no form.
    pub fn context_for(&self, pair: &Pair) -> Result<(u8, Uid), Error> {
        let (sop_class, _) = pair;
        if !self.agreement.peer_provides(sop_class) {
            return Err(Error::NoRole(sop_class.clone()));
        }
        let of_class = |context: &&Context| context.abstract_syntax == *sop_class;
        context_for(self.driver.contexts.iter().filter(of_class), pair)
    }

    /// The next message; none after an orderly release, which has then been answered. What is left unread of the
    /// data set before it is skipped. May be dropped while it waits: no byte is lost.
    ///
    /// # Errors
    /// When the peer aborts, leaves, breaks the protocol or says nothing for too long.
    pub async fn next(&mut self) -> Result<Option<Message>, Error> {
        // What was asked before is answered: a cancel that came too late must not end what bears the same number next.
        self.driver.cancelled.clear();
        self.driver.flush().await?;
        self.driver.next().await
    }

    /// The next slice of the data set of the message just received: of the receive buffer, not copied; none at
    /// its end. May be dropped while it waits.
    ///
    /// # Errors
    /// When the peer aborts, leaves, breaks the protocol or stalls.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        self.driver.chunk().await
    }

    /// The data set of the message just received as a whole, at most
    /// [`MAX_IDENTIFIER_BYTES`](causeway_core::limits::MAX_IDENTIFIER_BYTES).
    ///
    /// # Errors
    /// [`Error::TooLarge`] above that, which leaves the association in order; else as [`Self::chunk`].
    pub async fn identifier(&mut self) -> Result<Vec<u8>, Error> {
        self.driver.identifier().await
    }

    /// As [`Self::identifier`], at most `limit_bytes`.
    ///
    /// # Errors
    /// As [`Self::identifier`].
    pub async fn data_set(&mut self, limit_bytes: usize) -> Result<Vec<u8>, Error> {
        self.driver.whole_data_set(limit_bytes).await
    }

    /// Sends a message: command and data set in one write where they fit.
    ///
    /// # Errors
    /// [`Error::NoContext`] for a context that was not accepted; else when the peer aborts, leaves or stalls.
    pub async fn send(
        &mut self,
        context: u8,
        command: &Command,
        data_set: Option<&[u8]>,
    ) -> Result<(), Error> {
        self.driver.feed(context, command, data_set).await?;
        self.driver.flush().await
    }

    /// As [`Self::send`], but may keep the message back, to be written together with the next ones: for many
    /// answers in a row. [`Self::send`], [`Self::flush`] and [`Self::next`] write what is kept.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn feed(
        &mut self,
        context: u8,
        command: &Command,
        data_set: Option<&[u8]>,
    ) -> Result<(), Error> {
        self.driver.feed(context, command, data_set).await
    }

    /// Writes what [`Self::feed`] has kept back.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn flush(&mut self) -> Result<(), Error> {
        self.driver.flush().await
    }

    /// Sends one of many answers to the operation `message_id`: as [`Self::feed`], but looks first whether the peer
    /// has cancelled. When it has, neither this answer nor any that is kept back goes out, and nothing more is to be
    /// sent but the last response. `command` is encoded, with a data set to follow: it is the same for all of them.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn answer(
        &mut self,
        context: u8,
        command: &Encoded,
        data_set: &[u8],
        message_id: u16,
    ) -> Result<Fed, Error> {
        self.driver.feed_answer(context, &command.0, data_set, message_id).await
    }

    /// Writes the answers that are kept back, unless the peer cancels the operation `message_id`.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn flush_answers(&mut self, message_id: u16) -> Result<Fed, Error> {
        self.driver.flush_answers(message_id).await
    }

    /// Returns when the peer cancels the operation `message_id`, and takes back its answers that are kept back. May
    /// be dropped while it waits: no byte is lost.
    ///
    /// # Errors
    /// When the peer aborts or leaves.
    pub async fn cancelled(&mut self, message_id: u16) -> Result<(), Error> {
        self.driver.cancelled(message_id).await
    }

    /// Whether the peer has cancelled the operation `message_id`: a look that does not wait. Its answers that are
    /// kept back are taken back then. Other messages are kept for [`Self::next`].
    ///
    /// # Errors
    /// When the peer has aborted or left.
    pub fn try_cancelled(&mut self, message_id: u16) -> Result<bool, Error> {
        self.driver.try_cancelled(message_id)
    }

    /// Gives the peer an instance, as the sub-operation of a C-GET (PS3.4 §C.4.3.2.1): it must have taken the role
    /// of an SCP for it. `body` is the data set in the transfer syntax of `context`. A cancel that comes meanwhile
    /// is found by [`Self::try_cancelled`]; any other request is refused.
    ///
    /// # Errors
    /// [`Error::Body`] when `body` fails: the association is then aborted. Else when the peer aborts, leaves, breaks
    /// the protocol or stalls.
    pub async fn store(
        &mut self,
        context: u8,
        request: StoreRequest,
        mut body: impl Body,
    ) -> Result<Response, Error> {
        // What was fed before goes out in the same write.
        self.driver.store(context, request, &mut body).await
    }

    /// Asks a normalized service of the peer, as a report of an event on the association that it opened
    /// (PS3.4 §J.3.3); gives the response and the data set that came with it.
    ///
    /// # Errors
    /// When the peer aborts, leaves, breaks the protocol or stalls.
    pub async fn perform(
        &mut self,
        context: u8,
        target: Target,
        operation: Operation,
        data_set: Option<&[u8]>,
    ) -> Result<(NRsp, Option<Vec<u8>>), Error> {
        self.driver.perform(context, target, operation, data_set).await
    }

    /// As [`Self::perform`], but does not wait: the response comes by [`Self::next`], among the peer's own requests,
    /// which are served meanwhile. Gives the number by which the response is known. At most 64 may be outstanding;
    /// [`Self::responded`] ends one.
    ///
    /// # Errors
    /// As [`Self::perform`].
    pub async fn post(
        &mut self,
        context: u8,
        target: Target,
        operation: Operation,
        data_set: Option<&[u8]>,
    ) -> Result<u16, Error> {
        self.driver.post(context, target, operation, data_set).await
    }

    /// Says that the response to a request that was posted has come.
    pub fn responded(&mut self, message_id: u16) {
        self.driver.responded(message_id);
    }

    /// Aborts; waits for the peer to close, at most for ARTIM.
    pub async fn abort(mut self, abort: Abort) {
        self.driver.abort(abort).await;
    }
}
