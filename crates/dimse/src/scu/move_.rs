//! C-MOVE: asking the peer to send instances to someone (PS3.7 §9.1.4).

use std::future::{Future, pending};

use causeway_core::status::Outcome;
use causeway_core::{AeTitle, Status, Uid};
use tokio::io::{AsyncRead, AsyncWrite};

use super::stop::Stop;
use super::{Requestor, Wish};
use crate::error::{Error, Wait};
use crate::message::{CMoveRq, Command, Priority, Progress, RetrieveRsp};

/// What is to be moved, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveRequest {
    /// The information model.
    pub sop_class: Uid,
    /// To whom, by a name that the peer knows.
    pub destination: AeTitle,
    /// Which instances, encoded in the transfer syntax of the context.
    pub identifier: Vec<u8>,
}

/// Who hears how far a C-MOVE is.
pub trait Watcher: Send {
    /// Hears of a pending response; says whether to go on.
    fn hear(&mut self, progress: &Progress) -> Wish;

    /// Completes when the peer is to be asked to stop, also while it is silent; dropped and called again between
    /// responses.
    fn stopped(&mut self) -> impl Future<Output = ()> + Send {
        pending()
    }
}

impl<F: FnMut(&Progress) -> Wish + Send> Watcher for F {
    fn hear(&mut self, progress: &Progress) -> Wish {
        self(progress)
    }
}

/// How a C-MOVE or a C-GET ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retrieved {
    /// The final status.
    pub status: Status,
    /// The peer's words for it.
    pub comment: Option<String>,
    /// The final counts.
    pub progress: Progress,
    /// The identifier of the final response, which lists what failed (PS3.4 §C.4.2.1.4.2, §C.4.3.1.3.2).
    pub identifier: Option<Vec<u8>>,
}

impl Retrieved {
    pub(super) fn new(rsp: RetrieveRsp, identifier: Option<Vec<u8>>) -> Self {
        Self { status: rsp.status, comment: rsp.comment, progress: rsp.progress, identifier }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Requestor<S> {
    /// Asks for a move; `watcher` hears of each pending response.
    ///
    /// # Errors
    /// When the peer aborts, leaves, breaks the protocol, does not answer or does not heed a cancel.
    pub async fn move_(
        &mut self,
        context: u8,
        request: MoveRequest,
        mut watcher: impl Watcher,
    ) -> Result<Retrieved, Error> {
        let message_id = self.driver.next_message_id();
        let MoveRequest { sop_class, destination, identifier } = request;
        let command =
            Command::CMoveRq(CMoveRq { message_id, sop_class, priority: Priority::default(), destination });
        self.driver.ask(context, &command, Some(&identifier)).await?;
        let mut stop = Stop::new(context, message_id);
        loop {
            stop.attend(&mut self.driver, watcher.stopped()).await?;
            let Some(message) = stop.within(self.driver.answer(message_id)).await else {
                return Err(self.driver.overdue(Wait::Cancel).await);
            };
            let message = message?;
            let Command::CMoveRsp(rsp) = message.command else {
                return Err(self.driver.wrong_answer().await);
            };
            if rsp.status.outcome() == Outcome::Pending {
                if watcher.hear(&rsp.progress) == Wish::Cancel {
                    stop.ask(&mut self.driver).await?;
                }
                continue;
            }
            let identifier = if message.has_data_set { Some(self.driver.identifier().await?) } else { None };
            return Ok(Retrieved::new(rsp, identifier));
        }
    }
}
