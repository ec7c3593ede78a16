//! C-ECHO: whether the peer is there (PS3.7 §9.1.5).

use causeway_core::sop_class::VERIFICATION;
use causeway_core::{Status, Uid};
use tokio::io::{AsyncRead, AsyncWrite};

use super::Requestor;
use crate::error::Error;
use crate::message::{CEchoRq, Command};

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Requestor<S> {
    /// Asks for an echo.
    ///
    /// # Errors
    /// [`Error::NotAccepted`] when the peer accepted no context for Verification; else when it aborts, leaves,
    /// breaks the protocol or does not answer.
    pub async fn echo(&mut self) -> Result<Status, Error> {
        let sop_class = Uid::parse(VERIFICATION).map_err(|_| Error::Misuse("the Verification SOP class"))?;
        let context = self.context_for(&sop_class)?;
        let message_id = self.driver.next_message_id();
        self.driver.ask(context, &Command::CEchoRq(CEchoRq { message_id, sop_class }), None).await?;
        match self.driver.answer(message_id).await?.command {
            Command::CEchoRsp(rsp) => Ok(rsp.status),
            _ => Err(self.driver.wrong_answer().await),
        }
    }
}
