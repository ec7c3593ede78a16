//! Deliveries and their jobs as rows: one delivery is all that a route sends of a study (or series) to a remote,
//! one job is one instance of it.
//!
//! Lives here: writing, claiming, answering, listing them. Never here: when to try again (`forward` decides).
//!
//! Invariant: a job is delivered only when its outcome was written as such, with a synced commit; a lease that
//! lapses gives the job back.

mod claim;
mod list;
mod manage;
mod outcome;

use causeway_core::{Identifiers, PlannedDelivery, Trigger};
use rusqlite::Connection;

use crate::error::Error;

pub use claim::{Claimed, Due};
pub(crate) use claim::{millis, moment, name};
pub use list::{Commitment, Filter, JobRow, RemoteReport, StudyDelivery};
pub use manage::{Change, Changed};
pub use outcome::{Afterwards, Last, Update};

/// State of a job, as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// To be sent when its time comes.
    Waiting,
    /// Being sent.
    Leased,
    /// The far side has it.
    Delivered,
    /// Not tried again unless told to.
    Parked,
    /// Not to be sent any more.
    Cancelled,
}

impl JobState {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Waiting, Self::Leased, Self::Delivered, Self::Parked, Self::Cancelled];

    pub(crate) const fn number(self) -> i64 {
        self as i64
    }

    pub(crate) fn of(number: i64) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|state| state.number() == number)
            .ok_or(Error::Corrupt("the state of a job"))
    }

    /// Its name in reports and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Leased => "sending",
            Self::Delivered => "delivered",
            Self::Parked => "parked",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Writes the jobs that bring one instance to where its routes want it. Quiet time begins anew for the study or
/// series; a repeat adds nothing.
pub(crate) fn plan(
    connection: &Connection,
    ids: &Identifiers,
    instance: i64,
    deliveries: &[PlannedDelivery],
    now: i64,
) -> Result<(), Error> {
    for planned in deliveries {
        let (scope, quiet) = match planned.trigger {
            Trigger::Instance => (&ids.study, 0),
            Trigger::Series { quiet_seconds } => (&ids.series, quiet_seconds),
            Trigger::Study { quiet_seconds } => (&ids.study, quiet_seconds),
        };
        let due = now.saturating_add(i64::from(quiet) * 1000);
        let delivery: i64 = connection
            .prepare_cached(
                "INSERT INTO delivery (route, remote, study_uid, scope_uid, due_at, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (route, remote, scope_uid) DO UPDATE SET due_at = excluded.due_at RETURNING id",
            )?
            .query_row(
                (
                    planned.route.as_str(),
                    planned.remote.as_str(),
                    ids.study.as_str(),
                    scope.as_str(),
                    due,
                    now,
                ),
                |row| row.get(0),
            )?;
        connection
            .prepare_cached(
                "INSERT INTO job (delivery, instance, remote, state, attempt, next_at, created_at, changed_at)
                 VALUES (?1, ?2, ?3, 0, 0, ?4, ?5, ?5) ON CONFLICT (delivery, instance) DO NOTHING",
            )?
            .execute((delivery, instance, planned.remote.as_str(), due, now))?;
    }
    Ok(())
}
