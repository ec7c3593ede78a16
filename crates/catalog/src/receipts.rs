//! Receipts over links as rows, on both ends: what far sides promised for what was sent to them, and what this node
//! promised, once whoever sent it said that it knows. What was promised and not acknowledged yet is in the instance's
//! own row: who sent it, when, which digest.

use causeway_core::{Digest, LinkReceipt, NodeId, RemoteName};
use jiff::Timestamp;
use serde::Serialize;

use crate::Catalog;
use crate::engine::{Connection, Durability};
use crate::error::Error;
use crate::instances::uid;

/// A receipt that was given to this node and is to be acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// The job that it proves.
    pub job: i64,
    /// What was given.
    pub receipt: LinkReceipt,
}

/// What is known of receipts between this node and one remote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReceiptReport {
    /// For what was sent to it.
    pub sent: ReceiptCount,
    /// For what came from it, as far as it has acknowledged them.
    pub received: ReceiptCount,
}

/// Receipts in one direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReceiptCount {
    /// How many there are.
    pub receipts: u64,
    /// Of how many both ends know that the other knows.
    pub acknowledged: u64,
    /// When the last was acknowledged.
    pub last_acknowledged_at: Option<Timestamp>,
}

impl Catalog {
    /// The oldest receipts of a remote that it was not told of yet, at most `limit`.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn receipts_owed(&self, remote: RemoteName, limit: usize) -> Result<Vec<Owed>, Error> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.engine
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT instance, digest, at, node, job FROM link_sent
                     WHERE remote = ?1 AND acknowledged_at IS NULL ORDER BY job LIMIT ?2",
                )?;
                let mut rows = statement.query((remote.as_str(), limit))?;
                let mut owed = Vec::new();
                while let Some(row) = &rows.next()? {
                    let node: String = row.get(3)?;
                    let receipt = LinkReceipt {
                        instance: uid(row, 0)?,
                        digest: Digest(row.get(1)?),
                        at: moment(row.get(2)?)?,
                        node: node.parse::<NodeId>().map_err(|_| Error::Corrupt("a node's id"))?,
                    };
                    owed.push(Owed { job: row.get(4)?, receipt });
                }
                Ok(owed)
            })
            .await
    }

    /// The remote was told of the receipts of these jobs. Not waited for to be on disk: at worst it is told again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn receipts_told(&self, jobs: Vec<i64>) -> Result<(), Error> {
        let now = self.now_ms();
        self.engine
            .write(Durability::Replayable, move |connection| {
                let mut statement = connection.prepare_cached(
                    "UPDATE link_sent SET acknowledged_at = ?2 WHERE job = ?1 AND acknowledged_at IS NULL",
                )?;
                for job in &jobs {
                    statement.send((job, now))?;
                }
                Ok(())
            })
            .await
    }

    /// A remote acknowledged receipts of this node's own: kept in one commit, on disk when this returns.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn receipts_known(&self, remote: RemoteName, receipts: Vec<LinkReceipt>) -> Result<(), Error> {
        let now = self.now_ms();
        self.engine
            .write(Durability::Synced, move |connection| {
                let mut statement = connection.prepare_cached(
                    "INSERT INTO link_received (remote, instance, digest, at, acknowledged_at)
                     VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (remote, instance) DO UPDATE
                     SET digest = excluded.digest, at = excluded.at, acknowledged_at = excluded.acknowledged_at
                     WHERE link_received.digest <> excluded.digest OR link_received.at <> excluded.at",
                )?;
                for LinkReceipt { instance, digest, at, .. } in &receipts {
                    let at = at.as_millisecond();
                    statement.send((remote.as_str(), instance.as_str(), digest.0, at, now))?;
                }
                Ok(())
            })
            .await
    }

    /// What is known of receipts between this node and `remote`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn receipt_report(&self, remote: RemoteName) -> Result<ReceiptReport, Error> {
        self.engine
            .read(move |connection| {
                let count = |sql: &str| -> Result<ReceiptCount, Error> {
                    let mut statement = connection.prepare_cached(sql)?;
                    let row: (u64, u64, Option<i64>) = statement
                        .query_row([remote.as_str()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
                    let last_acknowledged_at = row.2.map(moment).transpose()?;
                    Ok(ReceiptCount { receipts: row.0, acknowledged: row.1, last_acknowledged_at })
                };
                Ok(ReceiptReport {
                    sent: count(
                        "SELECT count(*), count(acknowledged_at), max(acknowledged_at) FROM link_sent
                         WHERE remote = ?1",
                    )?,
                    received: count(
                        "SELECT count(*), count(acknowledged_at), max(acknowledged_at) FROM link_received
                         WHERE remote = ?1",
                    )?,
                })
            })
            .await
    }
}

/// Notes what the far side promised for a job, in the commit that says that it is delivered.
pub(crate) fn note(
    connection: &Connection,
    job: i64,
    delivery: i64,
    receipt: &LinkReceipt,
) -> Result<(), Error> {
    let LinkReceipt { instance, digest, at, node } = receipt;
    connection
        .prepare_cached(
            "INSERT INTO link_sent (job, delivery, remote, instance, digest, at, node)
             SELECT ?1, ?2, remote, ?3, ?4, ?5, ?6 FROM delivery WHERE id = ?2
             ON CONFLICT (job) DO UPDATE SET delivery = excluded.delivery, remote = excluded.remote,
             instance = excluded.instance, digest = excluded.digest, at = excluded.at, node = excluded.node,
             acknowledged_at = NULL",
        )?
        .execute((job, delivery, instance.as_str(), digest.0, at.as_millisecond(), node.as_str()))?;
    Ok(())
}

fn moment(milliseconds: i64) -> Result<Timestamp, Error> {
    Timestamp::from_millisecond(milliseconds).map_err(|_| Error::Corrupt("a moment"))
}
