//! Keeping an instance: its rows on four levels, its deliveries and its line in the trail, in one transaction.

use causeway_core::{
    Attributes, EventKind, InstanceRecord, ObjectKey, PatientKey, PlannedDelivery, RemoteName,
};

use crate::Catalog;
use crate::aliases;
use crate::audit;
use crate::delete;
use crate::delivery;
use crate::engine::{Connection, Durability, OptionalExtension};
use crate::error::Error;
use crate::hold;
use crate::incoming::{Incoming, Own};
use crate::instances::object_key;
use crate::people::Words;
use crate::quota;
use crate::record::{self, PatientColumns, SeriesColumns, StudyColumns};
use crate::regions;

/// What to do when the SOP Instance UID is kept already, with other bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnConflict {
    /// Refuse the new bytes.
    KeepFirst,
    /// Let the new bytes take the place, unless the study is on hold.
    Replace,
}

/// What became of an insert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inserted {
    /// It is kept, and was not before.
    New,
    /// This very object was kept before: a replay.
    Known,
    /// The same bytes are kept under another object; the new object is not needed.
    SameBytes {
        /// The object that is kept.
        object: ObjectKey,
    },
    /// It took the place of other bytes, whose object is not needed any more.
    Replaced {
        /// The object that was replaced.
        object: ObjectKey,
    },
    /// Other bytes are kept under this UID, and stay.
    Conflict,
    /// Other bytes took the place of these before: what was replaced once never comes back.
    Superseded,
}

impl Catalog {
    /// Keeps an instance and writes its deliveries. Answers after the commit, which a crash may undo: the caller
    /// holds the bytes durably and writes them again.
    ///
    /// # Errors
    /// When the database fails; nothing is kept then.
    pub async fn insert(
        &self,
        record: InstanceRecord,
        deliveries: Vec<PlannedDelivery>,
        on_conflict: OnConflict,
    ) -> Result<Inserted, Error> {
        let now = self.now_ms();
        let incoming = Incoming::of(record, self.spool())?;
        self.engine
            .write(Durability::Replayable, move |connection| {
                insert(connection, &incoming, &deliveries, on_conflict, now)
            })
            .await
    }
}

impl Incoming {
    /// Writes the rows of an instance that was here, under the number that it had, if any, and nothing else.
    pub(crate) fn put_back(
        &self,
        connection: &Connection,
        id: Option<i64>,
        who: &str,
        now: i64,
    ) -> Result<(), Error> {
        let (series, study) = place(connection, self, who, now)?;
        add_instance(connection, self, series, id)?;
        count(connection, study, series, self, Moments { arrived_at: now, now })?;
        forget_tombstones(connection, &self.record)
    }
}

fn insert(
    connection: &Connection,
    incoming: &Incoming,
    deliveries: &[PlannedDelivery],
    on_conflict: OnConflict,
    now: i64,
) -> Result<Inserted, Error> {
    let record = &incoming.record;
    let uid = record.ids.instance.as_str();
    let mut known = connection.prepare_cached("SELECT id, object, digest FROM instance WHERE uid = ?1")?;
    let known: Option<(i64, String, [u8; 32])> =
        known.query_row([uid], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
    let who = who(record);
    let inserted = match known {
        None => Inserted::New,
        Some((_, object, _)) if object == record.object.as_str() => return Ok(Inserted::Known),
        Some((_, object, digest)) if digest == record.digest.0 => {
            return Ok(Inserted::SameBytes { object: object_key(&object)? });
        }
        Some((id, ..)) if on_conflict == OnConflict::KeepFirst || hold::holds_instance(connection, id)? => {
            audit::append(connection, now, &who, EventKind::InstanceConflict.verb(), uid)?;
            return Ok(Inserted::Conflict);
        }
        // Keys are ordered by time: a replay must not bring back what was replaced.
        Some((_, object, _)) if record.object.as_str() < object.as_str() => return Ok(Inserted::Superseded),
        Some((id, object, _)) => {
            delete::take_out(connection, &[id], now)?;
            audit::append(connection, now, &who, EventKind::InstanceReplaced.verb(), uid)?;
            Inserted::Replaced { object: object_key(&object)? }
        }
    };
    let (series, study) = place(connection, incoming, &who, now)?;
    let instance = add_instance(connection, incoming, series, None)?;
    let arrived_at = record.envelope.received_at.as_millisecond();
    count(connection, study, series, incoming, Moments { arrived_at, now })?;
    forget_tombstones(connection, record)?;
    delivery::plan(connection, record, instance, deliveries, now)?;
    aliases::expect(connection, record, instance, now)?;
    audit::append(connection, now, &who, EventKind::InstanceStored.verb(), uid)?;
    Ok(inserted)
}

fn who(record: &InstanceRecord) -> String {
    let envelope = &record.envelope;
    match (&envelope.remote, &envelope.calling_ae) {
        (Some(remote), _) => remote.to_string(),
        (None, Some(ae)) => ae.to_string(),
        (None, None) => "local".to_owned(),
    }
}

/// Finds or makes the series and everything above it: (series, study).
fn place(connection: &Connection, incoming: &Incoming, who: &str, now: i64) -> Result<(i64, i64), Error> {
    let record = &incoming.record;
    let uid = record.ids.study.as_str();
    let known: Option<(i64, String, KnownPatient)> = connection
        .prepare_cached(
            "SELECT study.id, study.attributes, patient.id, patient_id, issuer, patient.attributes
             FROM study JOIN patient ON patient.id = study.patient WHERE study.uid = ?1",
        )?
        .query_row([uid], |row| {
            let key = PatientKey { id: row.get(3)?, issuer: row.get(4)? };
            Ok((row.get(0)?, row.get(1)?, KnownPatient { id: row.get(2)?, key, json: row.get(5)? }))
        })
        .optional()?;
    let study = match known {
        Some((study, json, patient)) => {
            merge_patient(connection, incoming, &patient, who, now)?;
            if let Some(merged) = merged(&json, &incoming.levels.study)? {
                update_study(connection, study, &merged)?;
            }
            study
        }
        None => {
            let patient = patient(connection, incoming)?;
            add_study(connection, incoming, patient, now)?
        }
    };
    Ok((series(connection, incoming, study, now)?, study))
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
fn patient(connection: &Connection, incoming: &Incoming) -> Result<i64, Error> {
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

/// A patient whose study is here.
struct KnownPatient {
    id: i64,
    key: PatientKey,
    json: String,
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

fn series(connection: &Connection, incoming: &Incoming, study: i64, now: i64) -> Result<i64, Error> {
    let uid = incoming.record.ids.series.as_str();
    let own = &incoming.levels.series;
    let known: Option<(i64, String)> = connection
        .prepare_cached("SELECT id, attributes FROM series WHERE study = ?1 AND uid = ?2")?
        .query_row((study, uid), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((id, json)) = known {
        if let Some(merged) = merged(&json, own)? {
            update_series(connection, id, &merged)?;
        }
        return Ok(id);
    }
    let mut statement = connection.prepare_cached(
        "INSERT INTO series (study, uid, instance_count, changed_at, attributes) VALUES (?1, ?2, 0, ?3, '')",
    )?;
    let id = statement.insert((study, uid, now))?;
    update_series(connection, id, own)?;
    Ok(id)
}

/// Writes the series's attributes and the columns made of them.
fn update_series(connection: &Connection, id: i64, own: &Own) -> Result<(), Error> {
    let columns = SeriesColumns::of(&own.attributes);
    connection
        .prepare_cached(
            "UPDATE series SET modality = ?2, number = ?3, description = ?4, body_part = ?5, performed_date = ?6,
             performed_time = ?7, attributes = ?8 WHERE id = ?1",
        )?
        .send((
            id,
            columns.modality,
            columns.number,
            columns.description,
            columns.body_part,
            columns.performed_date,
            columns.performed_time,
            &own.json,
        ))?;
    Ok(())
}

// Instances.

/// Gives its number: `id`, or a new one.
fn add_instance(
    connection: &Connection,
    incoming: &Incoming,
    series: i64,
    id: Option<i64>,
) -> Result<i64, Error> {
    let record = &incoming.record;
    let own = &incoming.levels.instance;
    let values = (
        series,
        record.ids.instance.as_str(),
        record.sop_class.as_str(),
        record.transfer_syntax.as_str(),
        record::number(&own.attributes, causeway_core::Tag::INSTANCE_NUMBER),
        record.object.as_str(),
        i64::try_from(record.object_bytes).unwrap_or(i64::MAX),
        record.data_set_offset,
        record.digest.0,
        record.envelope.received_at.as_millisecond(),
        &incoming.envelope,
        &own.json,
        incoming.spool,
    );
    let added = connection
        .prepare_cached(
            "INSERT INTO instance (series, uid, sop_class, transfer_syntax, number, object, object_bytes,
             data_set_offset, digest, received_at, settled, envelope, attributes, spool)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, ?11, ?12, ?13)",
        )?
        .insert(values)?;
    quota::add(connection, record)?;
    let Some(id) = id else { return Ok(added) };
    connection.prepare_cached("UPDATE instance SET id = ?2 WHERE id = ?1")?.execute((added, id))?;
    Ok(id)
}

/// When an instance came, or was brought back, and when that is written.
#[derive(Clone, Copy)]
struct Moments {
    arrived_at: i64,
    now: i64,
}

/// Counts the new instance in its series and study.
fn count(
    connection: &Connection,
    study: i64,
    series: i64,
    Incoming { record, levels, .. }: &Incoming,
    Moments { arrived_at, now }: Moments,
) -> Result<(), Error> {
    let regions = regions::of(&levels.instance.attributes);
    let (modality, siblings): (Option<String>, i64) = connection
        .prepare_cached(
            "UPDATE series SET instance_count = instance_count + 1, changed_at = ?2 WHERE id = ?1
             RETURNING modality, instance_count",
        )?
        .query_row((series, now), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (modalities, sop_classes): (String, String) = connection
        .prepare_cached(
            "UPDATE study SET instance_count = instance_count + 1, series_count = series_count + ?2,
             changed_at = ?3, arrived_at = CASE WHEN arrived_at < ?4 THEN ?4 ELSE arrived_at END
             WHERE id = ?1 RETURNING modalities, sop_classes",
        )?
        .query_row((study, i64::from(siblings == 1), now, arrived_at), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let more_modalities = modality.and_then(|modality| with_word(&modalities, &modality));
    let more_classes = with_word(&sop_classes, record.sop_class.as_str());
    if more_modalities.is_some() || more_classes.is_some() {
        connection
            .prepare_cached("UPDATE study SET modalities = ?2, sop_classes = ?3 WHERE id = ?1")?
            .send((study, more_modalities.unwrap_or(modalities), more_classes.unwrap_or(sop_classes)))?;
    }
    regions::add(connection, study, regions)
}

/// The sorted list `words`, parted by backslash, with `word` in it; `None` when it was.
fn with_word(words: &str, word: &str) -> Option<String> {
    let mut all: Vec<&str> = words.split('\\').filter(|known| !known.is_empty()).collect();
    if all.contains(&word) || word.is_empty() {
        return None;
    }
    all.push(word);
    all.sort_unstable();
    Some(all.join("\\"))
}

/// What comes again is not gone any more.
fn forget_tombstones(connection: &Connection, record: &InstanceRecord) -> Result<(), Error> {
    let ids = &record.ids;
    connection.prepare_cached("DELETE FROM tombstone WHERE uid IN (?1, ?2, ?3)")?.send((
        ids.study.as_str(),
        ids.series.as_str(),
        ids.instance.as_str(),
    ))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_joins_a_sorted_list_once() {
        assert_eq!(with_word("", "CT").unwrap(), "CT");
        assert_eq!(with_word("MR", "CT").unwrap(), "CT\\MR");
        assert_eq!(with_word("CT\\MR", "CT"), None);
        assert_eq!(with_word("CT", ""), None);
    }
}
