//! One page of a search, read in one go by a reader's thread.

use std::collections::VecDeque;

use causeway_core::query::matching::key_matches;
use causeway_core::{Attributes, Query};

use super::plan::Plan;
use super::rows::Assembler;
use crate::engine::{Connection, params_from_iter};
use crate::error::Error;

/// Rows that are read in one go.
const PAGE_ROWS: usize = 500;
/// Rows that are numbered in one go. Each number is 8 bytes.
const NUMBERED_ROWS: u32 = 16 * 1024;

/// A query, and how SQL answers it.
pub(super) struct Question {
    plan: Plan,
    query: Query,
}

/// Where a search has got to.
pub(super) struct Place {
    /// Rows that were found and not read yet.
    numbers: VecDeque<i64>,
    /// The last row that was numbered; none at the start.
    after: Option<i64>,
    /// Matches that SQL passes over before the first.
    offset: u32,
    /// Whether there may be more rows to number.
    has_more: bool,
}

impl Place {
    pub(super) const fn start(offset: u32) -> Self {
        Self { numbers: VecDeque::new(), after: None, offset, has_more: true }
    }
}

/// A page, and where the next one begins; none behind the last.
pub(super) struct Page {
    pub(super) answers: VecDeque<Attributes>,
    pub(super) next: Option<Place>,
}

impl Question {
    pub(super) fn of(query: Query) -> Self {
        Self { plan: Plan::of(&query), query }
    }

    /// How many matches are passed over by who reads the answers, and how many by SQL.
    pub(super) fn offsets(&self) -> (u32, u32) {
        if self.plan.leftovers.is_empty() { (0, self.query.offset) } else { (self.query.offset, 0) }
    }

    /// Reads a page. `left`: most answers that are still wanted.
    pub(super) fn page(
        &self,
        connection: &Connection,
        mut place: Place,
        left: Option<u32>,
    ) -> Result<Page, Error> {
        // One look at the file for all rows of the page.
        let transaction = connection.snapshot()?;
        if place.numbers.is_empty() && place.has_more {
            self.number(&transaction, &mut place, left)?;
        }
        let mut statement = transaction.prepare_cached(self.plan.row())?;
        let mut assembler = Assembler::new(&self.query, !self.plan.leftovers.is_empty());
        let mut answers = VecDeque::with_capacity(PAGE_ROWS.min(place.numbers.len()));
        let numbers = place.numbers.drain(..PAGE_ROWS.min(place.numbers.len()));
        let values = numbers.map(|number| params_from_iter(self.plan.row_values(number)));
        // A row that has gone since it was numbered is no answer any more.
        for attributes in statement.query_each(values, |row| assembler.assemble(row))?.into_iter().flatten() {
            let attributes = attributes?;
            if self.plan.leftovers.iter().all(|key| key_matches(key, &attributes)) {
                answers.push_back(assembler.shown(attributes));
            }
        }
        let ends = place.numbers.is_empty() && !place.has_more;
        Ok(Page { answers, next: (!ends).then_some(place) })
    }

    /// Finds rows, without reading them.
    fn number(&self, connection: &Connection, place: &mut Place, left: Option<u32>) -> Result<(), Error> {
        let is_exact = self.plan.leftovers.is_empty();
        let limit = left.filter(|_| is_exact).map_or(NUMBERED_ROWS, |left| left.min(NUMBERED_ROWS));
        let (sql, values) = self.plan.numbers(place.after, place.offset, limit);
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            place.numbers.push_back(row.get(0)?);
        }
        place.offset = 0;
        place.after = place.numbers.back().copied().or(place.after);
        place.has_more = place.numbers.len() == limit as usize;
        Ok(())
    }
}
