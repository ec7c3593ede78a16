//! Routes: list, put, move, remove; what they do with a study, and what a draft would have done with what came.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use causeway_catalog::{Ask, Place, RouteRecord};
use causeway_core::{InstanceRecord, Principal, Remote, RemoteName, Uid};
use jiff::Timestamp;
use serde::Serialize;

use super::{AdminError, admin};
use crate::route::{Route, RouteError};
use crate::router::WAY_BACK;
use crate::routes::{Explained, Routes};
use crate::worker::Forwarder;

/// Instances of a study that are looked at to explain what happens to it.
const MAX_EXPLAINED: u32 = 1000;
/// Instances that a draft is tried on, at most.
pub const MAX_REHEARSED: u64 = 1_000_000;
/// Instances that are read in one go for it.
const REHEARSED_TOGETHER: u32 = 500;
/// Studies that are told of one by one, at most.
const MAX_STUDIES: usize = 100;

/// What a route does with a study's instances.
#[derive(Debug, Clone, Serialize)]
pub struct RouteExplained {
    /// The route.
    pub route: RemoteName,
    /// Its remotes.
    pub to: Vec<RemoteName>,
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

/// What a draft would have done with what came.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Rehearsal {
    /// Instances that came and are still here.
    pub instances: u64,
    /// Whether there were more than are looked at.
    pub is_cut: bool,
    /// What each route sends to each remote, as things are and with the draft.
    pub sends: Vec<Sends>,
    /// Studies of which the draft sends something, the latest first; the first hundred of them.
    pub studies: Vec<StudySent>,
}

/// What a route sends to a remote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sends {
    /// The route.
    pub route: RemoteName,
    /// The remote.
    pub remote: RemoteName,
    /// Instances, as things are.
    pub before: u64,
    /// Instances, with the draft.
    pub after: u64,
}

/// What a draft sends of a study.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StudySent {
    /// The study.
    pub study: Uid,
    /// Instances of it.
    pub instances: u64,
    /// Where to.
    pub to: BTreeSet<RemoteName>,
}

impl Forwarder {
    /// All routes, in the order in which they are asked.
    ///
    /// # Errors
    /// When the caller is no administrator.
    pub fn routes(&self, principal: &Principal) -> Result<Vec<RouteRecord>, AdminError> {
        admin(principal)?;
        Ok(self.inner.router.routes().records())
    }

    /// Adds a route or changes the one of its name; in force when this returns.
    ///
    /// # Errors
    /// When the caller is no administrator, the route is not sound, or the catalog fails.
    pub async fn put_route(&self, principal: &Principal, record: RouteRecord) -> Result<(), AdminError> {
        admin(principal)?;
        let route = self.sound(record)?;
        Ok(self.inner.router.put(route.record, &principal.name).await?)
    }

    /// Moves a route to another place in the order; says whether it, and the one it is put before, are there.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn move_route(
        &self,
        principal: &Principal,
        name: RemoteName,
        place: Place,
    ) -> Result<bool, AdminError> {
        admin(principal)?;
        Ok(self.inner.router.put_at(name, place, &principal.name).await?)
    }

    /// Removes a route; says whether there was one.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn remove_route(&self, principal: &Principal, name: RemoteName) -> Result<bool, AdminError> {
        admin(principal)?;
        Ok(self.inner.router.remove(name, &principal.name).await?)
    }

    /// What each route does with the instances of a study, and why: a dry run.
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
        Ok(explained(&self.inner.router.routes(), &records))
    }

    /// What a draft would have done with what came since then and is still here: a dry run. A draft of the name of a
    /// route takes its place.
    ///
    /// # Errors
    /// When the caller is no administrator, the draft is not sound, or the catalog fails.
    pub async fn rehearse(
        &self,
        principal: &Principal,
        draft: RouteRecord,
        since: Duration,
    ) -> Result<Rehearsal, AdminError> {
        admin(principal)?;
        let draft = self.sound(draft)?;
        let since = self.inner.clock.now().saturating_sub(since).unwrap_or(Timestamp::MIN);
        let (before, name) = (self.inner.router.routes(), draft.record.name.clone());
        let after = before.with(draft);
        let mut tally = Tally::new(name);
        let mut from = i64::MAX;
        loop {
            let records = self.inner.catalog.records_before(from, REHEARSED_TOGETHER).await?;
            let Some((oldest, _)) = records.last() else { break };
            from = *oldest;
            for (_, record) in &records {
                if record.envelope.received_at < since {
                    return Ok(tally.told());
                }
                tally.count(record, &before, &after);
            }
            if tally.rehearsal.instances >= MAX_REHEARSED {
                tally.rehearsal.is_cut = true;
                break;
            }
        }
        Ok(tally.told())
    }

    /// A route whose remotes are there and can be called.
    fn sound(&self, record: RouteRecord) -> Result<Route, RouteError> {
        if record.name.as_str() == WAY_BACK {
            return Err(RouteError::Reserved);
        }
        let known = |name: &RemoteName| {
            self.inner.archive.remote(name).ok_or_else(|| RouteError::UnknownRemote(name.clone()))
        };
        for name in &record.to {
            if !can_be_called(&known(name)?) {
                return Err(RouteError::Unreachable(name.clone()));
            }
        }
        if let Ask::Remote(name) = &record.completeness.ask
            && !known(name)?.can_be_asked()
        {
            return Err(RouteError::NotAskable(name.clone()));
        }
        Route::parse(record)
    }
}

fn can_be_called(remote: &Remote) -> bool {
    remote.can_be_asked() || remote.sending_link().is_some()
}

fn explained(routes: &Routes, records: &[InstanceRecord]) -> Vec<RouteExplained> {
    let mut all: Vec<RouteExplained> = routes
        .iter()
        .map(|route| RouteExplained {
            route: route.record.name.clone(),
            to: route.record.to.clone(),
            answers: Vec::new(),
        })
        .collect();
    for record in records {
        for (told, (_, explained)) in all.iter_mut().zip(routes.explain(record)) {
            match told.answers.iter_mut().find(|answer| answer.explained == explained) {
                Some(answer) => answer.instances += 1,
                None => told.answers.push(Answered { explained, instances: 1 }),
            }
        }
    }
    all
}

/// What a rehearsal counts.
struct Tally {
    draft: RemoteName,
    rehearsal: Rehearsal,
    /// Before and after, by route and remote.
    sends: BTreeMap<(RemoteName, RemoteName), [u64; 2]>,
}

impl Tally {
    fn new(draft: RemoteName) -> Self {
        Self { draft, rehearsal: Rehearsal::default(), sends: BTreeMap::new() }
    }

    fn count(&mut self, record: &InstanceRecord, before: &Routes, after: &Routes) {
        self.rehearsal.instances += 1;

        for planned in before.plan(record) {
            let [before, _] = self.sends.entry((planned.route, planned.remote)).or_default();
            *before += 1;
        }
        let mut to = BTreeSet::new();
        for planned in after.plan(record) {
            if planned.route == self.draft {
                to.insert(planned.remote.clone());
            }
            let [_, after] = self.sends.entry((planned.route, planned.remote)).or_default();
            *after += 1;
        }
        if to.is_empty() {
            return;
        }
        let studies = &mut self.rehearsal.studies;
        let has_room = studies.len() < MAX_STUDIES;
        match studies.iter_mut().find(|sent| sent.study == record.ids.study) {
            Some(sent) => {
                sent.instances += 1;
                sent.to.extend(to);
            }
            None if has_room => {
                studies.push(StudySent { study: record.ids.study.clone(), instances: 1, to });
            }
            None => {}
        }
    }

    fn told(mut self) -> Rehearsal {
        let sends = self.sends.into_iter().map(|((route, remote), [before, after])| Sends {
            route,
            remote,
            before,
            after,
        });
        self.rehearsal.sends = sends.collect();
        self.rehearsal
    }
}
