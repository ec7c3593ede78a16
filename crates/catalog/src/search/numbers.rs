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

/// A row that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) number: i64,
    /// Whether the conditions of SQL do not tell of it: some keys must be held against what it has ([`Plan::doubts`]).
    pub(super) is_in_doubt: bool,
}

impl Hit {
    const fn sure(number: i64) -> Self {
        Self { number, is_in_doubt: false }
    }
}

/// Something within a study.
struct Found {
    study: i64,
    series: i64,
    hit: Hit,
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
    ) -> Result<Vec<Hit>, Error> {
        let limit = limit.min(NUMBERED_ROWS);
        if plan.level <= Level::Study {
            if self.tops.found.is_empty() {
                self.tops.find(connection, plan, limit)?;
            }
            let numbers = self.tops.found.drain(..self.tops.found.len().min(limit as usize));
            return Ok(numbers.map(Hit::sure).collect());
        }
        let mut hits = Vec::new();
        while hits.len() < self.bounds.enough.min(limit as usize) {
            self.find_studies(connection, plan)?;
            if self.tops.found.is_empty() {
                break;
            }
            let left = limit - u32::try_from(hits.len()).unwrap_or(limit);
            hits.extend(self.look_within(connection, plan, left)?);
        }
        Ok(hits)
    }

    /// Sees to it that there are studies to look into, unless all were.
    fn find_studies(&mut self, connection: &Connection, plan: &Plan) -> Result<(), Error> {
        if self.tops.found.is_empty() {
            self.tops.find(connection, plan, self.bounds.studies_found)?;
        }
        Ok(())
    }

    /// Looks into the next studies, or further into the first.
    fn look_within(&mut self, connection: &Connection, plan: &Plan, limit: u32) -> Result<Vec<Hit>, Error> {
        let together = self.together.min(self.bounds.studies_together);
        let studies: Vec<i64> = self.tops.found.iter().copied().take(together).collect();
        let (count, (sql, values)) = match (self.inside.take(), studies.first()) {
            (Some(after), Some(first)) => (1, plan.within_after(*first, after, limit)),
            _ => (studies.len(), plan.within(&studies, limit)),
        };
        let mut statement = connection.prepare_cached(&sql)?;
        let found = statement.query_map(params_from_iter(values), |row| {
            let hit = Hit { number: row.get(2)?, is_in_doubt: row.get(3)? };
            Ok(Found { study: row.get(0)?, series: row.get(1)?, hit })
        })?;
        let found = found.collect::<Result<Vec<Found>, _>>()?;
        match found.last().filter(|_| found.len() >= limit as usize) {
            Some(last) => {
                while self.tops.found.front().is_some_and(|study| *study != last.study) {
                    self.tops.found.pop_front();
                }
                self.inside = Some((last.series, last.hit.number));
            }
            None => {
                self.tops.found.drain(..count.min(self.tops.found.len()));
                self.together = together * MORE;
            }
        }
        Ok(found.into_iter().map(|found| found.hit).collect())
    }

    /// How many there are that were not given yet, counting up to `up_to`. `matching`: how many of some rows match.
    pub(super) fn count(
        mut self,
        connection: &Connection,
        plan: &Plan,
        up_to: u64,
        mut matching: impl FnMut(&[Hit]) -> Result<u64, Error>,
    ) -> Result<u64, Error> {
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
                // Not all that is found needs to match.
                let limit = (up_to - count).max(self.bounds.enough as u64);
                let limit = u32::try_from(limit).unwrap_or(u32::MAX);
                matching(&self.next(connection, plan, limit)?)?
            };
        }
        Ok(count.min(up_to))
    }
}
