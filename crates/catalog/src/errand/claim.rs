//! Claiming errands with a lease, by whoever calls out or by the association at hand; and when the next are due.

use std::time::Duration;

use causeway_core::commitment::{Named, Request, Settlement};
use causeway_core::{RemoteName, Uid};
use jiff::Timestamp;

use super::{Count, Errand, ErrandKind, Peer, Task, items, json_numbers};
use crate::Catalog;
use crate::delivery::{millis, moment, name};
use crate::engine::{Connection, Durability, OptionalExtension};
use crate::error::Error;

/// Most results that are owed to one caller and looked for when it calls.
const MAX_OWED: i64 = 64;

/// When a remote's next errand of a kind is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrandDue {
    /// The remote.
    pub remote: RemoteName,
    /// The kind.
    pub kind: ErrandKind,
    /// When; in the past when it waits for a worker.
    pub at: Timestamp,
}

impl Catalog {
    /// When each remote has its next errand of each kind due; those without are left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn errands_due(&self) -> Result<Vec<ErrandDue>, Error> {
        self.engine
            .read(|connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT remote, kind, min(next_at) FROM errand WHERE state = 1 AND remote IS NOT NULL
                     GROUP BY remote, kind ORDER BY 3",
                )?;
                let mut rows = statement.query([])?;
                let mut due = Vec::new();
                while let Some(row) = rows.next()? {
                    due.push(ErrandDue {
                        remote: name(&row.get::<String>(0)?)?,
                        kind: ErrandKind::of(row.get(1)?)?,
                        at: moment(row.get(2)?),
                    });
                }
                Ok(due)
            })
            .await
    }

    /// Gives `owner` the errand of this kind to `remote` that has been due for longest, until `lease` from now. One
    /// whose lease lapsed is due again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_errand(
        &self,
        remote: RemoteName,
        kind: ErrandKind,
        owner: String,
        lease: Duration,
    ) -> Result<Option<Errand>, Error> {
        let now = self.now_ms();
        // A lost lease is an errand done twice at worst, so its commit need not wait for the disk.
        self.engine
            .write(Durability::Replayable, move |connection| {
                let due: Option<i64> = connection
                    .prepare_cached(
                        "SELECT id FROM errand WHERE state = 1 AND remote = ?1 AND next_at <= ?2
                         AND kind = ?3 ORDER BY next_at, id LIMIT 1",
                    )?
                    .query_row((remote.as_str(), now, kind.number()), |row| row.get(0))
                    .optional()?;
                let Some(errand) = due else { return Ok(None) };
                self::lease(connection, errand, &owner, now, lease).map(Some)
            })
            .await
    }

    /// Which of these results are decided and held by nobody.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn decided(&self, errands: Vec<i64>) -> Result<Vec<i64>, Error> {
        let now = self.now_ms();
        self.engine
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT id FROM errand WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(?1)) AND kind = 0
                     AND state = 1 AND (lease_owner IS NULL OR next_at <= ?2) ORDER BY id",
                )?;
                let ids = statement.query_map((json_numbers(&errands), now), |row| row.get(0))?;
                Ok(ids.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// Gives `owner` this result, until `lease` from now, when it is decided and held by nobody.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_result(
        &self,
        errand: i64,
        owner: String,
        lease: Duration,
    ) -> Result<Option<Errand>, Error> {
        let now = self.now_ms();
        self.engine
            .write(Durability::Replayable, move |connection| {
                let mut free = connection.prepare_cached(
                    "SELECT 1 FROM errand WHERE id = ?1 AND kind = 0 AND state = 1
                     AND (lease_owner IS NULL OR next_at <= ?2)",
                )?;
                if !free.exists((errand, now))? {
                    return Ok(None);
                }
                self::lease(connection, errand, &owner, now, lease).map(Some)
            })
            .await
    }

    /// Results that are owed to a caller, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn results_owed(&self, to: Peer) -> Result<Vec<i64>, Error> {
        self.engine
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT id FROM errand WHERE state < 2 AND kind = 0 AND ae_title = ?1
                     AND coalesce(remote, '') = coalesce(?2, '') ORDER BY id LIMIT ?3",
                )?;
                let remote = to.remote.as_ref().map(RemoteName::as_str);
                let ids = statement.query_map((to.ae_title.as_str(), remote, MAX_OWED), |row| row.get(0))?;
                Ok(ids.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// Gives results back: those that `owner` holds, and those that nobody holds and that were left to it, are due at
    /// once for whoever calls out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn release_results(&self, errands: Vec<i64>, owner: String) -> Result<(), Error> {
        let now = self.now_ms();
        self.engine
            .write(Durability::Replayable, move |connection| {
                let mut statement = connection.prepare_cached(
                    "UPDATE errand SET lease_owner = NULL, next_at = min(next_at, ?3) WHERE id = ?1 AND state < 2
                     AND (lease_owner IS NULL OR lease_owner = ?2)",
                )?;
                for errand in &errands {
                    statement.send((errand, &owner, now))?;
                }
                Ok(())
            })
            .await
    }
}

fn lease(
    connection: &Connection,
    errand: i64,
    owner: &str,
    now: i64,
    lease: Duration,
) -> Result<Errand, Error> {
    let until = now.saturating_add(millis(lease));
    let (kind, uid, attempts, looks): (i64, String, u32, u32) = connection
        .prepare_cached(
            "UPDATE errand SET lease_owner = ?2, next_at = ?3, changed_at = ?4 WHERE id = ?1
             RETURNING kind, uid, attempt, looks",
        )?
        .query_row((errand, owner, until, now), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
    let uid = Uid::parse(&uid).map_err(|_| Error::Corrupt("a UID"))?;
    let task = match ErrandKind::of(kind)? {
        ErrandKind::Notice => Task::Notice(uid),
        ErrandKind::Request => {
            let references = items(connection, errand)?.into_iter().map(|(it, _)| it.reference).collect();
            Task::Request(Request { transaction: uid, references })
        }
        ErrandKind::Count => {
            let named = items(connection, errand)?.into_iter();
            Task::Count(Count {
                study: uid,
                instances: named.map(|(it, _)| it.reference.sop_instance).collect(),
                looks,
            })
        }
        // Nobody claims an inquiry; it has a result like the other.
        ErrandKind::Result | ErrandKind::Inquiry => {
            let mut settlement = Settlement { transaction: uid, committed: Vec::new(), failed: Vec::new() };
            for (Named { reference, .. }, reason) in items(connection, errand)? {
                match reason {
                    None => settlement.committed.push(reference),
                    Some(reason) => settlement.failed.push((reference, reason)),
                }
            }
            Task::Result(settlement)
        }
    };
    Ok(Errand { id: errand, attempts, task })
}
