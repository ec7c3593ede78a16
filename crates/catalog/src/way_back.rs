//! Copies under the original identity that are due of what came back: looked at, hurried, given up. Made elsewhere.

use causeway_core::{RemoteName, Uid};
use jiff::Timestamp;
use serde::Serialize;

use crate::Catalog;
use crate::audit;
use crate::delivery::{moment, name};
use crate::engine::{Durability, OptionalExtension};
use crate::error::Error;
use crate::instances::uid;

/// A copy that is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WayBack {
    /// The instance that came back: its SOP Instance UID.
    pub instance: Uid,
    /// Its study, as the remote knows it.
    pub study: Uid,
    /// The remote that made it.
    pub remote: RemoteName,
    /// How often the copy was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub next_at: Timestamp,
    /// Why it could not be made the last time.
    pub words: Option<String>,
}

impl Catalog {
    /// Copies that are due, those that were tried most often first, at most `limit`.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn ways_back(&self, limit: u32) -> Result<Vec<WayBack>, Error> {
        self.engine
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT instance.uid, study.uid, way_back.remote, way_back.attempt, way_back.next_at,
                     way_back.error FROM way_back JOIN instance ON instance.id = way_back.instance
                     JOIN series ON series.id = instance.series JOIN study ON study.id = series.study
                     ORDER BY way_back.attempt DESC, way_back.instance LIMIT ?1",
                )?;
                let mut rows = statement.query([limit])?;
                let mut due = Vec::new();
                while let Some(row) = &rows.next()? {
                    due.push(WayBack {
                        instance: uid(row, 0)?,
                        study: uid(row, 1)?,
                        remote: name(&row.get::<String>(2)?)?,
                        attempts: row.get(3)?,
                        next_at: moment(row.get(4)?),
                        words: row.get(5)?,
                    });
                }
                Ok(due)
            })
            .await
    }

    /// Makes the copy of this instance due now; says whether one is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn retry_way_back(&self, instance: Uid, who: &str) -> Result<bool, Error> {
        let sql = "UPDATE way_back SET next_at = ?2, attempt = 0
                   WHERE instance = (SELECT id FROM instance WHERE uid = ?1) AND CAST(?2 AS BIGINT) IS NOT NULL RETURNING instance";
        self.change_way_back(instance, who, sql, "way-back-retry").await
    }

    /// Gives the copy of this instance up; what came stays as it came. Says whether one was due.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn discard_way_back(&self, instance: Uid, who: &str) -> Result<bool, Error> {
        let sql = "DELETE FROM way_back
                   WHERE instance = (SELECT id FROM instance WHERE uid = ?1) AND CAST(?2 AS BIGINT) IS NOT NULL RETURNING instance";
        self.change_way_back(instance, who, sql, "way-back-discard").await
    }

    async fn change_way_back(
        &self,
        instance: Uid,
        who: &str,
        sql: &'static str,
        verb: &'static str,
    ) -> Result<bool, Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| {
                let found: Option<i64> = connection
                    .prepare_cached(sql)?
                    .query_row((instance.as_str(), now), |row| row.get(0))
                    .optional()?;
                if found.is_some() {
                    audit::append(connection, now, &who, verb, instance.as_str())?;
                }
                Ok(found.is_some())
            })
            .await
    }
}
