//! Deleting what settled, from every place that may have it. What an object store cannot remove now is not to be read any
//! more, and goes when it can.

use causeway_core::ObjectKey;

use super::Objects;
use crate::Store;
use crate::error::Error;

/// Doomed objects that are removed at a time.
const DOOMED_AT_A_TIME: usize = 200;

impl Objects {
    /// Removes a settled blob that is no file, for good. Where that cannot be done now, it is noted, and is done when it can.
    pub(crate) async fn delete(&self, store: &Store, key: &ObjectKey) -> Result<(), Error> {
        if self.remotes().next().is_none() && self.also.is_none() {
            return Ok(());
        }
        // Whoever uploads it removes it; should the node end before that, the note is left. And nobody is to wait for a store
        // that is away.
        if self.under_way.contains(key) || self.remotes().any(super::RemoteObjects::is_failing) {
            return self.doom(store, key).await;
        }
        self.remove_or_doom(store, key).await
    }

    /// Removes an object from every object store, or notes that it is to go.
    pub(super) async fn remove_or_doom(&self, store: &Store, key: &ObjectKey) -> Result<(), Error> {
        match self.remove(key).await {
            Ok(()) if self.doomed.contains(key) => self.strike(store, key).await,
            Ok(()) => Ok(()),
            Err(error) => {
                tracing::info!(object = %key, %error, "a deleted object is removed from the object store later");
                self.doom(store, key).await
            }
        }
    }

    /// The second is not asked while the first fails: it is to be done again anyway.
    async fn remove(&self, key: &ObjectKey) -> Result<(), Error> {
        for remote in self.remotes() {
            remote.remove(key).await?;
        }
        Ok(())
    }

    async fn doom(&self, store: &Store, key: &ObjectKey) -> Result<(), Error> {
        let (doomed, key) = (self.doomed.clone(), key.clone());
        store.inner.writers.run(move || doomed.add(&key)).await?
    }

    async fn strike(&self, store: &Store, key: &ObjectKey) -> Result<(), Error> {
        let (doomed, key) = (self.doomed.clone(), key.clone());
        store.inner.writers.run(move || doomed.strike(&key)).await?
    }

    /// Removes what could not be removed before; gives whether there was any.
    pub(crate) async fn remove_doomed(&self, store: &Store) -> Result<bool, Error> {
        if self.remotes().next().is_none() && self.also.is_none() {
            // What is noted is for a store that is not ours any more.
            return Ok(false);
        }
        let doomed = self.doomed.some(DOOMED_AT_A_TIME);
        let mut is_any = false;
        for key in doomed {
            // One that is uploaded is left to whoever uploads it.
            if !self.under_way.contains(&key) {
                store.discard(&key).await?;
                self.remove(&key).await?;
                self.strike(store, &key).await?;
                self.remotes().for_each(super::RemoteObjects::succeeded);
                is_any = true;
            }
        }
        Ok(is_any)
    }
}
