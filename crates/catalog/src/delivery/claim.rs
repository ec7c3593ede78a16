//! Claiming jobs that are due, with a lease; and when the next will be.

use std::time::Duration;

use causeway_core::{RemoteName, StoredInstance};
use jiff::Timestamp;
use rusqlite::Connection;

use crate::Catalog;
use crate::engine::Durability;
use crate::error::Error;
use crate::instances;

/// A job that a worker holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Its number.
    pub job: i64,
    /// The route that made it.
    pub route: RemoteName,
    /// Attempts that were made before.
    pub attempts: u32,
    /// What is to be sent; `None` when it is not here any more.
    pub instance: Option<StoredInstance>,
}

/// When a remote's next job is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The remote.
    pub remote: RemoteName,
    /// When; in the past when it waits for a worker.
    pub at: Timestamp,
}

impl Catalog {
    /// Gives `owner` up to `limit` jobs to `remote` that are due, until `lease` from now. Jobs whose lease lapsed
    /// are among them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim(
        &self,
        remote: RemoteName,
        owner: String,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<Claimed>, Error> {
        let now = self.now_ms();
        let until = now.saturating_add(millis(lease));
        // A lost lease is a job sent twice at worst, so its commit need not wait for the disk.
        self.engine
            .write(Durability::Replayable, move |connection| {
                loop {
                    let due = due(connection, remote.as_str(), now, limit)?;
                    if due.is_empty() {
                        return Ok(Vec::new());
                    }
                    let claimed = lease_all(connection, due, &owner, now, until)?;
                    if !claimed.is_empty() {
                        return Ok(claimed);
                    }
                }
            })
            .await
    }

    /// Holds jobs longer.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn renew(&self, jobs: Vec<i64>, owner: String, lease: Duration) -> Result<(), Error> {
        let until = self.now_ms().saturating_add(millis(lease));
        self.engine
            .write(Durability::Replayable, move |connection| {
                let mut statement = connection.prepare_cached(
                    "UPDATE job SET next_at = ?3 WHERE id = ?1 AND state = 1 AND lease_owner = ?2",
                )?;
                for job in &jobs {
                    statement.execute((job, &owner, until))?;
                }
                Ok(())
            })
            .await
    }

    /// When each of the registered remotes has its next job due; those without jobs are left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn due(&self) -> Result<Vec<Due>, Error> {
        self.engine
            .read(|connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT name, (SELECT min(next_at) FROM job WHERE job.remote = name AND state < 2)
                     FROM remote ORDER BY name",
                )?;
                let mut rows = statement.query([])?;
                let mut due = Vec::new();
                while let Some(row) = rows.next()? {
                    if let Some(at) = row.get::<_, Option<i64>>(1)? {
                        due.push(Due { remote: name(&row.get::<_, String>(0)?)?, at: moment(at) });
                    }
                }
                Ok(due)
            })
            .await
    }
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) fn name(text: &str) -> Result<RemoteName, Error> {
    text.parse().map_err(|_| Error::Corrupt("a name"))
}

pub(crate) fn moment(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}

struct Candidate {
    job: i64,
    instance: i64,
    attempts: u32,
    route: String,
    due_at: i64,
}

fn due(connection: &Connection, remote: &str, now: i64, limit: u32) -> Result<Vec<Candidate>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT job.id, job.instance, job.attempt, delivery.route, delivery.due_at
         FROM job JOIN delivery ON delivery.id = job.delivery
         WHERE job.remote = ?1 AND job.state < 2 AND job.next_at <= ?2 ORDER BY job.next_at, job.id LIMIT ?3",
    )?;
    let rows = statement.query_map((remote, now, limit), |row| {
        Ok(Candidate {
            job: row.get(0)?,
            instance: row.get(1)?,
            attempts: row.get(2)?,
            route: row.get(3)?,
            due_at: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Leases the candidates; those whose study or series has not been quiet for long enough wait until it is.
fn lease_all(
    connection: &Connection,
    candidates: Vec<Candidate>,
    owner: &str,
    now: i64,
    until: i64,
) -> Result<Vec<Claimed>, Error> {
    let mut wait = connection.prepare_cached("UPDATE job SET next_at = ?2 WHERE id = ?1")?;
    let mut lease = connection.prepare_cached(
        "UPDATE job SET state = 1, lease_owner = ?2, next_at = ?3, changed_at = ?4 WHERE id = ?1",
    )?;
    let mut claimed = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        if candidate.due_at > now {
            wait.execute((candidate.job, candidate.due_at))?;
            continue;
        }
        lease.execute((candidate.job, owner, until, now))?;
        claimed.push(Claimed {
            job: candidate.job,
            route: name(&candidate.route)?,
            attempts: candidate.attempts,
            instance: instances::by_id(connection, candidate.instance)?,
        });
    }
    Ok(claimed)
}
