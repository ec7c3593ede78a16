//! What verifications found, and what became of it.

use causeway_core::{Digest, Identifiers, ObjectKey, RemoteName};
use jiff::Timestamp;
use serde::Serialize;

use crate::Catalog;
use crate::audit;
use crate::delivery::{moment, name};
use crate::engine::{Connection, Durability, OptionalExtension, Row};
use crate::error::Error;
use crate::instances::{self, object_key, uid};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// A row tells of an object that is not there.
    Lost,
    /// The object is not what its row tells.
    Damaged,
    /// No row tells of an object that is there.
    Orphan,
    /// The object is there, and the node's settings do not open it: it is read once they are put right.
    Unopened,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// Nothing yet.
    Open,
    /// It is as it should be.
    Mended,
    /// It was tried to mend it, or seen that it should not be.
    Left,
}

impl FindingKind {
    const ALL: [Self; 4] = [Self::Lost, Self::Damaged, Self::Orphan, Self::Unopened];

    const fn number(self) -> i64 {
        match self {
            Self::Lost => 0,
            Self::Damaged => 1,
            Self::Orphan => 2,
            Self::Unopened => 3,
        }
    }

    /// Its verb in the trail.
    const fn verb(self) -> &'static str {
        match self {
            Self::Lost => "verify-lost",
            Self::Damaged => "verify-damaged",
            Self::Orphan => "verify-orphan",
            Self::Unopened => "verify-unopened",
        }
    }

    fn read(number: i64) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|it| it.number() == number).ok_or(Error::Corrupt("the kind of a finding"))
    }
}

impl Fate {
    const ALL: [Self; 3] = [Self::Open, Self::Mended, Self::Left];

    const fn number(self) -> i64 {
        match self {
            Self::Open => 0,
            Self::Mended => 1,
            Self::Left => 2,
        }
    }

    fn read(number: i64) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|it| it.number() == number).ok_or(Error::Corrupt("the fate of a finding"))
    }
}

/// Something that is not as it should be.
#[derive(Debug, Clone)]
pub struct NewFinding {
    /// What is wrong.
    pub kind: FindingKind,
    /// With which object.
    pub object: ObjectKey,
    /// Which instance its row is of.
    pub ids: Option<Identifiers>,
    /// Where that came from.
    pub remote: Option<RemoteName>,
    /// In words; they name no patient.
    pub words: String,
}

/// The same as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What is wrong.
    pub kind: FindingKind,
    /// With which object.
    pub object: ObjectKey,
    /// What became of it.
    pub fate: Fate,
    /// Which instance its row is of.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub ids: Option<Identifiers>,
    /// Where that came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote: Option<RemoteName>,
    /// In words.
    pub words: String,
    /// When it was found.
    pub found_at: Timestamp,
}

/// How many there are of a kind and a fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FindingCount {
    /// What is wrong.
    pub kind: FindingKind,
    /// What became of it.
    pub fate: Fate,
    /// How many.
    pub count: u64,
}

/// An object that has just come and can stand for one that is lost or damaged.
#[derive(Debug, Clone)]
pub struct Fresh {
    /// Which.
    pub object: ObjectKey,
    /// Its length.
    pub object_bytes: u64,
    /// Where its data set begins.
    pub data_set_offset: u32,
    /// Digest of the data set.
    pub digest: Digest,
}

const COLUMNS: &str = "kind, object, fate, study, series, instance, remote, words, found_at";

impl Catalog {
    /// What a verification found, by object from beyond `after` on, at most `limit`; of one fate only, if any is named.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn verification_findings(
        &self,
        verification: i64,
        fate: Option<Fate>,
        after: String,
        limit: u32,
    ) -> Result<Vec<Finding>, Error> {
        self.engine
            .read(move |connection| {
                let only = fate.map_or(String::new(), |fate| format!("AND fate = {}", fate.number()));
                let sql = format!(
                    "SELECT {COLUMNS} FROM verification_finding WHERE verification = ?1 AND object > ?2 {only}
                     ORDER BY object LIMIT ?3"
                );
                let mut statement = connection.prepare_cached(&sql)?;
                let mut rows = statement.query((verification, after.as_str(), limit))?;
                let mut found = Vec::new();
                while let Some(row) = rows.next()? {
                    found.push(finding(&row)?);
                }
                Ok(found)
            })
            .await
    }

    /// Says what became of a finding that was open.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn conclude_finding(
        &self,
        verification: i64,
        object: ObjectKey,
        fate: Fate,
        words: String,
    ) -> Result<(), Error> {
        let now = self.now_ms();
        self.engine
            .write(Durability::Synced, move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE verification_finding SET fate = ?3, words = ?4, changed_at = ?5
                         WHERE verification = ?1 AND object = ?2 AND fate = 0",
                    )?
                    .execute((verification, object.as_str(), fate.number(), words.as_str(), now))?;
                Ok(())
            })
            .await
    }

    /// Whether a verification found this object lost or damaged, and it is so still.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_lacking(&self, object: ObjectKey) -> Result<bool, Error> {
        self.engine
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT 1 FROM verification_finding WHERE object = ?1 AND kind < 2 AND fate <> 1",
                )?;
                Ok(statement.exists([object.as_str()])?)
            })
            .await
    }

    /// Has the row of the object `lacking` tell of `fresh` in its place, which has the same digest; gives whether there is
    /// such a row. All that was found of the object counts as mended then.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rehome(&self, lacking: ObjectKey, fresh: Fresh) -> Result<bool, Error> {
        let (now, spool) = (self.now_ms(), self.spool());
        self.engine
            .write(Durability::Synced, move |connection| rehome(connection, &lacking, &fresh, spool, now))
            .await
    }
}

fn rehome(
    connection: &Connection,
    lacking: &ObjectKey,
    fresh: &Fresh,
    spool: i64,
    now: i64,
) -> Result<bool, Error> {
    let bytes = i64::try_from(fresh.object_bytes).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(
        "UPDATE instance SET object = ?2, object_bytes = ?3, data_set_offset = ?4, settled = 0, spool = ?6
         WHERE object = ?1 AND digest = ?5 RETURNING uid",
    )?;
    let values =
        (lacking.as_str(), fresh.object.as_str(), bytes, fresh.data_set_offset, fresh.digest.0, spool);
    let uid: Option<String> = statement.query_row(values, |row| row.get(0)).optional()?;
    let Some(uid) = uid else { return Ok(false) };
    connection
        .prepare_cached(
            "UPDATE verification_finding SET fate = 1, words = ?2, changed_at = ?3 WHERE object = ?1 AND fate <> 1",
        )?
        .execute((lacking.as_str(), format!("the same bytes came again, as object {}", fresh.object), now))?;
    audit::append(connection, now, "node", "verify-mended", &uid)?;
    Ok(true)
}

pub(super) fn add(
    connection: &Connection,
    verification: i64,
    finding: &NewFinding,
    who: &str,
    now: i64,
) -> Result<(), Error> {
    let has_row = instances::has_row(connection, &finding.object)?;
    let holds = match finding.kind {
        FindingKind::Lost | FindingKind::Damaged | FindingKind::Unopened => has_row,
        FindingKind::Orphan => !has_row && !instances::is_known(connection, &finding.object)?,
    };
    if !holds {
        return Ok(());
    }
    let ids = finding.ids.as_ref();
    let instance = ids.map(|ids| ids.instance.as_str());
    let added = connection
        .prepare_cached(
            "INSERT INTO verification_finding (verification, object, kind, fate, study, series, instance, remote, words,
             found_at, changed_at) VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8, ?9, ?9)
             ON CONFLICT (verification, object) DO NOTHING",
        )?
        .execute((
            verification,
            finding.object.as_str(),
            finding.kind.number(),
            ids.map(|ids| ids.study.as_str()),
            ids.map(|ids| ids.series.as_str()),
            instance,
            finding.remote.as_ref().map(RemoteName::as_str),
            finding.words.as_str(),
            now,
        ))?;
    if added > 0 {
        let subject = instance.unwrap_or(finding.object.as_str());
        audit::append(connection, now, who, finding.kind.verb(), subject)?;
    }
    Ok(())
}

pub(super) fn counts(connection: &Connection, verification: i64) -> Result<Vec<FindingCount>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT kind, fate, count(*) FROM verification_finding WHERE verification = ?1 GROUP BY kind, fate
         ORDER BY kind, fate",
    )?;
    let mut rows = statement.query([verification])?;
    let mut counts = Vec::new();
    while let Some(row) = rows.next()? {
        counts.push(FindingCount {
            kind: FindingKind::read(row.get(0)?)?,
            fate: Fate::read(row.get(1)?)?,
            count: u64::try_from(row.get::<i64>(2)?).map_err(|_| Error::Corrupt("a count"))?,
        });
    }
    Ok(counts)
}

fn finding(row: &Row<'_>) -> Result<Finding, Error> {
    let has_row = row.get::<Option<String>>(5)?.is_some();
    let ids = if has_row {
        Some(Identifiers { study: uid(row, 3)?, series: uid(row, 4)?, instance: uid(row, 5)? })
    } else {
        None
    };
    let remote: Option<String> = row.get(6)?;
    Ok(Finding {
        kind: FindingKind::read(row.get(0)?)?,
        object: object_key(&row.get::<String>(1)?)?,
        fate: Fate::read(row.get(2)?)?,
        ids,
        remote: remote.map(|remote| name(&remote)).transpose()?,
        words: row.get(7)?,
        found_at: moment(row.get(8)?),
    })
}
