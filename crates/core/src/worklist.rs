//! How far procedure steps are: those scheduled (PS3.3 §C.4.10) and those performed (PS3.3 §C.4.14). Pure.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::attributes::{Attributes, Element, Value};
use crate::tag::Tag;
use crate::vr::Vr;

/// Scheduled Procedure Step Status (0040,0020). The last two are ours: the standard's defined terms end with the
/// step's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ScheduledStatus {
    /// It has its time and place.
    Scheduled,
    /// The patient is there.
    Arrived,
    /// All is prepared.
    Ready,
    /// It is being performed.
    Started,
    /// It was performed.
    Completed,
    /// Performing it was given up.
    Discontinued,
}

impl ScheduledStatus {
    /// Every status there is.
    pub const ALL: [Self; 6] =
        [Self::Scheduled, Self::Arrived, Self::Ready, Self::Started, Self::Completed, Self::Discontinued];

    /// The value of the attribute.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "SCHEDULED",
            Self::Arrived => "ARRIVED",
            Self::Ready => "READY",
            Self::Started => "STARTED",
            Self::Completed => "COMPLETED",
            Self::Discontinued => "DISCONTINUED",
        }
    }

    /// Reads a value of the attribute.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether the step waits to be performed.
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::Scheduled | Self::Arrived | Self::Ready => true,
            Self::Started | Self::Completed | Self::Discontinued => false,
        }
    }

    /// What this status becomes when `performed` is all that was done for the step. Where nothing was, a step that
    /// had been begun waits again.
    #[must_use]
    pub fn after(self, performed: &[PerformedStatus]) -> Self {
        if performed.is_empty() {
            return if self.is_open() { self } else { Self::Scheduled };
        }
        if performed.contains(&PerformedStatus::InProgress) {
            Self::Started
        } else if performed.contains(&PerformedStatus::Completed) {
            Self::Completed
        } else {
            Self::Discontinued
        }
    }
}

impl fmt::Display for ScheduledStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Performed Procedure Step Status (0040,0252).
///
/// ```text
/// N-CREATE ──► IN PROGRESS ──┬──► COMPLETED
///                 │     ▲    └──► DISCONTINUED
///                 └─────┘ N-SET of anything else
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PerformedStatus {
    /// It is being performed.
    #[serde(rename = "IN PROGRESS")]
    InProgress,
    /// It was performed.
    #[serde(rename = "COMPLETED")]
    Completed,
    /// It was given up.
    #[serde(rename = "DISCONTINUED")]
    Discontinued,
}

impl PerformedStatus {
    /// Every status there is.
    pub const ALL: [Self; 3] = [Self::InProgress, Self::Completed, Self::Discontinued];

    /// The value of the attribute.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "IN PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Discontinued => "DISCONTINUED",
        }
    }

    /// Reads a value of the attribute.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether the step can no longer change (PS3.4 §F.7.2.2.3).
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::InProgress => false,
            Self::Completed | Self::Discontinued => true,
        }
    }
}

impl fmt::Display for PerformedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The one item of an entry's Scheduled Procedure Step Sequence (PS3.4 Table K.6-1).
#[must_use]
pub fn step(entry: &Attributes) -> Option<&Attributes> {
    entry.get(Tag::SCHEDULED_PROCEDURE_STEP_SEQUENCE)?.items().first()
}

/// Changes the one item of an entry's Scheduled Procedure Step Sequence; makes it where it is missing.
pub fn change_step(entry: &mut Attributes, change: impl FnOnce(&mut Attributes)) {
    let kept = entry.remove(Tag::SCHEDULED_PROCEDURE_STEP_SEQUENCE);
    let mut items = match kept.map(|element| element.value) {
        Some(Value::Items(items)) => items,
        Some(Value::Text(_)) | None => Vec::new(),
    };
    if items.is_empty() {
        items.push(Attributes::new());
    }
    if let Some(step) = items.first_mut() {
        change(step);
    }
    let element = Element { vr: Vr::SQ, value: Value::Items(items) };
    entry.put(Tag::SCHEDULED_PROCEDURE_STEP_SEQUENCE, element);
}

/// The status that an entry's step says it has.
#[must_use]
pub fn status(entry: &Attributes) -> Option<ScheduledStatus> {
    ScheduledStatus::parse(step(entry)?.first(Tag::SCHEDULED_PROCEDURE_STEP_STATUS)?)
}

/// Puts the status of an entry's step.
pub fn put_status(entry: &mut Attributes, status: ScheduledStatus) {
    change_step(entry, |step| {
        step.put_text(Tag::SCHEDULED_PROCEDURE_STEP_STATUS, Vr::CS, status.as_str());
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use PerformedStatus::{Completed, Discontinued, InProgress};

    #[test]
    fn each_status_is_read_as_it_is_written() {
        for status in ScheduledStatus::ALL {
            assert_eq!(ScheduledStatus::parse(status.as_str()), Some(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        for status in PerformedStatus::ALL {
            assert_eq!(PerformedStatus::parse(status.as_str()), Some(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        assert_eq!(ScheduledStatus::parse("scheduled"), None);
    }

    #[test]
    fn what_was_done_decides_whatever_the_status_was() {
        for status in ScheduledStatus::ALL {
            for (performed, becomes) in [
                (&[InProgress][..], ScheduledStatus::Started),
                (&[Completed, InProgress], ScheduledStatus::Started),
                (&[Completed, Discontinued], ScheduledStatus::Completed),
                (&[Completed], ScheduledStatus::Completed),
                (&[Discontinued], ScheduledStatus::Discontinued),
            ] {
                assert_eq!(status.after(performed), becomes, "{status} after {performed:?}");
            }
        }
    }

    #[test]
    fn a_step_for_which_nothing_was_done_waits() {
        for status in ScheduledStatus::ALL {
            let waits = if status.is_open() { status } else { ScheduledStatus::Scheduled };
            assert_eq!(status.after(&[]), waits);
        }
    }

    #[test]
    fn a_status_is_put_into_the_step_and_leaves_the_rest_of_it() {
        let mut entry = Attributes::new();
        change_step(&mut entry, |step| step.put_text(Tag::MODALITY, Vr::CS, "CT"));
        put_status(&mut entry, ScheduledStatus::Ready);
        assert_eq!(status(&entry), Some(ScheduledStatus::Ready));
        assert_eq!(step(&entry).unwrap().first(Tag::MODALITY), Some("CT"));
        assert_eq!(entry.get(Tag::SCHEDULED_PROCEDURE_STEP_SEQUENCE).unwrap().items().len(), 1);
    }
}
