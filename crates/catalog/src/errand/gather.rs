//! Errands made of what was delivered: which deliveries have no more to come for now, and one errand for some of their
//! jobs. Never here: what is asked of the far side, and what it told.

use std::time::Duration;

use causeway_core::commitment::Reference;

use super::{ErrandKind, forget_past, put_items};
use crate::Catalog;
use crate::delivery::millis;
use crate::engine::{Connection, Durability};
use crate::error::Error;

/// Most deliveries that are gathered in one go.
const MAX_GATHERED: i64 = 64;

/// Which deliveries are gathered.
#[derive(Clone, Copy)]
pub(super) struct Ready {
    /// The statement that finds them: nothing changed since `?1`, or at least `?2` instances; `?3` at most.
    pub(super) deliveries: &'static str,
    /// For how long nothing more was delivered.
    pub(super) quiet: Duration,
    /// With so many instances it is not waited for.
    pub(super) limit: u32,
}

impl Ready {
    fn find(&self, connection: &Connection, now: i64) -> Result<Vec<i64>, Error> {
        let quiet_since = now.saturating_sub(millis(self.quiet));
        let mut statement = connection.prepare_cached(self.deliveries)?;
        let ids = statement.query_map((quiet_since, self.limit, MAX_GATHERED), |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }
}

impl Catalog {
    /// Has `make` make errands of each delivery that is ready, given the time and until when they are tried; it says how
    /// many. Nothing is written where none is ready.
    pub(super) async fn gather(
        &self,
        ready: Ready,
        keep: Duration,
        make: impl Fn(&Connection, i64, i64, i64) -> Result<u64, Error> + Send + 'static,
    ) -> Result<u64, Error> {
        let now = self.now_ms();
        if self.engine.read(move |connection| Ok(ready.find(connection, now)?.is_empty())).await? {
            return Ok(0);
        }
        let expires_at = now.saturating_add(millis(keep));
        self.engine
            .write(Durability::Synced, move |connection| {
                let mut made = 0;
                for delivery in ready.find(connection, now)? {
                    made += make(connection, delivery, now, expires_at)?;
                }
                Ok(made)
            })
            .await
    }
}

/// Jobs of one delivery that become one errand.
pub(super) struct Gathered<'a> {
    pub(super) kind: ErrandKind,
    /// What the errand is known by.
    pub(super) uid: &'a str,
    pub(super) remote: &'a str,
    pub(super) jobs: &'a [i64],
    /// The jobs' instances, as the far side knows them.
    pub(super) references: &'a [Reference],
}

impl Gathered<'_> {
    /// Writes the errand, due at once.
    pub(super) fn put(&self, connection: &Connection, now: i64, expires_at: i64) -> Result<(), Error> {
        forget_past(connection, now)?;
        let errand = connection
            .prepare_cached(
                "INSERT INTO errand (kind, uid, remote, state, attempt, next_at, expires_at, instances, failed,
                 created_at, changed_at) VALUES (?1, ?2, ?3, 1, 0, ?4, ?5, ?6, 0, ?4, ?4)",
            )?
            .insert((self.kind.number(), self.uid, self.remote, now, expires_at, self.jobs.len()))?;
        let named = self.references.iter().map(|it| (it, None));
        put_items(connection, errand, named, Some(self.jobs))
    }
}
