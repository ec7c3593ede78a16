//! Looking at deliveries: a report per remote, jobs one by one.

use std::collections::BTreeMap;

use causeway_core::{Priority, RemoteName, Uid};
use jiff::Timestamp;
use serde::Serialize;

use super::JobState;
use super::claim::{moment, name};
use super::outcome::{Last, class_of};
use crate::Catalog;
use crate::engine::{Connection, Row, ToSql, params_from_iter};
use crate::error::Error;

/// How many jobs a remote has in which state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemoteReport {
    /// The remote.
    pub remote: RemoteName,
    /// To be sent.
    pub waiting: u64,
    /// Being sent.
    pub sending: u64,
    /// The far side has them.
    pub delivered: u64,
    /// Need a decision.
    pub parked: u64,
    /// Taken back.
    pub cancelled: u64,
    /// Delivered ones that the far side has committed to.
    pub committed: u64,
    /// Since when the oldest that is not delivered has been waiting.
    pub oldest_at: Option<Timestamp>,
}

/// Which jobs to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// To this remote only.
    pub remote: Option<RemoteName>,
    /// In this state only.
    pub state: Option<JobState>,
    /// Of this study only.
    pub study: Option<Uid>,
    /// After this job.
    pub after: i64,
    /// At most so many.
    pub limit: u32,
}

/// One job, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobRow {
    /// Its number.
    pub id: i64,
    /// The route that made it.
    pub route: RemoteName,
    /// Where to.
    pub remote: RemoteName,
    /// The study.
    pub study: Uid,
    /// The instance.
    pub instance: Option<Uid>,
    /// Its state.
    pub state: JobState,
    /// Attempts made.
    pub attempts: u32,
    /// When it is due; for one being sent, when its lease lapses.
    pub next_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
    /// The last answer.
    pub last: Option<Last>,
    /// What became of the commitment to a delivered one; none when none is asked for.
    pub commitment: Option<Commitment>,
    /// What it goes before.
    pub priority: Priority,
    /// Which part of its delivery it belongs to, from 1.
    pub revision: i64,
}

/// What the far side says when it is asked to keep a delivered instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Commitment {
    /// It is to be asked.
    Wanted,
    /// It was asked.
    Asked,
    /// It keeps it.
    Committed,
    /// It does not say that it keeps it.
    NotCommitted,
    /// It cannot be asked.
    CannotBeAsked,
}

impl Commitment {
    /// All, in the order of their numbers.
    const ALL: [Self; 5] =
        [Self::Wanted, Self::Asked, Self::Committed, Self::NotCommitted, Self::CannotBeAsked];

    fn of(number: i64) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|it| *it as i64 == number);
        found.ok_or(Error::Corrupt("the commitment of a job"))
    }
}

impl Catalog {
    /// A report of every remote that ever had a job.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delivery_report(&self) -> Result<Vec<RemoteReport>, Error> {
        self.engine.read(report).await
    }

    /// Jobs in the order in which they were made.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn jobs(&self, filter: Filter) -> Result<Vec<JobRow>, Error> {
        self.engine
            .read(move |connection| {
                let (conditions, values) = filter.conditions();
                let sql = format!(
                    "SELECT job.id, delivery.route, job.remote, delivery.study_uid, coalesce(instance.uid, job.uid),
                     job.state, job.attempt, job.next_at, job.changed_at, job.class, job.status, job.words,
                     job.commitment, delivery.priority, job.revision
                     FROM job JOIN delivery ON delivery.id = job.delivery
                     LEFT JOIN instance ON instance.id = job.instance
                     WHERE job.id > ?{conditions} ORDER BY job.id LIMIT ?"
                );
                let (after, limit) = (filter.after, filter.limit);
                let parameters = [&after as &dyn ToSql].into_iter();
                let parameters = parameters.chain(values.iter().map(|value| value as &dyn ToSql));
                let parameters = parameters.chain([&limit as &dyn ToSql]);
                let mut statement = connection.prepare_cached(&sql)?;
                let mut rows = statement.query(params_from_iter(parameters))?;
                let mut jobs = Vec::new();
                while let Some(row) = &rows.next()? {
                    jobs.push(job(row)?);
                }
                Ok(jobs)
            })
            .await
    }
}

impl Filter {
    /// On `delivery` and `job`, see [`conditions`].
    fn conditions(&self) -> (String, Vec<String>) {
        conditions([
            ("job.remote = ?", self.remote.as_ref().map(RemoteName::to_string)),
            ("job.state = ?", self.state.map(|state| state.number().to_string())),
            ("delivery.study_uid = ?", self.study.as_ref().map(Uid::to_string)),
        ])
    }
}

/// What follows a condition, and what stands in its places: conditions that are not asked for are not there, so that each
/// has the index that serves it.
pub(super) fn conditions<const N: usize>(named: [(&str, Option<String>); N]) -> (String, Vec<String>) {
    let asked =
        named.into_iter().filter_map(|(condition, value)| Some((format!(" AND {condition}"), value?)));
    asked.unzip()
}

/// Counts from the index alone: there may be a million jobs.
fn report(connection: &Connection) -> Result<Vec<RemoteReport>, Error> {
    let mut reports: BTreeMap<String, [u64; 5]> = BTreeMap::new();
    let mut counted =
        connection.prepare_cached("SELECT remote, state, count(*) FROM job GROUP BY remote, state")?;
    let mut rows = counted.query([])?;
    while let Some(row) = rows.next()? {
        let place = usize::try_from(row.get::<i64>(1)?).map_err(|_| Error::Corrupt("the state of a job"))?;
        let count = reports.entry(row.get(0)?).or_default().get_mut(place);
        *count.ok_or(Error::Corrupt("the state of a job"))? = row.get(2)?;
    }
    let mut committed =
        connection.prepare_cached("SELECT count(*) FROM job WHERE remote = ?1 AND commitment = 2")?;
    // Numbers are given in the order of time.
    let mut oldest = connection.prepare_cached(
        "SELECT min(created_at) FROM job WHERE id IN (
         (SELECT min(id) FROM job WHERE remote = ?1 AND state = 0),
         (SELECT min(id) FROM job WHERE remote = ?1 AND state = 1))",
    )?;
    let whole = |(remote, [waiting, sending, delivered, parked, cancelled]): (String, [u64; 5])| {
        Ok(RemoteReport {
            committed: committed.query_row([&remote], |row| row.get(0))?,
            oldest_at: oldest.query_row([&remote], |row| row.get::<Option<i64>>(0))?.map(moment),
            remote: name(&remote)?,
            waiting,
            sending,
            delivered,
            parked,
            cancelled,
        })
    };
    reports.into_iter().map(whole).collect()
}

fn job(row: &Row<'_>) -> Result<JobRow, Error> {
    let uid = |text: String| Uid::parse(&text).map_err(|_| Error::Corrupt("a UID"));
    let words: Option<String> = row.get(11)?;
    let (class, status) = (class_of(row.get(9)?), row.get(10)?);
    Ok(JobRow {
        id: row.get(0)?,
        route: name(&row.get::<String>(1)?)?,
        remote: name(&row.get::<String>(2)?)?,
        study: uid(row.get(3)?)?,
        instance: row.get::<Option<String>>(4)?.map(uid).transpose()?,
        state: JobState::of(row.get(5)?)?,
        attempts: row.get(6)?,
        next_at: moment(row.get(7)?),
        changed_at: moment(row.get(8)?),
        last: words.map(|words| Last { class, status, words }),
        commitment: row.get::<Option<i64>>(12)?.map(Commitment::of).transpose()?,
        priority: priority(row.get(13)?)?,
        revision: row.get(14)?,
    })
}

pub(super) fn priority(number: i64) -> Result<Priority, Error> {
    let found = Priority::ALL.into_iter().find(|priority| *priority as i64 == number);
    found.ok_or(Error::Corrupt("the priority of a delivery"))
}
