//! The move of objects from one store to another: how far it is, over restarts and whichever node does it. What is moved, and
//! how, is the archive's affair. One at a time; the latest is kept.

use causeway_core::{Digest, ObjectKey};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Catalog;
use crate::audit;
use crate::engine::{Connection, Durability, OptionalExtension};
use crate::error::Error;

/// Objects that are named where something is wrong with them; the rest are counted.
const MAX_NAMED: usize = 100;

/// Whether a move goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MoveState {
    /// It does, also after a restart.
    UnderWay,
    /// It came to its end.
    Done,
    /// It was ended before.
    Stopped,
}

/// What is moved where, and whether it stays in the old place, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The store that objects are moved from, by its URL.
    pub from: String,
    /// The store that they are moved to.
    pub to: String,
    /// Whether they are removed there once they are here.
    pub removes: bool,
}

/// How many objects came to what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MoveCounts {
    /// Copied, and held against what was noted when they came.
    pub copied: u64,
    /// Their bytes.
    pub bytes: u64,
    /// In the new place already.
    pub before: u64,
    /// Removed from the old place.
    pub removed: u64,
    /// Deleted meanwhile, or gone from the old place.
    pub gone: u64,
    /// Of no row: left where they are.
    pub unknown: u64,
    /// Not what was stored: left where they are.
    pub damaged: u64,
    /// Not read or not written, for a reason of their own: left where they are.
    pub failed: u64,
}

/// A move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreMove {
    /// Its number.
    pub id: i64,
    /// Whether it goes on.
    pub state: MoveState,
    /// What is moved where.
    #[serde(flatten)]
    pub route: Route,
    /// The last object that was looked at.
    pub position: Option<String>,
    /// Objects that there were rows for as it began.
    pub all_objects: u64,
    /// What came of those so far.
    #[serde(flatten)]
    pub counts: MoveCounts,
    /// Objects that are damaged, the first of them.
    pub damaged_objects: Vec<ObjectKey>,
    /// Who began it.
    pub who: String,
    /// Why it was stopped.
    pub words: Option<String>,
    /// When it began.
    pub began_at: Timestamp,
    /// When it was last written.
    pub changed_at: Timestamp,
}

/// How far a move is.
#[derive(Debug, Clone, Default)]
pub struct MoveStep {
    /// The last object that was looked at.
    pub position: Option<ObjectKey>,
    /// What came of objects since.
    pub counts: MoveCounts,
    /// Those that are damaged.
    pub damaged: Vec<ObjectKey>,
    /// Whether that was all.
    pub is_end: bool,
}

/// What rows tell of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldObject {
    /// Which.
    pub object: ObjectKey,
    /// Its length.
    pub object_bytes: u64,
    /// Where its data set begins and the digest of that; none: it is of what was removed, of which no more is known.
    pub data_set: Option<(u64, Digest)>,
}

impl MoveCounts {
    fn add(&mut self, more: &Self) {
        self.copied += more.copied;
        self.bytes += more.bytes;
        self.before += more.before;
        self.removed += more.removed;
        self.gone += more.gone;
        self.unknown += more.unknown;
        self.damaged += more.damaged;
        self.failed += more.failed;
    }
}

impl Catalog {
    /// Begins a move; none when one is under way.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_move(&self, route: Route, who: &str) -> Result<Option<StoreMove>, Error> {
        let (now, who) = (self.clock.now(), who.to_owned());
        self.engine.write(Durability::Synced, move |connection| begin(connection, route, &who, now)).await
    }

    /// The latest move, whether it goes on or not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn store_move(&self) -> Result<Option<StoreMove>, Error> {
        self.engine.read(latest).await
    }

    /// Ends the move that is under way before it comes to its end; gives whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stop_move(&self, who: &str, words: String) -> Result<bool, Error> {
        let (now, who) = (self.clock.now(), who.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| {
                let Some(mut it) = under_way(connection)? else { return Ok(false) };
                (it.state, it.words) = (MoveState::Stopped, Some(words));
                end(connection, &mut it, &who, now)?;
                Ok(true)
            })
            .await
    }

    /// Writes how far the move of this number is. Gives how it stands; none when it does not go on any more.
    ///
    /// # Errors
    /// When the database fails; nothing is written then.
    pub async fn moved(&self, id: i64, step: MoveStep) -> Result<Option<StoreMove>, Error> {
        let now = self.clock.now();
        self.engine
            .write(Durability::Synced, move |connection| {
                let found = under_way(connection)?.filter(|it| it.id == id);
                let Some(mut it) = found else { return Ok(None) };
                it.counts.add(&step.counts);
                it.position = step.position.map(|key| key.to_string()).or(it.position);
                it.damaged_objects.extend(step.damaged);
                it.damaged_objects.truncate(MAX_NAMED);
                if step.is_end {
                    it.state = MoveState::Done;
                    let who = it.who.clone();
                    end(connection, &mut it, &who, now)?;
                } else {
                    it.changed_at = now;
                    put(connection, &it)?;
                }
                Ok(Some(it))
            })
            .await
    }

    /// What rows tell of those of `objects` that are of an instance, or of one that was removed and whose bytes are to stay for
    /// now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn told_objects(&self, objects: Vec<ObjectKey>) -> Result<Vec<ToldObject>, Error> {
        self.engine
            .read(move |connection| {
                let mut told = Vec::new();
                for object in objects {
                    told.extend(told_object(connection, object)?);
                }
                Ok(told)
            })
            .await
    }
}

fn told_object(connection: &Connection, object: ObjectKey) -> Result<Option<ToldObject>, Error> {
    let found: Option<(i64, Option<i64>, Option<[u8; 32]>)> = connection
        .prepare_cached(
            "SELECT object_bytes, data_set_offset, digest FROM instance WHERE object = ?1
             UNION ALL SELECT object_bytes, NULL, NULL FROM removed WHERE object = ?1 AND state < 2 LIMIT 1",
        )?
        .query_row([object.as_str()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((bytes, offset, digest)) = found else { return Ok(None) };
    let count = |number: i64| u64::try_from(number).map_err(|_| Error::Corrupt("a length"));
    let data_set = offset.map(count).transpose()?.zip(digest.map(Digest));
    Ok(Some(ToldObject { object, object_bytes: count(bytes)?, data_set }))
}

fn begin(
    connection: &Connection,
    route: Route,
    who: &str,
    now: Timestamp,
) -> Result<Option<StoreMove>, Error> {
    let before = latest(connection)?;
    if before.as_ref().is_some_and(|it| it.state == MoveState::UnderWay) {
        return Ok(None);
    }
    // The marks beside what was removed are in the old place: they are put anew into the other.
    connection.prepare_cached("UPDATE removed SET state = 0 WHERE state = 1")?.execute([])?;
    let all: i64 = connection
        .prepare_cached("SELECT (SELECT count(*) FROM instance) + (SELECT count(*) FROM removed)")?
        .query_row([], |row| row.get(0))?;
    let begun = StoreMove {
        id: before.map_or(1, |it| it.id + 1),
        state: MoveState::UnderWay,
        route,
        position: None,
        all_objects: u64::try_from(all).unwrap_or_default(),
        counts: MoveCounts::default(),
        damaged_objects: Vec::new(),
        who: who.to_owned(),
        words: None,
        began_at: now,
        changed_at: now,
    };
    put(connection, &begun)?;
    audit::append(connection, now.as_millisecond(), who, "store-move-begin", &begun.id.to_string())?;
    Ok(Some(begun))
}

fn end(connection: &Connection, it: &mut StoreMove, who: &str, now: Timestamp) -> Result<(), Error> {
    it.changed_at = now;
    put(connection, it)?;
    audit::append(connection, now.as_millisecond(), who, "store-move-end", &it.id.to_string())
}

fn put(connection: &Connection, it: &StoreMove) -> Result<(), Error> {
    let document = serde_json::to_string(it).map_err(|_| Error::Corrupt("a move"))?;
    connection.prepare_cached("DELETE FROM store_move")?.execute([])?;
    connection
        .prepare_cached("INSERT INTO store_move (id, document) VALUES (?1, ?2)")?
        .execute((it.id, document.as_str()))?;
    Ok(())
}

fn under_way(connection: &Connection) -> Result<Option<StoreMove>, Error> {
    Ok(latest(connection)?.filter(|it| it.state == MoveState::UnderWay))
}

fn latest(connection: &Connection) -> Result<Option<StoreMove>, Error> {
    let document: Option<String> = connection
        .prepare_cached("SELECT document FROM store_move ORDER BY id DESC LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    document.map(|text| serde_json::from_str(&text).map_err(|_| Error::Corrupt("a move"))).transpose()
}
