//! The normalized services: asking something of a SOP instance that the peer manages (PS3.7 §10.1).

use causeway_core::Uid;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Requestor;
use crate::error::Error;
use crate::message::{NRsp, Operation};

/// The SOP instance that something is asked of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its SOP class.
    pub sop_class: Uid,
    /// Its UID; none only where the peer is to choose one (N-CREATE).
    pub sop_instance: Option<Uid>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Requestor<S> {
    /// Asks `operation` of `target`, with a data set encoded in the transfer syntax of `context`, or without; gives
    /// the response and the data set that came with it.
    ///
    /// # Errors
    /// When the peer aborts, leaves, breaks the protocol or does not answer.
    pub async fn perform(
        &mut self,
        context: u8,
        target: Target,
        operation: Operation,
        data_set: Option<&[u8]>,
    ) -> Result<(NRsp, Option<Vec<u8>>), Error> {
        self.driver.perform(context, target, operation, data_set).await
    }
}
