//! Errands as rows: what is owed to a remote beside instances. Results of commitments that were asked of us,
//! commitments that we ask for (PS3.4 §J.3), notices of what is available here (PS3.4 §R.3). Beside them, commitments
//! whose results are come for (PS3.18 §13): they are decided as the others are, and nobody is called. Of what was sent
//! over the web, where there is no commitment, counts of what the far side lists (PS3.18 §10.6).
//!
//! Lives here: writing, claiming, concluding, listing them. Never here: what a data set looks like, when to try again.
//!
//! Invariant: a request that was answered with Success is on disk; what the far side said of an instance is written
//! with a synced commit, together with the job that delivered it.

mod claim;
mod conclude;
mod count;
mod gather;
mod inquire;
mod list;
mod notice;
mod receive;
mod request;

use causeway_core::commitment::{Named, Reference, Request, Settlement, Whereabouts};
use causeway_core::{AeTitle, RemoteName, Sight, Status, Uid};

use crate::engine::{Connection, Row, ValueRef};
use crate::error::Error;
use crate::instances;

pub use claim::ErrandDue;
pub use conclude::{GivenUp, Step};
pub use count::{Count, Counted, MAX_COUNTED};
pub use inquire::{Inquired, Standing};
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
    /// The result of a commitment that was asked of us over the web, for whoever asked to come for it.
    #[serde(rename = "asked-over-web")]
    Inquiry,
    /// What a remote lists of what it was sent over the web.
    #[serde(rename = "count")]
    Count,
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
    /// Not tried any more, and a result that is come for not kept any more.
    GivenUp,
}

/// Who asked for a commitment, and so how the result gets there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requester {
    /// Over DIMSE: it is told.
    Peer(Peer),
    /// Over the web: it comes and asks.
    Inquirer(Inquirer),
}

/// Who asked over DIMSE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// What it calls itself.
    pub ae_title: AeTitle,
    /// The registered remote, where it is one.
    pub remote: Option<RemoteName>,
}

/// Who asked over the web.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inquirer {
    /// The principal's name; nobody else is told the result.
    pub name: String,
    /// What it saw when it asked: what it did not see is not here for it.
    pub sight: Sight,
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
    /// Look for these in what it lists.
    Count(Count),
}

impl ErrandKind {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Result, Self::Request, Self::Notice, Self::Inquiry, Self::Count];

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
            Self::Inquiry => "asked-over-web",
            Self::Count => "count",
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

/// Writes the instances that an errand is about, and where they are said to be; `jobs`: which delivered each, where one
/// did.
fn put_items<'a>(
    connection: &Connection,
    errand: i64,
    named: impl Iterator<Item = (&'a Reference, Option<&'a Whereabouts>)>,
    jobs: Option<&[i64]>,
) -> Result<(), Error> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO errand_item (errand, place, sop_class, sop_instance, study, series, job)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for (place, (reference, within)) in named.enumerate() {
        insert.execute((
            errand,
            place,
            reference.sop_class.as_str(),
            reference.sop_instance.as_str(),
            within.map(|within| within.study.as_str()),
            within.map(|within| within.series.as_str()),
            jobs.and_then(|jobs| jobs.get(place)),
        ))?;
    }
    Ok(())
}

/// The instances that an errand is about, in their order, with the reasons of those that failed.
fn items(connection: &Connection, errand: i64) -> Result<Vec<(Named, Option<Status>)>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT sop_class, sop_instance, study, series, reason FROM errand_item WHERE errand = ?1 ORDER BY place",
    )?;
    let mut rows = statement.query([errand])?;
    let mut items = Vec::new();
    while let Some(row) = &rows.next()? {
        items.push((named(row)?, row.get::<Option<u16>>(4)?.map(Status)));
    }
    Ok(items)
}

/// An instance as it was named: `sop_class, sop_instance, study, series`.
fn named(row: &Row<'_>) -> Result<Named, Error> {
    let reference = Reference { sop_class: instances::uid(row, 0)?, sop_instance: instances::uid(row, 1)? };
    let is_placed = row.get_ref(2)? != ValueRef::Null;
    let within = is_placed.then(|| {
        Ok::<_, Error>(Whereabouts { study: instances::uid(row, 2)?, series: instances::uid(row, 3)? })
    });
    Ok(Named { reference, within: within.transpose()? })
}

/// Numbers as one parameter, however many they are.
fn json_numbers(numbers: &[i64]) -> String {
    let texts: Vec<String> = numbers.iter().map(i64::to_string).collect();
    format!("[{}]", texts.join(","))
}
