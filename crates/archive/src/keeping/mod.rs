//! What keeps the archive clean by itself: marks beside what was removed, the bytes of what is over its grace, which studies were
//! read (`uses`), rules by which studies go (`retention`); quotas (`quota`), and holds (`hold`), which all of it minds. One
//! such task runs, wherever there are several nodes; what was read each notes for itself.

mod hold;
mod quota;
mod retention;
mod uses;

use std::future::Future;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, Notify};
use tokio::time::Instant;

use crate::Archive;
use crate::error::IngestError;

pub use hold::{HoldError, MAX_REASON_CHARS};
pub(crate) use quota::Quotas;
use retention::Positions;
pub use retention::{Preview, Previewed, RetentionError};
pub(crate) use uses::Uses;

/// How often it is looked for something to do, without being told.
const IDLE: Duration = Duration::from_secs(15);
/// How long it waits after a nudge, so that many removals are seen to together.
const GATHER: Duration = Duration::from_millis(100);
/// How long it waits after store or catalog failed.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The keeper's bell, and its locks.
#[derive(Default)]
pub(crate) struct Keeping {
    bell: Notify,
    marks: Mutex<()>,
    positions: Mutex<Positions>,
}

impl Keeping {
    /// Says that there may be something to do.
    pub(crate) fn ring(&self) {
        self.bell.notify_one();
    }

    /// Waits until nobody else puts marks beside objects or takes them away.
    pub(crate) async fn marks(&self) -> MutexGuard<'_, ()> {
        self.marks.lock().await
    }
}

impl Archive {
    /// Keeps clean until `shutdown` completes; rules are kept every `round`.
    pub async fn keep_until(&self, round: Duration, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        let mut rules_at = Instant::now() + round;
        loop {
            // Cancel-safe: each of its steps is done again where it was broken off.
            let kept = tokio::select! {
                kept = self.keep_round() => kept,
                () = &mut shutdown => return,
            };
            let kept = match kept {
                Ok(0) if rules_at <= Instant::now() => {
                    rules_at = Instant::now() + round;
                    tokio::select! {
                        gone = self.clean_round() => gone,
                        () = &mut shutdown => return,
                    }
                }
                kept => kept,
            };
            let pause = match kept {
                Ok(0) => {
                    tokio::select! {
                        () = self.inner.keeping.bell.notified() => GATHER,
                        () = tokio::time::sleep(IDLE) => Duration::ZERO,
                        () = tokio::time::sleep_until(rules_at) => Duration::ZERO,
                        () = &mut shutdown => return,
                    }
                }
                Ok(_) => Duration::ZERO,
                Err(error) => {
                    tracing::warn!(%error, "what was removed, or is to be, cannot be seen to; it is tried again");
                    AFTER_FAILURE
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = &mut shutdown => return,
            }
        }
    }

    /// Writes which studies were read, every `round`, until `shutdown` completes, and then once more. Each node has its own.
    pub async fn note_uses_until(&self, round: Duration, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        loop {
            let is_over = tokio::select! {
                () = tokio::time::sleep(round) => false,
                () = &mut shutdown => true,
            };
            if let Err(error) = self.write_uses().await {
                tracing::warn!(%error, "which studies were read of late cannot be written; it is tried again");
            }
            if is_over {
                return;
            }
        }
    }

    /// Sees to some of what was removed; says to how many objects.
    ///
    /// # Errors
    /// When store or catalog fail; the next round goes on.
    pub async fn keep_round(&self) -> Result<usize, IngestError> {
        // What goes at once needs no mark.
        let purged = self.purge_some().await?;
        Ok(purged + self.mark_some().await?)
    }

    /// Writes which studies were read, warns of quotas that are nearly full, and keeps the rules on some of the studies; says how many went.
    ///
    /// # Errors
    /// When the catalog fails; the next round goes on.
    pub async fn clean_round(&self) -> Result<usize, IngestError> {
        self.write_uses().await?;
        self.watch_quotas().await?;
        self.inner.catalog.note_uses().await?;
        let mut positions = self.inner.keeping.positions.lock().await;
        self.retain(&mut positions).await
    }

    async fn write_uses(&self) -> Result<(), IngestError> {
        let studies = self.inner.uses.take();
        if studies.is_empty() {
            return Ok(());
        }
        let written = self.inner.catalog.used(studies.clone()).await;
        written.inspect_err(|_| self.inner.uses.give_back(studies))?;
        Ok(())
    }
}
