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
use causeway_core::query::Returned;

use crate::Catalog;
use crate::error::Error;
pub use answers::Answers;
use numbers::Numbers;
use plan::Plan;

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
        let plan = Plan::of(&query);
        if plan.leftovers.is_empty() {
            return self
                .engine
                .read(move |connection| {
                    let transaction = connection.snapshot()?;
                    Numbers::begin(plan.level).count(&transaction, &plan, up_to)
                })
                .await;
        }
        let limit = u32::try_from(up_to).ok();
        let mut answers =
            self.search(Query { limit, offset: 0, returned: Returned::Only(Vec::new()), ..query }).await?;
        let mut count = 0;
        while count < up_to && answers.next().await?.is_some() {
            count += 1;
        }
        Ok(count)
    }
}
