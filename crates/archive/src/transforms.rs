//! The transforms through which remotes are given instances: kept in the catalog, held in memory ready to be applied,
//! changed at once.

use std::sync::{Arc, PoisonError, RwLock};

use causeway_catalog::Catalog;
use causeway_core::{Permission, Principal, Remote, RemoteName, Transform};
use causeway_dataset::transform::{Plan, PlanError};
use tokio::sync::Mutex;

use crate::error::SearchError;
use crate::remotes::to_its_end;
use crate::{AccessError, Archive, access};

/// Why a transform was not changed, or a remote not given one.
#[derive(Debug, thiserror::Error)]
pub enum TransformError {
    /// The caller is no administrator.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// It cannot be applied.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Remotes are given instances through it.
    #[error("remote '{0}' is given instances through it; give that remote another one first")]
    InUse(RemoteName),
    /// It is not there, or does not go together with what else is set for a remote.
    #[error("{0}")]
    Unfit(String),
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] causeway_catalog::Error),
}

/// All transforms as they stand.
pub(crate) struct Shelf {
    plans: RwLock<Arc<Vec<Arc<Plan>>>>,
    /// Held while the list is read and put in force, so that an older one never takes the place of a newer.
    refreshing: Mutex<()>,
}

impl Shelf {
    pub(crate) async fn load(catalog: &Catalog) -> Result<Self, causeway_catalog::Error> {
        let shelf = Self { plans: RwLock::default(), refreshing: Mutex::default() };
        shelf.refresh(catalog).await?;
        Ok(shelf)
    }

    pub(crate) fn plan(&self, name: &RemoteName) -> Option<Arc<Plan>> {
        self.snapshot().iter().find(|plan| plan.transform().name == *name).cloned()
    }

    fn snapshot(&self) -> Arc<Vec<Arc<Plan>>> {
        self.plans.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) async fn refresh(&self, catalog: &Catalog) -> Result<(), causeway_catalog::Error> {
        let _alone = self.refreshing.lock().await;
        let mut plans = Vec::new();
        for (transform, secret) in catalog.transforms().await? {
            let name = transform.name.clone();
            match Plan::new(transform, secret) {
                Ok(plan) => plans.push(Arc::new(plan)),
                // Its remotes are given nothing then, rather than originals.
                Err(error) => {
                    tracing::error!(transform = %name, %error, "a saved transform cannot be applied");
                }
            }
        }
        *self.plans.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(plans);
        Ok(())
    }
}

impl Archive {
    /// All transforms, by name.
    ///
    /// # Errors
    /// When the caller is no administrator.
    pub fn transforms(&self, principal: &Principal) -> Result<Vec<Transform>, SearchError> {
        access::allow(principal, Permission::Admin)?;
        Ok(self.inner.transforms.snapshot().iter().map(|plan| plan.transform().clone()).collect())
    }

    /// The transform of this name, ready to be applied.
    ///
    /// # Errors
    /// When the caller is no administrator.
    pub fn plan(&self, principal: &Principal, name: &RemoteName) -> Result<Option<Arc<Plan>>, SearchError> {
        access::allow(principal, Permission::Admin)?;
        Ok(self.inner.transforms.plan(name))
    }

    /// Adds a transform or changes the one of its name; in force when this returns.
    ///
    /// # Errors
    /// When the caller is no administrator, it cannot be applied, or a remote that has it may not have it so.
    pub async fn put_transform(
        &self,
        principal: &Principal,
        transform: Transform,
    ) -> Result<(), TransformError> {
        access::allow(principal, Permission::Admin)?;
        let fresh = rand::random();
        let plan = Plan::new(transform.clone(), fresh)?;
        for remote in self.remotes().iter().filter(|it| it.transform.as_ref() == Some(&transform.name)) {
            fits(remote, &plan)?;
        }
        let (inner, who) = (Arc::clone(&self.inner), principal.name.clone());
        let change = async move {
            inner.catalog.put_transform(transform, fresh, &who).await?;
            inner.transforms.refresh(&inner.catalog).await
        };
        Ok(to_its_end(change).await?)
    }

    /// Removes a transform; says whether there was one. Its project's secret stays, so that what was sent out still
    /// comes back.
    ///
    /// # Errors
    /// When the caller is no administrator, a remote is given instances through it, or the catalog fails.
    pub async fn remove_transform(
        &self,
        principal: &Principal,
        name: &RemoteName,
    ) -> Result<bool, TransformError> {
        access::allow(principal, Permission::Admin)?;
        if let Some(remote) = self.remotes().iter().find(|it| it.transform.as_ref() == Some(name)) {
            return Err(TransformError::InUse(remote.name.clone()));
        }
        let (inner, name, who) = (Arc::clone(&self.inner), name.clone(), principal.name.clone());
        let change = async move {
            let removed = inner.catalog.remove_transform(name, &who).await?;
            inner.transforms.refresh(&inner.catalog).await?;
            Ok(removed)
        };
        Ok(to_its_end(change).await?)
    }

    /// Whether a remote may be as it is written: its transform is there, and nothing else that is set for it would
    /// give it what its transform takes away.
    ///
    /// # Errors
    /// Says what does not go together.
    pub fn check_transform_of(&self, remote: &Remote) -> Result<(), TransformError> {
        let Some(name) = &remote.transform else { return Ok(()) };
        match self.inner.transforms.plan(name) {
            Some(plan) => fits(remote, &plan),
            None => Err(TransformError::Unfit(format!("there is no transform '{name}'"))),
        }
    }
}

fn fits(remote: &Remote, plan: &Plan) -> Result<(), TransformError> {
    let transform = plan.transform();
    let unfit = |words: &str| {
        Err(TransformError::Unfit(format!(
            "remote '{}', transform '{}': {words}",
            remote.name, transform.name
        )))
    };
    if transform.maps_uids() && remote.follow.commitment {
        return unfit("it cannot be asked to commit to instances that it knows by other UIDs (--commitment)");
    }
    if plan.hides_identity() && remote.follow.availability {
        return unfit(
            "notices of availability would name to it the studies as they are here (--availability)",
        );
    }
    let fetches = [Permission::Query, Permission::Retrieve].iter().any(|it| remote.allow.allow(*it));
    if transform.deidentifies() && fetches {
        return unfit(
            "it may query or retrieve here, and what it fetches is not de-identified: allow it to store only \
             (--allow store)",
        );
    }
    Ok(())
}
