//! What keeps the archive clean by itself: marks beside what was removed, and the bytes of what is over its grace. One such
//! task runs, wherever there are several nodes.

mod hold;

pub use hold::{HoldError, MAX_REASON_CHARS};

use std::future::Future;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, Notify};

use crate::Archive;
use crate::error::IngestError;

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
    /// Keeps clean until `shutdown` completes.
    pub async fn keep_until(&self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        loop {
            // Cancel-safe: each of its steps is done again where it was broken off.
            let kept = tokio::select! {
                kept = self.keep_round() => kept,
                () = &mut shutdown => return,
            };
            let pause = match kept {
                Ok(0) => {
                    tokio::select! {
                        () = self.inner.keeping.bell.notified() => GATHER,
                        () = tokio::time::sleep(IDLE) => Duration::ZERO,
                        () = &mut shutdown => return,
                    }
                }
                Ok(_) => Duration::ZERO,
                Err(error) => {
                    tracing::warn!(%error, "what was removed cannot be seen to; it is tried again");
                    AFTER_FAILURE
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = &mut shutdown => return,
            }
        }
    }

    /// Does some of what there is to do; says of how many objects.
    ///
    /// # Errors
    /// When store or catalog fail; the next round goes on.
    pub async fn keep_round(&self) -> Result<usize, IngestError> {
        // What goes at once needs no mark.
        let purged = self.purge_some().await?;
        Ok(purged + self.mark_some().await?)
    }
}
