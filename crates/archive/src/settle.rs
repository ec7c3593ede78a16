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

impl Archive {
    /// Settles until `shutdown` completes. One such task runs per node.
    pub async fn settle_until(&self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        loop {
            let pause = match self.settle_batch().await {
                Ok(0) => {
                    // Cancel-safe: a nudge that is lost to the timer is made good by the timer.
                    tokio::select! {
                        () = self.inner.settling.0.notified() => GATHER,
                        () = tokio::time::sleep(IDLE) => Duration::ZERO,
                        () = &mut shutdown => return,
                    }
                }
                Ok(_) => Duration::ZERO,
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

    /// Settles some objects; says how many.
    async fn settle_batch(&self) -> Result<usize, IngestError> {
        let keys = self.inner.catalog.unsettled(MAX_SETTLE_BATCH).await?;
        if !keys.is_empty() {
            self.settle(keys.clone()).await?;
        }
        Ok(keys.len())
    }

    /// Settles one object before its sender is answered (`acknowledge = "store"`).
    pub(crate) async fn settle_now(&self, key: &ObjectKey) -> Result<(), IngestError> {
        self.settle(vec![key.clone()]).await
    }

    /// The catalog first, then the move: a spooled file whose row is not on disk yet must stay where a replay
    /// would find it.
    async fn settle(&self, keys: Vec<ObjectKey>) -> Result<(), IngestError> {
        self.inner.catalog.sync().await?;
        let settled = self.inner.store.settle(keys).await?;
        Ok(self.inner.catalog.mark_settled(settled).await?)
    }
}
