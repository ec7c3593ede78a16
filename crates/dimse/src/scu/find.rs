//! C-FIND: asking the peer what it has (PS3.7 §9.1.2).

use causeway_core::limits::MAX_IDENTIFIER_BYTES;
use causeway_core::status::Outcome;
use causeway_core::{Status, Uid};
use tokio::io::{AsyncRead, AsyncWrite};

use super::Requestor;
use crate::error::Error;
use crate::message::{CFindRq, Command, Priority};

/// Most bytes of matches that are kept, whatever the limit on their number.
const MAX_MATCHES_BYTES: usize = 256 * MAX_IDENTIFIER_BYTES;

/// What the peer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The identifiers of the pending responses, as received, in the transfer syntax of the context.
    pub matches: Vec<Vec<u8>>,
    /// The final status.
    pub status: Status,
    /// The peer's words for it.
    pub comment: Option<String>,
    /// Whether there was more than was wanted, so that we cancelled.
    pub cut_short: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Requestor<S> {
    /// Asks for what matches `identifier`, which is encoded in the transfer syntax of `context`; keeps at most
    /// `limit` matches, then cancels.
    ///
    /// # Errors
    /// When the peer aborts, leaves, breaks the protocol or does not answer.
    pub async fn find(
        &mut self,
        context: u8,
        sop_class: &Uid,
        identifier: &[u8],
        limit: usize,
    ) -> Result<Found, Error> {
        let message_id = self.driver.next_message_id();
        let sop_class = sop_class.clone();
        let request = Command::CFindRq(CFindRq { message_id, sop_class, priority: Priority::default() });
        self.driver.ask(context, &request, Some(identifier)).await?;
        let (mut matches, mut kept_bytes, mut cut_short) = (Vec::new(), 0_usize, false);
        loop {
            let message = self.driver.answer(message_id).await?;
            let Command::CFindRsp(rsp) = message.command else {
                return Err(self.driver.wrong_answer().await);
            };
            if rsp.status.outcome() != Outcome::Pending {
                return Ok(Found { matches, status: rsp.status, comment: rsp.comment, cut_short });
            }
            if cut_short || !message.has_data_set {
                continue;
            }
            if matches.len() >= limit || kept_bytes > MAX_MATCHES_BYTES {
                cut_short = true;
                self.driver.cancel(context, message_id).await?;
                continue;
            }
            let identifier = self.driver.identifier().await?;
            kept_bytes = kept_bytes.saturating_add(identifier.len());
            matches.push(identifier);
        }
    }
}
