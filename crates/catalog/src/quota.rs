//! Quotas, and what is kept of each remote's: counted in the transactions that add and remove instances, and never summed up.

use causeway_core::keeping::Removal;
use causeway_core::keeping::quota::WhenFull;
use causeway_core::keeping::retention::{Why, barred};
use causeway_core::{InstanceRecord, RemoteName, Uid};
use jiff::Timestamp;

use crate::Catalog;
use crate::audit;
use crate::delivery::{moment, name};
use crate::engine::{Connection, Durability, OptionalExtension};
use crate::error::Error;
use crate::instances::uid;
use crate::retention::{self, Retired};

/// How much may be kept of what a remote sends, and how much is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// The remote.
    pub remote: RemoteName,
    /// Bytes that may be kept.
    pub limit: u64,
    /// What happens when they are.
    pub when_full: WhenFull,
    /// Bytes that are kept.
    pub used: u64,
    /// In so many instances.
    pub instances: u64,
    /// When it was last changed.
    pub changed_at: Timestamp,
}

impl Catalog {
    /// Sets the quota of a remote.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_quota(
        &self,
        remote: RemoteName,
        limit: u64,
        when_full: WhenFull,
        who: &str,
    ) -> Result<(), Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.engine
            .write(Durability::Synced, move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO quota (remote, bytes, when_full, changed_at) VALUES (?1, ?2, ?3, ?4)
                         ON CONFLICT (remote) DO UPDATE SET bytes = excluded.bytes, when_full = excluded.when_full,
                         changed_at = excluded.changed_at",
                    )?
                    .execute((remote.as_str(), limit, when_full == WhenFull::RemoveOldest, now))?;
                audit::append(connection, now, &who, "quota-put", remote.as_str())
            })
            .await
    }

    /// Removes the quota of a remote; says whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_quota(&self, remote: RemoteName, who: &str) -> Result<bool, Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| {
                let removed = connection
                    .prepare_cached("DELETE FROM quota WHERE remote = ?1")?
                    .execute([remote.as_str()])?;
                if removed > 0 {
                    audit::append(connection, now, &who, "quota-remove", remote.as_str())?;
                }
                Ok(removed > 0)
            })
            .await
    }

    /// All quotas, by remote.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn quotas(&self) -> Result<Vec<Quota>, Error> {
        self.engine
            .read(|connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT quota.remote, quota.bytes, quota.when_full, quota.changed_at,
                     coalesce(source.bytes, 0), coalesce(source.instances, 0)
                     FROM quota LEFT JOIN source ON source.remote = quota.remote ORDER BY quota.remote",
                )?;
                let mut rows = statement.query([])?;
                let mut quotas = Vec::new();
                while let Some(row) = rows.next()? {
                    quotas.push(Quota {
                        remote: name(&row.get::<String>(0)?)?,
                        limit: row.get(1)?,
                        when_full: if row.get(2)? { WhenFull::RemoveOldest } else { WhenFull::Refuse },
                        changed_at: moment(row.get(3)?),
                        used: counted(row.get(4)?),
                        instances: counted(row.get(5)?),
                    });
                }
                Ok(quotas)
            })
            .await
    }

    /// Bytes that are kept of what a remote sent.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn kept_of(&self, remote: RemoteName) -> Result<u64, Error> {
        self.engine
            .read(move |connection| {
                let mut statement =
                    connection.prepare_cached("SELECT bytes FROM source WHERE remote = ?1")?;
                let bytes = statement.query_row([remote.as_str()], |row| row.get(0)).optional()?;
                Ok(bytes.map_or(0, counted))
            })
            .await
    }

    /// Whether an instance is kept.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_kept(&self, instance: Uid) -> Result<bool, Error> {
        self.engine
            .read(move |connection| {
                let mut statement = connection.prepare_cached("SELECT 1 FROM instance WHERE uid = ?1")?;
                Ok(statement.exists([instance.as_str()])?)
            })
            .await
    }

    /// The studies whose first instance came from a remote, those that nothing was added to for longest first, at most `limit`,
    /// the first `skip` left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn oldest_of(&self, remote: RemoteName, limit: u32, skip: u32) -> Result<Vec<Uid>, Error> {
        self.engine
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT uid FROM study WHERE origin = ?1 ORDER BY arrived_at, id LIMIT ?2 OFFSET ?3",
                )?;
                let mut rows = statement.query((remote.as_str(), limit, skip))?;
                let mut studies = Vec::new();
                while let Some(row) = rows.next()? {
                    studies.push(uid(&row, 0)?);
                }
                Ok(studies)
            })
            .await
    }

    /// Removes a study to make room, if all of it came from one remote and nothing keeps it.
    ///
    /// # Errors
    /// When the database fails; nothing is removed then.
    pub async fn make_room(&self, study: Uid, removal: Removal) -> Result<Retired, Error> {
        let now = self.now_ms();
        self.engine
            .write(Durability::Synced, move |connection| {
                let Some(seen) = retention::facts(connection, &study, None)? else {
                    return Ok(Retired::Unknown);
                };
                let elsewhere = (seen.facts.from_elsewhere > 0).then_some(Why::FromElsewhere);
                match elsewhere.or_else(|| barred(&seen.facts)) {
                    Some(why) => Ok(Retired::Kept(why)),
                    None => Ok(Retired::Gone(retention::retire(connection, &study, &removal, now)?)),
                }
            })
            .await
    }
}

/// A count as a number of things: what is mended may have another header than it had, so that a count can be off by that.
fn counted(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// Counts an instance that is kept now.
pub(crate) fn add(connection: &Connection, record: &InstanceRecord) -> Result<(), Error> {
    let Some(remote) = &record.envelope.remote else { return Ok(()) };
    let bytes = i64::try_from(record.object_bytes).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "INSERT INTO source (remote, instances, bytes) VALUES (?1, 1, ?2) ON CONFLICT (remote) DO UPDATE
             SET instances = source.instances + 1, bytes = source.bytes + excluded.bytes",
        )?
        .send((remote.as_str(), bytes))?;
    Ok(())
}

/// Counts instances of a remote that are not kept any more.
pub(crate) fn subtract(
    connection: &Connection,
    remote: &str,
    instances: i64,
    bytes: i64,
) -> Result<(), Error> {
    connection
        .prepare_cached("UPDATE source SET instances = instances - ?2, bytes = bytes - ?3 WHERE remote = ?1")?
        .send((remote, instances, bytes))?;
    Ok(())
}
