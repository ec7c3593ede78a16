//! What has been over for long enough goes, a bounded number of rows at a time.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::Catalog;
use crate::engine::Durability;
use crate::error::Error;

/// How many rows went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Entries of the worklist.
    pub items: u32,
    /// Performed procedure steps.
    pub performed: u32,
}

impl Catalog {
    /// Removes the entries that were scheduled before `day`, and the performed steps, of which neither has changed
    /// since `moment`; at most `limit` of each.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sweep_worklist(&self, moment: Timestamp, day: Date, limit: u32) -> Result<Swept, Error> {
        let (moment, day) = (moment.as_millisecond(), day.strftime("%Y%m%d").to_string());
        self.engine
            .write(Durability::Replayable, move |connection| {
                let items = connection
                    .prepare_cached(
                        "DELETE FROM worklist WHERE id IN (SELECT id FROM worklist
                         WHERE start_date < ?1 AND changed_at < ?2 LIMIT ?3)",
                    )?
                    .execute((day, moment, limit))?;
                let performed = connection
                    .prepare_cached(
                        "DELETE FROM performed WHERE id IN (SELECT id FROM performed
                         WHERE changed_at < ?1 LIMIT ?2)",
                    )?
                    .execute((moment, limit))?;
                let count = |rows: usize| u32::try_from(rows).unwrap_or(u32::MAX);
                Ok(Swept { items: count(items), performed: count(performed) })
            })
            .await
    }
}
