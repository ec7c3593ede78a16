//! The routes in force, and the archive's seam to them: what comes in is held against each.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use causeway_archive::Dispatcher;
use causeway_catalog::{Catalog, Place, RouteRecord};
use causeway_core::{CameBack, InstanceRecord, PlannedDelivery, RemoteName, Trigger, Uid};
use tokio::sync::{Mutex, watch};

use crate::route::Route;
use crate::routes::Routes;

/// How long it waits until it reads again what could not be read.
const READ_AGAIN: Duration = Duration::from_secs(1);
/// What stands for the route of what came back.
pub(crate) const WAY_BACK: &str = "way-back";

/// Names destinations as instances come in, and wakes the workers.
pub struct Router {
    catalog: Catalog,
    routes: RwLock<Arc<Routes>>,
    /// Held while the list is read and put in force, so that an older one never takes the place of a newer.
    refreshing: Mutex<()>,
    /// Counts nudges; each who waits has its own receiver, so that none takes another's.
    bell: watch::Sender<u64>,
    /// Studies that are fetched for a route, each with the remote that gives it: no route is asked of them.
    fetched: std::sync::Mutex<Vec<(Uid, RemoteName)>>,
}

/// A study that no route is asked of while it is fetched; until this goes.
pub(crate) struct Fetched {
    router: Arc<Router>,
    what: (Uid, RemoteName),
}

impl Drop for Fetched {
    fn drop(&mut self) {
        let mut fetched = self.router.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = fetched.iter().position(|it| *it == self.what) {
            fetched.swap_remove(at);
        }
    }
}

impl Router {
    /// A router with the routes of the catalog. One that cannot be read any more is left out, and said so.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn load(catalog: Catalog) -> Result<Self, causeway_catalog::Error> {
        let router = Self {
            catalog,
            routes: RwLock::default(),
            refreshing: Mutex::default(),
            bell: watch::Sender::new(0),
            fetched: std::sync::Mutex::default(),
        };
        router.refresh().await?;
        Ok(router)
    }

    /// The routes as they stand.
    #[must_use]
    pub fn routes(&self) -> Arc<Routes> {
        self.routes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Saves a route and puts it in force.
    pub(crate) async fn put(
        self: &Arc<Self>,
        record: RouteRecord,
        who: &str,
    ) -> Result<(), causeway_catalog::Error> {
        let (router, who) = (Arc::clone(self), who.to_owned());
        to_its_end(async move {
            router.catalog.put_route(record, &who).await?;
            router.refresh().await
        })
        .await
    }

    /// Moves a route to another place; says whether it could.
    pub(crate) async fn put_at(
        self: &Arc<Self>,
        name: RemoteName,
        place: Place,
        who: &str,
    ) -> Result<bool, causeway_catalog::Error> {
        let (router, who) = (Arc::clone(self), who.to_owned());
        to_its_end(async move {
            let moved = router.catalog.move_route(name, place, &who).await?;
            router.refresh().await?;
            Ok(moved)
        })
        .await
    }

    /// Removes a route; says whether there was one.
    pub(crate) async fn remove(
        self: &Arc<Self>,
        name: RemoteName,
        who: &str,
    ) -> Result<bool, causeway_catalog::Error> {
        let (router, who) = (Arc::clone(self), who.to_owned());
        to_its_end(async move {
            let removed = router.catalog.remove_route(name, &who).await?;
            router.refresh().await?;
            Ok(removed)
        })
        .await
    }

    /// Reads the routes again whenever another node changed a setting; never ends.
    pub(crate) async fn keep_up(&self, mut settings: watch::Receiver<i64>) {
        while settings.changed().await.is_ok() {
            while let Err(error) = self.refresh().await {
                tracing::warn!(%error, "routes that another node changed cannot be read; it is tried again");
                tokio::time::sleep(READ_AGAIN).await;
            }
            Dispatcher::nudge(self);
        }
        std::future::pending::<()>().await;
    }

    async fn refresh(&self) -> Result<(), causeway_catalog::Error> {
        let _alone = self.refreshing.lock().await;
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
        *self.routes.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Routes::new(routes));
        Ok(())
    }

    /// Asks no route of a study that a remote gives, until what this gives goes.
    pub(crate) fn leave_alone(self: &Arc<Self>, study: Uid, remote: RemoteName) -> Fetched {
        let what = (study, remote);
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner).push(what.clone());
        Fetched { router: Arc::clone(self), what }
    }

    fn is_fetched(&self, record: &InstanceRecord) -> bool {
        let fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        let from = record.envelope.remote.as_ref();
        fetched.iter().any(|(study, remote)| *study == record.ids.study && from == Some(remote))
    }

    /// Changes when there may be work.
    pub(crate) fn nudges(&self) -> watch::Receiver<u64> {
        self.bell.subscribe()
    }
}

/// Runs a change to its end, also when whoever asked for it goes away meanwhile: it would be saved and not in force.
async fn to_its_end<T: Send + 'static>(
    change: impl Future<Output = Result<T, causeway_catalog::Error>> + Send + 'static,
) -> Result<T, causeway_catalog::Error> {
    // It fails to be joined only when the node is going down.
    tokio::spawn(change).await.unwrap_or(Err(causeway_catalog::Error::Closed))
}

/// What a remote made for a study goes to where the study came from, whatever routes say.
fn way_back(record: &InstanceRecord) -> Option<PlannedDelivery> {
    let CameBack { from, to } = record.envelope.came_back.as_deref()?;
    let remote = to.clone().filter(|to| to != from)?;
    let route = WAY_BACK.parse().ok()?;
    Some(PlannedDelivery::plain(route, remote, Trigger::Instance))
}

impl Dispatcher for Router {
    /// One delivery for each remote that some route sends it to.
    fn plan(&self, record: &InstanceRecord) -> Vec<PlannedDelivery> {
        let mut planned = if self.is_fetched(record) { Vec::new() } else { self.routes().plan(record) };
        if let Some(back) = way_back(record) {
            planned.retain(|it| it.remote != back.remote);
            planned.push(back);
        }
        planned
    }

    fn nudge(&self) {
        self.bell.send_modify(|count| *count = count.wrapping_add(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::record;

    #[test]
    fn what_came_back_goes_to_where_its_study_came_from_and_to_nobody_where_that_is_its_maker() {
        let name = |text: &str| -> RemoteName { text.parse().unwrap() };
        let mut record = record();
        assert_eq!(way_back(&record), None);
        for (to, goes) in [(Some("pacs"), true), (Some("reader"), false), (None, false)] {
            let came_back = CameBack { from: name("reader"), to: to.map(name) };
            record.envelope.came_back = Some(Box::new(came_back));
            let planned = way_back(&record);
            assert_eq!(planned.is_some(), goes, "{to:?}");
            assert!(planned.is_none_or(|it| it.remote == name("pacs") && it.route.as_str() == WAY_BACK));
        }
    }
}
