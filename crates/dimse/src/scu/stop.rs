//! Stopping what the peer is at (PS3.7 §9.3.2.3): the wait in which a wish to stop is heard, the C-CANCEL, and the wait
//! for a peer that may not heed it. One for every long operation: C-FIND, C-MOVE, C-GET.

use std::future::Future;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use crate::association::driver::Driver;
use crate::error::Error;

/// How long the peer may go on after a cancel before the association is aborted.
const CANCEL_PATIENCE: Duration = Duration::from_secs(30);

/// Whether a C-GET, C-MOVE or C-FIND goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// It does.
    More,
    /// The peer is asked to stop; what it is at may still come (PS3.7 §9.3.2.3).
    Cancel,
}

/// One operation that may be stopped.
pub(super) struct Stop {
    context: u8,
    message_id: u16,
    /// Until when the peer may go on, once it was asked to stop.
    deadline: Option<Instant>,
}

impl Stop {
    pub(super) const fn new(context: u8, message_id: u16) -> Self {
        Self { context, message_id, deadline: None }
    }

    /// Whether the peer was asked to stop.
    pub(super) const fn is_asked(&self) -> bool {
        self.deadline.is_some()
    }

    /// Asks the peer to stop; it still owes the final response.
    pub(super) async fn ask<S: AsyncRead + AsyncWrite + Unpin + Send>(
        &mut self,
        driver: &mut Driver<S>,
    ) -> Result<(), Error> {
        if self.deadline.is_none() {
            self.deadline = Some(Instant::now() + CANCEL_PATIENCE);
            driver.cancel(self.context, self.message_id).await?;
        }
        Ok(())
    }

    /// Waits for something of the next message, and asks the peer to stop when `stopped` completes first.
    pub(super) async fn attend<S: AsyncRead + AsyncWrite + Unpin + Send>(
        &mut self,
        driver: &mut Driver<S>,
        stopped: impl Future<Output = ()> + Send,
    ) -> Result<(), Error> {
        if self.is_asked() || driver.heard_before(stopped).await? {
            return Ok(());
        }
        self.ask(driver).await
    }

    /// What `read` brings, however long it takes; but none when the peer was asked to stop and goes on for too long.
    /// Reading was then broken off midway: nothing but an abort may follow.
    pub(super) async fn within<T>(&self, read: impl Future<Output = T> + Send) -> Option<T> {
        match self.deadline {
            Some(deadline) => timeout_at(deadline, read).await.ok(),
            None => Some(read.await),
        }
    }
}
