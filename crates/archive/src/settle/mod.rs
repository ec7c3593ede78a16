//! Settling: once the catalog's own log is safely on disk, spooled objects move to their place. Idempotent; runs
//! on a nudge and on a timer; what a crash interrupts is taken up again.
//!
//! `walk` says, pure, what comes after a round: where the next begins, and when. `standing` is how settling stands, for
//! whoever asks; what changes of it is told once.

mod standing;
mod walk;

use std::future::Future;
use std::time::Duration;

use causeway_core::{ExpectedObject, ObjectKey, Permission, Principal};
use causeway_store::{Probe, Settlement};
use tokio::sync::Notify;

use crate::error::{IngestError, SearchError};
use crate::{Archive, StoreError, access};
pub use standing::{Away, SettlingReport};
use standing::{Change, Standing};
use walk::{Next, Round, Walk};

/// Most objects settled in one go.
pub const MAX_SETTLE_BATCH: u32 = 512;
/// How long the settler waits after a nudge, so that a burst is settled in few, large batches.
pub const GATHER: Duration = Duration::from_millis(500);
/// How long it waits without a nudge.
pub const IDLE: Duration = Duration::from_secs(10);
/// How long it waits after a failure of the catalog or the disk.
pub const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The settler's bell, and how it stands.
#[derive(Default)]
pub(crate) struct Settling {
    bell: Notify,
    standing: Standing,
}

impl Settling {
    pub(crate) fn nudge(&self) {
        self.bell.notify_one();
    }
}

impl Archive {
    /// Settles until `shutdown` completes. One such task runs per node.
    pub async fn settle_until(&self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        let mut walk = Walk::default();
        loop {
            let next = match self.settle_round(walk.skip()).await {
                Ok(round) => walk.after(round),
                Err(error) => {
                    tracing::warn!(%error, "settling failed; spooled instances stay safe and are tried again");
                    Next::After(AFTER_FAILURE)
                }
            };
            let pause = match next {
                Next::AtOnce => Duration::ZERO,
                Next::After(pause) => {
                    // What fails may be one object, and the store well.
                    self.remove_doomed().await;
                    pause
                }
                Next::WhenRung => {
                    self.look_after_store().await;
                    // Cancel-safe: a nudge that is lost to the timer is made good by the timer.
                    tokio::select! {
                        () = self.inner.settling.bell.notified() => GATHER,
                        () = tokio::time::sleep(IDLE) => Duration::ZERO,
                        () = &mut shutdown => return,
                    }
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = &mut shutdown => return,
            }
        }
    }

    async fn settle_round(&self, skip: u32) -> Result<Round, IngestError> {
        let listed = self.inner.catalog.unsettled(MAX_SETTLE_BATCH, skip).await?;
        let standing = &self.inner.settling.standing;
        let mut round = Round { asked: count(listed.len()), ..Round::default() };
        let objects: Vec<_> = listed.into_iter().filter(|it| !standing.is_damaged(&it.object)).collect();
        round.passed_over = round.asked - count(objects.len());
        if objects.is_empty() {
            return Ok(round);
        }
        let settlement = self.settle(objects).await?;
        round.settled = count(settlement.settled.len());
        round.not_tried = count(settlement.not_tried);
        round.failed = count(settlement.failed.len());
        round.failed_by_store =
            count(settlement.failed.iter().filter(|(_, error)| error.is_of_object_store()).count());
        if round.settled > 0 {
            self.inner.commitments.ring();
            settlement.settled.iter().for_each(|object| standing.forget(object));
        }
        self.note_round(&round, &settlement).await;
        Ok(round)
    }

    /// Keeps how settling stands, and tells what changed of it.
    async fn note_round(&self, round: &Round, settlement: &Settlement) {
        let standing = &self.inner.settling.standing;
        for (object, error) in &settlement.failed {
            match error {
                StoreError::Damaged { .. } if standing.damaged(object) => {
                    tracing::error!(%object, %error, "a spooled object is not what came, and is not settled");
                }
                StoreError::Damaged { .. } => {}
                error if error.is_of_object_store() => tracing::debug!(%object, %error, "not settled"),
                error => {
                    tracing::warn!(%object, %error, "a spooled object would not settle; it is tried again")
                }
            }
        }
        let by_store = settlement.failed.iter().find(|(_, error)| error.is_of_object_store());
        let now = self.inner.clock.now();
        let change = match (round.settled, by_store) {
            (0, None) => return,
            (0, Some((_, error))) => standing.failed(now, error.to_string()),
            (_, None) => standing.succeeded(now),
            (_, Some((_, error))) => {
                standing.faltered(tokio::time::Instant::now(), error.to_string()).or(standing.succeeded(now))
            }
        };
        self.tell_of_store(change).await;
    }

    async fn tell_of_store(&self, change: Option<Change>) {
        let Some(change) = change else { return };
        let (objects, bytes) = self.inner.catalog.unsettled_sum().await.unwrap_or_default();
        match change {
            Change::Away(because) => tracing::warn!(
                objects,
                bytes,
                because,
                "the object store is away; what comes waits in the spool, and settles by itself when it is back"
            ),
            Change::Back(since) => {
                tracing::info!(objects, bytes, %since, "the object store is back; what waits in the spool settles now");
            }
            Change::Falters(because) => {
                tracing::warn!(
                    objects,
                    bytes,
                    because,
                    "the object store fails now and then; it is tried again"
                );
            }
        }
    }

    /// What is to be done while nothing waits: ask for rows that are in doubt, see whether a store that was away is back, and
    /// remove there what could not be removed before.
    async fn look_after_store(&self) {
        if let Err(error) = self.resolve_doubts::<IngestError>().await {
            tracing::warn!(%error, "whether an instance was recorded is not known yet; it is asked again");
        }
        let standing = &self.inner.settling.standing;
        if standing.is_away() {
            match self.inner.store.probe().await {
                Probe::Well => self.tell_of_store(standing.succeeded(self.inner.clock.now())).await,
                Probe::Away(because) | Probe::Wrong(because) => {
                    self.tell_of_store(standing.failed(self.inner.clock.now(), because)).await;
                    return;
                }
            }
        }
        self.remove_doomed().await;
    }

    /// Removes from the store what was deleted and could not be removed then.
    async fn remove_doomed(&self) {
        if let Err(error) = self.inner.store.remove_doomed().await {
            tracing::debug!(%error, "what was deleted cannot be removed from the object store yet");
        }
    }

    /// Looks whether the store can be used, before anything comes. One that is away is waited for, while what comes is spooled.
    ///
    /// # Errors
    /// What is to be put right, in words, of one that will never have us.
    pub async fn look_at_store(&self) -> Result<(), String> {
        match self.inner.store.probe().await {
            Probe::Well => {}
            Probe::Away(because) => {
                let change = self.inner.settling.standing.failed(self.inner.clock.now(), because);
                self.tell_of_store(change).await;
            }
            Probe::Wrong(words) => return Err(words),
        }
        Ok(())
    }

    /// How settling stands.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn settling(&self, principal: &Principal) -> Result<SettlingReport, SearchError> {
        access::allow(principal, Permission::Admin)?;
        let waiting = self.inner.catalog.unsettled_sum().await?;
        Ok(self.inner.settling.standing.report(self.inner.clock.now(), waiting))
    }

    /// Since when and why the store is away, if it is: anyone may ask.
    #[must_use]
    pub fn store_away(&self) -> Option<Away> {
        self.inner.settling.standing.away()
    }

    /// Settles one object before its sender is answered (`acknowledge = "store"`). The catalog first, as for all.
    pub(crate) async fn settle_now(&self, key: &ObjectKey) -> Result<(), IngestError> {
        let gone = || StoreError::NotFound(key.clone());
        let expected = self.inner.catalog.expected(key.clone()).await?.ok_or_else(gone)?;
        self.inner.catalog.sync().await?;
        if !self.inner.store.settle_now(expected).await? {
            return Err(gone().into());
        }
        Ok(self.mark_settled(vec![key.clone()]).await?)
    }

    /// The catalog first, then the move: a spooled file whose row is not on disk yet must stay where a replay
    /// would find it.
    async fn settle(&self, objects: Vec<ExpectedObject>) -> Result<Settlement, IngestError> {
        self.inner.catalog.sync().await?;
        let settlement = self.inner.store.settle(objects).await?;
        self.mark_settled(settlement.settled.clone()).await?;
        Ok(settlement)
    }

    async fn mark_settled(&self, objects: Vec<ObjectKey>) -> Result<(), causeway_catalog::Error> {
        self.inner.catalog.mark_settled(objects.clone()).await?;
        self.inner.preparing.ask(objects);
        Ok(())
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
