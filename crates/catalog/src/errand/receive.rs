//! Commitments that are asked of us: taken durably, held against what is kept here, decided.

use std::time::Duration;

use causeway_core::commitment::{Named, Request, Whereabouts};
use causeway_core::{AeTitle, RemoteName, Sight, Status, Uid};
use jiff::Timestamp;

use super::{
    ErrandKind, ErrandState, Inquirer, Peer, Requester, forget_past, inquire, items, named, put_items,
};
use crate::Catalog;
use crate::delivery::{millis, moment, name};
use crate::engine::{Connection, Durability, OptionalExtension, Row, Value, params_from_iter};
use crate::error::Error;
use crate::instances;
use crate::sight;

/// Most results that wait to be told to one caller; it is asked to take those first.
const MAX_WAITING: i64 = 1000;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It is on disk.
    New(i64),
    /// It was on disk already: the very same request, whose result has not been told.
    Again(i64),
    /// The transaction is another one's, or was concluded.
    Duplicate,
    /// As many results as are kept for one caller wait to be told to it.
    TooMany,
}

/// A request that is not decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecided {
    /// Its number.
    pub errand: i64,
    /// When it came.
    pub asked_at: Timestamp,
    /// Who asked.
    pub from: Requester,
}

/// What is known of an instance that was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its place in the request.
    pub place: i64,
    /// What was named.
    pub named: Named,
    /// What is kept under this UID, if anything.
    pub known: Option<Known>,
}

/// An instance that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its SOP class.
    pub sop_class: Uid,
    /// Its study and series.
    pub within: Whereabouts,
    /// Whether its bytes are in the store and its row is on disk.
    pub is_settled: bool,
}

impl Catalog {
    /// Takes a request; on disk when this returns. For `hold` its result is left to whoever has the association at
    /// hand on which it was asked.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn commitment_asked(
        &self,
        from: Peer,
        request: Request,
        hold: Duration,
    ) -> Result<Received, Error> {
        let now = self.now_ms();
        let held_until = now.saturating_add(millis(hold));
        self.engine
            .write(Durability::Synced, move |connection| asked(connection, &from, &request, now, held_until))
            .await
    }

    /// Requests that are not decided, oldest first, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn undecided(&self, limit: u32) -> Result<Vec<Undecided>, Error> {
        self.engine
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT id, created_at, remote, ae_title, inquirer, sight FROM errand WHERE state = 0
                     ORDER BY id LIMIT ?1",
                )?;
                let mut rows = statement.query([limit])?;
                let mut undecided = Vec::new();
                while let Some(row) = &rows.next()? {
                    let (errand, asked_at) = (row.get(0)?, moment(row.get(1)?));
                    undecided.push(Undecided { errand, asked_at, from: requester(row)? });
                }
                Ok(undecided)
            })
            .await
    }

    /// What is known of each instance that a request names; nothing of one that is not seen.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn findings(&self, errand: i64, sight: Sight) -> Result<Vec<Finding>, Error> {
        self.engine
            .read(move |connection| {
                let (seen, values) = match sight::condition(&sight, "study") {
                    Some((seen, values)) => (
                        format!(
                            " AND EXISTS (SELECT 1 FROM series JOIN study ON study.id = series.study
                             WHERE series.id = instance.series AND {seen})"
                        ),
                        values,
                    ),
                    None => Default::default(),
                };
                let mut statement = connection.prepare_cached(&format!(
                    "SELECT item.sop_class, item.sop_instance, item.study, item.series, place, settled,
                     instance.sop_class, its_study.uid, its_series.uid FROM errand_item AS item
                     LEFT JOIN instance ON instance.uid = item.sop_instance{seen}
                     LEFT JOIN series AS its_series ON its_series.id = instance.series
                     LEFT JOIN study AS its_study ON its_study.id = its_series.study
                     WHERE errand = ? ORDER BY place"
                ))?;
                let mut rows =
                    statement.query(params_from_iter(values.into_iter().chain([Value::Integer(errand)])))?;
                let mut findings = Vec::new();
                while let Some(row) = &rows.next()? {
                    let is_settled: Option<bool> = row.get(5)?;
                    let known = is_settled.map(|is_settled| known(row, is_settled)).transpose()?;
                    findings.push(Finding { place: row.get(4)?, named: named(row)?, known });
                }
                Ok(findings)
            })
            .await
    }

    /// Decides a request: the instances at these places failed, all others are committed. From now on its result is
    /// owed, or there to be come for, for as long as `keep`. One that is decided stays as it is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn decide(&self, errand: i64, failed: Vec<(i64, Status)>, keep: Duration) -> Result<(), Error> {
        let now = self.now_ms();
        let expires_at = now.saturating_add(millis(keep));
        // A decision that is lost is made anew.
        self.engine
            .write(Durability::Replayable, move |connection| {
                let decided = connection
                    .prepare_cached(
                        "UPDATE errand SET state = CASE kind WHEN 3 THEN 3 ELSE 1 END, failed = ?2, expires_at = ?3,
                         changed_at = ?4 WHERE id = ?1 AND state = 0",
                    )?
                    .execute((errand, failed.len(), expires_at, now))?;
                if decided == 0 {
                    return Ok(());
                }
                let mut fail = connection
                    .prepare_cached("UPDATE errand_item SET reason = ?3 WHERE errand = ?1 AND place = ?2")?;
                for (place, reason) in &failed {
                    fail.send((errand, place, reason.0))?;
                }
                Ok(())
            })
            .await
    }
}

/// Who asked: `remote, ae_title, inquirer, sight`, from the third column on.
fn requester(row: &Row<'_>) -> Result<Requester, Error> {
    if let Some(name) = row.get::<Option<String>>(4)? {
        return Ok(Requester::Inquirer(Inquirer { name, sight: inquire::sight(row.get(5)?)? }));
    }
    let remote = row.get::<Option<String>>(2)?.as_deref().map(name).transpose()?;
    let ae_title = AeTitle::parse(&row.get::<String>(3)?);
    Ok(Requester::Peer(Peer { ae_title: ae_title.map_err(|_| Error::Corrupt("an AE title"))?, remote }))
}

/// What is kept: `sop_class, study, series`, from the seventh column on.
fn known(row: &Row<'_>, is_settled: bool) -> Result<Known, Error> {
    let within = Whereabouts { study: instances::uid(row, 7)?, series: instances::uid(row, 8)? };
    Ok(Known { sop_class: instances::uid(row, 6)?, within, is_settled })
}

fn asked(
    connection: &Connection,
    from: &Peer,
    request: &Request,
    now: i64,
    held_until: i64,
) -> Result<Received, Error> {
    let remote = from.remote.as_ref().map(RemoteName::as_str);
    let found: Option<(i64, i64)> = connection
        .prepare_cached(
            "SELECT id, state FROM errand WHERE kind = 0 AND uid = ?1 AND coalesce(ae_title, '') = ?2
             AND coalesce(remote, '') = coalesce(?3, '')",
        )?
        .query_row((request.transaction.as_str(), from.ae_title.as_str(), remote), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    if let Some((errand, state)) = found {
        match ErrandState::of(state)? {
            ErrandState::Open | ErrandState::Due | ErrandState::Awaited => {
                let same =
                    items(connection, errand)?.iter().map(|(it, _)| &it.reference).eq(&request.references);
                return Ok(if same { Received::Again(errand) } else { Received::Duplicate });
            }
            ErrandState::Done => return Ok(Received::Duplicate),
            // Nothing was ever told of it: it begins anew.
            ErrandState::GivenUp => {
                connection.prepare_cached("DELETE FROM errand WHERE id = ?1")?.execute([errand])?;
            }
        }
    }
    let waiting: i64 = connection
        .prepare_cached(
            "SELECT count(*) FROM errand WHERE state < 2 AND kind = 0 AND ae_title = ?1
             AND coalesce(remote, '') = coalesce(?2, '')",
        )?
        .query_row((from.ae_title.as_str(), remote), |row| row.get(0))?;
    if waiting >= MAX_WAITING {
        return Ok(Received::TooMany);
    }
    forget_past(connection, now)?;
    let errand = connection
        .prepare_cached(
            "INSERT INTO errand (kind, uid, remote, ae_title, state, attempt, next_at, expires_at, instances, failed,
             created_at, changed_at) VALUES (?1, ?2, ?3, ?4, 0, 0, ?5, ?6, ?7, 0, ?8, ?8)",
        )?
        .insert((
            ErrandKind::Result.number(),
            request.transaction.as_str(),
            remote,
            from.ae_title.as_str(),
            held_until,
            i64::MAX,
            request.references.len(),
            now,
        ))?;

    put_items(connection, errand, request.references.iter().map(|it| (it, None)), None)?;
    Ok(Received::New(errand))
}
