//! What became of jobs, written in one commit.

use std::collections::BTreeSet;

use causeway_core::{Class, EventKind, LinkReceipt, Uid};
use jiff::Timestamp;

use super::JobState;
use super::claim::look_again;
use crate::Catalog;
use crate::audit;
use crate::engine::{Connection, Durability, OptionalExtension};
use crate::error::Error;
use crate::receipts;

/// A job's next state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// Which job.
    pub job: i64,
    /// Its state from now on; [`JobState::Leased`] is none that can be written so.
    pub state: JobState,
    /// When it is tried again, for a waiting one.
    pub retry_at: Option<Timestamp>,
    /// Attempts made so far.
    pub attempts: u32,
    /// The last answer; `None`: as before.
    pub last: Option<Last>,
    /// What follows, for a delivered one.
    pub afterwards: Afterwards,
}

/// What follows a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Afterwards {
    /// Nothing.
    #[default]
    Nothing,
    /// The far side is asked to commit to the instance (PS3.4 §J.3).
    AskCommitment,
    /// The far side is asked over the web whether it lists the instance, which went out under these UIDs (PS3.18 §10.6).
    AskListing(SentAs),
    /// The far side gave a receipt for the very bytes, which is as good as its commitment. It is acknowledged.
    Proven(LinkReceipt),
}

impl Afterwards {
    /// How it stands with the commitment to a delivered instance: asked for (0), given (2), or neither.
    const fn commitment(&self) -> Option<i64> {
        match self {
            Self::Nothing => None,
            Self::AskCommitment | Self::AskListing(_) => Some(0),
            Self::Proven(_) => Some(2),
        }
    }

    /// The UIDs under which it is looked for, where it is.
    const fn sent_as(&self) -> Option<&SentAs> {
        match self {
            Self::AskListing(sent_as) => Some(sent_as),
            Self::Nothing | Self::AskCommitment | Self::Proven(_) => None,
        }
    }
}

/// Under which UIDs an instance went out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentAs {
    /// Study Instance UID.
    pub study: Uid,
    /// SOP Instance UID.
    pub instance: Uid,
}

/// What is kept of the last answer of the far side.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Last {
    /// The class, for a failure.
    pub class: Option<Class>,
    /// The status, where there was one.
    pub status: Option<u16>,
    /// In words.
    pub words: String,
}

impl Catalog {
    /// Writes what became of jobs that `owner` holds. A job that it does not hold any more is left as it is,
    /// unless the far side has it, which is true whoever says so.
    ///
    /// # Errors
    /// When the database fails; nothing is written then.
    pub async fn conclude(&self, updates: Vec<Update>, owner: String) -> Result<(), Error> {
        let now = self.now_ms();
        let is_told = updates.iter().any(|update| update.state != JobState::Waiting);
        let durability = if is_told { Durability::Synced } else { Durability::Replayable };
        self.engine
            .write(durability, move |connection| {
                let mut touched = BTreeSet::new();
                for update in &updates {
                    touched.extend(conclude(connection, update, &owner, now)?);
                }
                for delivery in touched {
                    look_again(connection, delivery)?;
                    note_end(connection, delivery, now)?;
                }
                Ok(())
            })
            .await
    }
}

/// Gives the job's delivery, when something was written.
fn conclude(connection: &Connection, update: &Update, owner: &str, now: i64) -> Result<Option<i64>, Error> {
    let last = update.last.as_ref();
    let at = update.retry_at.map_or(now, Timestamp::as_millisecond);
    let class = last.and_then(|last| last.class).map(class_name);
    let sent_as = update.afterwards.sent_as();
    let delivery: Option<i64> = connection
        .prepare_cached(
            "UPDATE job SET state = ?2, next_at = ?3, attempt = ?4, lease_owner = NULL, changed_at = ?5,
             class = CASE WHEN ?6 <> 0 THEN ?7 ELSE class END,
             status = CASE WHEN ?6 <> 0 THEN ?8 ELSE status END,
             words = CASE WHEN ?6 <> 0 THEN ?9 ELSE words END,
             commitment = CASE WHEN ?2 = 2 THEN CAST(?11 AS BIGINT) END, sent_study = ?12, sent_instance = ?13
             WHERE id = ?1 AND ((state = 1 AND lease_owner = ?10) OR (?2 = 2 AND state <> 2))
             RETURNING delivery",
        )?
        .query_row(
            (
                update.job,
                update.state.number(),
                at,
                update.attempts,
                now,
                last.is_some(),
                class,
                last.and_then(|last| last.status),
                last.map(|last| last.words.as_str()),
                owner,
                update.afterwards.commitment(),
                sent_as.map(|it| it.study.as_str()),
                sent_as.map(|it| it.instance.as_str()),
            ),
            |row| row.get(0),
        )
        .optional()?;
    if let (Some(delivery), Afterwards::Proven(receipt)) = (delivery, &update.afterwards) {
        receipts::note(connection, update.job, delivery, receipt)?;
    }
    Ok(delivery)
}

/// Notes in the trail when nothing of a delivery is open any more.
fn note_end(connection: &Connection, delivery: i64, now: i64) -> Result<(), Error> {
    let ended: Option<(String, bool, bool)> = connection
        .prepare_cached(
            "SELECT remote, EXISTS (SELECT 1 FROM job WHERE job.delivery = delivery.id AND state = 3),
             EXISTS (SELECT 1 FROM job WHERE job.delivery = delivery.id AND state = 2)
             FROM delivery WHERE id = ?1 AND next_at IS NULL AND paused_at IS NULL AND released = revision",
        )?
        .query_row([delivery], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let kind = match ended {
        Some((_, true, _)) => EventKind::DeliveryParked,
        Some((_, false, true)) => EventKind::DeliveryConfirmed,
        Some((_, false, false)) | None => return Ok(()),
    };
    let remote = ended.map(|(remote, ..)| remote).unwrap_or_default();
    audit::append(connection, now, &remote, kind.verb(), &delivery.to_string())
}

/// The class as it is kept.
fn class_name(class: Class) -> String {
    serde_json::to_value(class).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

pub(super) fn class_of(name: Option<String>) -> Option<Class> {
    serde_json::from_value(serde_json::Value::String(name?)).ok()
}
