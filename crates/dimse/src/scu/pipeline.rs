//! C-STORE requests one after another without waiting for each answer, where the peer granted a window
//! (PS3.7 §D.3.3.3); answers come in any order and name the request they are for.
//!
//! The peer's answers are small: while a request is being sent they wait in the connection's buffers.

use tokio::io::{AsyncRead, AsyncWrite};

use super::courier::Courier;
use super::{Body, Requestor, Response, StoreRequest};
use crate::error::Error;
use crate::message::Command;
use crate::negotiation::Window;

/// Most operations under way, also for a peer that sets no limit.
pub const MAX_OPERATIONS: u16 = 256;

/// Which of the requests under way: its message id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket(u16);

/// How many operations may be under way of those offered; one, unless the peer granted more.
pub(super) fn operations(offered: Option<Window>, granted: Option<Window>) -> usize {
    let (Some(offered), Some(granted)) = (offered, granted) else { return 1 };
    let unlimited = |count| if count == 0 { MAX_OPERATIONS } else { count };
    let count = unlimited(offered.invoked).min(unlimited(granted.invoked)).min(MAX_OPERATIONS);
    usize::from(count)
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Requestor<S> {
    /// How many stores may be under way at once.
    #[must_use]
    pub const fn operations(&self) -> usize {
        self.operations
    }

    /// How many are.
    #[must_use]
    pub const fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// Whether the peer keeps the association as it is, while nothing is under way.
    pub(super) async fn is_quiet(&mut self) -> bool {
        self.driver.is_quiet().await
    }

    /// Sends one instance to its end, as [`Self::store`] does, and does not wait for its answer. While any is under
    /// way, nothing but this and [`Self::answered`] may be called.
    ///
    /// # Errors
    /// As [`Self::store`]; [`Error::Misuse`] when as many as may be are under way.
    pub async fn begin(
        &mut self,
        context: u8,
        request: StoreRequest,
        mut body: impl Body,
    ) -> Result<Ticket, Error> {
        if self.under_way.len() >= self.operations {
            return Err(Error::Misuse("more stores under way than the peer granted"));
        }
        let asked = request.sop_instance.clone();
        let message_id = self.driver.send_store(context, request, &mut body).await?;
        self.under_way.push((message_id, asked));
        Ok(Ticket(message_id))
    }

    /// Waits for the next answer to a store that is under way, whichever it is.
    ///
    /// # Errors
    /// As [`Self::store`]; [`Error::Misuse`] when none is under way.
    pub async fn answered(&mut self) -> Result<(Ticket, Response), Error> {
        if self.under_way.is_empty() {
            return Err(Error::Misuse("no store is under way"));
        }
        let asked: Vec<u16> = self.under_way.iter().map(|(message_id, _)| *message_id).collect();
        let message = self.driver.answer_to(&asked).await?;
        let Command::CStoreRsp(rsp) = message.command else {
            return Err(self.driver.wrong_answer().await);
        };
        let ticket = Ticket(rsp.message_id_responded);
        let place = self.under_way.iter().position(|(message_id, _)| *message_id == ticket.0);
        let Some(place) = place else { return Err(self.driver.wrong_answer().await) };
        let (_, asked) = self.under_way.remove(place);
        Ok((ticket, self.driver.stored(&asked, rsp).await?))
    }
}

impl Courier {
    /// How many stores may be under way at once on the line as it is.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.line.as_ref().map_or(1, |line| line.requestor.operations())
    }

    /// As [`Requestor::begin`], on a context from [`Self::context_for`]. The line is gone after an error, and with it
    /// the answers to what was under way.
    ///
    /// # Errors
    /// As [`Requestor::begin`].
    pub async fn begin(
        &mut self,
        context: u8,
        request: StoreRequest,
        body: impl Body,
    ) -> Result<Ticket, Error> {
        let Some(mut line) = self.line.take() else { return Err(Error::Closed) };
        let ticket = line.requestor.begin(context, request, body).await?;
        self.line = Some(line);
        Ok(ticket)
    }

    /// As [`Requestor::answered`]. The line is gone after an error.
    ///
    /// # Errors
    /// As [`Requestor::answered`].
    pub async fn answered(&mut self) -> Result<(Ticket, Response), Error> {
        let Some(mut line) = self.line.take() else { return Err(Error::Closed) };
        let answered = line.requestor.answered().await?;
        self.line = Some(line);
        Ok(answered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_are_under_way_than_both_sides_said() {
        let window = |invoked| Some(Window { invoked, performed: 1 });
        for (offered, granted, expected) in [
            (None, None, 1),
            (window(8), None, 1),
            (None, window(8), 1),
            (window(8), window(1), 1),
            (window(8), window(3), 3),
            (window(8), window(9), 8),
            (window(8), window(0), 8),
            (window(0), window(0), 256),
            (window(300), window(300), 256),
        ] {
            assert_eq!(operations(offered, granted), expected, "{offered:?} {granted:?}");
        }
    }
}
