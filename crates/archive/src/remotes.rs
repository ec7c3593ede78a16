//! The other systems this node knows: kept in the catalog, held in memory for the doors, changed at once.

use std::sync::{Arc, PoisonError, RwLock};

use causeway_catalog::Catalog;
use causeway_core::{Permission, Principal, Remote, RemoteName};

use crate::error::SearchError;
use crate::{Archive, access};

/// All remotes as they stand.
pub(crate) struct Directory(RwLock<Arc<Vec<Remote>>>);

impl Directory {
    pub(crate) async fn load(catalog: &Catalog) -> Result<Self, causeway_catalog::Error> {
        Ok(Self(RwLock::new(Arc::new(catalog.remotes().await?))))
    }

    pub(crate) fn snapshot(&self) -> Arc<Vec<Remote>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn refresh(&self, catalog: &Catalog) -> Result<(), causeway_catalog::Error> {
        let remotes = Arc::new(catalog.remotes().await?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = remotes;
        Ok(())
    }
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

    /// Adds a remote or changes the one of its name; in force when this returns.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn put_remote(&self, principal: &Principal, remote: Remote) -> Result<(), SearchError> {
        access::allow(principal, Permission::Admin)?;
        self.inner.catalog.put_remote(remote, &principal.name).await?;
        Ok(self.inner.remotes.refresh(&self.inner.catalog).await?)
    }

    /// Removes a remote; says whether there was one.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn remove_remote(&self, principal: &Principal, name: &RemoteName) -> Result<bool, SearchError> {
        access::allow(principal, Permission::Admin)?;
        let removed = self.inner.catalog.remove_remote(name.clone(), &principal.name).await?;
        self.inner.remotes.refresh(&self.inner.catalog).await?;
        Ok(removed)
    }
}
