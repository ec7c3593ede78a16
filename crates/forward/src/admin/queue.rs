//! Queues: a report per destination, jobs one by one, and what is done to them.

use causeway_catalog::delivery::{Change, Changed, Filter, JobRow, Paused, RemoteReport, Which};
use causeway_core::{Principal, RemoteName};
use jiff::Timestamp;
use serde::Serialize;

use super::{AdminError, admin};
use crate::health::Health;
use crate::worker::Forwarder;

/// A destination's queue and how it is doing.
#[derive(Debug, Clone, Serialize)]
pub struct DestinationReport {
    /// Jobs by state.
    #[serde(flatten)]
    pub jobs: RemoteReport,
    /// When it is tried again, while it is left alone.
    pub held_until: Option<Timestamp>,
    /// Why it is left alone, or what it waits for.
    pub because: Option<String>,
    /// Who holds it up by hand, and since when.
    pub paused: Option<Paused>,
}

impl Forwarder {
    /// Every destination's queue.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn report(&self, principal: &Principal) -> Result<Vec<DestinationReport>, AdminError> {
        admin(principal)?;
        let reports = self.inner.catalog.delivery_report().await?;
        let paused = self.inner.catalog.paused().await?;
        let with_health = |jobs: RemoteReport| {
            let paused = paused.iter().find(|paused| paused.remote == jobs.remote).cloned();
            let (held_until, because) = match self.inner.health(&jobs.remote) {
                Health::Well => (None, self.inner.absence(&jobs.remote)),
                Health::Held { until, because, .. } => (Some(until), Some(because.words)),
            };
            DestinationReport { jobs, held_until, because, paused }
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

    /// Retries, parks or cancels a job. A retry tries the remote itself at once.
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
        match (&changed, change) {
            (Changed::Done(remote), Change::Retry) => self.inner.forgive(remote),
            _ => self.nudge(),
        }
        Ok(changed)
    }

    /// Retries, parks or cancels all jobs of some deliveries to which it can be done; says how many. A retry tries their
    /// remotes themselves at once.
    ///
    /// # Errors
    /// When the caller is no administrator, nothing is named, or the catalog fails.
    pub async fn change_many(
        &self,
        principal: &Principal,
        which: Which,
        change: Change,
    ) -> Result<u64, AdminError> {
        let which = named(principal, which)?;
        let remotes = match change {
            Change::Retry => self.inner.catalog.remotes_of(which.clone()).await?,
            Change::Park | Change::Cancel => Vec::new(),
        };
        // Before they can be claimed, so that none goes over a line of before.
        remotes.iter().for_each(|remote| self.inner.forgive(remote));
        let changed = self.inner.catalog.change_jobs(which, change, &principal.name).await?;
        self.nudge();
        Ok(changed)
    }

    /// Sends elsewhere what was not delivered of some deliveries; says how many jobs.
    ///
    /// # Errors
    /// When the caller is no administrator, no remote is named that they were to go to, the other is not known, or the
    /// catalog fails.
    pub async fn reroute(
        &self,
        principal: &Principal,
        which: Which,
        to: RemoteName,
    ) -> Result<u64, AdminError> {
        let which = named(principal, which)?;
        if which.remote.as_ref().is_none_or(|from| *from == to) {
            return Err(AdminError::NowhereFrom);
        }
        if self.inner.archive.remote(&to).is_none() {
            return Err(AdminError::NoRemote(to));
        }
        let moved = self.inner.catalog.reroute(which, to, &principal.name).await?;
        self.nudge();
        Ok(moved)
    }

    /// Holds up a remote as a whole, where nothing else is named, or some deliveries.
    ///
    /// # Errors
    /// When the caller is no administrator, nothing is named, or the catalog fails.
    pub async fn pause(&self, principal: &Principal, which: Which) -> Result<(), AdminError> {
        match whole(named(principal, which)?) {
            Ok(remote) => self.inner.catalog.pause_remote(remote, &principal.name).await?,
            Err(which) => self.inner.catalog.pause_deliveries(which, &principal.name).await?,
        }
        Ok(())
    }

    /// Lets go on what was held up.
    ///
    /// # Errors
    /// When the caller is no administrator, nothing is named, or the catalog fails.
    pub async fn resume(&self, principal: &Principal, which: Which) -> Result<(), AdminError> {
        match whole(named(principal, which)?) {
            Ok(remote) => drop(self.inner.catalog.resume_remote(remote, &principal.name).await?),
            Err(which) => self.inner.catalog.resume_deliveries(which, &principal.name).await?,
        }
        self.nudge();
        Ok(())
    }

    fn nudge(&self) {
        causeway_archive::Dispatcher::nudge(&*self.inner.router);
    }
}

/// What an administrator names; never everything.
fn named(principal: &Principal, which: Which) -> Result<Which, AdminError> {
    admin(principal)?;
    if which.is_everything() { Err(AdminError::NothingNamed) } else { Ok(which) }
}

/// The remote, where it alone is named.
fn whole(which: Which) -> Result<RemoteName, Which> {
    match which {
        Which { remote: Some(remote), study: None, route: None } => Ok(remote),
        which => Err(which),
    }
}
