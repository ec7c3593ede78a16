//! Verifications: how far each is, and what it found (`findings`). What is held against what is the archive's affair.

mod findings;

use std::fmt;

use causeway_core::{ObjectKey, RemoteName, StoredInstance};
use jiff::Timestamp;
use serde::Serialize;

use crate::Catalog;
use crate::audit;
use crate::delivery::moment;
use crate::engine::{Connection, Durability, OptionalExtension, Row};
use crate::error::Error;
use crate::instances::{INSTANCE_TABLES, STORED_COLUMNS, STORED_COUNT, is_known, stored};

pub use findings::{Fate, Finding, FindingCount, FindingKind, Fresh, NewFinding};

/// Verifications that are kept, the latest.
pub const MAX_VERIFICATIONS: i64 = 20;
/// Most findings of one: beyond, it is the store that is wrong and not objects of it.
pub const MAX_FINDINGS: i64 = 100_000;

/// Whether a verification goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerificationState {
    /// It does, also after a restart.
    UnderWay,
    /// It came to its end.
    Done,
    /// It was ended before.
    Stopped,
}

/// What a verification is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerificationPhase {
    /// Rows, each held against its object.
    Rows,
    /// Objects, each held against the rows.
    Objects,
    /// What was found is mended.
    Mending,
}

impl VerificationState {
    const fn number(self) -> i64 {
        match self {
            Self::UnderWay => 0,
            Self::Done => 1,
            Self::Stopped => 2,
        }
    }

    fn read(number: i64) -> Result<Self, Error> {
        [Self::UnderWay, Self::Done, Self::Stopped]
            .into_iter()
            .find(|state| state.number() == number)
            .ok_or(Error::Corrupt("the state of a verification"))
    }
}

impl VerificationPhase {
    const fn number(self) -> i64 {
        match self {
            Self::Rows => 0,
            Self::Objects => 1,
            Self::Mending => 2,
        }
    }

    fn read(number: i64) -> Result<Self, Error> {
        [Self::Rows, Self::Objects, Self::Mending]
            .into_iter()
            .find(|phase| phase.number() == number)
            .ok_or(Error::Corrupt("the phase of a verification"))
    }
}

impl fmt::Display for VerificationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnderWay => "under way",
            Self::Done => "done",
            Self::Stopped => "stopped",
        })
    }
}

/// Whether what is found is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mends {
    /// It is only told.
    Nothing,
    /// It is mended where that can be done without losing anything.
    WhatItCan,
}

/// A verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Its number.
    pub id: i64,
    /// Whether it goes on.
    pub state: VerificationState,
    /// What it is at.
    pub phase: VerificationPhase,
    /// How far that is.
    #[serde(skip)]
    pub position: String,
    /// Who began it.
    pub who: String,
    /// Whether what is found is mended.
    pub mends: Mends,
    /// Bytes that are read in a second, at most.
    pub bytes_per_second: u64,
    /// Rows beyond this number came later.
    #[serde(skip)]
    pub last_instance: i64,
    /// Objects that there were rows for as it began.
    pub all_objects: u64,
    /// Their bytes.
    pub all_bytes: u64,
    /// Objects that were read.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Why it was stopped.
    pub words: Option<String>,
    /// When it began.
    pub began_at: Timestamp,
    /// When it was last written.
    pub changed_at: Timestamp,
    /// What it found.
    pub found: Vec<FindingCount>,
}

/// How far a verification is.
#[derive(Debug, Clone)]
pub struct VerificationStep {
    /// What it is at next.
    pub phase: VerificationPhase,
    /// From where on.
    pub position: String,
    /// Whether it goes on.
    pub state: VerificationState,
    /// Objects read since.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What was found since.
    pub findings: Vec<NewFinding>,
}

/// A row that is to be held against its object.
#[derive(Debug, Clone)]
pub struct RowToVerify {
    /// Its number.
    pub number: i64,
    /// What it tells.
    pub instance: StoredInstance,
    /// Where the instance came from, if from a remote.
    pub remote: Option<RemoteName>,
}

impl Catalog {
    /// Begins a verification; none when one is under way.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_verification(
        &self,
        mends: Mends,
        bytes_per_second: u64,
        who: &str,
    ) -> Result<Option<Verification>, Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        let (last, objects, bytes) = self.engine.read(all).await?;
        self.engine
            .write(Durability::Synced, move |connection| {
                let before = latest(connection)?;
                if before.as_ref().is_some_and(|it| it.state == VerificationState::UnderWay) {
                    return Ok(None);
                }
                let id = before.map_or(1, |it| it.id + 1);
                forget(connection, id - MAX_VERIFICATIONS)?;
                let mends = i64::from(mends == Mends::WhatItCan);
                let rate = i64::try_from(bytes_per_second).unwrap_or(i64::MAX);
                connection
                    .prepare_cached(
                        "INSERT INTO verification (id, state, phase, position, who, mends, bytes_per_second,
                         last_instance, all_objects, all_bytes, objects, bytes, began_at, changed_at)
                         VALUES (?1, 0, 0, '', ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, ?8, ?8)",
                    )?
                    .execute((id, who.as_str(), mends, rate, last, objects, bytes, now))?;
                audit::append(connection, now, &who, "verify-begin", &id.to_string())?;
                latest(connection)
            })
            .await
    }

    /// The latest verification, whether it goes on or not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn verification(&self) -> Result<Option<Verification>, Error> {
        self.engine.read(latest).await
    }

    /// Ends the verification that is under way before it comes to its end; gives whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stop_verification(&self, who: &str) -> Result<bool, Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| {
                let stopped = stop(connection, &format!("stopped by {who}"), now)?;
                if let Some(id) = stopped {
                    audit::append(connection, now, &who, "verify-end", &id.to_string())?;
                }
                Ok(stopped.is_some())
            })
            .await
    }

    /// Writes how far a verification is, and what it found since: only of rows that still tell of the object, and of
    /// objects that no row tells of. Gives how it stands; none when it does not go on any more.
    ///
    /// # Errors
    /// When the database fails; nothing is written then.
    pub async fn verified(&self, id: i64, step: VerificationStep) -> Result<Option<Verification>, Error> {
        let now = self.now_ms();
        self.engine.write(Durability::Synced, move |connection| advance(connection, id, &step, now)).await
    }

    /// Rows from beyond the number `after` up to the number `last`, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rows_to_verify(&self, after: i64, last: i64, limit: u32) -> Result<Vec<RowToVerify>, Error> {
        self.engine
            .read(move |connection| {
                let sql = format!(
                    "SELECT {STORED_COLUMNS}, instance.envelope FROM {INSTANCE_TABLES}
                     WHERE instance.id > ?1 AND instance.id <= ?2 ORDER BY instance.id LIMIT ?3"
                );
                let mut statement = connection.prepare_cached(&sql)?;
                let mut rows = statement.query((after, last, limit))?;
                let mut found = Vec::new();
                while let Some(row) = rows.next()? {
                    let envelope: String = row.get(STORED_COUNT)?;
                    let envelope: causeway_core::Envelope =
                        serde_json::from_str(&envelope).map_err(|_| Error::Corrupt("an envelope"))?;
                    let instance = stored(&row)?;
                    found.push(RowToVerify { number: row.get(10)?, instance, remote: envelope.remote });
                }
                Ok(found)
            })
            .await
    }

    /// Those of `objects` that no row tells of, neither of what is kept nor of what was removed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unknown_objects(&self, objects: Vec<ObjectKey>) -> Result<Vec<ObjectKey>, Error> {
        self.engine
            .read(move |connection| {
                let mut unknown = Vec::new();
                for object in objects {
                    if !is_known(connection, &object)? {
                        unknown.push(object);
                    }
                }
                Ok(unknown)
            })
            .await
    }
}

/// The last row, how many there are, and the bytes that they tell of.
fn all(connection: &Connection) -> Result<(i64, i64, i64), Error> {
    let mut statement = connection.prepare_cached(
        "SELECT coalesce(max(id), 0), count(*), CAST(coalesce(sum(object_bytes), 0) AS BIGINT) FROM instance",
    )?;
    Ok(statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?)
}

const COLUMNS: &str =
    "id, state, phase, position, who, mends, bytes_per_second, last_instance, all_objects, all_bytes,
    objects, bytes, words, began_at, changed_at";

fn latest(connection: &Connection) -> Result<Option<Verification>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM verification ORDER BY id DESC LIMIT 1");
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_row([], |row| Ok(verification(row))).optional()?.transpose()?;
    let Some(mut found) = found else { return Ok(None) };
    found.found = findings::counts(connection, found.id)?;
    Ok(Some(found))
}

fn verification(row: &Row<'_>) -> Result<Verification, Error> {
    let count = |index: usize| -> Result<u64, Error> {
        u64::try_from(row.get::<i64>(index)?).map_err(|_| Error::Corrupt("a count"))
    };
    Ok(Verification {
        id: row.get(0)?,
        state: VerificationState::read(row.get(1)?)?,
        phase: VerificationPhase::read(row.get(2)?)?,
        position: row.get(3)?,
        who: row.get(4)?,
        mends: if row.get::<i64>(5)? == 0 { Mends::Nothing } else { Mends::WhatItCan },
        bytes_per_second: count(6)?,
        last_instance: row.get(7)?,
        all_objects: count(8)?,
        all_bytes: count(9)?,
        objects: count(10)?,
        bytes: count(11)?,
        words: row.get(12)?,
        began_at: moment(row.get(13)?),
        changed_at: moment(row.get(14)?),
        found: Vec::new(),
    })
}

fn forget(connection: &Connection, up_to: i64) -> Result<(), Error> {
    connection
        .prepare_cached("DELETE FROM verification_finding WHERE verification <= ?1")?
        .execute([up_to])?;
    connection.prepare_cached("DELETE FROM verification WHERE id <= ?1")?.execute([up_to])?;
    Ok(())
}

/// Gives the number of the one that is stopped.
fn stop(connection: &Connection, words: &str, now: i64) -> Result<Option<i64>, Error> {
    let mut statement = connection.prepare_cached(
        "UPDATE verification SET state = 2, words = ?1, changed_at = ?2 WHERE state = 0 RETURNING id",
    )?;
    Ok(statement.query_row((words, now), |row| row.get(0)).optional()?)
}

fn advance(
    connection: &Connection,
    id: i64,
    step: &VerificationStep,
    now: i64,
) -> Result<Option<Verification>, Error> {
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(
        "UPDATE verification SET phase = ?2, position = ?3, state = ?4, objects = objects + ?5, bytes = bytes + ?6,
         changed_at = ?7 WHERE id = ?1 AND state = 0",
    )?;
    let phase = (step.phase.number(), step.position.as_str(), step.state.number());
    let changed =
        statement.execute((id, phase.0, phase.1, phase.2, count(step.objects), count(step.bytes), now))?;
    if changed == 0 {
        return Ok(None);
    }
    let Some(before) = latest(connection)? else { return Ok(None) };
    for finding in &step.findings {
        findings::add(connection, id, finding, &before.who, now)?;
    }
    let found: i64 = findings::counts(connection, id)?.iter().map(|it| count(it.count)).sum();
    if found >= MAX_FINDINGS && step.state == VerificationState::UnderWay {
        let words = format!("there are {found} findings: something is wrong with the store as a whole");
        stop(connection, &words, now)?;
    }
    if step.state != VerificationState::UnderWay {
        audit::append(connection, now, &before.who, "verify-end", &id.to_string())?;
    }
    latest(connection)
}
