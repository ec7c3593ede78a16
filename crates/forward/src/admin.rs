//! What an administrator sees and does: routes, queues, an echo. Every change asks for leave first.

use causeway_catalog::RouteRecord;
use causeway_catalog::delivery::{Change, Changed, Filter, JobRow, RemoteReport, StudyDelivery};
use causeway_catalog::errand::{ErrandCount, ErrandFilter, ErrandRow};
use causeway_core::{Permission, Principal, Remote, RemoteName, Status, Uid};
use jiff::Timestamp;
use serde::Serialize;

use crate::health::Health;
use crate::route::{Explained, Route, RouteError};
use crate::sender;
use crate::worker::Forwarder;

pub use causeway_archive::AccessError;

/// Instances of a study that a dry run looks at.
const MAX_EXPLAINED: u32 = 1000;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The caller may not.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The route cannot be saved.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// The catalog failed.
    #[error("the catalog failed: {0}")]
    Catalog(#[from] causeway_catalog::Error),
}

/// A destination's queue and how it is doing.
#[derive(Debug, Clone, Serialize)]
pub struct DestinationReport {
    /// Jobs by state.
    #[serde(flatten)]
    pub jobs: RemoteReport,
    /// When it is tried again, while it is left alone.
    pub held_until: Option<Timestamp>,
    /// Why it is left alone.
    pub because: Option<String>,
}

/// What a route does with a study's instances.
#[derive(Debug, Clone, Serialize)]
pub struct RouteExplained {
    /// The route.
    pub route: RemoteName,
    /// Its remote.
    pub remote: RemoteName,
    /// Each different answer, with how many instances it is given for.
    pub answers: Vec<Answered>,
}

/// An answer and how often.
#[derive(Debug, Clone, Serialize)]
pub struct Answered {
    /// The answer.
    #[serde(flatten)]
    pub explained: Explained,
    /// Instances.
    pub instances: u64,
}

/// The outcome of a C-ECHO or of asking a DICOMweb address.
#[derive(Debug, Clone, Serialize)]
pub struct Echoed {
    /// Whether it answered as it should.
    pub is_well: bool,
    /// In words.
    pub words: String,
}

fn admin(principal: &Principal) -> Result<(), AccessError> {
    causeway_archive::access::allow(principal, Permission::Admin)
}

/// What an echo came to.
fn echo_words(remote: &Remote, answered: sender::Answered) -> String {
    let words = match answered.status {
        Status::SUCCESS => "it answered".to_owned(),
        other => format!("it answered with status {other}"),
    };
    let unseen = remote.credentials.is_some() && !answered.has_confirmed_us;
    if unseen { format!("{words}, and did not say that it looked at who we are") } else { words }
}

impl Forwarder {
    /// All routes, in the order in which they are asked.
    ///
    /// # Errors
    /// When the caller is no administrator.
    pub fn routes(&self, principal: &Principal) -> Result<Vec<RouteRecord>, AdminError> {
        admin(principal)?;
        Ok(self.inner.router.routes().iter().map(|route| route.record.clone()).collect())
    }

    /// Adds a route or changes the one of its name; in force when this returns.
    ///
    /// # Errors
    /// When the caller is no administrator, the route is not sound, or the catalog fails.
    pub async fn put_route(&self, principal: &Principal, record: RouteRecord) -> Result<(), AdminError> {
        admin(principal)?;
        let Some(remote) = self.inner.archive.remote(&record.to) else {
            return Err(RouteError::UnknownRemote(record.to).into());
        };
        if remote.dimse_peer().is_none() && remote.dicomweb.is_none() {
            return Err(RouteError::Unreachable(record.to).into());
        }
        let route = Route::parse(record)?;
        Ok(self.inner.router.put(route.record, &principal.name).await?)
    }

    /// Removes a route; says whether there was one.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn remove_route(&self, principal: &Principal, name: RemoteName) -> Result<bool, AdminError> {
        admin(principal)?;
        Ok(self.inner.router.remove(name, &principal.name).await?)
    }

    /// What each route would do with the instances of a study, and why: a dry run.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn explain(
        &self,
        principal: &Principal,
        study: Uid,
    ) -> Result<Vec<RouteExplained>, AdminError> {
        admin(principal)?;
        let records = self.inner.catalog.records(study, MAX_EXPLAINED).await?;
        let explain = |route: &Route| {
            let mut answers: Vec<Answered> = Vec::new();
            for explained in records.iter().map(|record| route.explain(record)) {
                match answers.iter_mut().find(|answer| answer.explained == explained) {
                    Some(answer) => answer.instances += 1,
                    None => answers.push(Answered { explained, instances: 1 }),
                }
            }
            RouteExplained { route: route.record.name.clone(), remote: route.record.to.clone(), answers }
        };
        Ok(self.inner.router.routes().iter().map(explain).collect())
    }

    /// Every destination's queue.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn report(&self, principal: &Principal) -> Result<Vec<DestinationReport>, AdminError> {
        admin(principal)?;
        let reports = self.inner.catalog.delivery_report().await?;
        let with_health = |jobs: RemoteReport| match self.inner.health(&jobs.remote) {
            Health::Well => DestinationReport { jobs, held_until: None, because: None },
            Health::Held { until, because, .. } => {
                DestinationReport { jobs, held_until: Some(until), because: Some(because.words) }
            }
        };
        Ok(reports.into_iter().map(with_health).collect())
    }

    /// Jobs one by one.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn jobs(&self, principal: &Principal, filter: Filter) -> Result<Vec<JobRow>, AdminError> {
        admin(principal)?;
        Ok(self.inner.catalog.jobs(filter).await?)
    }

    /// What was and is to be sent of a study.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn study(&self, principal: &Principal, study: Uid) -> Result<Vec<StudyDelivery>, AdminError> {
        admin(principal)?;
        Ok(self.inner.catalog.study_deliveries(study).await?)
    }

    /// Errands: commitments asked of us and by us, notices.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn errands(
        &self,
        principal: &Principal,
        filter: ErrandFilter,
    ) -> Result<Vec<ErrandRow>, AdminError> {
        admin(principal)?;
        Ok(self.inner.catalog.errands(filter).await?)
    }

    /// How many errands there are of each kind in each state.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn errand_counts(&self, principal: &Principal) -> Result<Vec<ErrandCount>, AdminError> {
        admin(principal)?;
        Ok(self.inner.catalog.errand_counts().await?)
    }

    /// Retries, parks or cancels a job.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn change(
        &self,
        principal: &Principal,
        job: i64,
        change: Change,
    ) -> Result<Changed, AdminError> {
        admin(principal)?;
        let changed = self.inner.catalog.change_job(job, change, &principal.name).await?;
        causeway_archive::Dispatcher::nudge(&*self.inner.router);
        Ok(changed)
    }

    /// Tries all parked jobs of a remote again, and the remote itself at once; says how many jobs.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn retry_parked(&self, principal: &Principal, remote: RemoteName) -> Result<u64, AdminError> {
        admin(principal)?;
        let retried = self.inner.catalog.retry_parked(remote.clone(), &principal.name).await?;
        self.inner.forgive(&remote);
        Ok(retried)
    }

    /// Asks a remote whether it is there: C-ECHO (PS3.7 §9.1.5). `None` when there is no such remote.
    ///
    /// # Errors
    /// When the caller is no administrator.
    pub async fn echo(&self, principal: &Principal, name: &RemoteName) -> Result<Option<Echoed>, AdminError> {
        admin(principal)?;
        let Some(remote) = self.inner.archive.remote(name) else { return Ok(None) };
        let echoed = match sender::echo(&remote, &self.inner.caller, self.inner.patience()).await {
            Ok(answered) => {
                Echoed { is_well: answered.status == Status::SUCCESS, words: echo_words(&remote, answered) }
            }
            Err(failure) => Echoed { is_well: false, words: failure.words },
        };
        if echoed.is_well {
            self.inner.forgive(name);
        }
        Ok(Some(echoed))
    }
}
