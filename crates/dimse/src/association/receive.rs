//! Messages out of P-DATA-TF PDUs: fragments checked, commands gathered, data sets handed on as they come
//! (PS3.8 Annex E).

use bytes::{Buf, Bytes};
use causeway_core::limits::{MAX_COMMAND_SET_BYTES, MAX_IDENTIFIER_BYTES};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::Message;
use super::driver::{Arrival, Driver};
use crate::error::{Error, Wait};
use crate::message::decode;
use crate::pdu::Abort;
use crate::pdu::frame::{PDV_HEADER_BYTES, Pdv};
use crate::state::Event;

/// A slice of a data set is not handed on below this size while more of its fragment is to come.
const MIN_CHUNK_BYTES: usize = 16 * 1024;

/// [`PDV_HEADER_BYTES`] as lengths of PDUs are counted.
const PDV_HEADER_LENGTH: u32 = 6;

/// A presentation data value that is being read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fragment {
    context: u8,
    command: bool,
    last: bool,
    left_bytes: u32,
}

/// A command that is being gathered.
#[derive(Debug)]
pub(super) struct Partial {
    context: u8,
    bytes: Vec<u8>,
}

/// A data set that a command announced: its Command Data Set Type (0000,0800) is not 0101H, so that at least one fragment
/// must follow, of no bytes where the data set is empty (PS3.7 §9.3, PS3.8 Annex E).
#[derive(Debug, Clone, Copy)]
pub(super) struct Announced {
    context: u8,
    /// A fragment of it has come.
    begun: bool,
}

impl Announced {
    /// What is waited for.
    const fn awaited(self) -> Wait {
        if self.begun { Wait::RestOfPdu } else { Wait::DataSet }
    }

    /// What is wrong with another fragment in its place.
    const fn another(self) -> &'static str {
        if self.begun {
            "a fragment of another message in the middle of a data set"
        } else {
            "a command announced a data set by (0000,0800), and a fragment of another message came in its place"
        }
    }

    /// What is wrong with a release in its place.
    const fn released(self) -> &'static str {
        if self.begun {
            "a release in the middle of a data set"
        } else {
            "a command announced a data set by (0000,0800), and a release came in its place"
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Driver<S> {
    /// The next message; none when the peer has released the association. What is left unread of the data set
    /// before it is skipped.
    pub(crate) async fn next(&mut self) -> Result<Option<Message>, Error> {
        self.drain().await?;
        match self.early.pop_front() {
            Some(early) => Ok(Some(early)),
            None => self.arriving().await,
        }
    }

    /// As [`Self::next`], without what was put aside for it.
    pub(super) async fn arriving(&mut self) -> Result<Option<Message>, Error> {
        self.drain().await?;
        loop {
            let awaited = if self.partial.is_none() { Wait::Message } else { Wait::RestOfPdu };
            let Some(fragment) = self.open(awaited).await? else {
                if self.partial.is_some() {
                    return Err(self.broke("a release in the middle of a command").await);
                }
                self.answer_release().await?;
                return Ok(None);
            };
            if let Err(words) = self.check_command(fragment) {
                return Err(self.offended(Event::InvalidPdu, Abort::INVALID_PARAMETER, words).await);
            }
            if self.gather().await? {
                return self.command().await.map(Some);
            }
        }
    }

    /// The fragment at hand, opening the next one when there is none; none: the peer wants to release.
    async fn open(&mut self, awaited: Wait) -> Result<Option<Fragment>, Error> {
        loop {
            if let Some(fragment) = self.fragment {
                return Ok(Some(fragment));
            }
            if self.pdu_left == 0 {
                match self.arrive(awaited).await? {
                    Arrival::Data => {}
                    Arrival::ReleaseWanted => return Ok(None),
                    Arrival::Request(_)
                    | Arrival::Acceptance(_)
                    | Arrival::Rejection(_)
                    | Arrival::Released => {
                        return Err(Error::Protocol("an answer to what was not asked"));
                    }
                }
                continue;
            }
            if self.pdu_left < PDV_HEADER_LENGTH {
                let words = "a presentation data value that is cut short";
                return Err(self.offended(Event::InvalidPdu, Abort::INVALID_PARAMETER, words).await);
            }
            let Some(header) = self.wire.front::<PDV_HEADER_BYTES>() else {
                self.more(Wait::RestOfPdu).await?;
                continue;
            };
            match Pdv::read(header, self.pdu_left) {
                Ok(pdv) => {
                    self.wire.inbox.advance(PDV_HEADER_BYTES);
                    self.pdu_left = self.pdu_left.saturating_sub(PDV_HEADER_LENGTH);
                    self.fragment = Some(Fragment {
                        context: pdv.context,
                        command: pdv.command,
                        last: pdv.last,
                        left_bytes: pdv.length_bytes,
                    });
                }
                Err(words) => {
                    return Err(self.offended(Event::InvalidPdu, Abort::INVALID_PARAMETER, words).await);
                }
            }
        }
    }

    /// Whether a fragment may stand where a command is awaited.
    fn check_command(&self, fragment: Fragment) -> Result<(), &'static str> {
        if !fragment.command {
            return Err("a fragment of a data set where a command belongs");
        }
        if self.context(fragment.context).is_none() {
            return Err("a message on a presentation context that was not accepted");
        }
        if self.partial.as_ref().is_some_and(|partial| partial.context != fragment.context) {
            return Err("a command on two presentation contexts");
        }
        Ok(())
    }

    /// Adds the fragment at hand to the command; says whether the command is whole.
    async fn gather(&mut self) -> Result<bool, Error> {
        while let Some(fragment) = self.fragment {
            let partial =
                self.partial.get_or_insert_with(|| Partial { context: fragment.context, bytes: Vec::new() });
            let have = partial.bytes.len();
            if have.saturating_add(usize::try_from(fragment.left_bytes).unwrap_or(usize::MAX))
                > MAX_COMMAND_SET_BYTES
            {
                let words = "a command set larger than any can be";
                return Err(self.offended(Event::InvalidPdu, Abort::INVALID_PARAMETER, words).await);
            }
            if fragment.left_bytes == 0 {
                self.fragment = None;
                return Ok(fragment.last);
            }
            let Some(bytes) = self.slice(fragment) else {
                self.more(Wait::RestOfPdu).await?;
                continue;
            };
            if let Some(partial) = self.partial.as_mut() {
                partial.bytes.extend_from_slice(&bytes);
            }
        }
        Ok(false)
    }

    /// The message whose command is whole.
    async fn command(&mut self) -> Result<Message, Error> {
        let Some(partial) = self.partial.take() else {
            return Err(Error::Misuse("no command was gathered"));
        };
        let decoded = match decode(&partial.bytes) {
            Ok(decoded) => decoded,
            Err(words) => return Err(self.broke(words).await),
        };
        let Some(context) = self.context(partial.context).cloned() else {
            return Err(Error::NoContext(partial.context));
        };
        self.data_set = decoded.has_data_set.then_some(Announced { context: context.id, begun: false });
        Ok(Message { context, command: decoded.command, has_data_set: decoded.has_data_set })
    }

    /// Takes what the inbox holds of the fragment at hand; none when it holds nothing.
    fn slice(&mut self, fragment: Fragment) -> Option<Bytes> {
        let left = usize::try_from(fragment.left_bytes).unwrap_or(usize::MAX);
        let count = left.min(self.wire.inbox.len());
        if count == 0 {
            return None;
        }
        let taken = u32::try_from(count).unwrap_or(u32::MAX);
        self.pdu_left = self.pdu_left.saturating_sub(taken);
        self.fragment = Some(Fragment { left_bytes: fragment.left_bytes.saturating_sub(taken), ..fragment });
        Some(self.wire.inbox.split_to(count).freeze())
    }

    /// The next slice of the data set; none at its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        while let Some(announced) = self.data_set {
            let Some(fragment) =
                self.open(announced.awaited()).await.inspect_err(|error| missed(announced, error))?
            else {
                return Err(self.broke(announced.released()).await);
            };
            if fragment.command || fragment.context != announced.context {
                let abort = Abort::INVALID_PARAMETER;
                return Err(self.offended(Event::InvalidPdu, abort, announced.another()).await);
            }
            self.data_set = Some(Announced { begun: true, ..announced });
            if fragment.left_bytes == 0 {
                self.fragment = None;
                if fragment.last {
                    self.data_set = None;
                }
                continue;
            }
            let left = usize::try_from(fragment.left_bytes).unwrap_or(usize::MAX);
            if self.wire.inbox.len() < left.min(MIN_CHUNK_BYTES) {
                self.more(Wait::RestOfPdu).await?;
                continue;
            }
            return Ok(self.slice(fragment));
        }
        Ok(None)
    }

    /// Skips the rest of a data set, at most for as long as an association may idle.
    async fn drain(&mut self) -> Result<(), Error> {
        if self.data_set.is_none() {
            return Ok(());
        }
        let wait = self.timeouts.idle;
        let skipped = timeout(wait, async {
            while self.chunk().await?.is_some() {}
            Ok(())
        })
        .await;
        match skipped {
            Ok(done) => done,
            Err(_) => Err(self.overdue(Wait::RestOfPdu).await),
        }
    }

    /// The data set as a whole, when it is no larger than an identifier may be.
    pub(crate) async fn identifier(&mut self) -> Result<Vec<u8>, Error> {
        self.whole_data_set(MAX_IDENTIFIER_BYTES).await
    }

    /// The data set as a whole, when it is no larger than `limit_bytes`.
    pub(crate) async fn whole_data_set(&mut self, limit_bytes: usize) -> Result<Vec<u8>, Error> {
        let mut whole = Vec::new();
        while let Some(bytes) = self.chunk().await? {
            if whole.len().saturating_add(bytes.len()) > limit_bytes {
                return Err(Error::TooLarge { limit_bytes });
            }
            whole.extend_from_slice(&bytes);
        }
        Ok(whole)
    }
}

/// Tells why a peer may have left: it waits for an answer to a request of which we await the data set.
fn missed(announced: Announced, error: &Error) {
    if !announced.begun && matches!(error, Error::Aborted(_) | Error::Closed) {
        tracing::info!("the peer left before the data set came that its command announced by (0000,0800)");
    }
}
