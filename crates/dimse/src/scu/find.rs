//! C-FIND: asking the peer what it has (PS3.7 §9.1.2).

use std::future::{Future, pending};

use causeway_core::status::Outcome;
use causeway_core::{Status, Tag, Uid};
use tokio::io::{AsyncRead, AsyncWrite};

use super::stop::Stop;
use super::{Requestor, Wish};
use crate::error::{Error, Wait};
use crate::message::{CFindRq, Command, Priority};

/// Who is given the matches of a C-FIND as they come.
pub trait Matches: Send {
    /// Takes one, as received, in the transfer syntax of the context; says whether more are wanted. The peer waits
    /// meanwhile.
    fn take(&mut self, identifier: Vec<u8>) -> impl Future<Output = Wish> + Send;

    /// Completes when no more are wanted, also while the peer is silent; dropped and called again between matches.
    fn stopped(&mut self) -> impl Future<Output = ()> + Send {
        pending()
    }
}

/// How a C-FIND ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The final status.
    pub status: Status,
    /// The peer's words for it.
    pub comment: Option<String>,
    /// The attributes that it holds to be at fault.
    pub offending: Vec<Tag>,
    /// Whether it said of a match that it did not look at every key (PS3.4 §C.4.1.1.4).
    pub has_left_keys_out: bool,
    /// Whether we cancelled.
    pub cut_short: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Requestor<S> {
    /// Asks for what matches `identifier`, which is encoded in the transfer syntax of `context`; `matches` is given
    /// each match as it comes.
    ///
    /// # Errors
    /// When the peer aborts, leaves, breaks the protocol, does not answer or does not heed a cancel.
    pub async fn find_each(
        &mut self,
        context: u8,
        sop_class: &Uid,
        identifier: &[u8],
        matches: &mut impl Matches,
    ) -> Result<Answered, Error> {
        let message_id = self.driver.next_message_id();
        let sop_class = sop_class.clone();
        let request = Command::CFindRq(CFindRq { message_id, sop_class, priority: Priority::default() });
        self.driver.ask(context, &request, Some(identifier)).await?;
        let (mut stop, mut has_left_keys_out) = (Stop::new(context, message_id), false);
        loop {
            stop.attend(&mut self.driver, matches.stopped()).await?;
            let Some(message) = stop.within(self.driver.answer(message_id)).await else {
                return Err(self.driver.overdue(Wait::Cancel).await);
            };
            let message = message?;
            let Command::CFindRsp(rsp) = message.command else {
                return Err(self.driver.wrong_answer().await);
            };
            if rsp.status.outcome() != Outcome::Pending {
                return Ok(Answered {
                    status: rsp.status,
                    comment: rsp.comment,
                    offending: rsp.offending,
                    has_left_keys_out,
                    cut_short: stop.is_asked(),
                });
            }
            has_left_keys_out |= rsp.status == Status::PENDING_UNSUPPORTED_KEYS;
            if stop.is_asked() || !message.has_data_set {
                continue;
            }
            let identifier = self.driver.identifier().await?;
            if matches.take(identifier).await == Wish::Cancel {
                stop.ask(&mut self.driver).await?;
            }
        }
    }
}
