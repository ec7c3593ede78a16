//! What an administrator does to jobs: send again, park, cancel, hold up, send elsewhere. Many jobs are changed a few
//! at a time, so that nobody else waits for long.

use causeway_core::{RemoteName, Uid};

use super::JobState;
use super::claim::{look_by, name};
use super::list::conditions;
use crate::Catalog;
use crate::audit;
use crate::engine::{Connection, Durability, OptionalExtension, ToSql, params_from_iter};
use crate::error::Error;

/// Jobs that are changed in one transaction, at most.
const JOBS_TOGETHER: usize = 2000;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Send it now, counting attempts anew.
    Retry,
    /// Leave it until told otherwise.
    Park,
    /// Never send it.
    Cancel,
}

/// What became of one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// It was done to a job to this remote.
    Done(RemoteName),
    /// There is no such job.
    Unknown,
    /// It cannot be done to a job in this state.
    NotFrom(JobState),
}

/// Which deliveries: those for which all that is named holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Which {
    /// To this remote.
    pub remote: Option<RemoteName>,
    /// Of this study.
    pub study: Option<Uid>,
    /// By this route.
    pub route: Option<RemoteName>,
}

impl Which {
    /// Whether it names nothing, and so means every delivery there is.
    #[must_use]
    pub const fn is_everything(&self) -> bool {
        self.remote.is_none() && self.study.is_none() && self.route.is_none()
    }

    /// The condition that a delivery is one of those meant, with [`Which::parameters`].
    pub(super) const OF_DELIVERY: &'static str =
        "(delivery.remote = ?1 OR ?1 IS NULL) AND (study_uid = ?2 OR ?2 IS NULL)
         AND (route = ?3 OR ?3 IS NULL)";

    pub(super) fn parameters(&self) -> [Option<&str>; 3] {
        [
            self.remote.as_ref().map(RemoteName::as_str),
            self.study.as_ref().map(Uid::as_str),
            self.route.as_ref().map(RemoteName::as_str),
        ]
    }

    /// Writes to all deliveries meant for which `condition` holds; `?4` in `set` is the time.
    pub(super) fn update(
        &self,
        connection: &Connection,
        set: &str,
        condition: &str,
        now: i64,
    ) -> Result<(), Error> {
        let sql = format!("UPDATE delivery SET {set} WHERE {condition} AND {}", Self::OF_DELIVERY);
        let [remote, study, route] = self.parameters();
        connection.prepare_cached(&sql)?.execute((remote, study, route, now))?;
        Ok(())
    }

    /// As the trail has it.
    pub(super) fn subject(&self) -> String {
        let remote = self.remote.as_ref().map(|remote| format!("remote {remote}"));
        let study = self.study.as_ref().map(|study| format!("study {study}"));
        let route = self.route.as_ref().map(|route| format!("route {route}"));
        [remote, study, route].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// The same on `delivery` and `job`, see [`conditions`].
    fn conditions(&self) -> (String, Vec<String>) {
        conditions([
            ("job.remote = ?", self.remote.as_ref().map(RemoteName::to_string)),
            ("delivery.study_uid = ?", self.study.as_ref().map(Uid::to_string)),
            ("delivery.route = ?", self.route.as_ref().map(RemoteName::to_string)),
        ])
    }
}

impl Change {
    const fn verb(self) -> &'static str {
        match self {
            Self::Retry => "job-retry",
            Self::Park => "job-park",
            Self::Cancel => "job-cancel",
        }
    }

    const fn is_possible_from(self, state: JobState) -> bool {
        match self {
            Self::Retry => matches!(state, JobState::Waiting | JobState::Parked | JobState::Cancelled),
            Self::Park => matches!(state, JobState::Waiting | JobState::Leased),
            Self::Cancel => matches!(state, JobState::Waiting | JobState::Leased | JobState::Parked),
        }
    }

    /// States of those among many jobs that are meant: what was cancelled is sent again only where it is named.
    const fn states_among_many(self) -> &'static str {
        match self {
            Self::Retry => "0, 3",
            Self::Park => "0, 1",
            Self::Cancel => "0, 1, 3",
        }
    }

    fn sql(self) -> String {
        let (state, words) = match self {
            Self::Retry => {
                return "UPDATE job SET state = 0, attempt = 0, next_at = ?2, changed_at = ?2, lease_owner = NULL,
                        commitment = NULL, resent = 0 WHERE id = ?1 RETURNING delivery"
                    .to_owned();
            }
            Self::Park => (3, "parked by hand"),
            Self::Cancel => (4, "cancelled by hand"),
        };
        format!(
            "UPDATE job SET state = {state}, changed_at = ?2, lease_owner = NULL,
             words = CASE WHEN words LIKE '{words}%' THEN words
                 ELSE '{words}' || coalesce('; before: ' || words, '') END WHERE id = ?1 RETURNING delivery"
        )
    }
}

impl Catalog {
    /// Changes one job.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn change_job(&self, job: i64, change: Change, who: &str) -> Result<Changed, Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| change_one(connection, job, change, &who, now))
            .await
    }

    /// Changes all jobs of some deliveries to which it can be done; says how many.
    ///
    /// # Errors
    /// When the database fails; some may have been changed then.
    pub async fn change_jobs(&self, which: Which, change: Change, who: &str) -> Result<u64, Error> {
        let states = change.states_among_many();
        self.in_portions(which, (change.verb(), states), who, move |connection, job, now| {
            apply(connection, job, change, now)
        })
        .await
    }

    /// The remotes that some deliveries go to.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remotes_of(&self, which: Which) -> Result<Vec<RemoteName>, Error> {
        self.engine
            .read(move |connection| {
                let sql = format!("SELECT DISTINCT remote FROM delivery WHERE {}", Which::OF_DELIVERY);
                let mut statement = connection.prepare_cached(&sql)?;
                let remotes = statement.query_map(which.parameters(), |row| row.get::<String>(0))?;
                remotes.map(|remote| name(&remote?)).collect()
            })
            .await
    }

    /// Sends to another remote what was not delivered of some deliveries; says how many jobs. What is being sent at
    /// this moment stays where it is.
    ///
    /// # Errors
    /// When the database fails; some may have been moved then.
    pub async fn reroute(&self, which: Which, to: RemoteName, who: &str) -> Result<u64, Error> {
        self.in_portions(which, ("job-reroute", "0, 3"), who, move |connection, job, now| {
            reroute(connection, job, &to, now)
        })
        .await
    }

    /// Does `change` to all jobs that are meant, some in each transaction, and notes it in the trail.
    async fn in_portions(
        &self,
        which: Which,
        (verb, states): (&'static str, &'static str),
        who: &str,
        change: impl Fn(&Connection, i64, i64) -> Result<(), Error> + Clone + Send + 'static,
    ) -> Result<u64, Error> {
        let now = self.now_ms();
        let (mut all, mut after) = (0, 0);
        loop {
            let (which, who, change) = (which.clone(), who.to_owned(), change.clone());
            let jobs = self
                .engine
                .write(Durability::Synced, move |connection| {
                    let jobs = meant(connection, &which, states, after)?;
                    jobs.iter().try_for_each(|job| change(connection, *job, now))?;
                    if after == 0 && !jobs.is_empty() {
                        audit::append(connection, now, &who, verb, &which.subject())?;
                    }
                    Ok(jobs)
                })
                .await?;
            all += jobs.len() as u64;
            match jobs.last() {
                Some(last) if jobs.len() == JOBS_TOGETHER => after = *last,
                _ => return Ok(all),
            }
        }
    }
}

/// The next jobs of those that are meant.
fn meant(connection: &Connection, which: &Which, states: &str, after: i64) -> Result<Vec<i64>, Error> {
    let (conditions, values) = which.conditions();
    let sql = format!(
        "SELECT job.id FROM delivery JOIN job ON job.delivery = delivery.id
         WHERE job.state IN ({states}){conditions} AND job.id > ? ORDER BY job.id LIMIT {JOBS_TOGETHER}"
    );
    let parameters = values.iter().map(|value| value as &dyn ToSql).chain([&after as &dyn ToSql]);
    let mut statement = connection.prepare_cached(&sql)?;
    let jobs = statement.query_map(params_from_iter(parameters), |row| row.get(0))?;
    Ok(jobs.collect::<Result<_, _>>()?)
}

fn change_one(
    connection: &Connection,
    job: i64,
    change: Change,
    who: &str,
    now: i64,
) -> Result<Changed, Error> {
    let found: Option<(i64, String, bool)> = connection
        .prepare_cached("SELECT state, remote, commitment IS NOT DISTINCT FROM 3 FROM job WHERE id = ?1")?
        .query_row([job], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((state, remote, is_not_committed)) = found else { return Ok(Changed::Unknown) };
    let state = JobState::of(state)?;
    // One that was delivered, and is not there by the far side's own account, may go again.
    let is_disproved = change == Change::Retry && state == JobState::Delivered && is_not_committed;
    if !is_disproved && !change.is_possible_from(state) {
        return Ok(Changed::NotFrom(state));
    }
    apply(connection, job, change, now)?;
    audit::append(connection, now, who, change.verb(), &job.to_string())?;
    Ok(Changed::Done(name(&remote)?))
}

fn apply(connection: &Connection, job: i64, change: Change, now: i64) -> Result<(), Error> {
    let delivery: i64 = connection.prepare_cached(&change.sql())?.query_row((job, now), |row| row.get(0))?;
    match change {
        Change::Retry => look_by(connection, delivery, now),
        Change::Park | Change::Cancel => Ok(()),
    }
}

/// Moves a job into the same route's delivery to another remote; where that has the instance already, nothing is left
/// to do.
fn reroute(connection: &Connection, job: i64, to: &RemoteName, now: i64) -> Result<(), Error> {
    let delivery: i64 = connection
        .prepare_cached(
            "INSERT INTO delivery (route, remote, study_uid, scope_uid, due_at, created_at, since, priority, revision,
             released, released_at, evidence)
             SELECT route, ?2, study_uid, scope_uid, due_at, ?3, since, priority, delivery.revision, released,
             released_at, evidence FROM delivery WHERE id = (SELECT delivery FROM job WHERE id = ?1)
             ON CONFLICT (route, remote, scope_uid) DO UPDATE SET
             revision = max(delivery.revision, excluded.revision),
             released = max(delivery.released, excluded.released)
             RETURNING id",
        )?
        .query_row((job, to.as_str(), now), |row| row.get(0))?;
    let moved = connection
        .prepare_cached(
            "UPDATE job SET delivery = ?2, remote = ?3, state = 0, attempt = 0, next_at = ?4, changed_at = ?4,
             lease_owner = NULL, class = NULL, status = NULL, words = 'was to go to ' || remote, resent = 0
             WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM job AS other WHERE other.delivery = ?2
             AND other.instance = job.instance AND other.id <> job.id)",
        )?
        .execute((job, delivery, to.as_str(), now))?;
    if moved == 0 {
        connection
            .prepare_cached(
                "UPDATE job SET state = 4, changed_at = ?2, class = 'caller',
                 words = 'it goes to ' || ?3 || ' already' WHERE id = ?1",
            )?
            .execute((job, now, to.as_str()))?;
    }
    look_by(connection, delivery, now)
}
