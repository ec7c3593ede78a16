//! Holding up and letting go: a remote as a whole, or some deliveries. What is being sent at this moment is sent to its
//! end.

use causeway_core::RemoteName;
use jiff::Timestamp;

use super::claim::{moment, name};
use super::manage::Which;
use crate::Catalog;
use crate::audit;
use crate::engine::Durability;
use crate::error::Error;

/// A remote that nothing is sent to until someone says so.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Paused {
    /// The remote.
    pub remote: RemoteName,
    /// Since when.
    pub at: Timestamp,
    /// Who said so.
    pub who: String,
}

impl Catalog {
    /// Holds up a remote as a whole.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn pause_remote(&self, remote: RemoteName, who: &str) -> Result<(), Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO pause (remote, at, who) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                    )?
                    .execute((remote.as_str(), now, &who))?;
                audit::append(connection, now, &who, "remote-pause", remote.as_str())
            })
            .await
    }

    /// Lets a remote go on; says whether it was held up.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn resume_remote(&self, remote: RemoteName, who: &str) -> Result<bool, Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| {
                let was = connection
                    .prepare_cached("DELETE FROM pause WHERE remote = ?1")?
                    .execute([remote.as_str()])?;
                audit::append(connection, now, &who, "remote-resume", remote.as_str())?;
                Ok(was > 0)
            })
            .await
    }

    /// The remotes that are held up.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn paused(&self) -> Result<Vec<Paused>, Error> {
        self.engine
            .read(|connection| {
                let mut statement =
                    connection.prepare_cached("SELECT remote, at, who FROM pause ORDER BY remote")?;
                let mut rows = statement.query([])?;
                let mut paused = Vec::new();
                while let Some(row) = rows.next()? {
                    let remote = name(&row.get::<String>(0)?)?;
                    paused.push(Paused { remote, at: moment(row.get(1)?), who: row.get(2)? });
                }
                Ok(paused)
            })
            .await
    }

    /// Holds up some deliveries.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn pause_deliveries(&self, which: Which, who: &str) -> Result<(), Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| {
                which.update(connection, "paused_at = ?4, next_at = NULL", "paused_at IS NULL", now)?;
                audit::append(connection, now, &who, "delivery-pause", &which.subject())
            })
            .await
    }

    /// Lets some deliveries go on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn resume_deliveries(&self, which: Which, who: &str) -> Result<(), Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| {
                // Whether a job is due is found out when it is claimed.
                let set = "paused_at = NULL, next_at = CASE WHEN released > 0 THEN CAST(?4 AS BIGINT) END";
                which.update(connection, set, "paused_at IS NOT NULL", now)?;
                audit::append(connection, now, &who, "delivery-resume", &which.subject())
            })
            .await
    }
}
