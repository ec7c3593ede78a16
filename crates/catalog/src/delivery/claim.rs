//! Claiming jobs that are due, with a lease; and when the next will be.

use std::collections::BTreeSet;
use std::time::Duration;

use causeway_core::{Priority, RemoteName, StoredInstance, Via};
use jiff::Timestamp;

use crate::Catalog;
use crate::engine::{Connection, Durability};
use crate::error::Error;
use crate::instances;

/// Deliveries that one claim looks at, at most, for each priority.
const MAX_DELIVERIES: usize = 512;
/// Deliveries that are read in one go.
const DELIVERIES_TOGETHER: usize = 16;

/// A job that a worker holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Its number.
    pub job: i64,
    /// The route that made it.
    pub route: RemoteName,
    /// What it goes before.
    pub priority: Priority,
    /// Attempts that were made before.
    pub attempts: u32,
    /// What is to be sent; `None` when it is not here any more.
    pub instance: Option<StoredInstance>,
    /// The nodes that it passed before it came here.
    pub via: Via,
}

/// What a worker asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// To this remote.
    pub remote: RemoteName,
    /// Who holds the jobs.
    pub owner: String,
    /// For how long.
    pub lease: Duration,
    /// At most so many.
    pub limit: u32,
    /// Which of them.
    pub lane: Lane,
    /// Routes that send nothing now.
    pub closed: Vec<Closed>,
}

/// Which jobs a worker takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// The most urgent ones alone.
    Urgent,
    /// All, the most urgent first; of the others most are routine while there are any.
    All,
}

/// A route that sends nothing now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The route.
    pub route: RemoteName,
    /// When it opens.
    pub until: Timestamp,
}

/// When a remote's next jobs are due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The remote.
    pub remote: RemoteName,
    /// When any is; in the past when it waits for a worker.
    pub at: Timestamp,
    /// When a most urgent one is.
    pub urgent_at: Option<Timestamp>,
    /// What there is to be done.
    pub what: DueWhat,
}

/// What is to be done for a remote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DueWhat {
    /// Jobs are to be sent, or will be.
    Jobs,
    /// Receipts that it gave over its link are to be acknowledged, and there are no jobs.
    Receipts,
}

impl Catalog {
    /// Gives the owner jobs that are due, until the lease from now. Jobs whose lease lapsed are among them. Those of
    /// deliveries that were not released, or are paused, and those of closed routes are not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, Error> {
        let now = self.now_ms();
        // A lost lease is a job sent twice at worst, so its commit need not wait for the disk.
        self.engine
            .write(Durability::Replayable, move |connection| {
                if is_paused(connection, &claim.remote)? {
                    return Ok(Vec::new());
                }
                Claiming { connection, claim: &claim, now, claimed: Vec::new() }.run()
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
                    statement.send((job, &owner, until))?;
                }
                Ok(())
            })
            .await
    }

    /// Ends every lease of jobs and errands that this member held, so that they are due at once: it begins anew. Of a
    /// catalog that is not shared those are all. Gives how many there were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_leases(&self, of: &str) -> Result<usize, Error> {
        let now = self.now_ms();
        let of = if self.is_shared() { of.to_owned() } else { String::new() };
        self.engine
            .write(Durability::Replayable, move |connection| {
                let jobs = end_leases_of_jobs(connection, &of, now)?;
                let errands = connection
                    .prepare_cached(
                        "UPDATE errand SET lease_owner = NULL, next_at = min(next_at, ?1)
                         WHERE state = 1 AND lease_owner IS NOT NULL AND substr(lease_owner, 1, length(?2)) = ?2",
                    )?
                    .execute((now, &of))?;
                Ok(jobs + errands)
            })
            .await
    }

    /// When each of the registered remotes has its next job due, or receipts to acknowledge; those without, and those
    /// that are paused, are left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn due(&self) -> Result<Vec<Due>, Error> {
        self.engine
            .read(|connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT name,
                     (SELECT min(next_at) FROM delivery WHERE remote = name AND priority = 0 AND next_at IS NOT NULL),
                     (SELECT min(next_at) FROM delivery WHERE remote = name AND priority = 1 AND next_at IS NOT NULL),
                     (SELECT min(next_at) FROM delivery WHERE remote = name AND priority = 2 AND next_at IS NOT NULL),
                     EXISTS (SELECT 1 FROM link_sent WHERE link_sent.remote = name AND acknowledged_at IS NULL)
                     FROM remote WHERE NOT EXISTS (SELECT 1 FROM pause WHERE pause.remote = name) ORDER BY name",
                )?;
                let mut rows = statement.query([])?;
                let mut due = Vec::new();
                while let Some(row) = rows.next()? {
                    let [urgent, routine, bulk]: [Option<i64>; 3] = [row.get(1)?, row.get(2)?, row.get(3)?];
                    let jobs_at = [urgent, routine, bulk].into_iter().flatten().min();
                    let receipts_at = row.get::<bool>(4)?.then_some(0);
                    if let Some(at) = jobs_at.into_iter().chain(receipts_at).min() {
                        let remote = name(&row.get::<String>(0)?)?;
                        let what = if jobs_at.is_some() { DueWhat::Jobs } else { DueWhat::Receipts };
                        due.push(Due { remote, at: moment(at), urgent_at: urgent.map(moment), what });
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

/// Whether nothing is to be sent to a remote.
pub(super) fn is_paused(connection: &Connection, remote: &RemoteName) -> Result<bool, Error> {
    Ok(connection.prepare_cached("SELECT 1 FROM pause WHERE remote = ?1")?.exists([remote.as_str()])?)
}

/// How many of each priority are taken, in which order: bulk is left a quarter of what is not urgent.
fn rounds(lane: Lane, limit: usize) -> Vec<(Priority, usize)> {
    match lane {
        Lane::Urgent => vec![(Priority::Stat, limit)],
        Lane::All => vec![
            (Priority::Stat, limit),
            (Priority::Routine, limit - limit / 4),
            (Priority::Bulk, limit),
            (Priority::Routine, limit),
        ],
    }
}

/// A delivery with jobs that may be due.
struct Candidate {
    delivery: i64,
    route: RemoteName,
    released: i64,
}

/// A claim on its way.
struct Claiming<'a> {
    connection: &'a Connection,
    claim: &'a Claim,
    now: i64,
    claimed: Vec<Claimed>,
}

impl Claiming<'_> {
    fn run(mut self) -> Result<Vec<Claimed>, Error> {
        let limit = self.claim.limit as usize;
        for (priority, share) in rounds(self.claim.lane, limit) {
            let up_to = limit.min(self.claimed.len() + share);
            let mut looked_at = 0;
            while self.claimed.len() < up_to && looked_at < MAX_DELIVERIES {
                let candidates = self.candidates(priority)?;
                if candidates.is_empty() {
                    break;
                }
                for candidate in candidates {
                    looked_at += 1;
                    if self.claimed.len() < up_to {
                        self.take(&candidate, priority, up_to)?;
                    }
                }
            }
        }
        Ok(self.claimed)
    }

    fn candidates(&self, priority: Priority) -> Result<Vec<Candidate>, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, route, released FROM delivery WHERE remote = ?1 AND priority = ?2 AND next_at <= ?3
             ORDER BY next_at, id LIMIT ?4",
        )?;
        let mut rows =
            statement.query((self.claim.remote.as_str(), priority as i64, self.now, DELIVERIES_TOGETHER))?;
        let mut candidates = Vec::new();
        while let Some(row) = rows.next()? {
            let route = name(&row.get::<String>(1)?)?;
            candidates.push(Candidate { delivery: row.get(0)?, route, released: row.get(2)? });
        }
        Ok(candidates)
    }

    /// Leases what is due of a delivery, and notes when it is to be looked at next.
    fn take(&mut self, candidate: &Candidate, priority: Priority, up_to: usize) -> Result<(), Error> {
        let Candidate { delivery, route, released } = candidate;
        if let Some(closed) = self.claim.closed.iter().find(|closed| closed.route == *route) {
            self.connection
                .prepare_cached("UPDATE delivery SET next_at = ?2 WHERE id = ?1")?
                .execute((delivery, closed.until.as_millisecond().max(self.now + 1)))?;
            return Ok(());
        }
        let until = self.now.saturating_add(millis(self.claim.lease));
        let mut lease = self.connection.prepare_cached(
            "UPDATE job SET state = 1, lease_owner = ?2, next_at = ?3, changed_at = ?4 WHERE id = ?1",
        )?;
        let mut due = self.connection.prepare_cached(
            "SELECT id, instance, attempt FROM job
             WHERE delivery = ?1 AND state < 2 AND next_at <= ?2 AND revision <= ?3 ORDER BY next_at, id LIMIT ?4",
        )?;
        let jobs: Vec<(i64, i64, u32)> = due
            .query_map((delivery, self.now, released, up_to - self.claimed.len()), |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?
            .collect::<Result<_, _>>()?;
        for (job, instance, attempts) in jobs {
            lease.send((job, &self.claim.owner, until, self.now))?;
            let (instance, via) = instances::by_id(self.connection, instance)?.unzip();
            let (route, via) = (route.clone(), via.unwrap_or_default());
            self.claimed.push(Claimed { job, route, priority, attempts, instance, via });
        }
        look_again(self.connection, *delivery)
    }
}

fn end_leases_of_jobs(connection: &Connection, of: &str, now: i64) -> Result<usize, Error> {
    // By remote, as the index of states is: of a million that wait none is looked at.
    let deliveries: Vec<i64> = connection
        .prepare_cached(
            "UPDATE job SET state = 0, lease_owner = NULL, next_at = min(next_at, ?1)
             WHERE state = 1 AND remote IN (SELECT name FROM remote)
             AND substr(lease_owner, 1, length(?2)) = ?2 RETURNING delivery",
        )?
        .query_map((now, of), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for delivery in deliveries.iter().collect::<BTreeSet<_>>() {
        look_again(connection, *delivery)?;
    }
    Ok(deliveries.len())
}

/// Notes when a delivery's next job is due.
pub(super) fn look_again(connection: &Connection, delivery: i64) -> Result<(), Error> {
    connection
        .prepare_cached(
            "UPDATE delivery SET next_at = (SELECT next_at FROM job WHERE job.delivery = delivery.id AND state < 2
             AND job.revision <= delivery.released ORDER BY next_at LIMIT 1) WHERE id = ?1 AND paused_at IS NULL",
        )?
        .send([delivery])?;
    Ok(())
}

/// Notes that a job of a delivery is due at a time, which may be sooner than all others.
pub(crate) fn look_by(connection: &Connection, delivery: i64, at: i64) -> Result<(), Error> {
    connection
        .prepare_cached(
            "UPDATE delivery SET next_at = min(coalesce(next_at, ?2), ?2)
             WHERE id = ?1 AND paused_at IS NULL AND released > 0",
        )?
        .send((delivery, at))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bulk_has_its_share_and_what_one_leaves_the_others_take() {
        for limit in [1, 2, 4, 64] {
            let rounds = rounds(Lane::All, limit);
            assert_eq!(rounds[0], (Priority::Stat, limit));
            assert!(rounds[1].1 >= 1, "a single one may be routine");
            assert_eq!(rounds.last(), Some(&(Priority::Routine, limit)));
        }
        assert_eq!(rounds(Lane::All, 64)[1], (Priority::Routine, 48));
        assert_eq!(rounds(Lane::Urgent, 64), [(Priority::Stat, 64)]);
    }
}
