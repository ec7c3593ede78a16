//! Notices of what is available here: one per study and remote, due when nothing more has come for a while.

use std::time::Duration;

use causeway_core::RemoteName;

use super::{ErrandKind, forget_past};
use crate::Catalog;
use crate::delivery::millis;
use crate::engine::{Connection, Durability, OptionalExtension};
use crate::error::Error;

/// Most instances that are considered in one go.
const MAX_CONSIDERED: i64 = 10_000;

impl Catalog {
    /// Considers what has come since the last time for each of `remotes`: each study of it is to be told of after
    /// `quiet`, for as long as `keep`. A remote that is new among them is told of what comes from now on. Says whether
    /// there is more to consider.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_arrivals(
        &self,
        remotes: Vec<RemoteName>,
        quiet: Duration,
        keep: Duration,
    ) -> Result<bool, Error> {
        let now = self.now_ms();
        let (due, expires_at) = (now.saturating_add(millis(quiet)), now.saturating_add(millis(keep)));
        let names: Vec<String> = remotes.iter().map(|name| format!("\"{name}\"")).collect();
        let names = format!("[{}]", names.join(","));
        let known = names.clone();
        let idle = self.engine.read(move |connection| is_idle(connection, &known, remotes.len())).await?;
        if idle {
            return Ok(false);
        }
        self.engine
            .write(Durability::Replayable, move |connection| {
                connection
                    .prepare_cached(
                        "DELETE FROM notice_cursor WHERE remote NOT IN (SELECT value FROM json_each(?1))",
                    )?
                    .execute([&names])?;
                connection
                    .prepare_cached(
                        "INSERT INTO notice_cursor (remote, instance)
                         SELECT value, (SELECT coalesce(max(id), 0) FROM instance) FROM json_each(?1) WHERE true
                         ON CONFLICT (remote) DO NOTHING",
                    )?
                    .execute([&names])?;
                note(connection, now, due, expires_at)
            })
            .await
    }
}

/// Whether every remote is known and nothing has come since.
fn is_idle(connection: &Connection, names: &str, remotes: usize) -> Result<bool, Error> {
    let (known, strange, behind): (usize, usize, bool) = connection
        .prepare_cached(
            "SELECT count(*) FILTER (WHERE remote IN (SELECT value FROM json_each(?1))),
             count(*) FILTER (WHERE remote NOT IN (SELECT value FROM json_each(?1))),
             coalesce(min(instance), 0) < (SELECT coalesce(max(id), 0) FROM instance) FROM notice_cursor",
        )?
        .query_row([names], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(known == remotes && strange == 0 && (remotes == 0 || !behind))
}

fn note(connection: &Connection, now: i64, due: i64, expires_at: i64) -> Result<bool, Error> {
    let from: Option<i64> = connection
        .prepare_cached("SELECT min(instance) FROM notice_cursor")?
        .query_row([], |row| row.get(0))
        .optional()?
        .flatten();
    let Some(from) = from else { return Ok(false) };
    let to: Option<i64> = connection
        .prepare_cached(
            "SELECT max(id) FROM (SELECT id FROM instance WHERE id > ?1 ORDER BY id LIMIT ?2) AS found",
        )?
        .query_row((from, MAX_CONSIDERED), |row| row.get(0))?;
    let Some(to) = to else { return Ok(false) };
    forget_past(connection, now)?;
    // A study of which more came is told of once more, when that was quiet for long enough.
    connection
        .prepare_cached(
            "INSERT INTO errand (kind, uid, remote, state, attempt, next_at, expires_at, instances, failed, created_at,
             changed_at)
             SELECT DISTINCT CAST(?1 AS BIGINT), study.uid, notice_cursor.remote, 1, 0, CAST(?4 AS BIGINT), CAST(?5 AS BIGINT), 0, 0,
             CAST(?6 AS BIGINT), CAST(?6 AS BIGINT)
             FROM notice_cursor JOIN instance ON instance.id > notice_cursor.instance AND instance.id <= ?3
             JOIN series ON series.id = instance.series JOIN study ON study.id = series.study
             WHERE instance.id > ?2
             ON CONFLICT (remote, uid) WHERE kind = 2 DO UPDATE SET state = 1, attempt = 0, next_at = excluded.next_at,
             expires_at = excluded.expires_at, lease_owner = NULL, changed_at = excluded.changed_at",
        )?
        .execute((ErrandKind::Notice.number(), from, to, due, expires_at, now))?;
    connection.prepare_cached("UPDATE notice_cursor SET instance = max(instance, ?1)")?.execute([to])?;
    let mut more = connection.prepare_cached("SELECT 1 FROM instance WHERE id > ?1 LIMIT 1")?;
    Ok(more.exists([to])?)
}
