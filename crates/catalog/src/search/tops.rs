//! The rows at the top of a search, patients or studies, newest first.
//!
//! What matches often is found soonest by looking at one row after another, what matches seldom by an index; which it is
//! nobody knows beforehand. So the newest rows are looked at first, a fixed number of them, and what is found there decides
//! how to go on.

use std::collections::VecDeque;

use super::plan::{Plan, Statement};
use crate::engine::{Connection, params_from_iter};
use crate::error::Error;

/// How much is done at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// The newest rows at the top, which are looked at first.
    pub(super) looked_at: i64,
    /// Matches among these from which on the rest is looked at one by one too.
    pub(super) many: usize,
    /// Rows at the top that are found in one go by an index, at least: all that it names are gone through however few are
    /// taken, and whoever counts on from an answer wants more of them.
    pub(super) found_first: u32,
    /// The same, at most. Each number is 8 bytes.
    pub(super) found_together: u32,
    /// Studies that are found at once for what is within them.
    pub(super) studies_found: u32,
    /// Studies that are looked into at once, at most. While little is found in them they become more.
    pub(super) studies_together: usize,
    /// Series or instances with which a reader has something to do; before there are so many it is not given any.
    pub(super) enough: usize,
}

impl Bounds {
    /// Those of every search. One row in ten is many.
    pub(super) const USUAL: Self = Self {
        looked_at: 1024,
        many: 100,
        found_first: 2 * 1024,
        found_together: 16 * 1024,
        studies_found: 256,
        studies_together: 256,
        enough: 100,
    };
}

/// How a search goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Begin,
    /// Looks at the rows over `over` and under `under`, of which `seen` matched so far.
    Look {
        over: i64,
        under: Option<i64>,
        seen: usize,
    },
    /// Finds the rows up to `last` by an index, `limit` of them at most: first some, then many more, since all are gone
    /// through each time.
    Find {
        last: i64,
        limit: u32,
    },
    /// Looks at all rows under `under`.
    Walk {
        under: Option<i64>,
    },
    End,
}

/// The numbers of rows at the top, as far as they were found.
pub(super) struct Tops {
    pub(super) found: VecDeque<i64>,
    bounds: Bounds,
    step: Step,
}

impl Tops {
    pub(super) const fn begin(bounds: Bounds) -> Self {
        Self { found: VecDeque::new(), bounds, step: Step::Begin }
    }

    /// Whether there are no more than were found.
    pub(super) fn are_all_found(&self) -> bool {
        self.step == Step::End
    }

    /// Finds more, unless there are no more. `wanted`: how many at least, if there are so many.
    pub(super) fn find(&mut self, connection: &Connection, plan: &Plan, wanted: u32) -> Result<(), Error> {
        let enough = self.found.len() + wanted as usize;
        while self.found.len() < enough && self.step != Step::End {
            let left =
                u32::try_from(enough - self.found.len()).unwrap_or(u32::MAX).min(self.bounds.found_together);
            self.step = self.take_step(connection, plan, left)?;
        }
        Ok(())
    }

    fn take_step(&mut self, connection: &Connection, plan: &Plan, wanted: u32) -> Result<Step, Error> {
        let Bounds { looked_at, many, found_first, found_together, .. } = self.bounds;
        let first = wanted.max(found_first).min(found_together);
        Ok(match self.step {
            Step::Begin if plan.means_all() => Step::Walk { under: None },
            Step::Begin if plan.names_few() => Step::Find { last: i64::MAX, limit: first },
            Step::Begin => {
                let over = newest(connection, plan.top_table())? - looked_at;
                Step::Look { over, under: None, seen: 0 }
            }
            Step::Look { over, under, seen } => {
                let count = self.add(connection, plan.walk(Some(over), under, wanted))?;
                let seen = seen + count;
                if count == wanted as usize {
                    Step::Look { over, under: self.found.back().copied(), seen }
                } else if over <= 0 {
                    Step::End
                } else if seen >= many {
                    Step::Walk { under: Some(over + 1) }
                } else {
                    Step::Find { last: over, limit: first }
                }
            }
            Step::Find { last, limit } => match self.add(connection, plan.find(last, limit))? {
                count if count < limit as usize => Step::End,
                _ if limit == found_together => Step::Walk { under: self.found.back().copied() },
                _ => Step::Find {
                    last: self.found.back().map_or(last, |last| last - 1),
                    limit: found_together,
                },
            },
            Step::Walk { under } => match self.add(connection, plan.walk(None, under, wanted))? {
                count if count == wanted as usize => Step::Walk { under: self.found.back().copied() },
                _ => Step::End,
            },
            Step::End => Step::End,
        })
    }

    /// Adds what a statement finds; says how many.
    fn add(&mut self, connection: &Connection, (sql, values): Statement) -> Result<usize, Error> {
        let before = self.found.len();
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            self.found.push_back(row.get(0)?);
        }
        Ok(self.found.len() - before)
    }
}

/// The number of the newest row of a table.
fn newest(connection: &Connection, table: &str) -> Result<i64, Error> {
    let mut statement = connection.prepare_cached(&format!("SELECT coalesce(max(id), 0) FROM {table}"))?;
    Ok(statement.query_row([], |row| row.get(0))?)
}
