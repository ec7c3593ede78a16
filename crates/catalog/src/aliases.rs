//! Under which names remotes know studies and instances, written before they get them; and what came back for them.

use std::collections::HashMap;

use causeway_core::{Attributes, InstanceRecord, RemoteName, StoredInstance, Uid, Via};

use crate::Catalog;
use crate::audit;
use crate::engine::{Connection, Durability, OptionalExtension};
use crate::error::Error;
use crate::instances::{self, by_id};

/// Under which names a remote is about to know an instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Aliases {
    /// Who.
    pub remote: RemoteName,
    /// Whose secret made the names.
    pub project: RemoteName,
    /// The study's UID there, and here.
    pub study: (Uid, Uid),
    /// Attributes of patient and study as they are here.
    pub identity: Attributes,
    /// Other UIDs there, and what they are here.
    pub uids: Vec<(String, String)>,
}

/// A study that a remote knows under another name.
#[derive(Debug, Clone, PartialEq)]
pub struct OriginalStudy {
    /// Who knows it so.
    pub remote: RemoteName,
    /// Whose secret made the names.
    pub project: RemoteName,
    /// Its UID here.
    pub uid: Uid,
    /// The remote that it came from, where it came from one.
    pub source: Option<RemoteName>,
    /// Its attributes of patient and study.
    pub identity: Attributes,
}

/// An instance of which a copy with the original identity is due.
#[derive(Debug, Clone, PartialEq)]
pub struct DueBack {
    /// Its number.
    pub id: i64,
    /// The instance as it came.
    pub instance: StoredInstance,
    /// The nodes that it passed before it came here.
    pub via: Via,
    /// The remote that knows its study under that name.
    pub remote: RemoteName,
    /// How often it was tried.
    pub attempt: u32,
}

/// What became of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CameBack {
    /// It was made.
    Made,
    /// It was not, and is tried again after so many milliseconds.
    Failed {
        /// Why, without patient data.
        words: String,
        /// How long to wait.
        again_in_ms: i64,
    },
}

impl Catalog {
    /// Writes the names under which a remote is about to know an instance; safe on disk when this returns.
    ///
    /// # Errors
    /// When the database fails: then the instance must not go out.
    pub async fn note_aliases(&self, aliases: Aliases) -> Result<(), Error> {
        let identity = aliases.identity.to_json();
        self.engine.write(Durability::Synced, move |connection| note(connection, &aliases, &identity)).await
    }

    /// The study that `remote` knows under this UID.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn original_study(
        &self,
        remote: RemoteName,
        pseudonym: Uid,
    ) -> Result<Option<OriginalStudy>, Error> {
        self.engine
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT original, project, source, identity FROM alias_study
                     WHERE pseudonym = ?1 AND remote = ?2",
                )?;
                let mut rows = statement.query((pseudonym.as_str(), remote.as_str()))?;
                let Some(row) = &rows.next()? else { return Ok(None) };
                let identity: String = row.get(3)?;
                Ok(Some(OriginalStudy {
                    uid: instances::uid(row, 0)?,
                    project: name(&row.get::<String>(1)?)?,
                    source: row.get::<Option<String>>(2)?.as_deref().map(name).transpose()?,
                    identity: Attributes::from_json(&identity).map_err(|_| Error::Corrupt("attributes"))?,
                    remote,
                }))
            })
            .await
    }

    /// What those of these UIDs stand for that `remote` was sent.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn originals(
        &self,
        remote: RemoteName,
        pseudonyms: Vec<String>,
    ) -> Result<HashMap<String, String>, Error> {
        self.engine
            .read(move |connection| {
                let mut statement = connection
                    .prepare_cached("SELECT original FROM alias_uid WHERE remote = ?1 AND pseudonym = ?2")?;
                let mut originals = HashMap::new();
                for pseudonym in pseudonyms {
                    let original =
                        statement.query_row((remote.as_str(), &pseudonym), |row| row.get(0)).optional()?;
                    if let Some(original) = original {
                        originals.insert(pseudonym, original);
                    }
                }
                Ok(originals)
            })
            .await
    }

    /// Instances of which a copy is due, those that wait longest first, at most `limit`.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn due_back(&self, limit: u32) -> Result<Vec<DueBack>, Error> {
        let now = self.now_ms();
        self.engine
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT instance, remote, attempt FROM way_back WHERE next_at <= ?1
                     ORDER BY next_at, instance LIMIT ?2",
                )?;
                let rows = statement.query_map((now, limit), |row| {
                    Ok((row.get::<i64>(0)?, row.get::<String>(1)?, row.get::<u32>(2)?))
                })?;
                let mut due = Vec::new();
                for row in rows {
                    let (id, remote, attempt) = row?;
                    if let Some((instance, via)) = by_id(connection, id)? {
                        due.push(DueBack { id, instance, via, remote: name(&remote)?, attempt });
                    }
                }
                Ok(due)
            })
            .await
    }

    /// Writes what became of a copy.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn came_back(&self, due: DueBack, became: CameBack) -> Result<(), Error> {
        let now = self.now_ms();
        self.engine
            .write(Durability::Synced, move |connection| match &became {
                CameBack::Made => {
                    connection
                        .prepare_cached("DELETE FROM way_back WHERE instance = ?1")?
                        .execute([due.id])?;
                    let (who, uid) = (due.remote.as_str(), due.instance.ids.instance.as_str());
                    audit::append(connection, now, who, "way-back", uid)
                }
                CameBack::Failed { words, again_in_ms } => {
                    connection
                        .prepare_cached(
                            "UPDATE way_back SET attempt = attempt + 1, next_at = ?2, error = ?3
                             WHERE instance = ?1",
                        )?
                        .execute((due.id, now.saturating_add(*again_in_ms), words))?;
                    Ok(())
                }
            })
            .await
    }
}

fn name(text: &str) -> Result<RemoteName, Error> {
    text.parse().map_err(|_| Error::Corrupt("a name"))
}

fn note(connection: &Connection, aliases: &Aliases, identity: &str) -> Result<(), Error> {
    let Aliases { remote, project, study: (pseudonym, original), uids, .. } = aliases;
    connection
        .prepare_cached(
            "INSERT INTO alias_study (pseudonym, remote, original, project, source, identity)
             VALUES (?1, ?2, ?3, ?4, (SELECT origin FROM study WHERE uid = ?3), ?5)
             ON CONFLICT (pseudonym, remote) DO UPDATE SET project = excluded.project",
        )?
        .execute((pseudonym.as_str(), remote.as_str(), original.as_str(), project.as_str(), identity))?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO alias_uid (remote, pseudonym, original) VALUES (?1, ?2, ?3)
                         ON CONFLICT DO NOTHING",
    )?;
    for (pseudonym, original) in uids {
        insert.send((remote.as_str(), pseudonym, original))?;
    }
    Ok(())
}

/// Notes that a copy is due of what was just kept, when its study is one that its sender was sent. A sender who is no
/// remote is believed to be one where the study's UID is of our making, which nobody guesses. What the node itself made
/// or copied in never comes back.
pub(crate) fn expect(connection: &Connection, record: &InstanceRecord, now: i64) -> Result<(), Error> {
    let envelope = &record.envelope;
    if envelope.came_back.is_some() {
        return Ok(());
    }
    let from = envelope.remote.as_ref().map(RemoteName::as_str);
    connection
        .prepare_cached(
            "INSERT INTO way_back (instance, remote, next_at)
             SELECT (SELECT id FROM instance WHERE uid = ?3), remote, CAST(?4 AS BIGINT)
             FROM alias_study WHERE pseudonym = ?1
             AND (remote = ?2 OR (?2 IS NULL AND pseudonym <> original)) ORDER BY remote LIMIT 1
             ON CONFLICT (instance) DO UPDATE SET remote = excluded.remote, attempt = 0, next_at = excluded.next_at,
             error = NULL",
        )?
        .send((record.ids.study.as_str(), from, record.ids.instance.as_str(), now))?;
    Ok(())
}
