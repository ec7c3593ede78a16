//! Commitments that are asked over the web (PS3.18 §13): taken durably, and their results told to whoever asked for as
//! long as they are kept.
//!
//! A Transaction UID is its inquirer's own: nobody else learns that it is used, nor is kept from using it.

use causeway_core::commitment::{Answer, Inquiry};
use causeway_core::sight::Scope;
use causeway_core::{Sight, Uid};

use super::{ErrandKind, ErrandState, Inquirer, forget_past, items, put_items};
use crate::Catalog;
use crate::engine::{Connection, Durability, OptionalExtension};
use crate::error::Error;

/// Most requests of one inquirer that are not decided; it is asked to wait for those first.
const MAX_OPEN: i64 = 1000;
/// Most results that are kept for one inquirer; the oldest goes when there are more.
const MAX_KEPT: i64 = 1000;
/// Most results that are let go when a request is taken: more than one, so that they become fewer.
const MAX_LET_GO: i64 = 2;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inquired {
    /// It is on disk.
    New(i64),
    /// The inquirer has used the transaction before.
    Duplicate,
    /// As many requests as are taken from one inquirer wait to be decided.
    TooMany,
}

/// How a request stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The inquirer has never asked under this Transaction UID, or it is forgotten.
    Unknown,
    /// It is not decided.
    Open,
    /// Its result.
    Decided(Answer),
    /// It was decided, and its result is not kept any more.
    Gone,
}

impl Catalog {
    /// Takes a request; on disk when this returns.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn commitment_inquired(&self, from: Inquirer, inquiry: Inquiry) -> Result<Inquired, Error> {
        let now = self.now_ms();
        let sight = from.sight.scope().map(serde_json::to_string).transpose();
        let sight = sight.map_err(|_| Error::Corrupt("what an inquirer sees"))?;
        self.engine
            .write(Durability::Synced, move |connection| {
                take(connection, &from.name, sight.as_deref(), &inquiry, now)
            })
            .await
    }

    /// How a request of this inquirer stands.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn inquiry(&self, name: String, transaction: Uid) -> Result<Standing, Error> {
        let now = self.now_ms();
        self.engine
            .read(move |connection| {
                let found: Option<(i64, i64, i64)> = connection
                    .prepare_cached(
                        "SELECT id, state, expires_at FROM errand WHERE kind = 3 AND uid = ?1 AND inquirer = ?2",
                    )?
                    .query_row((transaction.as_str(), &name), |row| {
                        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                    })
                    .optional()?;
                let Some((errand, state, expires_at)) = found else { return Ok(Standing::Unknown) };
                Ok(match ErrandState::of(state)? {
                    ErrandState::Open | ErrandState::Due | ErrandState::Awaited => Standing::Open,
                    ErrandState::Done if now < expires_at => {
                        Standing::Decided(Answer { fates: items(connection, errand)? })
                    }
                    ErrandState::Done | ErrandState::GivenUp => Standing::Gone,
                })
            })
            .await
    }
}

fn take(
    connection: &Connection,
    name: &str,
    sight: Option<&str>,
    inquiry: &Inquiry,
    now: i64,
) -> Result<Inquired, Error> {
    let mut used =
        connection.prepare_cached("SELECT 1 FROM errand WHERE kind = 3 AND uid = ?1 AND inquirer = ?2")?;
    if used.exists((inquiry.transaction.as_str(), name))? {
        return Ok(Inquired::Duplicate);
    }
    let open: i64 = connection
        .prepare_cached("SELECT count(*) FROM errand WHERE kind = 3 AND inquirer = ?1 AND state = 0")?
        .query_row([name], |row| row.get(0))?;
    if open >= MAX_OPEN {
        return Ok(Inquired::TooMany);
    }
    forget_past(connection, now)?;
    let_go(connection, name, now)?;
    let errand = connection
        .prepare_cached(
            "INSERT INTO errand (kind, uid, inquirer, sight, state, attempt, next_at, expires_at, instances, failed,
             created_at, changed_at) VALUES (?1, ?2, ?3, ?4, 0, 0, ?5, ?6, ?7, 0, ?5, ?5)",
        )?
        .insert((
            ErrandKind::Inquiry.number(),
            inquiry.transaction.as_str(),
            name,
            sight,
            now,
            i64::MAX,
            inquiry.named.len(),
        ))?;

    let named = inquiry.named.iter().map(|named| (&named.reference, named.within.as_ref()));
    put_items(connection, errand, named, None)?;
    Ok(Inquired::New(errand))
}

/// Lets go of a few results that are beyond their time, or of which this inquirer has too many; that there were such
/// transactions is remembered.
fn let_go(connection: &Connection, name: &str, now: i64) -> Result<(), Error> {
    let mut statement = connection.prepare_cached(
        "SELECT id FROM (SELECT id FROM errand WHERE kind = 3 AND state = 3 AND expires_at <= ?1
            ORDER BY expires_at LIMIT ?4) AS old
         UNION SELECT id FROM (SELECT id FROM errand WHERE kind = 3 AND state = 3 AND inquirer = ?2
            ORDER BY id DESC LIMIT ?4 OFFSET ?3) AS many",
    )?;
    // With the one that is taken there is one more.
    let beyond = (now, name, MAX_KEPT - 1, MAX_LET_GO);
    let ids: Vec<i64> = statement.query_map(beyond, |row| row.get(0))?.collect::<Result<_, _>>()?;
    for errand in ids {
        connection.prepare_cached("DELETE FROM errand_item WHERE errand = ?1")?.send([errand])?;
        connection
            .prepare_cached(
                "UPDATE errand SET state = 4, changed_at = ?2, words = 'the result is not kept any more'
                 WHERE id = ?1",
            )?
            .send((errand, now))?;
    }
    Ok(())
}

/// What an inquirer sees, as it is kept.
pub(super) fn sight(text: Option<String>) -> Result<Sight, Error> {
    let scope = text.map(|text| serde_json::from_str::<Scope>(&text)).transpose();
    Ok(scope.map_err(|_| Error::Corrupt("what an inquirer sees"))?.into())
}
