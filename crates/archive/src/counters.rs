//! What was taken in since the start and who is at a door, for metrics and checks. Counted, never kept.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::Archive;
use crate::error::IngestError;
use crate::ingest::{Accepted, Outcome};

/// The counters.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    taken: AtomicU64,
    repeated: AtomicU64,
    refused: AtomicU64,
    associations: AtomicU64,
}

/// What they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Instances taken.
    pub taken: u64,
    /// Instances that were kept already, byte for byte.
    pub repeated: u64,
    /// Instances not taken.
    pub refused: u64,
    /// Associations open now.
    pub associations: u64,
}

/// An association that is open: counted for as long as this lives.
pub struct Present(Archive);

impl Drop for Present {
    fn drop(&mut self) {
        self.0.inner.counters.associations.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Counters {
    /// One more that was not taken.
    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count(&self, ingested: &Result<Accepted, IngestError>) {
        let counter = match ingested {
            Ok(accepted) if accepted.outcome == Outcome::SameBytes => &self.repeated,
            Ok(_) => &self.taken,
            Err(_) => &self.refused,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Archive {
    /// What was taken in since the start, and who is at a door now.
    #[must_use]
    pub fn counters(&self) -> Counted {
        let Counters { taken, repeated, refused, associations } = &self.inner.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counted {
            taken: read(taken),
            repeated: read(repeated),
            refused: read(refused),
            associations: read(associations),
        }
    }

    /// Counts an association that a door has accepted.
    #[must_use]
    pub fn association(&self) -> Present {
        self.inner.counters.associations.fetch_add(1, Ordering::Relaxed);
        Present(self.clone())
    }
}
