//! Counts: instances that were delivered over the web are looked for in what the far side lists (PS3.18 §10.6).
//!
//! ```text
//!  delivered ──► wanted ── quiet, gathered ──► asked ──┬── all listed ──────────► committed
//!                                                ▲     ├── some lack ──► asked again, some times; then not committed
//!                                                └─────┘   cannot be asked ─────► cannot be asked
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use causeway_core::commitment::Reference;
use causeway_core::{EventKind, RemoteName, Status, Uid};
use jiff::Timestamp;

use super::conclude::forget_committed;
use super::gather::{Gathered, Ready};
use super::request::{asked_for, delivery_of, note_end};
use super::{ErrandKind, ErrandState};
use crate::Catalog;
use crate::audit;
use crate::delivery::Commitment;
use crate::engine::{Connection, Durability, OptionalExtension};
use crate::error::Error;
use crate::instances::uid;

/// Most instances that are looked for in one errand; of a delivery with more there are several.
pub const MAX_COUNTED: u32 = 10_000;

/// What is to be looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// The study, as it was sent.
    pub study: Uid,
    /// The instances, as they were sent.
    pub instances: Vec<Uid>,
    /// How often the far side told before what it lists.
    pub looks: u32,
}

/// What the far side told, and what comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counted {
    /// All are listed.
    Whole,
    /// These are not; it is asked again then.
    Again(BTreeSet<Uid>, Timestamp),
    /// These are not, and it is not asked again.
    Lacking(BTreeSet<Uid>),
    /// It cannot be asked.
    CannotBeAsked,
}

impl Catalog {
    /// Makes counts of what was delivered and is to be looked for: of each delivery of which nothing more was delivered
    /// for `quiet`; they are tried until `keep` from now. Says how many there are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn gather_counts(&self, quiet: Duration, keep: Duration) -> Result<u64, Error> {
        let ready =
            "SELECT delivery FROM job WHERE commitment = 0 AND sent_study IS NOT NULL GROUP BY delivery
                     HAVING max(changed_at) <= ?1 OR count(*) >= ?2 LIMIT ?3";
        self.gather(Ready { deliveries: ready, quiet, limit: MAX_COUNTED }, keep, gather).await
    }

    /// Writes what the far side told of a count that `owner` holds, in words, with the time. A job that was changed
    /// by hand meanwhile is left as it is.
    ///
    /// # Errors
    /// When the database fails; nothing is written then.
    pub async fn conclude_count(
        &self,
        errand: i64,
        owner: String,
        counted: Counted,
        words: String,
    ) -> Result<(), Error> {
        let now = self.now_ms();
        self.engine
            .write(Durability::Synced, move |connection| {
                if write(connection, errand, &owner, &counted, &words, now)? {
                    settle(connection, errand, &counted, &words, now)?;
                }
                Ok(())
            })
            .await
    }
}

/// The counts of one delivery, one for each study as it was sent: a transform may have been changed meanwhile.
fn gather(connection: &Connection, delivery: i64, now: i64, expires_at: i64) -> Result<u64, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT job.id, job.remote, instance.sop_class, job.sent_study, job.sent_instance FROM job
         LEFT JOIN instance ON instance.id = job.instance
         WHERE job.delivery = ?1 AND job.commitment = 0 AND job.sent_study IS NOT NULL ORDER BY job.id LIMIT ?2",
    )?;
    let mut rows = statement.query((delivery, MAX_COUNTED))?;
    let mut studies: BTreeMap<String, (String, Vec<i64>, Vec<Reference>)> = BTreeMap::new();
    let mut mark = connection.prepare_cached(
        "UPDATE job SET commitment = ?2, sent_study = NULL, sent_instance = NULL WHERE id = ?1",
    )?;
    while let Some(row) = &rows.next()? {
        let job: i64 = row.get(0)?;
        if row.get::<Option<String>>(2)?.is_none() {
            // Deleted here meanwhile: nobody waits for it any more.
            mark.execute((job, None::<i64>))?;
            continue;
        }
        let (_, jobs, references) =
            studies.entry(row.get(3)?).or_insert((row.get(1)?, Vec::new(), Vec::new()));
        jobs.push(job);
        references.push(Reference { sop_class: uid(row, 2)?, sop_instance: uid(row, 4)? });
    }
    let made = studies.len() as u64;
    for (study, (remote, jobs, references)) in studies {
        for job in &jobs {
            mark.send((job, Some(Commitment::Asked as i64)))?;
        }
        let kind = ErrandKind::Count;
        Gathered { kind, uid: &study, remote: &remote, jobs: &jobs, references: &references }
            .put(connection, now, expires_at)?;
    }
    Ok(made)
}

/// The errand itself; says whether it was `owner`'s.
fn write(
    connection: &Connection,
    errand: i64,
    owner: &str,
    counted: &Counted,
    words: &str,
    now: i64,
) -> Result<bool, Error> {
    let (state, next_at, failed) = match counted {
        Counted::Whole => (ErrandState::Done, now, Some(0)),
        Counted::Again(lacking, at) => (ErrandState::Due, at.as_millisecond(), Some(lacking.len())),
        Counted::Lacking(lacking) => (ErrandState::GivenUp, now, Some(lacking.len())),
        // Of none is it known, which is all there is to say.
        Counted::CannotBeAsked => (ErrandState::Done, now, None),
    };
    let written = connection
        .prepare_cached(
            "UPDATE errand SET state = ?3, next_at = ?4, failed = coalesce(?5, instances), lease_owner = NULL,
             attempt = attempt + 1, looks = looks + 1, status = NULL, words = ?6, changed_at = ?7
             WHERE id = ?1 AND state = 1 AND lease_owner = ?2",
        )?
        .execute((errand, owner, state.number(), next_at, failed, words, now))?;
    Ok(written == 1)
}

/// What it means for the jobs.
fn settle(
    connection: &Connection,
    errand: i64,
    counted: &Counted,
    words: &str,
    now: i64,
) -> Result<(), Error> {
    let nothing = BTreeSet::new();
    let lacking = match counted {
        Counted::Again(..) => return Ok(()),
        Counted::CannotBeAsked => {
            let told = format!("delivered; {words}");
            for (_, _, job) in asked_for(connection, errand)? {
                judge(connection, job, Commitment::CannotBeAsked, &told, now)?;
            }
            return forget_committed(connection, errand);
        }
        Counted::Whole => &nothing,
        Counted::Lacking(lacking) => lacking,
    };
    let delivery = delivery_of(connection, errand)?;
    let (listed, unlisted) = (
        format!("delivered and committed: {words}"),
        format!("delivered; not committed: not listed; {words}"),
    );
    for (place, instance, job) in asked_for(connection, errand)? {
        if !lacking.iter().any(|it| it.as_str() == instance) {
            judge(connection, job, Commitment::Committed, &listed, now)?;
            continue;
        }
        connection
            .prepare_cached("UPDATE errand_item SET reason = ?3 WHERE errand = ?1 AND place = ?2")?
            .execute((errand, place, Status::NO_SUCH_OBJECT.0))?;
        judge(connection, job, Commitment::NotCommitted, &unlisted, now)?;
    }
    let remote: Option<String> = connection
        .prepare_cached("SELECT remote FROM errand WHERE id = ?1")?
        .query_row([errand], |row| row.get(0))
        .optional()?
        .flatten();
    if let (Some(delivery), Some(remote)) = (delivery, remote) {
        let remote: RemoteName = crate::delivery::name(&remote)?;
        if lacking.is_empty() {
            forget_cured(connection, errand)?;
            note_end(connection, delivery, 0, &remote, now)?;
        } else {
            let verb = EventKind::DeliveryUnlisted.verb();
            audit::append(connection, now, remote.as_str(), verb, &delivery.to_string())?;
        }
    }
    forget_committed(connection, errand)
}

/// Counts of the same study that ended without all of it, and of which nothing is lacking any more: it was sent again.
fn forget_cured(connection: &Connection, errand: i64) -> Result<(), Error> {
    connection
        .prepare_cached(
            "DELETE FROM errand WHERE id IN (SELECT past.id FROM errand AS past JOIN errand AS this
               ON past.remote = this.remote AND past.uid = this.uid
             WHERE this.id = ?1 AND past.kind = 4 AND past.state = 4 AND NOT EXISTS (SELECT 1 FROM errand_item
               JOIN job ON job.id = errand_item.job
               WHERE errand_item.errand = past.id AND reason IS NOT NULL AND job.commitment = 3))",
        )?
        .execute([errand])?;
    Ok(())
}

fn judge(connection: &Connection, job: i64, judged: Commitment, words: &str, now: i64) -> Result<(), Error> {
    connection
        .prepare_cached(
            "UPDATE job SET commitment = ?2, words = ?3, changed_at = ?4 WHERE id = ?1 AND state = 2
             AND commitment = 1",
        )?
        .execute((job, judged as i64, words, now))?;
    Ok(())
}
