//! Quotas: how much is kept of what one remote sends. What would be too much is refused, or makes room for itself by the oldest
//! studies that came from there.
//!
//! Whoever has a quota pays one look into the catalog for each instance; nobody else pays anything. Instances that come at the
//! same time do not see each other: a quota is passed by what is under way at most.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use causeway_catalog::{Quota, Retired};
use causeway_core::keeping::quota::{Fill, WhenFull};
use causeway_core::keeping::{Reason, Removal};
use causeway_core::{Permission, Principal, RemoteName, Uid};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::error::{IngestError, SearchError};
use crate::{Archive, access};

/// How long it is believed what quotas there are: another node may have changed them.
const BELIEVED_FOR: Duration = Duration::from_secs(2);
/// Studies that are looked at for one that may go, at most.
const MAX_LOOKED_AT: u32 = 200;
/// Of which so many at a time.
const LOOKED_AT_TOGETHER: u32 = 20;

/// What a remote may have kept, and what happens then.
type Limits = BTreeMap<RemoteName, (u64, WhenFull)>;

/// The quotas as they were read last.
#[derive(Default)]
pub(crate) struct Quotas {
    limits: RwLock<Option<(Instant, Arc<Limits>)>>,
    /// One at a time makes room.
    making_room: Mutex<()>,
    /// How they stood when it was last told.
    told: Mutex<BTreeMap<RemoteName, Fill>>,
}

impl Quotas {
    fn known(&self) -> Option<Arc<Limits>> {
        let limits = self.limits.read().unwrap_or_else(PoisonError::into_inner);
        limits.as_ref().filter(|(at, _)| at.elapsed() < BELIEVED_FOR).map(|(_, limits)| Arc::clone(limits))
    }

    fn learn(&self, limits: Option<Arc<Limits>>) {
        let limits = limits.map(|limits| (Instant::now(), limits));
        *self.limits.write().unwrap_or_else(PoisonError::into_inner) = limits;
    }
}

impl Archive {
    /// Sets the quota of a remote.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn put_quota(
        &self,
        principal: &Principal,
        remote: RemoteName,
        limit: u64,
        when_full: WhenFull,
    ) -> Result<(), SearchError> {
        access::allow(principal, Permission::Admin)?;
        self.inner.catalog.put_quota(remote, limit, when_full, &principal.name).await?;
        self.inner.quotas.learn(None);
        Ok(())
    }

    /// Removes the quota of a remote; says whether there was one.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn remove_quota(&self, principal: &Principal, remote: RemoteName) -> Result<bool, SearchError> {
        access::allow(principal, Permission::Admin)?;
        let was_there = self.inner.catalog.remove_quota(remote, &principal.name).await?;
        self.inner.quotas.learn(None);
        Ok(was_there)
    }

    /// All quotas and how they stand, by remote.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn quotas(&self, principal: &Principal) -> Result<Vec<Quota>, SearchError> {
        access::allow(principal, Permission::Admin)?;
        Ok(self.inner.catalog.quotas().await?)
    }

    /// Whether `bytes` more of an instance that `remote` sends may be kept. What is kept already may come again.
    pub(crate) async fn within_quota(
        &self,
        remote: Option<&RemoteName>,
        instance: Option<&Uid>,
        bytes: u64,
    ) -> Result<(), IngestError> {
        let Some(remote) = remote else { return Ok(()) };
        let limits = self.limits().await?;
        let Some((limit, when_full)) = limits.get(remote) else { return Ok(()) };
        let fits = |kept: u64| kept.saturating_add(bytes) <= *limit;
        if fits(self.inner.catalog.kept_of(remote.clone()).await?) {
            return Ok(());
        }
        if let Some(instance) = instance
            && self.inner.catalog.is_kept(instance.clone()).await?
        {
            return Ok(());
        }
        if *when_full == WhenFull::RemoveOldest && bytes <= *limit && self.room_is_made(remote, fits).await? {
            return Ok(());
        }
        Err(IngestError::Quota { remote: remote.clone(), limit: *limit })
    }

    async fn limits(&self) -> Result<Arc<Limits>, IngestError> {
        if let Some(known) = self.inner.quotas.known() {
            return Ok(known);
        }
        let quotas = self.inner.catalog.quotas().await?;
        let limits = quotas.into_iter().map(|quota| (quota.remote, (quota.limit, quota.when_full)));
        let limits = Arc::new(limits.collect::<Limits>());
        self.inner.quotas.learn(Some(Arc::clone(&limits)));
        Ok(limits)
    }

    /// Removes the oldest studies of a remote until what is kept fits; gives whether it does.
    async fn room_is_made(
        &self,
        remote: &RemoteName,
        fits: impl Fn(u64) -> bool,
    ) -> Result<bool, IngestError> {
        let _alone = self.inner.quotas.making_room.lock().await;
        let mut kept_ones = 0;
        while !fits(self.inner.catalog.kept_of(remote.clone()).await?) {
            if kept_ones >= MAX_LOOKED_AT {
                return Ok(false);
            }
            let oldest = self.inner.catalog.oldest_of(remote.clone(), LOOKED_AT_TOGETHER, kept_ones).await?;
            if oldest.is_empty() {
                return Ok(false);
            }
            for study in oldest {
                if self.goes_for_room(remote, study).await? {
                    break;
                }
                kept_ones += 1;
            }
        }
        Ok(true)
    }

    /// Says whether the study went.
    async fn goes_for_room(&self, remote: &RemoteName, study: Uid) -> Result<bool, IngestError> {
        let removal = Removal::by_itself(Reason::Quota(remote.clone()), self.inner.config.grace);
        let removed = {
            let _turn = self.inner.turns.all().await;
            let removed = self.inner.catalog.make_room(study.clone(), removal).await?;
            tokio::time::sleep(crate::delete::MOMENT).await;
            removed
        };
        match removed {
            Retired::Gone(instances) => {
                tracing::info!(study.uid = %study, %remote, instances = instances.len(), "a study went to make room in a quota");
                self.inner.keeping.ring();
                Ok(true)
            }
            Retired::Kept(why) => {
                tracing::debug!(study.uid = %study, %remote, %why, "a study stays");
                Ok(false)
            }
            Retired::Unknown => Ok(false),
        }
    }

    /// Warns of quotas that are full, or nearly, when they come to be.
    pub(super) async fn watch_quotas(&self) -> Result<(), IngestError> {
        let mut told = self.inner.quotas.told.lock().await;
        let quotas = self.inner.catalog.quotas().await?;
        told.retain(|remote, _| quotas.iter().any(|quota| quota.remote == *remote));
        for Quota { remote, limit, used, .. } in quotas {
            let fill = Fill::of(used, limit);
            let before = told.insert(remote.clone(), fill).unwrap_or(Fill::Ample);
            if fill > before {
                tracing::warn!(%remote, used, limit, ?fill, "the quota of a remote is nearly full, or full");
            }
        }
        Ok(())
    }
}
