//! The place of an instance: its patient, study and series, found, filled in or made. Nothing of the instance itself.

use causeway_core::{Attributes, Identifiers, PatientKey, RemoteName};

use crate::audit;
use crate::engine::{Asked, Connection, OptionalExtension};
use crate::error::Error;
use crate::incoming::{Incoming, Own};
use crate::people::Words;
use crate::record::{PatientColumns, SeriesColumns, StudyColumns};

/// What is kept above an instance before it comes: its study, if there is one.
pub(super) struct Above {
    study: i64,
    json: String,
    modalities: String,
    sop_classes: String,
    patient: KnownPatient,
    series: Option<KnownSeries>,
}

/// A patient whose study is here.
struct KnownPatient {
    id: i64,
    key: PatientKey,
    json: String,
}

/// A series that is here.
struct KnownSeries {
    id: i64,
    json: String,
    modality: Option<String>,
}

impl Above {
    /// Asks for it.
    pub(super) fn ask<'c>(connection: &'c Connection, ids: &Identifiers) -> Result<Asked<'c, Self>, Error> {
        let mut statement = connection.prepare_cached(
            "SELECT study.id, study.attributes, study.modalities, study.sop_classes,
             patient.id, patient.patient_id, patient.issuer, patient.attributes,
             series.id, series.attributes, series.modality
             FROM study JOIN patient ON patient.id = study.patient
             LEFT JOIN series ON series.study = study.id AND series.uid = ?2 WHERE study.uid = ?1",
        )?;
        let asked = statement.ask((ids.study.as_str(), ids.series.as_str()), |row| {
            let series = match row.get(8)? {
                Some(id) => Some(KnownSeries { id, json: row.get(9)?, modality: row.get(10)? }),
                None => None,
            };
            let key = PatientKey { id: row.get(5)?, issuer: row.get(6)? };
            Ok(Self {
                study: row.get(0)?,
                json: row.get(1)?,
                modalities: row.get(2)?,
                sop_classes: row.get(3)?,
                patient: KnownPatient { id: row.get(4)?, key, json: row.get(7)? },
                series,
            })
        })?;
        Ok(asked)
    }
}

/// Where an instance belongs.
pub(super) struct Place {
    pub(super) study: i64,
    pub(super) series: i64,
    /// The modality of the series.
    pub(super) modality: Option<String>,
    /// Modalities and SOP classes of the study without this instance, each sorted and parted by backslash.
    pub(super) modalities: String,
    pub(super) sop_classes: String,
}

impl Place {
    /// Fills in what is kept `above`, and makes what is not.
    pub(super) fn of(
        connection: &Connection,
        incoming: &Incoming,
        above: Option<Above>,
        who: &str,
        now: i64,
    ) -> Result<Self, Error> {
        let Some(Above { study, json, modalities, sop_classes, patient, series }) = above else {
            let patient = find_patient(connection, incoming)?;
            let study = add_study(connection, incoming, patient, now)?;
            let (series, modality) = add_series(connection, incoming, study, now)?;
            let (modalities, sop_classes) = (String::new(), String::new());
            return Ok(Self { study, series, modality, modalities, sop_classes });
        };
        merge_patient(connection, incoming, &patient, who, now)?;
        if let Some(merged) = merged(&json, &incoming.levels.study)? {
            update_study(connection, study, &merged)?;
        }
        let (series, modality) = match series {
            Some(known) => merge_series(connection, incoming, known)?,
            None => add_series(connection, incoming, study, now)?,
        };
        Ok(Self { study, series, modality, modalities, sop_classes })
    }
}

/// What is kept together with what is new: `None` when nothing is. The first to come wins; what it lacked is
/// filled in by later ones.
fn merged(kept: &str, own: &Own) -> Result<Option<Own>, Error> {
    if kept == own.json {
        return Ok(None);
    }
    let mut merged = Attributes::from_json(kept).map_err(|_| Error::Corrupt("attributes"))?;
    let mut is_changed = false;
    for (tag, element) in own.attributes.iter() {
        let lacks = merged.get(tag).is_none_or(causeway_core::Element::is_empty);
        if lacks && (!element.is_empty() || !merged.contains(tag)) {
            merged.put(tag, element.clone());
            is_changed = true;
        }
    }
    Ok(is_changed.then(|| Own::of(merged)))
}

// Patients.

/// Finds or makes the patient. Without an ID nobody can be told from anybody: a row of its own.
fn find_patient(connection: &Connection, incoming: &Incoming) -> Result<i64, Error> {
    let key = &incoming.record.patient;
    let known: Option<(i64, String)> = connection
        .prepare_cached(
            "SELECT id, attributes FROM patient WHERE patient_id = ?1 AND issuer = ?2 AND patient_id <> ''",
        )?
        .query_row([&key.id, &key.issuer], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let own = &incoming.levels.patient;
    if let Some((id, json)) = known {
        if let Some(merged) = merged(&json, own)? {
            update_patient(connection, id, &merged)?;
        }
        return Ok(id);
    }
    let mut statement = connection
        .prepare_cached("INSERT INTO patient (patient_id, issuer, attributes) VALUES (?1, ?2, '')")?;
    let id = statement.insert((&key.id, &key.issuer))?;
    update_patient(connection, id, own)?;
    Ok(id)
}

/// Writes the patient's attributes and the columns made of them.
fn update_patient(connection: &Connection, id: i64, own: &Own) -> Result<(), Error> {
    let columns = PatientColumns::of(&own.attributes);
    let [alphabetic, ideographic, phonetic] = columns.name;
    connection
        .prepare_cached(
            "UPDATE patient SET name_alphabetic = ?2, name_ideographic = ?3, name_phonetic = ?4, birth_date = ?5,
             sex = ?6, attributes = ?7 WHERE id = ?1",
        )?
        .send((
            id,
            alphabetic,
            ideographic,
            phonetic,
            columns.birth_date,
            columns.sex,
            &own.json,
        ))?;
    Words::PATIENT.write(connection, id, &own.attributes)
}

/// A study stays with the patient it first came with; a later instance that names another is noted in the trail.
fn merge_patient(
    connection: &Connection,
    incoming: &Incoming,
    known: &KnownPatient,
    who: &str,
    now: i64,
) -> Result<(), Error> {
    let record = &incoming.record;
    if known.key != record.patient {
        let study = record.ids.study.as_str();
        let noted = connection
            .prepare_cached("SELECT 1 FROM audit WHERE what = 'patient-differs' AND subject = ?1")?
            .exists([study])?;
        return if noted { Ok(()) } else { audit::append(connection, now, who, "patient-differs", study) };
    }
    match merged(&known.json, &incoming.levels.patient)? {
        Some(merged) => update_patient(connection, known.id, &merged),
        None => Ok(()),
    }
}

// Studies.

fn add_study(connection: &Connection, incoming: &Incoming, patient: i64, now: i64) -> Result<i64, Error> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO study (patient, uid, modalities, sop_classes, series_count, instance_count, changed_at,
         attributes, origin) VALUES (?1, ?2, '', '', 0, 0, ?3, '', ?4)",
    )?;
    let record = &incoming.record;
    let origin = record.envelope.remote.as_ref().map(RemoteName::as_str);
    let id = statement.insert((patient, record.ids.study.as_str(), now, origin))?;
    update_study(connection, id, &incoming.levels.study)?;
    Ok(id)
}

/// Writes the study's attributes and the columns made of them.
fn update_study(connection: &Connection, id: i64, own: &Own) -> Result<(), Error> {
    let columns = StudyColumns::of(&own.attributes);
    let [alphabetic, ideographic, phonetic] = columns.referring;
    connection
        .prepare_cached(
            "UPDATE study SET study_date = ?2, study_time = ?3, accession = ?4, study_id = ?5, description = ?6,
             referring_alphabetic = ?7, referring_ideographic = ?8, referring_phonetic = ?9, attributes = ?10
             WHERE id = ?1",
        )?
        .send((
            id,
            columns.date,
            columns.time,
            columns.accession,
            columns.study_id,
            columns.description,
            alphabetic,
            ideographic,
            phonetic,
            &own.json,
        ))?;
    Words::STUDY.write(connection, id, &own.attributes)
}

// Series.

/// Fills in what the series lacked; gives it and its modality.
fn merge_series(
    connection: &Connection,
    incoming: &Incoming,
    known: KnownSeries,
) -> Result<(i64, Option<String>), Error> {
    let modality = match merged(&known.json, &incoming.levels.series)? {
        Some(merged) => update_series(connection, known.id, &merged)?,
        None => known.modality,
    };
    Ok((known.id, modality))
}

fn add_series(
    connection: &Connection,
    incoming: &Incoming,
    study: i64,
    now: i64,
) -> Result<(i64, Option<String>), Error> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO series (study, uid, instance_count, changed_at, attributes) VALUES (?1, ?2, 0, ?3, '')",
    )?;
    let id = statement.insert((study, incoming.record.ids.series.as_str(), now))?;
    let modality = update_series(connection, id, &incoming.levels.series)?;
    Ok((id, modality))
}

/// Writes the series's attributes and the columns made of them; gives its modality.
fn update_series(connection: &Connection, id: i64, own: &Own) -> Result<Option<String>, Error> {
    let columns = SeriesColumns::of(&own.attributes);
    connection
        .prepare_cached(
            "UPDATE series SET modality = ?2, number = ?3, description = ?4, body_part = ?5, performed_date = ?6,
             performed_time = ?7, attributes = ?8 WHERE id = ?1",
        )?
        .send((
            id,
            &columns.modality,
            columns.number,
            columns.description,
            columns.body_part,
            columns.performed_date,
            columns.performed_time,
            &own.json,
        ))?;
    Ok(columns.modality)
}
