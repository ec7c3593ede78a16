//! Search: the only place where a [`Query`] becomes SQL.
//!
//! A key becomes a condition of SQL where a column can answer it exactly. Where a column can only narrow it down,
//! or there is none, [`key_matches`](causeway_core::query::matching::key_matches) decides on the row. What is found
//! is numbered first, then read in pages: answers are pulled as they are wanted, and a caller who stops reading holds no
//! connection. Patients and studies come newest first; series and instances study by study, newest first, and within a
//! study as they came.

mod answers;
mod columns;
mod condition;
mod numbers;
mod page;
mod plan;
mod rows;
#[cfg(test)]
mod tests;
mod tops;

use causeway_core::Query;

use crate::Catalog;
use crate::error::Error;
pub use answers::Answers;

impl Catalog {
    /// Begins a search.
    ///
    /// # Errors
    /// When the database fails.
    #[expect(clippy::unused_async, reason = "another engine has to ask its server first")]
    pub async fn search(&self, query: Query) -> Result<Answers, Error> {
        Ok(Answers::begin(self.clone(), query))
    }

    /// How many answers `query` has, limit and offset left aside; counting stops at `up_to`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count(&self, query: Query, up_to: u64) -> Result<u64, Error> {
        self.search(Query { limit: Some(0), offset: 0, ..query }).await?.behind(up_to).await
    }
}
