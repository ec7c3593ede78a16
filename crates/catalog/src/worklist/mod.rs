//! Scheduled procedure steps: added, changed, removed, read one by one. `search` finds them by keys.
//!
//! An entry is kept whole as DICOM JSON; the columns beside it are read out of it, so that the two agree.

mod row;
mod search;
mod sweep;

use causeway_core::worklist::{self, ScheduledStatus};
use causeway_core::{Attributes, Tag, Uid, person_name};
use jiff::Timestamp;

use crate::engine::{Connection, Durability, OptionalExtension};
use crate::error::Error;
use crate::{Catalog, audit};
use row::{COLUMNS, Columns, item};

pub use search::{Entries, WorklistQuery};
pub use sweep::Swept;

/// A scheduled procedure step with what belongs to it: one entry of the worklist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorklistItem {
    /// Its number here.
    pub id: i64,
    /// How far it is.
    pub status: ScheduledStatus,
    /// When it was last changed.
    pub changed_at: Timestamp,
    /// Everything that is known of it, its status too.
    pub attributes: Attributes,
}

/// What became of an entry that was to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is, under this number.
    As(i64),
    /// The entry of this number has the same study and step ID.
    Taken(i64),
    /// There is no entry of the number that was to be changed.
    Unknown,
}

/// What an order may have in common with a study that came from elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Likeness {
    /// Study Instance UID.
    pub study: Option<Uid>,
    /// Accession Number.
    pub accession: Option<String>,
    /// Patient ID, whoever issued it.
    pub patient_id: Option<String>,
    /// Patient's Name.
    pub patient_name: Option<String>,
}

/// Most entries that are looked at for one likeness.
pub const MAX_LIKENESSES: u32 = 500;

impl Catalog {
    /// Adds an entry, which must be complete.
    ///
    /// # Errors
    /// When the database fails, or the entry lacks what a column needs.
    pub async fn add_worklist_item(&self, attributes: Attributes, who: &str) -> Result<Kept, Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| {
                let columns = Columns::of(&attributes)?;
                if let Some(taken) = columns.namesake(connection)? {
                    return Ok(Kept::Taken(taken));
                }
                let id = columns.insert(connection, &attributes, now)?;
                audit::append(connection, now, &who, "worklist-add", columns.study_uid)?;
                Ok(Kept::As(id))
            })
            .await
    }

    /// Puts an entry, which must be complete, in the place of the one of this number.
    ///
    /// # Errors
    /// As for [`Self::add_worklist_item`].
    pub async fn put_worklist_item(&self, id: i64, attributes: Attributes, who: &str) -> Result<Kept, Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| {
                let columns = Columns::of(&attributes)?;
                if let Some(taken) = columns.namesake(connection)?.filter(|taken| *taken != id) {
                    return Ok(Kept::Taken(taken));
                }
                if !columns.update(connection, id, &attributes, now)? {
                    return Ok(Kept::Unknown);
                }
                audit::append(connection, now, &who, "worklist-put", columns.study_uid)?;
                Ok(Kept::As(id))
            })
            .await
    }

    /// Removes an entry; says whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_worklist_item(&self, id: i64, who: &str) -> Result<bool, Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| {
                let study: Option<String> = connection
                    .prepare_cached("DELETE FROM worklist WHERE id = ?1 RETURNING study_uid")?
                    .query_row([id], |row| row.get(0))
                    .optional()?;
                if let Some(study) = &study {
                    audit::append(connection, now, &who, "worklist-remove", study)?;
                }
                Ok(study.is_some())
            })
            .await
    }

    /// The entry of this number.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn worklist_item(&self, id: i64) -> Result<Option<WorklistItem>, Error> {
        self.engine.read(move |connection| read(connection, id)).await
    }

    /// Entries that have something in common with a study, newest first, at most [`MAX_LIKENESSES`].
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn worklist_like(&self, likeness: Likeness) -> Result<Vec<WorklistItem>, Error> {
        let name = likeness.patient_name.as_deref().map(person_name::Folded::of).unwrap_or_default();
        let name = Some(name.alphabetic).filter(|name| !name.is_empty());
        self.engine
            .read(move |connection| {
                // A comparison with NULL is never true.
                let mut statement = connection.prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM worklist WHERE study_uid = ?1 OR accession = ?2 OR patient_id = ?3
                     OR name_alphabetic = ?4 ORDER BY id DESC LIMIT {MAX_LIKENESSES}"
                ))?;
                let study = likeness.study.as_ref().map(Uid::as_str);
                let mut rows = statement.query((study, &likeness.accession, &likeness.patient_id, &name))?;
                let mut items = Vec::new();
                while let Some(row) = &rows.next()? {
                    items.push(item(row)?);
                }
                Ok(items)
            })
            .await
    }
}

fn read(connection: &Connection, id: i64) -> Result<Option<WorklistItem>, Error> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM worklist WHERE id = ?1"))?;
    let mut rows = statement.query([id])?;
    rows.next()?.map(|row| item(&row)).transpose()
}

/// The entries that are meant by a step ID together with one of these studies; where there is none, by the step ID
/// with the accession number.
pub(crate) fn referenced(
    connection: &Connection,
    step_id: &str,
    studies: &[Uid],
    accession: Option<&str>,
) -> Result<Vec<i64>, Error> {
    let mut by_study = connection.prepare_cached(
        "SELECT id FROM worklist WHERE study_uid IN (SELECT value FROM json_each(?1)) AND step_id = ?2",
    )?;
    let found = by_study.query_map((crate::instances::json(studies), step_id), |row| row.get(0))?;
    let found: Vec<i64> = found.collect::<Result<_, _>>()?;
    if !found.is_empty() {
        return Ok(found);
    }
    let mut by_accession =
        connection.prepare_cached("SELECT id FROM worklist WHERE accession = ?1 AND step_id = ?2")?;
    let found = by_accession.query_map((accession, step_id), |row| row.get(0))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Puts the status of an entry within the caller's transaction.
pub(crate) fn put_status(
    connection: &Connection,
    id: i64,
    status: impl FnOnce(ScheduledStatus) -> ScheduledStatus,
    now: i64,
) -> Result<(), Error> {
    let Some(mut item) = read(connection, id)? else { return Ok(()) };
    let status = status(item.status);
    if status == item.status {
        return Ok(());
    }
    worklist::put_status(&mut item.attributes, status);
    connection
        .prepare_cached("UPDATE worklist SET status = ?2, attributes = ?3, changed_at = ?4 WHERE id = ?1")?
        .execute((id, status.as_str(), item.attributes.to_json(), now))?;
    Ok(())
}

/// The first value at `tag`, which a complete entry has.
fn needed(attributes: &Attributes, tag: Tag) -> Result<&str, Error> {
    attributes.first(tag).ok_or(Error::Corrupt("an entry of the worklist"))
}
