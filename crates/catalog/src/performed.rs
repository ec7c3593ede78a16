//! Performed procedure steps as modalities tell of them (PS3.4 §F.7), and what they make of the worklist.
//!
//! A step and the entries that it was for change in one transaction, synced to disk: whoever told of it is answered
//! only then.

use causeway_core::worklist::PerformedStatus;
use causeway_core::{Attributes, Uid};
use jiff::Timestamp;

use crate::engine::{Connection, Durability, OptionalExtension, Row, Value, params_from_iter};
use crate::error::Error;
use crate::worklist::{put_status, referenced};
use crate::{Catalog, audit};

/// A performed procedure step as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PerformedStep {
    /// Its SOP Instance UID.
    pub uid: Uid,
    /// How far it is.
    pub status: PerformedStatus,
    /// How often it was changed.
    pub revision: i64,
    /// Who told of it.
    pub who: String,
    /// When it was told of first.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub changed_at: Timestamp,
    /// Everything that was told, its status too.
    pub attributes: Attributes,
    /// Numbers of the worklist's entries that it is for.
    pub items: Vec<i64>,
}

/// What a performed step says of a scheduled one that it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledReference {
    /// Scheduled Procedure Step ID.
    pub step_id: String,
    /// Studies that the step was to belong to.
    pub studies: Vec<Uid>,
    /// Accession Number.
    pub accession: Option<String>,
}

/// A performed step that is told of for the first time: it is in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPerformedStep {
    /// Its SOP Instance UID.
    pub uid: Uid,
    /// The study that its first scheduled step belongs to.
    pub study: Uid,
    /// Everything that was told.
    pub attributes: Attributes,
    /// The scheduled steps that it says it is for.
    pub scheduled: Vec<ScheduledReference>,
}

/// A change of a performed step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PerformedChange {
    /// Its SOP Instance UID.
    pub uid: Uid,
    /// The revision that the change was made from.
    pub revision: i64,
    /// What it says now.
    pub status: PerformedStatus,
    /// Everything it says now.
    pub attributes: Attributes,
    /// What it means for the entries it was for.
    pub meaning: Meaning,
}

/// What a performed step means for the entries of the worklist that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// They are as far as it is.
    Counts,
    /// Nothing: they were chosen by mistake.
    Withdrawn,
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is done and on disk.
    Done,
    /// A step of this UID is there already.
    Taken,
    /// The step was changed meanwhile, or is gone.
    Overtaken,
}

/// Which performed steps are listed, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PerformedFilter {
    /// Only those with this status.
    pub status: Option<PerformedStatus>,
    /// Only those of this study.
    pub study: Option<Uid>,
    /// Most of them.
    pub limit: u32,
    /// Steps to pass over first.
    pub offset: u32,
}

impl Catalog {
    /// Keeps a new performed step; the scheduled steps that it is for are STARTED.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn create_performed(&self, step: NewPerformedStep, who: &str) -> Result<Written, Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| {
                let NewPerformedStep { uid, study, attributes, scheduled } = step;
                let inserted: Option<i64> = connection
                    .prepare_cached(
                        "INSERT INTO performed (uid, status, study_uid, revision, who, created_at, changed_at, attributes)
                         VALUES (?1, ?2, ?3, 0, ?4, ?5, ?5, ?6) ON CONFLICT (uid) DO NOTHING
                         RETURNING id",
                    )?
                    .query_row((
                        uid.as_str(),
                        PerformedStatus::InProgress.as_str(),
                        study.as_str(),
                        &who,
                        now,
                        attributes.to_json(),
                    ), |row| row.get(0)).optional()?;
                let Some(id) = inserted else { return Ok(Written::Taken) };
                link(connection, id, &scheduled)?;
                follow(connection, id, now)?;
                audit::append(connection, now, &who, "performed-create", uid.as_str())?;
                Ok(Written::Done)
            })
            .await
    }

    /// Changes a performed step; the scheduled steps that it is for follow.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn change_performed(&self, change: PerformedChange, who: &str) -> Result<Written, Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| {
                let PerformedChange { uid, revision, status, attributes, meaning } = change;
                let id: Option<i64> = connection
                    .prepare_cached(
                        "UPDATE performed SET status = ?3, attributes = ?4, changed_at = ?5, revision = revision + 1
                         WHERE uid = ?1 AND revision = ?2 RETURNING id",
                    )?
                    .query_row(
                        (uid.as_str(), revision, status.as_str(), attributes.to_json(), now),
                        |row| row.get(0),
                    )
                    .optional()?;
                let Some(id) = id else { return Ok(Written::Overtaken) };
                match meaning {
                    Meaning::Counts => follow(connection, id, now)?,
                    Meaning::Withdrawn => withdraw(connection, id, now)?,
                }
                if status.is_final() {
                    let what = format!("performed-{}", status.as_str().to_lowercase());
                    audit::append(connection, now, &who, &what, uid.as_str())?;
                }
                Ok(Written::Done)
            })
            .await
    }

    /// The performed step of this UID.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn performed(&self, uid: Uid) -> Result<Option<PerformedStep>, Error> {
        self.engine
            .read(move |connection| {
                let sql = format!("SELECT {COLUMNS} FROM performed WHERE uid = ?1");
                let mut statement = connection.prepare_cached(&sql)?;
                let mut rows = statement.query([uid.as_str()])?;
                rows.next()?.map(|row| step(connection, &row)).transpose()
            })
            .await
    }

    /// Performed steps, newest first.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn performed_steps(&self, filter: PerformedFilter) -> Result<Vec<PerformedStep>, Error> {
        self.engine
            .read(move |connection| {
                let text = |text: Option<&str>| text.map_or(Value::Null, |text| Value::Text(text.to_owned()));
                let values = [
                    text(filter.status.map(PerformedStatus::as_str)),
                    text(filter.study.as_ref().map(Uid::as_str)),
                    Value::Integer(filter.limit.into()),
                    Value::Integer(filter.offset.into()),
                ];
                let sql = format!(
                    "SELECT {COLUMNS} FROM performed WHERE (status = ?1 OR ?1 IS NULL)
                     AND (study_uid = ?2 OR ?2 IS NULL) ORDER BY id DESC LIMIT ?3 OFFSET ?4"
                );
                let mut statement = connection.prepare_cached(&sql)?;
                let mut rows = statement.query(params_from_iter(values))?;
                let mut steps = Vec::new();
                while let Some(row) = &rows.next()? {
                    steps.push(step(connection, row)?);
                }
                Ok(steps)
            })
            .await
    }
}

/// What [`step`] reads.
const COLUMNS: &str = "id, uid, status, revision, who, created_at, changed_at, attributes";

fn step(connection: &Connection, row: &Row<'_>) -> Result<PerformedStep, Error> {
    let corrupt = || Error::Corrupt("a performed procedure step");
    let moment = |at: i64| Timestamp::from_millisecond(at).map_err(|_| corrupt());
    let id: i64 = row.get(0)?;
    let json = row.get_ref(7)?.as_str().map_err(|_| corrupt())?;
    Ok(PerformedStep {
        uid: Uid::parse(&row.get::<String>(1)?).map_err(|_| corrupt())?,
        status: PerformedStatus::parse(&row.get::<String>(2)?).ok_or_else(corrupt)?,
        revision: row.get(3)?,
        who: row.get(4)?,
        created_at: moment(row.get(5)?)?,
        changed_at: moment(row.get(6)?)?,
        attributes: Attributes::from_json(json).map_err(|_| corrupt())?,
        items: items_of(connection, id)?,
    })
}

fn items_of(connection: &Connection, id: i64) -> Result<Vec<i64>, Error> {
    let mut statement =
        connection.prepare_cached("SELECT item FROM performed_item WHERE performed = ?1 ORDER BY item")?;
    let items = statement.query_map([id], |row| row.get(0))?;
    Ok(items.collect::<Result<_, _>>()?)
}

fn link(connection: &Connection, id: i64, scheduled: &[ScheduledReference]) -> Result<(), Error> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO performed_item (performed, item) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    )?;
    for reference in scheduled {
        let ScheduledReference { step_id, studies, accession } = reference;
        for item in referenced(connection, step_id, studies, accession.as_deref())? {
            statement.execute((id, item))?;
        }
    }
    Ok(())
}

/// The entries that a performed step is for become as far as all that was performed for them.
fn follow(connection: &Connection, id: i64, now: i64) -> Result<(), Error> {
    for item in items_of(connection, id)? {
        settle(connection, item, now)?;
    }
    Ok(())
}

/// The entries that a performed step was for by mistake are what they are without it.
fn withdraw(connection: &Connection, id: i64, now: i64) -> Result<(), Error> {
    let items = items_of(connection, id)?;
    connection.prepare_cached("DELETE FROM performed_item WHERE performed = ?1")?.execute([id])?;
    for item in items {
        settle(connection, item, now)?;
    }
    Ok(())
}

fn settle(connection: &Connection, item: i64, now: i64) -> Result<(), Error> {
    let mut statement = connection.prepare_cached(
        "SELECT performed.status FROM performed JOIN performed_item ON performed_item.performed = performed.id
         WHERE performed_item.item = ?1",
    )?;
    let statuses = statement.query_map([item], |row| row.get::<String>(0))?;
    let mut performed = Vec::new();
    for status in statuses {
        let status = PerformedStatus::parse(&status?);
        performed.push(status.ok_or(Error::Corrupt("a performed procedure step"))?);
    }
    put_status(connection, item, |status| status.after(&performed), now)
}
