//! Looking at deliveries: a report per remote, jobs one by one, a study's own.

use causeway_core::{RemoteName, Uid};
use jiff::Timestamp;
use rusqlite::Row;
use serde::Serialize;

use super::JobState;
use super::claim::{moment, name};
use super::outcome::{Last, class_of};
use crate::Catalog;
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
    /// The instance, while it is here.
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
}

impl Commitment {
    /// All, in the order of their numbers.
    const ALL: [Self; 4] = [Self::Wanted, Self::Asked, Self::Committed, Self::NotCommitted];

    fn of(number: i64) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|it| *it as i64 == number);
        found.ok_or(Error::Corrupt("the commitment of a job"))
    }
}

/// What one route sends of one study to one remote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StudyDelivery {
    /// The route.
    pub route: RemoteName,
    /// Where to.
    pub remote: RemoteName,
    /// When it is, or was, due.
    pub due_at: Timestamp,
    /// Instances in all.
    pub instances: u64,
    /// Instances that the far side has.
    pub delivered: u64,
    /// Those of them that it has committed to.
    pub committed: u64,
    /// Instances that need a decision.
    pub parked: u64,
}

impl Catalog {
    /// A report of every remote that ever had a job.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delivery_report(&self) -> Result<Vec<RemoteReport>, Error> {
        self.engine
            .read(|connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT remote, sum(state = 0), sum(state = 1), sum(state = 2), sum(state = 3), sum(state = 4),
                     min(CASE WHEN state < 2 THEN created_at END), sum(coalesce(commitment, 0) = 2)
                     FROM job GROUP BY remote ORDER BY remote",
                )?;
                let mut rows = statement.query([])?;
                let mut reports = Vec::new();
                while let Some(row) = rows.next()? {
                    reports.push(RemoteReport {
                        remote: name(&row.get::<_, String>(0)?)?,
                        waiting: row.get(1)?,
                        sending: row.get(2)?,
                        delivered: row.get(3)?,
                        parked: row.get(4)?,
                        cancelled: row.get(5)?,
                        committed: row.get(7)?,
                        oldest_at: row.get::<_, Option<i64>>(6)?.map(moment),
                    });
                }
                Ok(reports)
            })
            .await
    }

    /// Jobs in the order in which they were made.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn jobs(&self, filter: Filter) -> Result<Vec<JobRow>, Error> {
        self.engine
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT job.id, delivery.route, job.remote, delivery.study_uid, instance.uid, job.state,
                     job.attempt, job.next_at, job.changed_at, job.class, job.status, job.words, job.commitment
                     FROM job JOIN delivery ON delivery.id = job.delivery
                     LEFT JOIN instance ON instance.id = job.instance
                     WHERE job.id > ?1 AND (?2 IS NULL OR job.remote = ?2) AND (?3 IS NULL OR job.state = ?3)
                     AND (?4 IS NULL OR delivery.study_uid = ?4) ORDER BY job.id LIMIT ?5",
                )?;
                let mut rows = statement.query((
                    filter.after,
                    filter.remote.as_ref().map(RemoteName::as_str),
                    filter.state.map(JobState::number),
                    filter.study.as_ref().map(Uid::as_str),
                    filter.limit,
                ))?;
                let mut jobs = Vec::new();
                while let Some(row) = rows.next()? {
                    jobs.push(job(row)?);
                }
                Ok(jobs)
            })
            .await
    }

    /// What was and is to be sent of a study.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn study_deliveries(&self, study: Uid) -> Result<Vec<StudyDelivery>, Error> {
        self.engine
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT route, delivery.remote, max(due_at), count(*), sum(state = 2), sum(state = 3),
                     sum(coalesce(commitment, 0) = 2)
                     FROM delivery JOIN job ON job.delivery = delivery.id WHERE study_uid = ?1
                     GROUP BY route, delivery.remote ORDER BY 1, 2",
                )?;
                let mut rows = statement.query([study.as_str()])?;
                let mut deliveries = Vec::new();
                while let Some(row) = rows.next()? {
                    deliveries.push(StudyDelivery {
                        route: name(&row.get::<_, String>(0)?)?,
                        remote: name(&row.get::<_, String>(1)?)?,
                        due_at: moment(row.get(2)?),
                        instances: row.get(3)?,
                        delivered: row.get(4)?,
                        parked: row.get(5)?,
                        committed: row.get(6)?,
                    });
                }
                Ok(deliveries)
            })
            .await
    }
}

fn job(row: &Row<'_>) -> Result<JobRow, Error> {
    let uid = |text: String| Uid::parse(&text).map_err(|_| Error::Corrupt("a UID"));
    let words: Option<String> = row.get(11)?;
    let (class, status) = (class_of(row.get(9)?), row.get(10)?);
    Ok(JobRow {
        id: row.get(0)?,
        route: name(&row.get::<_, String>(1)?)?,
        remote: name(&row.get::<_, String>(2)?)?,
        study: uid(row.get(3)?)?,
        instance: row.get::<_, Option<String>>(4)?.map(uid).transpose()?,
        state: JobState::of(row.get(5)?)?,
        attempts: row.get(6)?,
        next_at: moment(row.get(7)?),
        changed_at: moment(row.get(8)?),
        last: words.map(|words| Last { class, status, words }),
        commitment: row.get::<_, Option<i64>>(12)?.map(Commitment::of).transpose()?,
    })
}
