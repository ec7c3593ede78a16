//! What became of errands.

use causeway_core::{RemoteName, Uid};
use jiff::Timestamp;

use super::{ErrandKind, ErrandState};
use crate::Catalog;
use crate::delivery::name;
use crate::engine::{Connection, Durability};
use crate::error::Error;

/// How an errand goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It was carried out.
    Done,
    /// A commitment was asked for; its result is waited for until then.
    Awaited(Timestamp),
    /// It is tried again then; a commitment under another Transaction UID, where one is given.
    RetryAt(Timestamp, Option<Uid>),
    /// It is not tried any more.
    GivenUp,
}

/// An errand that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// What was owed.
    pub kind: ErrandKind,
    /// The transaction's UID, of a notice the study's.
    pub uid: Uid,
    /// To whom, where it is registered.
    pub remote: Option<RemoteName>,
    /// Why.
    pub words: String,
}

impl Catalog {
    /// Writes what became of an errand that `owner` holds, with what the far side said. One that it does not hold any
    /// more, or whose result came meanwhile, is left as it is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn conclude_errand(
        &self,
        errand: i64,
        owner: String,
        step: Step,
        status: Option<u16>,
        words: String,
    ) -> Result<(), Error> {
        let now = self.now_ms();
        self.engine
            .write(Durability::Synced, move |connection| {
                let (state, next_at, transaction) = match &step {
                    Step::Done => (ErrandState::Done, now, None),
                    Step::Awaited(until) => (ErrandState::Awaited, until.as_millisecond(), None),
                    Step::RetryAt(at, fresh) => (ErrandState::Due, at.as_millisecond(), fresh.as_ref()),
                    Step::GivenUp => (ErrandState::GivenUp, now, None),
                };
                let concluded = connection
                    .prepare_cached(
                        "UPDATE errand SET state = ?3, next_at = ?4, lease_owner = NULL, attempt = attempt + 1,
                         uid = coalesce(?5, uid), status = ?6, words = ?7, changed_at = ?8,
                         expires_at = CASE WHEN CAST(?3 AS BIGINT) = 2 THEN ?4 ELSE expires_at END
                         WHERE id = ?1 AND state = 1 AND lease_owner = ?2",
                    )?
                    .execute((
                        errand,
                        &owner,
                        state.number(),
                        next_at,
                        transaction.map(Uid::as_str),
                        status,
                        &words,
                        now,
                    ))?;
                if concluded == 0 {
                    return Ok(());
                }
                match step {
                    Step::Done => forget_committed(connection, errand),
                    Step::GivenUp => not_committed(connection, errand, &words, now),
                    Step::Awaited(_) | Step::RetryAt(..) => Ok(()),
                }
            })
            .await
    }

    /// Gives up what is beyond its time; says what that was.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn expire_errands(&self) -> Result<Vec<GivenUp>, Error> {
        let now = self.now_ms();
        let none = self.engine.read(move |connection| Ok(overdue(connection, now)?.is_empty())).await?;
        if none {
            return Ok(Vec::new());
        }
        self.engine
            .write(Durability::Synced, move |connection| {
                overdue(connection, now)?.into_iter().map(|errand| expire(connection, errand, now)).collect()
            })
            .await
    }
}

/// Most errands that are given up in one go.
const MAX_EXPIRED: i64 = 100;

fn overdue(connection: &Connection, now: i64) -> Result<Vec<i64>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT id FROM errand WHERE state IN (1, 2) AND expires_at <= ?1
         AND (lease_owner IS NULL OR next_at <= ?1) LIMIT ?2",
    )?;
    let ids = statement.query_map((now, MAX_EXPIRED), |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

fn expire(connection: &Connection, errand: i64, now: i64) -> Result<GivenUp, Error> {
    let (kind, uid, remote, words): (i64, String, Option<String>, String) = connection
        .prepare_cached(
            "UPDATE errand SET state = 4, lease_owner = NULL, changed_at = ?2, words =
             CASE WHEN state = 2 THEN 'the result was not told in time'
             ELSE 'out of time; ' || coalesce(words, 'it could not be tried') END
             WHERE id = ?1 RETURNING kind, uid, remote, words",
        )?
        .query_row((errand, now), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    not_committed(connection, errand, &words, now)?;
    Ok(GivenUp {
        kind: ErrandKind::of(kind)?,
        uid: Uid::parse(&uid).map_err(|_| Error::Corrupt("a UID"))?,
        remote: remote.as_deref().map(name).transpose()?,
        words,
    })
}

/// Of what was told in full only that is kept which is of use to an administrator.
pub(super) fn forget_committed(connection: &Connection, errand: i64) -> Result<(), Error> {
    connection
        .prepare_cached("DELETE FROM errand_item WHERE errand = ?1 AND reason IS NULL")?
        .execute([errand])?;
    Ok(())
}

/// The jobs whose commitment was asked for in vain stay delivered, and say so.
fn not_committed(connection: &Connection, errand: i64, words: &str, now: i64) -> Result<(), Error> {
    connection
        .prepare_cached(
            "UPDATE job SET commitment = 3, changed_at = ?3, words = 'delivered; not committed: ' || ?2
             WHERE id IN (SELECT job FROM errand_item WHERE errand = ?1) AND commitment = 1",
        )?
        .execute((errand, words, now))?;
    Ok(())
}
