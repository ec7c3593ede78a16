//! What has been over for `[worklist] keep_days` goes. Idempotent; runs on a timer.

use std::future::Future;
use std::time::Duration;

use causeway_catalog::{Error, Swept};
use jiff::Span;
use jiff::tz::TimeZone;

use crate::Archive;

/// Most rows of each kind that go in one transaction.
pub const MAX_SWEEP_BATCH: u32 = 500;
/// How long the sweeper rests.
pub const SWEEP_PAUSE: Duration = Duration::from_secs(3600);

impl Archive {
    /// Sweeps until `shutdown` completes. One such task runs per node.
    pub async fn sweep_worklist_until(&self, keep_days: u32, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        loop {
            let pause = match self.sweep_worklist(keep_days).await {
                // There is more.
                Ok(swept) if swept.items.max(swept.performed) >= MAX_SWEEP_BATCH => Duration::ZERO,
                Ok(_) => SWEEP_PAUSE,
                Err(error) => {
                    tracing::warn!(%error, "the worklist could not be swept; it is tried again");
                    SWEEP_PAUSE
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = &mut shutdown => return,
            }
        }
    }

    /// One round: entries scheduled for more than `keep_days` ago, and performed steps, that have not changed for as
    /// long; at most [`MAX_SWEEP_BATCH`] of each.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn sweep_worklist(&self, keep_days: u32) -> Result<Swept, Error> {
        let now = self.inner.clock.now();
        let keep = Duration::from_secs(u64::from(keep_days) * 24 * 3600);
        let moment = now.checked_sub(keep).unwrap_or(jiff::Timestamp::MIN);
        // Steps are scheduled by the clock on the wall, whose zone nobody told: one day more leaves room for any.
        let day = TimeZone::UTC.to_datetime(moment).date();
        let day = day.checked_sub(Span::new().days(1)).unwrap_or(day);
        let swept = self.inner.catalog.sweep_worklist(moment, day, MAX_SWEEP_BATCH).await?;
        if swept != Swept::default() {
            tracing::info!(entries = swept.items, performed = swept.performed, "the worklist was swept");
        }
        Ok(swept)
    }
}
