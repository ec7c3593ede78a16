//! What was removed and whose bytes are still there: until the grace is over it can be brought back, then the bytes go.
//!
//! ```text
//!  rows go ──► unmarked ──► marked ──► its bytes are going ──► forgotten
//!                  └───────────┴──► brought back
//! ```
//! Whoever takes the bytes away claims them first, so that nothing is brought back whose bytes are going.

use causeway_core::keeping::{Reason, Removal, RemovalMark};
use causeway_core::{EventKind, Identifiers, InstanceRecord, ObjectKey, RemoteName, StoredInstance, Uid};
use jiff::Timestamp;
use serde::Serialize;

use crate::Catalog;
use crate::audit;
use crate::delete;
use crate::delivery::moment;
use crate::engine::{Connection, Durability, OptionalExtension, Params, Row};
use crate::error::Error;
use crate::hold::{self, Removing};
use crate::incoming::Incoming;
use crate::instances::{object_key, uid};

/// Who takes away the bytes of what was removed, as the trail names it.
const GRACE_OVER: &str = "grace";

/// An object that was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedObject {
    /// Where its bytes are.
    pub object: ObjectKey,
    /// Which instance it was.
    pub ids: Identifiers,
    /// How long it is.
    pub object_bytes: u64,
    /// When it was removed, by whom, why, and until when it stays.
    pub mark: RemovalMark,
}

/// What was removed of a study and can be brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemovedStudy {
    /// Study Instance UID.
    pub study: Uid,
    /// Its instances.
    pub instances: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When the last of them was removed.
    pub removed_at: Timestamp,
    /// Whose doing that was.
    pub who: String,
    /// Why.
    pub reason: Reason,
    /// When the first of their bytes go.
    pub purge_at: Timestamp,
}

/// What became of an instance that was to be brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BroughtBack {
    /// It is kept again.
    Back,
    /// An instance of its UID came since; that one stays.
    CameAgain,
    /// Its bytes are going, or it was brought back already.
    Gone,
}

impl Catalog {
    /// What can be brought back, by study, from beyond the study `after` on, at most `limit` studies.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn removed_studies(&self, after: String, limit: u32) -> Result<Vec<RemovedStudy>, Error> {
        self.engine.read(move |connection| studies(connection, &after, limit)).await
    }

    /// What can be brought back of a study, in the order in which it came.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn removed_of(&self, study: Uid) -> Result<Vec<RemovedObject>, Error> {
        self.engine
            .read(move |connection| {
                listed(
                    connection,
                    "WHERE study = ?1 AND state < 2 ORDER BY id LIMIT ?2",
                    (study.as_str(), i64::MAX),
                )
            })
            .await
    }

    /// Whether an object is of what was removed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_removed(&self, object: ObjectKey) -> Result<bool, Error> {
        self.engine
            .read(move |connection| {
                let mut statement = connection.prepare_cached("SELECT 1 FROM removed WHERE object = ?1")?;
                Ok(statement.exists([object.as_str()])?)
            })
            .await
    }

    /// Keeps instances again that were removed, each under the number that it had, so that what was delivered of it is known
    /// to be its own. Nothing is delivered because of it.
    ///
    /// # Errors
    /// When the database fails; none is kept then.
    pub async fn bring_back(
        &self,
        records: Vec<InstanceRecord>,
        who: &str,
    ) -> Result<Vec<BroughtBack>, Error> {
        let (now, who, spool) = (self.now_ms(), who.to_owned(), self.spool());
        let incoming = records.into_iter().map(|record| Incoming::of(record, spool));
        let incoming = incoming.collect::<Result<Vec<_>, _>>()?;
        self.engine
            .write(Durability::Synced, move |connection| {
                incoming.iter().map(|one| bring_back(connection, one, &who, now)).collect()
            })
            .await
    }

    /// Claims the bytes of what was removed and whose grace is over, where no hold has them stay, and gives what is claimed,
    /// at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_removed(&self, limit: u32) -> Result<Vec<RemovedObject>, Error> {
        let now = self.now_ms();
        let is_any = self.engine.read(move |connection| is_any_to_go(connection, now)).await?;
        if !is_any {
            return Ok(Vec::new());
        }
        self.engine
            .write(Durability::Synced, move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE removed SET state = 2 WHERE object IN (SELECT object FROM removed
                         WHERE purge_at <= ?1 AND state < 2 AND study NOT IN (SELECT study FROM hold)
                         ORDER BY purge_at LIMIT ?2)",
                    )?
                    .execute((now, limit))?;
                listed(connection, "WHERE state = 2 ORDER BY id LIMIT ?1", [limit])
            })
            .await
    }

    /// Forgets objects whose bytes are gone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn purged(&self, objects: Vec<RemovedObject>) -> Result<(), Error> {
        let now = self.now_ms();
        self.engine
            .write(Durability::Replayable, move |connection| {
                let mut forget =
                    connection.prepare_cached("DELETE FROM removed WHERE object = ?1 AND state = 2")?;
                let mut told: Vec<&Uid> = Vec::new();
                for one in &objects {
                    let is_first =
                        forget.execute([one.object.as_str()])? > 0 && !told.contains(&&one.ids.study);
                    if is_first {
                        told.push(&one.ids.study);
                        audit::append(connection, now, GRACE_OVER, "purge", one.ids.study.as_str())?;
                    }
                }
                Ok(())
            })
            .await
    }

    /// Ends the grace of what was removed of a study; gives how many instances that are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_grace(&self, study: Uid, who: &str) -> Result<Removing<usize>, Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| {
                if let Some(hold) = hold::of(connection, study.as_str())? {
                    return Ok(Removing::Held(hold));
                }
                let ended = connection
                    .prepare_cached("UPDATE removed SET purge_at = ?2 WHERE study = ?1 AND state < 2")?
                    .execute((study.as_str(), now))?;
                if ended > 0 {
                    audit::append(connection, now, &who, "end-grace", study.as_str())?;
                }
                Ok(Removing::Done(ended))
            })
            .await
    }

    /// What was removed and has no mark beside its bytes yet, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unmarked(&self, limit: u32) -> Result<Vec<RemovedObject>, Error> {
        self.engine
            .read(move |connection| listed(connection, "WHERE state = 0 ORDER BY id LIMIT ?1", [limit]))
            .await
    }

    /// Says that there are marks beside the bytes of these; gives those that are not removed any more, whose marks are wrong.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn marked(&self, objects: Vec<ObjectKey>) -> Result<Vec<ObjectKey>, Error> {
        self.engine
            .write(Durability::Replayable, move |connection| {
                let mut mark = connection.prepare_cached(
                    "UPDATE removed SET state = CASE WHEN state = 0 THEN 1 ELSE state END WHERE object = ?1",
                )?;
                let mut wrong = Vec::new();
                for object in objects {
                    if mark.execute([object.as_str()])? == 0 {
                        wrong.push(object);
                    }
                }
                Ok(wrong)
            })
            .await
    }

    /// Says that the marks beside what was removed of a study are about to go.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unmark(&self, study: Uid) -> Result<(), Error> {
        self.engine
            .write(Durability::Synced, move |connection| {
                connection
                    .prepare_cached("UPDATE removed SET state = 0 WHERE study = ?1 AND state = 1")?
                    .execute([study.as_str()])?;
                Ok(())
            })
            .await
    }

    /// Remembers that an object was removed, as the mark beside it says: for a catalog that is made anew.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remember_removed(&self, record: InstanceRecord, mark: RemovalMark) -> Result<(), Error> {
        self.engine
            .write(Durability::Synced, move |connection| {
                let removed_at = mark.removed_at.as_millisecond();
                delete::bury(connection, record.ids.instance.as_str(), removed_at)?;
                let source = record.envelope.remote.as_ref().map(RemoteName::as_str);
                // What is brought back of it gets a number that nothing tells of.
                let id = connection
                    .prepare_cached("SELECT coalesce(min(id), 0) - 1 FROM removed WHERE id < 0")?
                    .query_row([], |row| row.get(0))?;
                let columns = Columns {
                    id,
                    object: &record.object,
                    ids: &record.ids,
                    object_bytes: record.object_bytes,
                    source,
                    state: 1,
                };
                write(connection, &columns, &mark)
            })
            .await
    }
}

/// Remembers what is about to be removed.
pub(crate) fn keep(
    connection: &Connection,
    id: i64,
    instance: &StoredInstance,
    removal: &Removal,
    now: i64,
) -> Result<(), Error> {
    let source: Option<String> = connection
        .prepare_cached("SELECT envelope ->> 'remote' FROM instance WHERE id = ?1")?
        .query_row([id], |row| row.get(0))?;
    let mark = RemovalMark {
        removed_at: moment(now),
        who: removal.who.clone(),
        reason: removal.reason.clone(),
        purge_at: moment(now.saturating_add(removal.grace.milliseconds())),
    };
    let columns = Columns {
        id,
        object: &instance.object,
        ids: &instance.ids,
        object_bytes: instance.object_bytes,
        source: source.as_deref(),
        state: if removal.grace.is_zero() { 2 } else { 0 },
    };
    write(connection, &columns, &mark)
}

fn is_any_to_go(connection: &Connection, now: i64) -> Result<bool, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT 1 FROM removed WHERE state = 2
         OR (purge_at <= ?1 AND study NOT IN (SELECT study FROM hold)) LIMIT 1",
    )?;
    Ok(statement.exists([now])?)
}

struct Columns<'a> {
    id: i64,
    object: &'a ObjectKey,
    ids: &'a Identifiers,
    object_bytes: u64,
    source: Option<&'a str>,
    state: i64,
}

fn write(connection: &Connection, columns: &Columns<'_>, mark: &RemovalMark) -> Result<(), Error> {
    let Columns { id, object, ids, object_bytes, source, state } = columns;
    connection
        .prepare_cached(
            "INSERT INTO removed (object, id, study, series, instance, object_bytes, source, removed_at, who, why,
             purge_at, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
             ON CONFLICT (object) DO NOTHING",
        )?
        .execute((
            object.as_str(),
            id,
            ids.study.as_str(),
            ids.series.as_str(),
            ids.instance.as_str(),
            i64::try_from(*object_bytes).unwrap_or(i64::MAX),
            source,
            mark.removed_at.as_millisecond(),
            &mark.who,
            mark.reason.to_string(),
            mark.purge_at.as_millisecond(),
            state,
        ))?;
    Ok(())
}

fn bring_back(
    connection: &Connection,
    incoming: &Incoming,
    who: &str,
    now: i64,
) -> Result<BroughtBack, Error> {
    let record = &incoming.record;
    let uid = record.ids.instance.as_str();
    let came_again = connection.prepare_cached("SELECT 1 FROM instance WHERE uid = ?1")?.exists([uid])?;
    if came_again {
        return Ok(BroughtBack::CameAgain);
    }
    let id: Option<i64> = connection
        .prepare_cached("DELETE FROM removed WHERE object = ?1 AND state < 2 RETURNING id")?
        .query_row([record.object.as_str()], |row| row.get(0))
        .optional()?;
    let Some(id) = id else { return Ok(BroughtBack::Gone) };
    incoming.put_back(connection, Some(id).filter(|id| *id > 0), who, now)?;
    connection
        .prepare_cached("UPDATE job SET uid = NULL, source = NULL WHERE instance = ?1")?
        .execute([id])?;
    audit::append(connection, now, who, EventKind::InstanceRestored.verb(), uid)?;
    Ok(BroughtBack::Back)
}

const COLUMNS: &str = "object, study, series, instance, object_bytes, removed_at, who, why, purge_at";

fn listed(connection: &Connection, which: &str, params: impl Params) -> Result<Vec<RemovedObject>, Error> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM removed {which}"))?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(RemovedObject {
            object: object_key(&row.get::<String>(0)?)?,
            ids: Identifiers { study: uid(&row, 1)?, series: uid(&row, 2)?, instance: uid(&row, 3)? },
            object_bytes: count(&row, 4)?,
            mark: RemovalMark {
                removed_at: moment(row.get(5)?),
                who: row.get(6)?,
                reason: reason(&row, 7)?,
                purge_at: moment(row.get(8)?),
            },
        });
    }
    Ok(found)
}

fn studies(connection: &Connection, after: &str, limit: u32) -> Result<Vec<RemovedStudy>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT study, count(*), CAST(sum(object_bytes) AS BIGINT), max(removed_at), min(purge_at) FROM removed
         WHERE study > ?1 AND state < 2 GROUP BY study ORDER BY study LIMIT ?2",
    )?;
    let mut last = connection.prepare_cached(
        "SELECT who, why FROM removed WHERE study = ?1 AND state < 2 ORDER BY removed_at DESC, id DESC LIMIT 1",
    )?;
    let mut rows = statement.query((after, limit))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let study = uid(&row, 0)?;
        let (who, reason): (String, String) =
            last.query_row([study.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        found.push(RemovedStudy {
            study,
            instances: count(&row, 1)?,
            bytes: count(&row, 2)?,
            removed_at: moment(row.get(3)?),
            who,
            reason: reason.parse().map_err(|_| Error::Corrupt("why something was removed"))?,
            purge_at: moment(row.get(4)?),
        });
    }
    Ok(found)
}

fn reason(row: &Row<'_>, index: usize) -> Result<Reason, Error> {
    row.get::<String>(index)?.parse().map_err(|_| Error::Corrupt("why something was removed"))
}

fn count(row: &Row<'_>, index: usize) -> Result<u64, Error> {
    u64::try_from(row.get::<i64>(index)?).map_err(|_| Error::Corrupt("a count"))
}
