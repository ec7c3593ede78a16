//! An entry of the worklist as a row, and back.

use causeway_core::query::dates;
use causeway_core::{Attributes, Element, Tag, worklist};
use jiff::Timestamp;

use super::{WorklistItem, needed};
use crate::engine::{Connection, OptionalExtension, Row};
use crate::error::Error;
use crate::people;

/// What [`item`] reads.
pub(super) const COLUMNS: &str = "worklist.id, worklist.changed_at, worklist.attributes";

/// Reads a row.
pub(super) fn item(row: &Row<'_>) -> Result<WorklistItem, Error> {
    let corrupt = || Error::Corrupt("an entry of the worklist");
    let json = row.get_ref(2)?.as_str().map_err(|_| corrupt())?;
    let attributes = Attributes::from_json(json).map_err(|_| corrupt())?;
    Ok(WorklistItem {
        id: row.get(0)?,
        status: worklist::status(&attributes).ok_or_else(corrupt)?,
        changed_at: Timestamp::from_millisecond(row.get(1)?).map_err(|_| corrupt())?,
        attributes,
    })
}

/// What of an entry stands in columns.
pub(super) struct Columns<'a> {
    status: &'static str,
    patient_id: &'a str,
    patient_name: Option<&'a str>,
    birth_date: Option<&'a str>,
    accession: Option<&'a str>,
    pub(super) study_uid: &'a str,
    step_id: &'a str,
    modality: &'a str,
    start_date: String,
    start_time: String,
    stations: &'a [String],
}

impl<'a> Columns<'a> {
    pub(super) fn of(attributes: &'a Attributes) -> Result<Self, Error> {
        let corrupt = || Error::Corrupt("an entry of the worklist");
        let step = worklist::step(attributes).ok_or_else(corrupt)?;
        let date = dates::date(needed(step, Tag::SCHEDULED_PROCEDURE_STEP_START_DATE)?);
        let time = dates::time(needed(step, Tag::SCHEDULED_PROCEDURE_STEP_START_TIME)?, '0');
        let stations = step.get(Tag::SCHEDULED_STATION_AE_TITLE).map(Element::values).unwrap_or_default();
        Ok(Self {
            status: worklist::status(attributes).ok_or_else(corrupt)?.as_str(),
            patient_id: needed(attributes, Tag::PATIENT_ID)?,
            patient_name: attributes.first(Tag::PATIENT_NAME),
            birth_date: attributes.first(Tag::PATIENT_BIRTH_DATE),
            accession: attributes.first(Tag::ACCESSION_NUMBER),
            study_uid: needed(attributes, Tag::STUDY_INSTANCE_UID)?,
            step_id: needed(step, Tag::SCHEDULED_PROCEDURE_STEP_ID)?,
            modality: needed(step, Tag::MODALITY)?,
            start_date: date.ok_or_else(corrupt)?,
            start_time: time.ok_or_else(corrupt)?,
            stations,
        })
    }

    /// The entry that has the same study and step ID already.
    pub(super) fn namesake(&self, connection: &Connection) -> Result<Option<i64>, Error> {
        let mut statement =
            connection.prepare_cached("SELECT id FROM worklist WHERE study_uid = ?1 AND step_id = ?2")?;
        Ok(statement.query_row((self.study_uid, self.step_id), |row| row.get(0)).optional()?)
    }

    pub(super) fn insert(
        &self,
        connection: &Connection,
        attributes: &Attributes,
        now: i64,
    ) -> Result<i64, Error> {
        let [alphabetic, ideographic, phonetic] = people::columns(self.patient_name);
        let id = connection
            .prepare_cached(
                "INSERT INTO worklist (status, patient_id, name_alphabetic, name_ideographic, name_phonetic,
                 birth_date, accession, study_uid, step_id, modality, start_date, start_time, changed_at, attributes)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            )?
            .insert((
                self.status,
                self.patient_id,
                alphabetic,
                ideographic,
                phonetic,
                self.birth_date,
                self.accession,
                self.study_uid,
                self.step_id,
                self.modality,
                &self.start_date,
                &self.start_time,
                now,
                attributes.to_json(),
            ))?;
        self.put_stations(connection, id)?;
        Ok(id)
    }

    /// Says whether there was a row to change.
    pub(super) fn update(
        &self,
        connection: &Connection,
        id: i64,
        attributes: &Attributes,
        now: i64,
    ) -> Result<bool, Error> {
        let [alphabetic, ideographic, phonetic] = people::columns(self.patient_name);
        let changed = connection
            .prepare_cached(
                "UPDATE worklist SET status = ?2, patient_id = ?3, name_alphabetic = ?4, name_ideographic = ?5,
                 name_phonetic = ?6, birth_date = ?7, accession = ?8, study_uid = ?9, step_id = ?10, modality = ?11,
                 start_date = ?12, start_time = ?13, changed_at = ?14, attributes = ?15 WHERE id = ?1",
            )?
            .execute((
                id,
                self.status,
                self.patient_id,
                alphabetic,
                ideographic,
                phonetic,
                self.birth_date,
                self.accession,
                self.study_uid,
                self.step_id,
                self.modality,
                &self.start_date,
                &self.start_time,
                now,
                attributes.to_json(),
            ))?;
        if changed == 0 {
            return Ok(false);
        }
        connection.prepare_cached("DELETE FROM worklist_station WHERE item = ?1")?.execute([id])?;
        self.put_stations(connection, id)?;
        Ok(true)
    }

    fn put_stations(&self, connection: &Connection, id: i64) -> Result<(), Error> {
        let mut statement = connection.prepare_cached(
            "INSERT INTO worklist_station (ae_title, item) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        )?;
        for station in self.stations.iter().filter(|station| !station.is_empty()) {
            statement.execute((station, id))?;
        }
        Ok(())
    }
}
