//! Files whose row may or may not be there: the catalog failed while it recorded them, and whoever sent them was told so.
//!
//! One without a row must not stay. A replay would record it, and where other bytes of its instance were acknowledged or the
//! instance was deleted meanwhile, those who were told so would have been told wrong. So the catalog is asked once it answers
//! again, before anything else becomes of the instance; who is in doubt when the node ends, the replay knows.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use causeway_core::{ObjectKey, Uid};

use crate::error::IngestError;
use crate::{Archive, CatalogError, StoreError};

/// Objects in doubt, by instance. Each is a file in the spool, which bounds them.
#[derive(Default)]
pub(crate) struct Doubts(Mutex<HashMap<Uid, Vec<ObjectKey>>>);

impl Doubts {
    fn add(&self, instance: &Uid, object: &ObjectKey) {
        self.lock().entry(instance.clone()).or_default().push(object.clone());
    }

    fn of(&self, instance: &Uid) -> Vec<ObjectKey> {
        self.lock().get(instance).cloned().unwrap_or_default()
    }

    fn resolved(&self, instance: &Uid) {
        self.lock().remove(instance);
    }

    fn instances(&self) -> Vec<Uid> {
        self.lock().keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uid, Vec<ObjectKey>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Archive {
    /// Gives what recording an object came to, and keeps in mind that its row is in doubt if that failed.
    pub(super) fn or_in_doubt<T>(
        &self,
        instance: &Uid,
        object: &ObjectKey,
        recorded: Result<T, IngestError>,
    ) -> Result<T, IngestError> {
        recorded.inspect_err(|_| self.inner.doubts.add(instance, object))
    }

    /// Removes, for good, the files of an instance that turn out to have no row. It must be the instance's turn.
    pub(super) async fn resolve_doubts_of<E>(&self, instance: &Uid) -> Result<(), E>
    where
        E: From<CatalogError> + From<StoreError>,
    {
        for object in self.inner.doubts.of(instance) {
            if !self.inner.catalog.object_known_by_now(object.clone()).await? {
                self.inner.store.discard_for_good(&object).await?;
            }
        }
        self.inner.doubts.resolved(instance);
        Ok(())
    }

    /// The same for all instances.
    pub(crate) async fn resolve_doubts<E>(&self) -> Result<(), E>
    where
        E: From<CatalogError> + From<StoreError>,
    {
        for instance in self.inner.doubts.instances() {
            let _turn = self.inner.turns.of(&instance).await;
            self.resolve_doubts_of::<E>(&instance).await?;
        }
        Ok(())
    }
}
