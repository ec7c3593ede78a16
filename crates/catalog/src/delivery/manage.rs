//! What an administrator does to a job: try again, park, cancel.

use causeway_core::RemoteName;
use rusqlite::{Connection, OptionalExtension};

use super::JobState;
use crate::Catalog;
use crate::audit;
use crate::engine::Durability;
use crate::error::Error;

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

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// It was done.
    Done,
    /// There is no such job.
    Unknown,
    /// It cannot be done to a job in this state.
    NotFrom(JobState),
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

    const fn sql(self) -> &'static str {
        match self {
            Self::Retry => {
                "UPDATE job SET state = 0, attempt = 0, next_at = ?2, changed_at = ?2, lease_owner = NULL,
                 commitment = NULL, resent = 0 WHERE id = ?1"
            }
            Self::Park => {
                "UPDATE job SET state = 3, changed_at = ?2, lease_owner = NULL,
                 words = coalesce(words, 'parked by hand') WHERE id = ?1"
            }
            Self::Cancel => {
                "UPDATE job SET state = 4, changed_at = ?2, lease_owner = NULL,
                 words = coalesce(words, 'cancelled by hand') WHERE id = ?1"
            }
        }
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
            .write(Durability::Synced, move |connection| self::change(connection, job, change, &who, now))
            .await
    }

    /// Tries all parked jobs of a remote again; says how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn retry_parked(&self, remote: RemoteName, who: &str) -> Result<u64, Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| {
                let changed = connection
                    .prepare_cached(
                        "UPDATE job SET state = 0, attempt = 0, next_at = ?2, changed_at = ?2,
                         commitment = NULL, resent = 0 WHERE remote = ?1 AND state = 3",
                    )?
                    .execute((remote.as_str(), now))?;
                audit::append(connection, now, &who, "job-retry-parked", remote.as_str())?;
                Ok(changed as u64)
            })
            .await
    }
}

fn change(connection: &Connection, job: i64, change: Change, who: &str, now: i64) -> Result<Changed, Error> {
    let state: Option<i64> = connection
        .prepare_cached("SELECT state FROM job WHERE id = ?1")?
        .query_row([job], |row| row.get(0))
        .optional()?;
    let Some(state) = state else { return Ok(Changed::Unknown) };
    let state = JobState::of(state)?;
    if !change.is_possible_from(state) {
        return Ok(Changed::NotFrom(state));
    }
    connection.prepare_cached(change.sql())?.execute((job, now))?;
    audit::append(connection, now, who, change.verb(), &job.to_string())?;
    Ok(Changed::Done)
}
