//! Objects that have not settled, in the spools of others that share the catalog: opened there, or said to be there. Never
//! said not to be.

use std::fmt::Debug;
use std::io;

use causeway_catalog::MemberSecret;
use causeway_core::{ObjectKey, StoredInstance};
use causeway_store::{Blob, Error as StoreError};
use futures_util::future::BoxFuture;

use super::pass;
use crate::Archive;
use crate::error::RetrieveError;

/// An object that is being opened.
pub type Opening<'a> = BoxFuture<'a, io::Result<Blob>>;

/// Calls other nodes that share the catalog.
pub trait Fellows: Debug + Send + Sync + 'static {
    /// Opens an object where another node is reached; `secret` is that of all of them.
    fn open<'a>(&'a self, address: &'a str, secret: &'a MemberSecret, object: &'a ObjectKey) -> Opening<'a>;
}

impl Archive {
    /// Opens the object of an instance, wherever it is.
    pub(crate) async fn open_object(&self, instance: &StoredInstance) -> Result<Blob, RetrieveError> {
        let (object, store) = (&instance.object, &self.inner.store);
        // What settled once is in the store for good.
        if instance.is_settled || !self.inner.catalog.is_shared() {
            return Ok(store.open_known(object, instance.object_bytes).await?);
        }
        match store.open_spooled(object).await? {
            Some(blob) => Ok(blob),
            None => self.open_elsewhere(instance).await,
        }
    }

    /// Whether another node's spool has an object, which has not settled.
    pub(crate) async fn is_elsewhere(&self, object: &ObjectKey) -> Result<bool, causeway_catalog::Error> {
        let catalog = &self.inner.catalog;
        Ok(catalog.is_shared() && catalog.spooled_by(object.clone()).await?.is_some())
    }

    async fn open_elsewhere(&self, instance: &StoredInstance) -> Result<Blob, RetrieveError> {
        let (object, store, catalog) = (&instance.object, &self.inner.store, &self.inner.catalog);
        let Some(who) = catalog.spooled_by(object.clone()).await? else {
            // It settled between the two looks, or it is not there.
            return Ok(store.open_known(object, instance.object_bytes).await?);
        };
        let because = match (&self.inner.config.fellows, &who.address) {
            (Some(fellows), Some(address)) => {
                match fellows.open(address, &self.inner.members.secret, object).await {
                    Ok(blob) => return Ok(blob),
                    Err(error) => error.to_string(),
                }
            }
            _ => "it has no [node] address".to_owned(),
        };
        if catalog.spooled_by(object.clone()).await?.is_none() {
            return Ok(store.open_known(object, instance.object_bytes).await?);
        }
        tracing::warn!(%object, node = who.name, because, "an object lies with another node that does not give it");
        Err(RetrieveError::Elsewhere { node: who.name, because })
    }

    /// Opens an object for another node that shares the catalog; none: `shown` is no pass for it.
    ///
    /// # Errors
    /// When the store fails or does not have it.
    pub async fn open_for_fellow(&self, object: &ObjectKey, shown: &str) -> Result<Option<Blob>, StoreError> {
        let now = self.inner.clock.now();
        if !self.inner.catalog.is_shared() || !pass::is_good(shown, &self.inner.members.secret, object, now) {
            return Ok(None);
        }
        self.inner.store.open_blob(object).await.map(Some)
    }
}
