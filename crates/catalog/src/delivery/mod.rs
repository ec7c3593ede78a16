//! Deliveries and their jobs as rows: one delivery is all that a route sends of a study (or series) to a remote,
//! one job is one instance of it.
//!
//! Lives here: writing, releasing, claiming, answering, listing them. Never here: whether a study is complete, and when
//! to try again (`forward` decides).
//!
//! Invariant: a job is sent only of a revision that was released; it is delivered only when its outcome was written as
//! such, with a synced commit; a lease that lapses gives the job back.
//!
//! ```text
//!  plan ──► gathering ── quiet, and looked at ──► released ── claim ──► outcome
//!               ▲                                    │
//!               └── more comes: the next revision ◄──┘
//! ```

mod claim;
mod list;
mod manage;
mod outcome;
mod pause;
mod plan;
mod priors;
mod release;
mod story;

use crate::error::Error;

pub use claim::{Claim, Claimed, Closed, Due, DueWhat, Lane};
pub(crate) use claim::{look_by, millis, moment, name};
pub use list::{Commitment, Filter, JobRow, RemoteReport};
pub use manage::{Change, Changed, Which};
pub use outcome::{Afterwards, Last, SentAs, Update};
pub use pause::Paused;
pub(crate) use plan::plan;
pub use priors::{PriorStudy, Sought};
pub use release::{Gathered, Release};
pub use story::{AnswerCount, DeliveryStory, SourceCount, Story};

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
