//! One page of a search, read in one go by a reader's thread.

use std::collections::VecDeque;

use causeway_core::query::matching::key_matches;
use causeway_core::query::{Key, Returned};
use causeway_core::{Attributes, Query};

use super::numbers::{Hit, NUMBERED_ROWS, Numbers};
use super::plan::Plan;
use super::rows::Assembler;
use crate::engine::Connection;
use crate::error::Error;

/// Rows that are read in one go.
const PAGE_ROWS: usize = 500;
/// Rows that are numbered first, of as many as there are.
const FIRST_ROWS: u32 = 500;

/// A query, and how SQL answers it.
pub(super) struct Question {
    plan: Plan,
    query: Query,
}

/// Where a search has got to.
pub(super) struct Place {
    /// Rows that were found and not read yet.
    hits: VecDeque<Hit>,
    /// Where more come from.
    more: Numbers,
    /// Matches to pass over before the first.
    offset: u32,
    /// Rows to number next.
    wanted: u32,
}

impl Place {
    /// Who limits the answers is read that many at once, anybody else a page at first; where rows are looked at, as a rule most
    /// of them match.
    fn start(question: &Question, offset: u32, left: Option<u32>) -> Self {
        let wanted = left.unwrap_or(FIRST_ROWS);
        let more = Numbers::begin(question.query.level);
        Self { hits: VecDeque::new(), more, offset, wanted: wanted.saturating_add(offset) }
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

    /// The same question, for whoever counts the answers and shows none.
    pub(super) fn for_counting(&self) -> Self {
        Self::of(Query { returned: Returned::Only(Vec::new()), ..self.query.clone() })
    }

    /// Whether SQL alone says what matches.
    fn is_exact(&self) -> bool {
        self.is_counted_by_sql() && self.plan.doubts.is_empty()
    }

    /// Whether SQL says which rows match, or which of them are in doubt.
    pub(super) fn is_counted_by_sql(&self) -> bool {
        self.plan.leftovers.is_empty()
    }

    /// Where it begins, and how many matches whoever reads the answers passes over.
    pub(super) fn start(&self) -> (Place, u32) {
        let offset = self.query.offset;
        let (of_numbers, of_reader) = if self.is_exact() { (offset, 0) } else { (0, offset) };
        let left = self.query.limit.map(|limit| limit.saturating_add(of_reader));
        (Place::start(self, of_numbers, left), of_reader)
    }

    /// Reads a page.
    pub(super) fn page(&self, connection: &Connection, mut place: Place) -> Result<Page, Error> {
        // One look at the file for all rows of the page.
        let transaction = connection.snapshot()?;
        if place.hits.is_empty() {
            self.number(&transaction, &mut place)?;
        }
        let hits: Vec<Hit> = place.hits.drain(..PAGE_ROWS.min(place.hits.len())).collect();
        let answers = self.read(&transaction, &hits)?;
        let ends = place.hits.is_empty() && place.more.is_over();
        Ok(Page { answers, next: (!ends).then_some(place) })
    }

    /// Those of some rows that match.
    fn read(&self, connection: &Connection, hits: &[Hit]) -> Result<VecDeque<Attributes>, Error> {
        let Plan { leftovers, doubts, rows, .. } = &self.plan;
        let mut assembler = Assembler::new(&self.query, &[&leftovers[..], &doubts[..]].concat());
        let mut answers = VecDeque::with_capacity(hits.len());
        let numbers: Vec<i64> = hits.iter().map(|hit| hit.number).collect();
        let rows = connection.by_number(rows, &numbers, |row| assembler.assemble(row))?;
        for (hit, attributes) in hits.iter().zip(rows) {
            // A row that has gone since it was numbered is no answer any more.
            let Some(attributes) = attributes.transpose()? else { continue };
            let holds = |keys: &[Key]| keys.iter().all(|key| key_matches(key, &attributes));
            if holds(leftovers) && (!hit.is_in_doubt || holds(doubts)) {
                answers.push_back(assembler.shown(attributes));
            }
        }
        Ok(answers)
    }

    /// How many matches there are from a place on, counting up to `up_to`. Reads no row that is not in doubt
    /// ([`Question::is_counted_by_sql`]).
    pub(super) fn count(&self, connection: &Connection, mut place: Place, up_to: u64) -> Result<u64, Error> {
        let transaction = connection.snapshot()?;
        let matching = |hits: &[Hit]| self.matching(&transaction, hits);
        let found = matching(place.hits.make_contiguous())?;
        let passed = u64::from(place.offset);
        let more = place.more.count(&transaction, &self.plan, up_to.saturating_add(passed), matching)?;
        Ok(found.saturating_add(more.saturating_sub(passed)).min(up_to))
    }

    /// How many of some rows match, of which those in doubt are read.
    fn matching(&self, connection: &Connection, hits: &[Hit]) -> Result<u64, Error> {
        let in_doubt: Vec<Hit> = hits.iter().copied().filter(|hit| hit.is_in_doubt).collect();
        let mut count = hits.len() - in_doubt.len();
        for some in in_doubt.chunks(PAGE_ROWS) {
            count += self.read(connection, some)?.len();
        }
        Ok(count as u64)
    }

    /// Finds rows, without reading them.
    fn number(&self, connection: &Connection, place: &mut Place) -> Result<(), Error> {
        while place.hits.is_empty() && !place.more.is_over() {
            let mut hits = place.more.next(connection, &self.plan, place.wanted.max(1))?;
            let passed = hits.len().min(place.offset as usize);
            place.offset = place.offset.saturating_sub(u32::try_from(passed).unwrap_or(u32::MAX));
            hits.drain(..passed);
            place.hits.extend(hits);
            // Who comes back has many to read.
            place.wanted = place.wanted.saturating_mul(4).clamp(FIRST_ROWS, NUMBERED_ROWS);
        }
        Ok(())
    }
}
