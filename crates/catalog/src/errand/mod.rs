//! Errands as rows: what is owed to a remote beside instances. Results of commitments that were asked of us,
//! commitments that we ask for (PS3.4 §J.3), notices of what is available here (PS3.4 §R.3).
//!
//! Lives here: writing, claiming, concluding, listing them. Never here: what a data set looks like, when to try again.
//!
//! Invariant: a request that was answered with Success is on disk; what the far side said of an instance is written
//! with a synced commit, together with the job that delivered it.

mod claim;
mod conclude;
mod list;
mod notice;
mod receive;
mod request;

use causeway_core::commitment::{Reference, Request, Settlement};
use causeway_core::{AeTitle, RemoteName, Status, Uid};
use rusqlite::Connection;

use crate::error::Error;

pub use claim::ErrandDue;
pub use conclude::{GivenUp, Step};
pub use list::{ErrandCount, ErrandFailure, ErrandFilter, ErrandRow};
pub use receive::{Finding, Known, Received, Undecided};
pub use request::Answered;

/// What is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub enum ErrandKind {
    /// The result of a commitment that was asked of us.
    #[serde(rename = "asked-of-us")]
    Result,
    /// A commitment that we ask for.
    #[serde(rename = "asked-by-us")]
    Request,
    /// A notice of what is available here.
    #[serde(rename = "notice")]
    Notice,
}

/// State of an errand, as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrandState {
    /// A result that is not decided yet.
    Open,
    /// To be carried out when its time comes.
    Due,
    /// A commitment that was asked for; the far side has not told the result.
    Awaited,
    /// Carried out, and of a commitment asked for the result is there.
    Done,
    /// Not tried any more.
    GivenUp,
}

/// Who asked for a commitment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requester {
    /// What it calls itself.
    pub ae_title: AeTitle,
    /// The registered remote, where it is one.
    pub remote: Option<RemoteName>,
}

/// An errand that someone holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errand {
    /// Its number.
    pub id: i64,
    /// Attempts that were made before.
    pub attempts: u32,
    /// What is to be done.
    pub task: Task,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Tell this result.
    Result(Settlement),
    /// Ask for this.
    Request(Request),
    /// Tell what of this study is available.
    Notice(Uid),
}

impl ErrandKind {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Result, Self::Request, Self::Notice];

    pub(crate) const fn number(self) -> i64 {
        self as i64
    }

    fn of(number: i64) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|kind| kind.number() == number);
        found.ok_or(Error::Corrupt("the kind of an errand"))
    }

    /// Its name in reports and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Result => "asked-of-us",
            Self::Request => "asked-by-us",
            Self::Notice => "notice",
        }
    }
}

impl ErrandState {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Open, Self::Due, Self::Awaited, Self::Done, Self::GivenUp];

    pub(crate) const fn number(self) -> i64 {
        self as i64
    }

    fn of(number: i64) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|state| state.number() == number);
        found.ok_or(Error::Corrupt("the state of an errand"))
    }

    /// Its name in reports and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Due => "due",
            Self::Awaited => "awaited",
            Self::Done => "done",
            Self::GivenUp => "given-up",
        }
    }
}

/// How long errands of the past are kept, in milliseconds: ninety days.
const KEPT_MS: i64 = 90 * 24 * 3600 * 1000;
/// Most of them that are forgotten when a new one is written.
const MAX_FORGOTTEN: i64 = 16;

/// Forgets a few errands of the past: with each new one a few, so that there are never many.
fn forget_past(connection: &Connection, now: i64) -> Result<(), Error> {
    connection
        .prepare_cached(
            "DELETE FROM errand WHERE id IN (SELECT id FROM errand WHERE state >= 3 AND changed_at < ?1
             ORDER BY changed_at LIMIT ?2)",
        )?
        .execute((now.saturating_sub(KEPT_MS), MAX_FORGOTTEN))?;
    Ok(())
}

/// Writes the instances that an errand is about; `jobs`: which delivered each, where one did.
fn put_items(
    connection: &Connection,
    errand: i64,
    references: &[Reference],
    jobs: Option<&[i64]>,
) -> Result<(), Error> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO errand_item (errand, place, sop_class, sop_instance, job) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (place, reference) in references.iter().enumerate() {
        let job = jobs.and_then(|jobs| jobs.get(place));
        let uids = (reference.sop_class.as_str(), reference.sop_instance.as_str());
        insert.execute((errand, place, uids.0, uids.1, job))?;
    }
    Ok(())
}

/// The instances that an errand is about, in their order, with the reasons of those that failed.
fn items(connection: &Connection, errand: i64) -> Result<Vec<(Reference, Option<Status>)>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT sop_class, sop_instance, reason FROM errand_item WHERE errand = ?1 ORDER BY place",
    )?;
    let mut rows = statement.query([errand])?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        let reference = Reference {
            sop_class: crate::instances::uid(row, 0)?,
            sop_instance: crate::instances::uid(row, 1)?,
        };
        items.push((reference, row.get::<_, Option<u16>>(2)?.map(Status)));
    }
    Ok(items)
}

/// Numbers as one parameter, however many they are.
fn json_numbers(numbers: &[i64]) -> String {
    let texts: Vec<String> = numbers.iter().map(i64::to_string).collect();
    format!("[{}]", texts.join(","))
}
