//! Search: the only place where a [`Query`] becomes SQL.
//!
//! A key becomes a condition of SQL where a column can answer it exactly. Where a column can only narrow it down,
//! or there is none, [`key_matches`] decides on the row. Answers are pulled in pages, so that a caller who stops
//! reading holds no connection.

mod columns;
mod condition;
mod plan;
mod rows;

use std::collections::VecDeque;
use std::sync::Arc;

use causeway_core::query::matching::key_matches;
use causeway_core::{Attributes, Query};

use crate::Catalog;
use crate::error::Error;
use plan::Plan;
use rows::Assembler;

/// Rows that are read in one go.
const PAGE_ROWS: u32 = 500;

impl Catalog {
    /// Begins a search.
    ///
    /// # Errors
    /// When the database fails.
    #[expect(clippy::unused_async, reason = "another engine has to ask its server first")]
    pub async fn search(&self, query: Query) -> Result<Answers, Error> {
        let plan = Plan::of(&query);
        let (to_skip, in_sql) = if plan.leftovers.is_empty() { (0, query.offset) } else { (query.offset, 0) };
        Ok(Answers {
            catalog: self.clone(),
            left: query.limit,
            question: Arc::new(Question { plan, query }),
            page: VecDeque::new(),
            after: None,
            to_skip,
            first_offset: in_sql,
            is_done: false,
        })
    }

    /// How many answers `query` has, limit and offset left aside; counting stops at `up_to`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count(&self, query: Query, up_to: u64) -> Result<u64, Error> {
        let plan = Plan::of(&query);
        if plan.leftovers.is_empty() {
            let limit = i64::try_from(up_to).unwrap_or(i64::MAX);
            let count = self.engine.read(move |connection| plan.count(connection, limit)).await?;
            return u64::try_from(count).map_err(|_| Error::Corrupt("a count"));
        }
        let mut answers = self.search(Query { limit: None, offset: 0, ..query }).await?;
        let mut count = 0;
        while count < up_to && answers.next().await?.is_some() {
            count += 1;
        }
        Ok(count)
    }
}

struct Question {
    plan: Plan,
    query: Query,
}

/// The answers to a query, one after another.
pub struct Answers {
    catalog: Catalog,
    question: Arc<Question>,
    page: VecDeque<Attributes>,
    /// The row that was read last.
    after: Option<i64>,
    /// How many more may be given.
    left: Option<u32>,
    /// Matches to pass over that SQL could not.
    to_skip: u32,
    /// Matches that SQL passes over before the first page.
    first_offset: u32,
    is_done: bool,
}

struct Page {
    answers: VecDeque<Attributes>,
    after: Option<i64>,
    is_last: bool,
}

impl Answers {
    /// The next answer; `None` after the last.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn next(&mut self) -> Result<Option<Attributes>, Error> {
        loop {
            if self.left == Some(0) {
                return Ok(None);
            }
            let Some(answer) = self.page.pop_front() else {
                if self.is_done {
                    return Ok(None);
                }
                self.turn().await?;
                continue;
            };
            if self.to_skip > 0 {
                self.to_skip -= 1;
                continue;
            }
            self.left = self.left.map(|left| left - 1);
            return Ok(Some(answer));
        }
    }

    async fn turn(&mut self) -> Result<(), Error> {
        let question = Arc::clone(&self.question);
        let (after, offset) = (self.after, if self.after.is_none() { self.first_offset } else { 0 });
        let is_exact = question.plan.leftovers.is_empty();
        let rows = self.left.filter(|_| is_exact).map_or(PAGE_ROWS, |left| left.min(PAGE_ROWS));
        let page = self
            .catalog
            .engine
            .read(move |connection| question.page(connection, after, offset, rows))
            .await?;
        self.page = page.answers;
        self.after = page.after;
        self.is_done = page.is_last;
        Ok(())
    }
}

impl Question {
    fn page(
        &self,
        connection: &rusqlite::Connection,
        after: Option<i64>,
        offset: u32,
        limit: u32,
    ) -> Result<Page, Error> {
        let (sql, values) = self.plan.page(after, offset, limit);
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(values))?;
        let mut assembler = Assembler::new(&self.query, !self.plan.leftovers.is_empty());
        let mut page = Page { answers: VecDeque::new(), after, is_last: false };
        let mut read = 0;
        while let Some(row) = rows.next()? {
            read += 1;
            page.after = Some(row.get(0)?);
            let attributes = assembler.assemble(row)?;
            if self.plan.leftovers.iter().all(|key| key_matches(key, &attributes)) {
                page.answers.push_back(assembler.shown(attributes));
            }
        }
        page.is_last = read < limit;
        Ok(page)
    }
}
