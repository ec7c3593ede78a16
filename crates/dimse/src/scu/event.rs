//! Reports of events on an association of ours: the peer, which manages the SOP instance, tells what became of it
//! (PS3.7 §10.1.1, PS3.4 §J.3.3).

use std::time::Duration;

use causeway_core::{Status, commitment};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use super::{Requestor, Target};
use crate::association::{Context, Message};
use crate::error::Error;
use crate::message::{Command, NRq, NRsp, Operation};

/// Most bytes of the Event Information of a report: storage commitment has the longest.
const MAX_REPORT_BYTES: usize = commitment::MAX_DATA_SET_BYTES;

/// A report that waits for its response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// The context it came on.
    pub context: Context,
    /// What is reported.
    pub request: NRq,
    /// The Event Type ID.
    pub event_type: u16,
    /// Event Information, in the transfer syntax of the context.
    pub data_set: Vec<u8>,
}

/// What the peer says while it is heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// It reports an event; it waits for [`Requestor::respond`].
    Report(Reported),
    /// It answers a request that was posted.
    Response(NRsp),
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Requestor<S> {
    /// As [`Self::perform`], but does not wait: [`Self::hear`] gives the response, and what the peer reports before
    /// it. Gives the number of the request.
    ///
    /// # Errors
    /// When the peer aborts, leaves or takes nothing.
    pub async fn post(
        &mut self,
        context: u8,
        target: Target,
        operation: Operation,
        data_set: Option<&[u8]>,
    ) -> Result<u16, Error> {
        self.driver.post(context, target, operation, data_set).await
    }

    /// The next report of an event, or response to a request that was posted, that begins to arrive within `patience`;
    /// none when none does, or when the peer releases the association. Requests of any other kind are refused
    /// meanwhile.
    ///
    /// # Errors
    /// When the peer aborts, leaves or breaks the protocol.
    pub async fn hear(&mut self, patience: Duration) -> Result<Option<Heard>, Error> {
        let end = Instant::now() + patience;
        loop {
            // Cancel-safe: what has begun to arrive stays with the driver.
            let Ok(message) = timeout_at(end, self.driver.next()).await else { return Ok(None) };
            let Some(Message { context, command, has_data_set }) = message? else { return Ok(None) };
            let status = match command {
                Command::NRq(ref request) if has_data_set => match self.report(&context, request).await? {
                    Ok(reported) => return Ok(Some(Heard::Report(reported))),
                    Err(status) => status,
                },
                Command::NRsp(response) if self.driver.is_posted(response.message_id_responded) => {
                    self.driver.responded(response.message_id_responded);
                    return Ok(Some(Heard::Response(response)));
                }
                ref other if other.field().is_response() => {
                    return Err(self.driver.broke("an answer to a request that was not made").await);
                }
                _ => Status::UNRECOGNIZED_OPERATION,
            };
            if let Some(refusal) = command.refuse(status) {
                self.driver.ask(context.id, &refusal, None).await?;
            }
        }
    }

    /// The report that a request is, read to its end; else the status to refuse it with.
    async fn report(&mut self, context: &Context, request: &NRq) -> Result<Result<Reported, Status>, Error> {
        let Operation::EventReport(event_type) = request.operation else {
            return Ok(Err(Status::UNRECOGNIZED_OPERATION));
        };
        match self.driver.whole_data_set(MAX_REPORT_BYTES).await {
            Ok(data_set) => {
                let (context, request) = (context.clone(), request.clone());
                Ok(Ok(Reported { context, request, event_type, data_set }))
            }
            Err(Error::TooLarge { .. }) => Ok(Err(Status::RESOURCE_LIMITATION)),
            Err(error) => Err(error),
        }
    }

    /// Answers a report.
    ///
    /// # Errors
    /// When the peer aborts, leaves or takes nothing.
    pub async fn respond(&mut self, context: u8, response: NRsp) -> Result<(), Error> {
        self.driver.ask(context, &Command::NRsp(response), None).await
    }
}
