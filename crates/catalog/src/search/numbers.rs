//! The numbers of what a search finds, in its order: patients and studies newest first; series and instances study by
//! study, newest first, within a study as they came.

use causeway_core::Level;

use super::plan::Plan;
use super::tops::{Bounds, Tops};
use crate::engine::{Connection, params_from_iter};
use crate::error::Error;

/// Rows that are numbered in one go. Each number is 8 bytes.
pub(super) const NUMBERED_ROWS: u32 = 16 * 1024;
/// How many times more studies are looked into each time, while little is found.
const MORE: usize = 4;

/// Where a numbering has got to.
pub(super) struct Numbers {
    bounds: Bounds,
    tops: Tops,
    /// How many studies are looked into next.
    together: usize,
    /// The series and row of the first study behind which it goes on.
    inside: Option<(i64, i64)>,
}

/// Something within a study.
struct Found {
    study: i64,
    series: i64,
    row: i64,
}

impl Numbers {
    pub(super) const fn begin(level: Level) -> Self {
        Self::bounded(level, Bounds::USUAL)
    }

    pub(super) const fn bounded(level: Level, bounds: Bounds) -> Self {
        let together = match level {
            // One study may have what is wanted.
            Level::Instance => 1,
            Level::Patient | Level::Study | Level::Series => 16,
        };
        Self { bounds, tops: Tops::begin(bounds), together, inside: None }
    }

    /// Whether all were given.
    pub(super) fn is_over(&self) -> bool {
        self.tops.are_all_found() && self.tops.found.is_empty()
    }

    /// The next ones: some while there are any, and never more than `limit`.
    pub(super) fn next(
        &mut self,
        connection: &Connection,
        plan: &Plan,
        limit: u32,
    ) -> Result<Vec<i64>, Error> {
        let limit = limit.min(NUMBERED_ROWS);
        if plan.level <= Level::Study {
            if self.tops.found.is_empty() {
                self.tops.find(connection, plan, limit)?;
            }
            return Ok(self.tops.found.drain(..self.tops.found.len().min(limit as usize)).collect());
        }
        let mut numbers = Vec::new();
        while numbers.len() < self.bounds.enough.min(limit as usize) {
            self.find_studies(connection, plan)?;
            if self.tops.found.is_empty() {
                break;
            }
            let left = limit - u32::try_from(numbers.len()).unwrap_or(limit);
            numbers.extend(self.look_within(connection, plan, left)?);
        }
        Ok(numbers)
    }

    /// Sees to it that there are studies to look into, unless all were.
    fn find_studies(&mut self, connection: &Connection, plan: &Plan) -> Result<(), Error> {
        if self.tops.found.is_empty() {
            self.tops.find(connection, plan, self.bounds.studies_found)?;
        }
        Ok(())
    }

    /// Looks into the next studies, or further into the first.
    fn look_within(&mut self, connection: &Connection, plan: &Plan, limit: u32) -> Result<Vec<i64>, Error> {
        let together = self.together.min(self.bounds.studies_together);
        let studies: Vec<i64> = self.tops.found.iter().copied().take(together).collect();
        let (count, (sql, values)) = match (self.inside.take(), studies.first()) {
            (Some(after), Some(first)) => (1, plan.within_after(*first, after, limit)),
            _ => (studies.len(), plan.within(&studies, limit)),
        };
        let mut statement = connection.prepare_cached(&sql)?;
        let found = statement.query_map(params_from_iter(values), |row| {
            Ok(Found { study: row.get(0)?, series: row.get(1)?, row: row.get(2)? })
        })?;
        let found = found.collect::<Result<Vec<Found>, _>>()?;
        match found.last().filter(|_| found.len() >= limit as usize) {
            Some(last) => {
                while self.tops.found.front().is_some_and(|study| *study != last.study) {
                    self.tops.found.pop_front();
                }
                self.inside = Some((last.series, last.row));
            }
            None => {
                self.tops.found.drain(..count.min(self.tops.found.len()));
                self.together = together * MORE;
            }
        }
        Ok(found.into_iter().map(|found| found.row).collect())
    }

    /// How many there are that were not given yet, counting up to `up_to`.
    pub(super) fn count(mut self, connection: &Connection, plan: &Plan, up_to: u64) -> Result<u64, Error> {
        let by_study = plan.level > Level::Study && plan.means_all_within();
        let mut count = 0;
        while count < up_to && !self.is_over() {
            count += if by_study && self.inside.is_none() {
                self.find_studies(connection, plan)?;
                let studies: Vec<i64> = self
                    .tops
                    .found
                    .drain(..self.tops.found.len().min(self.bounds.studies_together))
                    .collect();
                let (sql, values) = plan.counted(&studies);
                let mut statement = connection.prepare_cached(&sql)?;
                let counted: i64 = statement.query_row(params_from_iter(values), |row| row.get(0))?;
                u64::try_from(counted).map_err(|_| Error::Corrupt("a count"))?
            } else {
                let limit = u32::try_from(up_to - count).unwrap_or(u32::MAX);
                self.next(connection, plan, limit)?.len() as u64
            };
        }
        Ok(count.min(up_to))
    }
}
