//! Settling: once the catalog's own log is safely on disk, spooled objects move to their place. Idempotent; runs
//! on a nudge and on a timer; what a crash interrupts is taken up again.

use std::future::Future;
use std::time::Duration;

use causeway_core::ObjectKey;
use tokio::sync::Notify;

use crate::Archive;
use crate::error::IngestError;

/// Most objects settled in one go.
pub const MAX_SETTLE_BATCH: u32 = 512;
/// How long the settler waits after a nudge, so that a burst is settled in few, large batches.
pub const GATHER: Duration = Duration::from_millis(500);
/// How long it waits without a nudge.
pub const IDLE: Duration = Duration::from_secs(10);
/// How long it waits after a failure of the store.
pub const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The settler's bell.
#[derive(Default)]
pub(crate) struct Settling(Notify);

impl Settling {
    pub(crate) fn nudge(&self) {
        self.0.notify_one();
    }
}

/// What came of one round.
struct Round {
    asked: u32,
    settled: u32,
}

impl Archive {
    /// Settles until `shutdown` completes. One such task runs per node.
    pub async fn settle_until(&self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        // Objects at the front of the queue that would not settle: passed over, so that they hide no others.
        let mut skip = 0;
        loop {
            let pause = match self.settle_round(skip).await {
                Ok(Round { asked: 0, .. }) => {
                    skip = 0;
                    // Cancel-safe: a nudge that is lost to the timer is made good by the timer.
                    tokio::select! {
                        () = self.inner.settling.0.notified() => GATHER,
                        () = tokio::time::sleep(IDLE) => Duration::ZERO,
                        () = &mut shutdown => return,
                    }
                }
                Ok(Round { asked, settled }) if asked == settled => Duration::ZERO,
                Ok(Round { asked, settled }) => {
                    skip += asked - settled;
                    tracing::error!(
                        objects = asked - settled,
                        "objects would not settle; they are tried again"
                    );
                    AFTER_FAILURE
                }
                Err(error) => {
                    tracing::warn!(%error, "settling failed; spooled instances stay safe and are tried again");
                    AFTER_FAILURE
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = &mut shutdown => return,
            }
        }
    }

    async fn settle_round(&self, skip: u32) -> Result<Round, IngestError> {
        let keys = self.inner.catalog.unsettled(MAX_SETTLE_BATCH, skip).await?;
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let asked = count(keys.len());
        let settled = if keys.is_empty() { 0 } else { count(self.settle(keys).await?.len()) };
        if settled > 0 {
            self.inner.commitments.ring();
        }
        Ok(Round { asked, settled })
    }

    /// Settles one object before its sender is answered (`acknowledge = "store"`).
    pub(crate) async fn settle_now(&self, key: &ObjectKey) -> Result<(), IngestError> {
        if self.settle(vec![key.clone()]).await?.contains(key) {
            Ok(())
        } else {
            Err(causeway_store::Error::NotFound(key.clone()).into())
        }
    }

    /// The catalog first, then the move: a spooled file whose row is not on disk yet must stay where a replay
    /// would find it. Gives what is in its place now.
    async fn settle(&self, keys: Vec<ObjectKey>) -> Result<Vec<ObjectKey>, IngestError> {
        self.inner.catalog.sync().await?;
        let settled = self.inner.store.settle(keys).await?;
        self.inner.catalog.mark_settled(settled.clone()).await?;
        self.inner.preparing.ask(settled.iter().cloned());
        Ok(settled)
    }
}
