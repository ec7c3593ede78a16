//! The routes in force, and the archive's seam to them: what comes in is held against each.

use std::sync::{Arc, PoisonError, RwLock};

use causeway_archive::Dispatcher;
use causeway_catalog::Catalog;
use causeway_core::{InstanceRecord, PlannedDelivery};
use tokio::sync::Notify;

use crate::route::Route;

/// Names destinations as instances come in, and wakes the workers.
pub struct Router {
    catalog: Catalog,
    routes: RwLock<Arc<Vec<Route>>>,
    bell: Notify,
}

impl Router {
    /// A router with the routes of the catalog. One that cannot be read any more is left out, and said so.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn load(catalog: Catalog) -> Result<Self, causeway_catalog::Error> {
        let router = Self { catalog, routes: RwLock::default(), bell: Notify::new() };
        router.refresh().await?;
        Ok(router)
    }

    /// The routes as they stand.
    #[must_use]
    pub fn routes(&self) -> Arc<Vec<Route>> {
        self.routes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) async fn refresh(&self) -> Result<(), causeway_catalog::Error> {
        let mut routes = Vec::new();
        for record in self.catalog.routes().await? {
            let name = record.name.clone();
            match Route::parse(record) {
                Ok(route) => routes.push(route),
                Err(error) => {
                    tracing::error!(route = %name, %error, "a saved route cannot be read and is not in force")
                }
            }
        }
        *self.routes.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(routes);
        Ok(())
    }

    /// Completes when there may be work. A nudge that nobody waits for is kept for the next who does.
    pub(crate) async fn nudged(&self) {
        self.bell.notified().await;
    }
}

impl Dispatcher for Router {
    /// One delivery for each remote that some route sends it to: the first such route in their order.
    fn plan(&self, record: &InstanceRecord) -> Vec<PlannedDelivery> {
        let mut planned: Vec<PlannedDelivery> = Vec::new();
        for delivery in self.routes().iter().filter_map(|route| route.plan(record)) {
            if planned.iter().all(|earlier| earlier.remote != delivery.remote) {
                planned.push(delivery);
            }
        }
        planned
    }

    fn nudge(&self) {
        self.bell.notify_one();
    }
}
