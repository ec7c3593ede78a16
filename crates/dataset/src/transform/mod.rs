//! Changing an instance on its way out: edits of attributes, and de-identification (PS3.15 Annex E); and the way back
//! of what was made from it.
//!
//! Two passes over the bytes: a [`Surveyor`] reads the beginning, a [`Plan`] decides from it, and a [`Transformer`]
//! writes the data set anew as it streams by. Pixel data and other bulk are handed on as they come and are never
//! held. Lives here: `check` (edits held against the dictionary), `action` with its generated table, `pseudonym`,
//! `dates`, `dummy`, `words` (what values become), `rewrite` (the sink), `back`. Never here: where secrets and
//! original identities are kept.

mod action;
mod back;
mod check;
mod compare;
mod dates;
mod dummy;
mod edit;
mod plan;
mod pseudonym;
mod rewrite;
mod survey;
mod table_gen;
mod tags;
mod words;

use bytes::Bytes;
use causeway_core::transfer_syntax::Layout;

use crate::Error;
use crate::scanner::Scanner;
pub use back::{Original, WayBack};
pub use check::PlanError;
pub use compare::{Difference, MAX_DIFFERENCES, differences};
pub use plan::{Decision, Plan, Refused};
pub use pseudonym::SECRET_BYTES;
pub use survey::{MAX_UIDS, MAX_VALUE_BYTES, Survey, Surveyor};

/// Rewrites a data set that arrives in pieces, as was decided.
#[derive(Debug)]
pub struct Transformer {
    scanner: Scanner<rewrite::Rewriter>,
}

impl Transformer {
    /// From one layout to another; `to` is explicit or implicit little endian.
    #[must_use]
    pub fn new(from: Layout, to: Layout, decision: Decision) -> Self {
        // What was stored may be read whole; what is made of it is handed on piece by piece.
        Self { scanner: Scanner::new(from, u64::MAX, rewrite::Rewriter::new(to, decision)) }
    }

    /// Takes the next bytes and gives what they become.
    ///
    /// # Errors
    /// When they are no data set, or one that cannot be changed as was decided.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Bytes, Error> {
        self.scanner.feed(bytes)?;
        self.scanner.sink_mut().take()
    }

    /// No more bytes come: gives what is left.
    ///
    /// # Errors
    /// When the data set ended in the middle.
    pub fn finish(self) -> Result<Bytes, Error> {
        self.scanner.finish()?.end()
    }
}

#[cfg(test)]
mod tests;
