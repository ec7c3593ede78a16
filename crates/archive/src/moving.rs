//! Moving objects from the store that they settled in before to the one that they settle in now, while both are read.
//!
//! What is in the old place is walked in the order of names. An object that a row tells of is copied, held against what was
//! noted when it came, and seen to be there whole; only then may it be removed where it was. What is to be removed is copied anew
//! even if an earlier move has copied it: nobody has looked at that since. It goes on over restarts from where it
//! was written last, at one node at a time. What no row tells of, and what is damaged, stays where it is and is counted.
//!
//! An object may be deleted while it is copied, by another node, too. So rows are asked again behind the copies: whoever deletes
//! has changed them before bytes go, and either that is seen here, or the copy is seen there.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use causeway_catalog::{MoveCounts, MoveState, MoveStep, StoreMove, StoreRoute, ToldObject};
use causeway_core::{Class, ObjectKey, Permission, Principal};
use causeway_store::{Copied, Known, MovingNames};
use futures_util::{StreamExt, stream};
use tokio::sync::Notify;

use crate::error::{IngestError, MoveError};
use crate::{Archive, StoreError, access};

/// Objects that are looked at in one step.
const OBJECTS_PER_STEP: usize = 64;
/// Of those, how many are copied at the same time.
const COPIED_AT_ONCE: usize = 8;
/// How often it is looked for one that is to go on, without being told.
const IDLE: Duration = Duration::from_secs(30);
/// How long it waits after a store or the catalog failed.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// Who ends a move that cannot go on, as the trail names it.
const NODE: &str = "node";

/// Why an object is left where it is.
enum Left {
    /// It is not what was stored.
    Damaged,
    /// It is not read or not written, it may be for a reason of its own; another move tries again.
    Failed(StoreError),
}

/// Whether an error may be of the one object: no room, no key and no answer are of all.
fn is_its_own(error: &StoreError) -> bool {
    error.is_of_one_object() && !error.is_of_settings() && error.class() != Class::Exhausted
}

/// The bell of whoever moves.
#[derive(Default)]
pub(crate) struct Moving(Notify);

impl Archive {
    /// Begins a move from the other store to the one that objects settle in; `removes`: whether they are removed there once
    /// they are here.
    ///
    /// # Errors
    /// When the caller is no administrator, there is no other store, the two are one, a move is under way, or something fails.
    pub async fn begin_move(&self, principal: &Principal, removes: bool) -> Result<StoreMove, MoveError> {
        access::allow(principal, Permission::Admin)?;
        let MovingNames { from, to } = self.inner.store.moving().ok_or(MoveError::NoOther)?;
        if !self.inner.store.are_apart().await? {
            return Err(MoveError::OnePlace { from, to });
        }
        let route = StoreRoute { from, to, removes };
        let begun = self.inner.catalog.begin_move(route, &principal.name).await?;
        self.inner.moving.0.notify_one();
        begun.ok_or(MoveError::UnderWay)
    }

    /// The latest move; none: there never was one.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn store_move(&self, principal: &Principal) -> Result<Option<StoreMove>, MoveError> {
        access::allow(principal, Permission::Admin)?;
        Ok(self.inner.catalog.store_move().await?)
    }

    /// Ends the move that is under way; gives whether there was one. What was moved stays moved.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn stop_move(&self, principal: &Principal) -> Result<bool, MoveError> {
        access::allow(principal, Permission::Admin)?;
        let who = &principal.name;
        Ok(self.inner.catalog.stop_move(who, format!("stopped by {who}")).await?)
    }

    /// Moves what is to be moved until `shutdown` completes. One such task runs per node.
    pub async fn move_until(&self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        loop {
            // Cancel-safe: what was copied and not written down is seen to be there.
            let went_on = tokio::select! {
                went_on = self.move_some() => went_on,
                () = &mut shutdown => return,
            };
            let pause = match went_on {
                Ok(true) => continue,
                Ok(false) => IDLE,
                Err(error) => {
                    tracing::warn!(%error, "the move of objects cannot go on; it is tried again");
                    AFTER_FAILURE
                }
            };
            tokio::select! {
                () = self.inner.moving.0.notified() => {}
                () = tokio::time::sleep(pause) => {}
                () = &mut shutdown => return,
            }
        }
    }

    /// Moves some of what is to be moved, and writes down how far it is; gives whether there was anything to do.
    async fn move_some(&self) -> Result<bool, IngestError> {
        let catalog = &self.inner.catalog;
        let Some(it) = catalog.store_move().await?.filter(|it| it.state == MoveState::UnderWay) else {
            return Ok(false);
        };
        let here = self.inner.store.moving();
        if here.as_ref().is_none_or(|here| (&here.from, &here.to) != (&it.route.from, &it.route.to)) {
            let words = "the settings of this node name other stores; begin it anew".to_owned();
            tracing::error!(from = it.route.from, to = it.route.to, "the move of objects ends: {words}");
            catalog.stop_move(NODE, words).await?;
            return Ok(true);
        }
        // What stands there was a key when it was written.
        let after = it.position.as_deref().and_then(|text| ObjectKey::parse(text).ok());
        let mut keys = self.inner.store.old_after(after.as_ref()).await?;
        keys.truncate(OBJECTS_PER_STEP);
        let step = self.move_objects(keys, it.route.removes).await?;
        if let Some(after) = catalog.moved(it.id, step).await?
            && after.state == MoveState::Done
        {
            let MoveCounts { copied, bytes, .. } = after.counts;
            tracing::info!(
                from = after.route.from,
                to = after.route.to,
                copied,
                bytes,
                "a move of objects is done"
            );
        }
        Ok(true)
    }

    /// Moves these objects, none of which means that it is the end.
    async fn move_objects(&self, keys: Vec<ObjectKey>, removes: bool) -> Result<MoveStep, IngestError> {
        let mut step =
            MoveStep { position: keys.last().cloned(), is_end: keys.is_empty(), ..MoveStep::default() };
        let told = self.inner.catalog.told_objects(keys.clone()).await?;
        step.counts.unknown = (keys.len() - told.len()) as u64;
        let mut copies =
            stream::iter(told.into_iter().map(|told| self.copy(told, removes))).buffered(COPIED_AT_ONCE);
        let (mut here, mut failure) = (Vec::new(), None);
        while let Some(copied) = copies.next().await {
            match copied? {
                (known, Ok(Copied::Now)) => {
                    step.counts.copied += 1;
                    step.counts.bytes += known.object_bytes;
                    here.push(known);
                }
                (known, Ok(Copied::Before)) => {
                    step.counts.before += 1;
                    here.push(known);
                }
                (_, Ok(Copied::Gone)) => step.counts.gone += 1,
                (known, Err(Left::Damaged)) => {
                    step.counts.damaged += 1;
                    step.damaged.push(known.object);
                }
                (_, Err(Left::Failed(error))) => {
                    step.counts.failed += 1;
                    failure = Some(error);
                }
            }
        }
        // Where none of several can be moved, it is the store.
        if let Some(error) = failure.filter(|_| here.is_empty() && step.counts.failed > 1) {
            return Err(error.into());
        }
        let here = self.still_told(here, &mut step.counts).await?;
        if removes {
            for known in &here {
                step.counts.removed += u64::from(self.inner.store.remove_old(known).await?);
            }
        }
        Ok(step)
    }

    /// Copies one object; `anew`: even if it is there.
    async fn copy(&self, told: ToldObject, anew: bool) -> Result<(Known, Result<Copied, Left>), StoreError> {
        let ToldObject { object, object_bytes, data_set } = told;
        let known = Known { object, object_bytes, digest: data_set };
        match self.inner.store.copy_over(known.clone(), anew).await {
            Ok(copied) => Ok((known, Ok(copied))),
            Err(error @ StoreError::DamagedOld { .. }) => {
                tracing::error!(object = %known.object, %error, "an object is not what was stored, and is not moved");
                Ok((known, Err(Left::Damaged)))
            }
            Err(error) if is_its_own(&error) => {
                tracing::error!(object = %known.object, %error, "an object cannot be moved");
                Ok((known, Err(Left::Failed(error))))
            }
            Err(error) => Err(error),
        }
    }

    /// Those that rows still tell of; the others were deleted meanwhile, and go.
    async fn still_told(&self, here: Vec<Known>, counts: &mut MoveCounts) -> Result<Vec<Known>, IngestError> {
        let mut by_object: HashMap<_, _> =
            here.into_iter().map(|known| (known.object.clone(), known)).collect();
        let keys = by_object.keys().cloned().collect();
        let told = self.inner.catalog.told_objects(keys).await?;
        let still = told.iter().filter_map(|told| by_object.remove(&told.object)).collect();
        for object in by_object.keys() {
            self.inner.store.delete(object).await?;
            counts.gone += 1;
        }
        Ok(still)
    }
}
