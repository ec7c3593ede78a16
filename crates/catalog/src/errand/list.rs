//! Looking at errands: one by one with what failed, and counted.

use causeway_core::{AeTitle, RemoteName, Uid};
use jiff::Timestamp;
use serde::Serialize;

use super::{ErrandKind, ErrandState};
use crate::Catalog;
use crate::delivery::{moment, name};
use crate::engine::{Connection, Row};
use crate::error::Error;
use crate::instances::uid;

/// Most failed instances that are listed of one errand.
const MAX_FAILURES: i64 = 100;

/// Which errands to list.
#[derive(Debug, Clone, Default)]
pub struct ErrandFilter {
    /// Of these kinds only; none: of all.
    pub kinds: Vec<ErrandKind>,
    /// In this state only.
    pub state: Option<ErrandState>,
    /// Before this errand.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: u32,
}

/// One errand, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrandRow {
    /// Its number.
    pub id: i64,
    /// What is owed.
    pub kind: ErrandKind,
    /// The transaction's UID, of a notice the study's.
    pub uid: Uid,
    /// To whom, where it is registered.
    pub remote: Option<RemoteName>,
    /// What the caller called itself who asked for a commitment.
    pub ae_title: Option<AeTitle>,
    /// Who asked for a commitment over the web.
    pub inquirer: Option<String>,
    /// Its state.
    pub state: ErrandState,
    /// Instances it is about; of a notice not counted.
    pub instances: u64,
    /// Instances that are not committed.
    pub failed: u64,
    /// Attempts made.
    pub attempts: u32,
    /// When it is due; for one being carried out when its lease lapses; for an awaited one until when it is.
    pub next_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
    /// The last status of the far side that was no success.
    pub status: Option<u16>,
    /// What was said last, or went wrong.
    pub words: Option<String>,
    /// Instances that are not committed, the first of them.
    pub failures: Vec<ErrandFailure>,
}

/// An instance that is not committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrandFailure {
    /// SOP Instance UID.
    pub instance: Uid,
    /// SOP Class UID that was named with it.
    pub sop_class: Uid,
    /// Failure Reason (PS3.3 §C.14.1.1).
    pub reason: u16,
}

/// How many errands of a kind are in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrandCount {
    /// The kind.
    pub kind: ErrandKind,
    /// The state.
    pub state: ErrandState,
    /// How many.
    pub count: u64,
}

impl Catalog {
    /// Errands, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn errands(&self, filter: ErrandFilter) -> Result<Vec<ErrandRow>, Error> {
        self.engine
            .read(move |connection| {
                let kinds: Vec<i64> = filter.kinds.iter().map(|kind| kind.number()).collect();
                let mut statement = connection.prepare_cached(
                    "SELECT id, kind, uid, remote, ae_title, state, instances, failed, attempt, next_at, created_at,
                     changed_at, status, words, inquirer FROM errand
                     WHERE (?1 = '[]' OR kind IN (SELECT CAST(value AS BIGINT) FROM json_each(?1)))
                     AND (state = ?2 OR ?2 IS NULL) AND (id < ?3 OR ?3 IS NULL) ORDER BY id DESC LIMIT ?4",
                )?;
                let mut rows = statement.query((
                    super::json_numbers(&kinds),
                    filter.state.map(ErrandState::number),
                    filter.before,
                    filter.limit,
                ))?;
                let mut errands = Vec::new();
                while let Some(row) = &rows.next()? {
                    errands.push(errand(connection, row)?);
                }
                Ok(errands)
            })
            .await
    }

    /// How many errands there are of each kind in each state; of those that were carried out, those that are kept.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn errand_counts(&self) -> Result<Vec<ErrandCount>, Error> {
        self.engine
            .read(|connection| {
                let mut statement = connection
                    .prepare_cached("SELECT kind, state, count(*) FROM errand GROUP BY kind, state")?;
                let mut rows = statement.query([])?;
                let mut counts = Vec::new();
                while let Some(row) = rows.next()? {
                    counts.push(ErrandCount {
                        kind: ErrandKind::of(row.get(0)?)?,
                        state: ErrandState::of(row.get(1)?)?,
                        count: row.get(2)?,
                    });
                }
                Ok(counts)
            })
            .await
    }
}

fn errand(connection: &Connection, row: &Row<'_>) -> Result<ErrandRow, Error> {
    let ae_title = |text: String| AeTitle::parse(&text).map_err(|_| Error::Corrupt("an AE title"));
    let id: i64 = row.get(0)?;
    Ok(ErrandRow {
        id,
        kind: ErrandKind::of(row.get(1)?)?,
        uid: uid(row, 2)?,
        remote: row.get::<Option<String>>(3)?.as_deref().map(name).transpose()?,
        ae_title: row.get::<Option<String>>(4)?.map(ae_title).transpose()?,
        state: ErrandState::of(row.get(5)?)?,
        instances: row.get(6)?,
        failed: row.get(7)?,
        attempts: row.get(8)?,
        next_at: moment(row.get(9)?),
        created_at: moment(row.get(10)?),
        changed_at: moment(row.get(11)?),
        status: row.get(12)?,
        words: row.get(13)?,
        inquirer: row.get(14)?,
        failures: failures(connection, id)?,
    })
}

fn failures(connection: &Connection, errand: i64) -> Result<Vec<ErrandFailure>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT sop_instance, sop_class, reason FROM errand_item WHERE errand = ?1 AND reason IS NOT NULL
         ORDER BY place LIMIT ?2",
    )?;
    let mut rows = statement.query((errand, MAX_FAILURES))?;
    let mut failures = Vec::new();
    while let Some(row) = &rows.next()? {
        failures.push(ErrandFailure { instance: uid(row, 0)?, sop_class: uid(row, 1)?, reason: row.get(2)? });
    }
    Ok(failures)
}
