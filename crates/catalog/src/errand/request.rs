//! Commitments that we ask for: gathered from what was delivered, and what the far side says of each instance.

use std::collections::HashMap;
use std::time::Duration;

use causeway_core::commitment::{Reference, Settlement};
use causeway_core::{EventKind, RemoteName, Status, Uid};

use super::gather::{Gathered, Ready};
use super::{ErrandKind, ErrandState};
use crate::Catalog;
use crate::audit;
use crate::delivery::look_by;
use crate::engine::{Connection, Durability, OptionalExtension};
use crate::error::Error;
use crate::instances::uid;

/// How often an instance that the far side has not, though it said so, is sent again.
const MAX_RESENT: u32 = 1;

/// What became of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// It is written.
    Noted {
        /// Instances that are committed.
        committed: u64,
        /// Instances that are sent again.
        resent: u64,
        /// Instances that were parked.
        parked: u64,
    },
    /// It was told before.
    Again,
    /// Nothing was asked of this remote under this Transaction UID.
    Unknown,
}

impl Catalog {
    /// Makes requests of what was delivered and is to be committed: of each delivery of which nothing more was
    /// delivered for `quiet`, or at least `limit` instances wait, at most `limit` in one request; they are asked for
    /// until `keep` from now. Says how many requests there are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn gather_commitments(
        &self,
        quiet: Duration,
        limit: u32,
        keep: Duration,
        fresh: fn() -> Uid,
    ) -> Result<u64, Error> {
        let ready = "SELECT delivery FROM job WHERE commitment = 0 AND sent_study IS NULL GROUP BY delivery
                     HAVING max(changed_at) <= ?1 OR count(*) >= ?2 LIMIT ?3";
        let make = move |connection: &Connection, delivery, now, expires_at| {
            gather(connection, delivery, limit, now, expires_at, &fresh()).map(u64::from)
        };
        self.gather(Ready { deliveries: ready, quiet, limit }, keep, make).await
    }

    /// Writes the result of a request of ours, told by `remote`. An instance that it has not is sent again, once;
    /// one that is not committed for another reason, or that the result does not name, is parked.
    ///
    /// # Errors
    /// When the database fails; nothing is written then.
    pub async fn commitment_told(
        &self,
        remote: RemoteName,
        settlement: Settlement,
    ) -> Result<Answered, Error> {
        let now = self.now_ms();
        self.engine
            .write(Durability::Synced, move |connection| told(connection, &remote, &settlement, now))
            .await
    }
}

/// One request of one delivery; says whether there was anything to ask for.
fn gather(
    connection: &Connection,
    delivery: i64,
    limit: u32,
    now: i64,
    expires_at: i64,
    transaction: &Uid,
) -> Result<bool, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT job.id, job.remote, instance.sop_class, instance.uid FROM job
         LEFT JOIN instance ON instance.id = job.instance
         WHERE job.delivery = ?1 AND job.commitment = 0 AND job.sent_study IS NULL ORDER BY job.id LIMIT ?2",
    )?;
    let mut rows = statement.query((delivery, limit))?;
    let (mut jobs, mut references, mut remote) = (Vec::new(), Vec::new(), String::new());
    let mut mark = connection.prepare_cached("UPDATE job SET commitment = ?2 WHERE id = ?1")?;
    while let Some(row) = &rows.next()? {
        let job: i64 = row.get(0)?;
        if row.get::<Option<String>>(3)?.is_none() {
            // Deleted here meanwhile: its UID is not known any more.
            mark.execute((job, None::<i64>))?;
            continue;
        }
        remote = row.get(1)?;
        jobs.push(job);
        references.push(Reference { sop_class: uid(row, 2)?, sop_instance: uid(row, 3)? });
    }
    if jobs.is_empty() {
        return Ok(false);
    }
    for job in &jobs {
        mark.send((job, Some(1)))?;
    }
    let (kind, uid) = (ErrandKind::Request, transaction.as_str());
    Gathered { kind, uid, remote: &remote, jobs: &jobs, references: &references }
        .put(connection, now, expires_at)?;
    Ok(true)
}

fn told(
    connection: &Connection,
    remote: &RemoteName,
    settlement: &Settlement,
    now: i64,
) -> Result<Answered, Error> {
    let found: Option<(i64, i64)> = connection
        .prepare_cached("SELECT id, state FROM errand WHERE kind = 1 AND uid = ?1 AND remote = ?2")?
        .query_row((settlement.transaction.as_str(), remote.as_str()), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((errand, state)) = found else { return Ok(Answered::Unknown) };
    if ErrandState::of(state)? == ErrandState::Done {
        return Ok(Answered::Again);
    }
    let mut said: HashMap<&str, Option<Status>> = HashMap::new();
    said.extend(settlement.committed.iter().map(|it| (it.sop_instance.as_str(), None)));
    // Whoever says both means the worse.
    said.extend(settlement.failed.iter().map(|(it, reason)| (it.sop_instance.as_str(), Some(*reason))));
    let (mut committed, mut resent, mut parked) = (0_usize, 0, 0);
    let delivery = delivery_of(connection, errand)?;
    for (place, instance, job) in asked_for(connection, errand)? {
        let verdict = said.get(instance.as_str()).copied().unwrap_or(Some(Status::PROCESSING_FAILURE));
        let words = match (verdict, said.contains_key(instance.as_str())) {
            (None, _) => None,
            (Some(_), false) => {
                Some("delivered, but the result of its commitment does not name it".to_owned())
            }
            (Some(reason), true) => Some(format!("delivered, but not committed: {}", reason_words(reason))),
        };
        let Some(words) = words else {
            committed += settle(connection, job, now)?;
            continue;
        };
        let reason = verdict.unwrap_or(Status::PROCESSING_FAILURE);
        connection
            .prepare_cached("UPDATE errand_item SET reason = ?3 WHERE errand = ?1 AND place = ?2")?
            .execute((errand, place, reason.0))?;
        if reason == Status::NO_SUCH_OBJECT && send_again(connection, job, &words, now)? {
            resent += 1;
        } else {
            parked += park(connection, job, reason, &words, now)?;
        }
    }
    connection
        .prepare_cached(
            "UPDATE errand SET state = 3, lease_owner = NULL, failed = instances - ?2, changed_at = ?3,
             words = NULL, status = NULL WHERE id = ?1",
        )?
        .execute((errand, committed, now))?;
    if let Some(delivery) = delivery {
        note_end(connection, delivery, parked, remote, now)?;
    }
    super::conclude::forget_committed(connection, errand)?;
    Ok(Answered::Noted { committed: committed as u64, resent, parked })
}

pub(super) fn asked_for(connection: &Connection, errand: i64) -> Result<Vec<(i64, String, i64)>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT place, sop_instance, job FROM errand_item WHERE errand = ?1 ORDER BY place",
    )?;
    let rows = statement.query_map([errand], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

// A job that was changed by hand meanwhile, or given up and asked for anew, is no longer ours to change: only one
// that was delivered is.

/// The delivery that a request is about.
pub(super) fn delivery_of(connection: &Connection, errand: i64) -> Result<Option<i64>, Error> {
    let found = connection
        .prepare_cached(
            "SELECT job.delivery FROM errand_item JOIN job ON job.id = errand_item.job WHERE errand = ?1 LIMIT 1",
        )?
        .query_row([errand], |row| row.get(0))
        .optional()?;
    Ok(found)
}

/// Notes in the trail that all of a delivery is committed, or that some of it needs a decision.
pub(super) fn note_end(
    connection: &Connection,
    delivery: i64,
    parked: u64,
    remote: &RemoteName,
    now: i64,
) -> Result<(), Error> {
    let is_open = connection
        .prepare_cached(
            "SELECT 1 FROM job WHERE delivery = ?1 AND (state IN (0, 1, 3) OR (state = 2 AND commitment IS DISTINCT FROM 2))",
        )?
        .exists([delivery])?;
    let kind = match (parked, is_open) {
        (0, true) => return Ok(()),
        (0, false) => EventKind::DeliveryCommitted,
        (_, _) => EventKind::DeliveryParked,
    };
    audit::append(connection, now, remote.as_str(), kind.verb(), &delivery.to_string())
}

fn settle(connection: &Connection, job: i64, now: i64) -> Result<usize, Error> {
    Ok(connection
        .prepare_cached(
            "UPDATE job SET commitment = 2, changed_at = ?2, words = 'delivered and committed'
             WHERE id = ?1 AND state = 2",
        )?
        .execute((job, now))?)
}

fn send_again(connection: &Connection, job: i64, words: &str, now: i64) -> Result<bool, Error> {
    let delivery: Option<i64> = connection
        .prepare_cached(
            "UPDATE job SET state = 0, attempt = 0, next_at = ?3, changed_at = ?3, commitment = NULL,
             resent = resent + 1, status = ?4, class = 'peer', words = ?2 || '; it is sent again'
             WHERE id = ?1 AND state = 2 AND resent < ?5 RETURNING delivery",
        )?
        .query_row((job, words, now, Status::NO_SUCH_OBJECT.0, MAX_RESENT), |row| row.get(0))
        .optional()?;
    match delivery {
        Some(delivery) => look_by(connection, delivery, now).map(|()| true),
        None => Ok(false),
    }
}

fn park(connection: &Connection, job: i64, reason: Status, words: &str, now: i64) -> Result<u64, Error> {
    let changed = connection
        .prepare_cached(
            "UPDATE job SET state = 3, changed_at = ?4, commitment = 3, status = ?2, class = 'peer', words = ?3
             WHERE id = ?1 AND state = 2",
        )?
        .execute((job, reason.0, words, now))?;
    Ok(changed as u64)
}

/// A Failure Reason for people (PS3.3 §C.14.1.1).
fn reason_words(reason: Status) -> String {
    let words = match reason {
        Status::PROCESSING_FAILURE => "the far side could not process it",
        Status::NO_SUCH_OBJECT => "the far side does not have it",
        Status::CLASS_INSTANCE_CONFLICT => "the far side has it as of another SOP class",
        Status::SOP_CLASS_NOT_SUPPORTED => "the far side does not keep its SOP class",
        Status::DUPLICATE_TRANSACTION => "the far side knew the Transaction UID already",
        Status::RESOURCE_LIMITATION => "the far side has no room for it",
        _ => "the far side gives a reason of its own",
    };
    format!("{words} ({reason})")
}
