//! The other systems this node knows: kept in the catalog, held in memory for the doors, changed at once.

use std::sync::{Arc, PoisonError, RwLock};

use causeway_catalog::Catalog;
use causeway_core::{Permission, Principal, Remote, RemoteName};
use tokio::sync::Mutex;

use crate::error::SearchError;
use crate::{Archive, access};

/// All remotes as they stand.
pub(crate) struct Directory {
    remotes: RwLock<Arc<Vec<Remote>>>,
    /// Held while the list is read and put in force, so that an older one never takes the place of a newer.
    refreshing: Mutex<()>,
}

impl Directory {
    pub(crate) async fn load(catalog: &Catalog) -> Result<Self, causeway_catalog::Error> {
        let remotes = RwLock::new(Arc::new(catalog.remotes().await?));
        Ok(Self { remotes, refreshing: Mutex::default() })
    }

    pub(crate) fn snapshot(&self) -> Arc<Vec<Remote>> {
        self.remotes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) async fn refresh(&self, catalog: &Catalog) -> Result<(), causeway_catalog::Error> {
        let _alone = self.refreshing.lock().await;
        let remotes = Arc::new(catalog.remotes().await?);
        *self.remotes.write().unwrap_or_else(PoisonError::into_inner) = remotes;
        Ok(())
    }
}

/// Runs a change to its end, also when whoever asked for it goes away meanwhile: it would be saved and not in force.
pub(crate) async fn to_its_end<T: Send + 'static>(
    change: impl Future<Output = Result<T, causeway_catalog::Error>> + Send + 'static,
) -> Result<T, causeway_catalog::Error> {
    // It fails to be joined only when the node is going down.
    tokio::spawn(change).await.unwrap_or(Err(causeway_catalog::Error::Closed))
}

impl Archive {
    /// All remotes, by name.
    #[must_use]
    pub fn remotes(&self) -> Arc<Vec<Remote>> {
        self.inner.remotes.snapshot()
    }

    /// The remote called `name`.
    #[must_use]
    pub fn remote(&self, name: &RemoteName) -> Option<Remote> {
        self.remotes().iter().find(|remote| remote.name == *name).cloned()
    }

    /// Adds a remote or changes the one of its name; in force when this returns. Its link stays as pairing made it.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn put_remote(&self, principal: &Principal, remote: Remote) -> Result<(), SearchError> {
        access::allow(principal, Permission::Admin)?;
        let link = self.remote(&remote.name).and_then(|known| known.link);
        let remote = Remote { link, ..remote };
        let (inner, who) = (Arc::clone(&self.inner), principal.name.clone());
        let change = async move {
            inner.catalog.put_remote(remote, &who).await?;
            inner.remotes.refresh(&inner.catalog).await
        };
        Ok(to_its_end(change).await?)
    }

    /// Removes a remote; says whether there was one.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn remove_remote(&self, principal: &Principal, name: &RemoteName) -> Result<bool, SearchError> {
        access::allow(principal, Permission::Admin)?;
        let (inner, name, who) = (Arc::clone(&self.inner), name.clone(), principal.name.clone());
        let change = async move {
            let removed = inner.catalog.remove_remote(name, &who).await?;
            inner.links.refresh(&inner.catalog).await?;
            inner.remotes.refresh(&inner.catalog).await?;
            Ok(removed)
        };
        Ok(to_its_end(change).await?)
    }
}
