//! Prepared metadata, many instances of a series to a sheet. What a sheet holds is the archive's affair; here it is
//! bytes that go with their series, and with each instance of it that is taken out.

use causeway_core::{ObjectKey, StoredInstance, Uid};

use crate::Catalog;
use crate::engine::{Connection, Durability, OptionalExtension};
use crate::error::Error;
use crate::instances::{INSTANCE_TABLES, STORED_COLUMNS, stored};

/// A sheet that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptSheet {
    /// As it was given.
    pub body: Vec<u8>,
}

/// A sheet to be kept.
#[derive(Debug, Clone)]
pub struct NewSheet {
    /// Study Instance UID.
    pub study: Uid,
    /// Series Instance UID.
    pub series: Uid,
    /// How the body is written.
    pub form: u32,
    /// The objects that it tells of.
    pub objects: Vec<ObjectKey>,
    /// The sheet.
    pub body: Vec<u8>,
    /// Numbers of sheets in whose place it is.
    pub replaces: Vec<i64>,
}

const OF_SERIES: &str = "sheet JOIN series ON series.id = sheet.series JOIN study ON study.id = series.study
    WHERE study.uid = ?1 AND series.uid = ?2 AND sheet.form = ?3 ORDER BY sheet.id";

impl Catalog {
    /// The sheets of a series that are written in this form, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sheets(&self, study: Uid, series: Uid, form: u32) -> Result<Vec<KeptSheet>, Error> {
        self.engine
            .read(move |connection| {
                let sql = format!("SELECT sheet.body FROM {OF_SERIES}");
                let mut statement = connection.prepare_cached(&sql)?;
                let rows = statement.query_map((study.as_str(), series.as_str(), form), |row| {
                    Ok(KeptSheet { body: row.get(0)? })
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// The numbers of these sheets, each with how many instances it tells of, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sheet_sizes(&self, study: Uid, series: Uid, form: u32) -> Result<Vec<(i64, u32)>, Error> {
        self.engine
            .read(move |connection| {
                let sql = format!("SELECT sheet.id, sheet.instances FROM {OF_SERIES}");
                let mut statement = connection.prepare_cached(&sql)?;
                let rows = statement.query_map((study.as_str(), series.as_str(), form), |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// One sheet by its number.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sheet(&self, id: i64) -> Result<Option<KeptSheet>, Error> {
        self.engine
            .read(move |connection| {
                let mut statement = connection.prepare_cached("SELECT body FROM sheet WHERE id = ?1")?;
                Ok(statement.query_row([id], |row| Ok(KeptSheet { body: row.get(0)? })).optional()?)
            })
            .await
    }

    /// Keeps a sheet, unless an instance that it tells of has been taken out meanwhile. Whether it was kept.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep_sheet(&self, sheet: NewSheet) -> Result<bool, Error> {
        self.engine
            .write(Durability::Replayable, move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT series.id FROM series JOIN study ON study.id = series.study
                     WHERE study.uid = ?1 AND series.uid = ?2",
                )?;
                let found =
                    statement.query_row((sheet.study.as_str(), sheet.series.as_str()), |row| row.get(0));
                let Some(series): Option<i64> = found.optional()? else { return Ok(false) };
                let mut statement =
                    connection.prepare_cached("SELECT 1 FROM instance WHERE object = ?1 AND series = ?2")?;
                for object in &sheet.objects {
                    if !statement.exists((object.as_str(), series))? {
                        return Ok(false);
                    }
                }
                let mut statement = connection.prepare_cached("DELETE FROM sheet WHERE id = ?1")?;
                for id in &sheet.replaces {
                    statement.execute([id])?;
                }
                connection
                    .prepare_cached("DELETE FROM sheet WHERE series = ?1 AND form <> ?2")?
                    .execute((series, sheet.form))?;
                connection
                    .prepare_cached(
                        "INSERT INTO sheet (series, form, instances, body) VALUES (?1, ?2, ?3, ?4)",
                    )?
                    .execute((series, sheet.form, sheet.objects.len(), &sheet.body))?;
                Ok(true)
            })
            .await
    }

    /// The instances whose bytes are in these objects.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn instances_of(&self, objects: Vec<ObjectKey>) -> Result<Vec<StoredInstance>, Error> {
        self.engine
            .read(move |connection| {
                let sql =
                    format!("SELECT {STORED_COLUMNS} FROM {INSTANCE_TABLES} WHERE instance.object = ?1");
                let mut statement = connection.prepare_cached(&sql)?;
                let mut found = Vec::with_capacity(objects.len());
                for object in &objects {
                    let row = statement.query_row([object.as_str()], |row| Ok(stored(row))).optional()?;
                    found.extend(row.transpose()?);
                }
                Ok(found)
            })
            .await
    }
}

/// Takes out the sheets of a series of which an instance is taken out: they tell of it.
pub(crate) fn take_out(connection: &Connection, series: i64) -> Result<(), Error> {
    connection.prepare_cached("DELETE FROM sheet WHERE series = ?1")?.execute([series])?;
    Ok(())
}
