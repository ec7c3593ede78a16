//! Whole records of a study's instances, for a dry run of routes.

use causeway_core::{Attributes, Digest, InstanceRecord, PatientKey, Uid};

use crate::Catalog;
use crate::engine::Row;
use crate::error::Error;
use crate::instances::{INSTANCE_TABLES, STORED_COLUMNS, STORED_COUNT, stored};

/// What a record has beside the stored instance.
const REST_COLUMNS: &str =
    "instance.envelope, patient.patient_id, patient.issuer, patient.attributes, study.attributes,
    series.attributes, instance.attributes";

impl Catalog {
    /// Records of what came before the instance of number `before`, the newest first, each with its number; at most
    /// `limit`.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn records_before(&self, before: i64, limit: u32) -> Result<Vec<(i64, InstanceRecord)>, Error> {
        self.engine
            .read(move |connection| {
                let sql = format!(
                    "SELECT {STORED_COLUMNS}, {REST_COLUMNS} FROM {INSTANCE_TABLES}
                     JOIN patient ON patient.id = study.patient WHERE instance.id < ? ORDER BY instance.id DESC LIMIT ?"
                );
                let mut statement = connection.prepare_cached(&sql)?;
                let mut rows = statement.query((before, limit))?;
                let mut records = Vec::new();
                while let Some(row) = &rows.next()? {
                    records.push((row.get(10)?, record(row)?));
                }
                Ok(records)
            })
            .await
    }

    /// The records of a study's instances as they came, at most `limit`.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn records(&self, study: Uid, limit: u32) -> Result<Vec<InstanceRecord>, Error> {
        self.engine
            .read(move |connection| {
                let sql = format!(
                    "SELECT {STORED_COLUMNS}, {REST_COLUMNS} FROM {INSTANCE_TABLES} JOIN patient ON patient.id = study.patient
                     WHERE study.uid = ? ORDER BY instance.id LIMIT ?"
                );
                let mut statement = connection.prepare_cached(&sql)?;
                let mut rows = statement.query((study.as_str(), limit))?;
                let mut records = Vec::new();
                while let Some(row) = &rows.next()? {
                    records.push(record(row)?);
                }
                Ok(records)
            })
            .await
    }
}

fn record(row: &Row<'_>) -> Result<InstanceRecord, Error> {
    let stored = stored(row)?;
    let envelope =
        serde_json::from_str(&row.get::<String>(STORED_COUNT)?).map_err(|_| Error::Corrupt("an envelope"))?;
    let mut attributes = Attributes::new();
    for column in STORED_COUNT + 3..STORED_COUNT + 7 {
        let json: String = row.get(column)?;
        attributes.merge(Attributes::from_json(&json).map_err(|_| Error::Corrupt("attributes"))?);
    }
    Ok(InstanceRecord {
        patient: PatientKey { id: row.get(STORED_COUNT + 1)?, issuer: row.get(STORED_COUNT + 2)? },
        ids: stored.ids,
        sop_class: stored.sop_class,
        transfer_syntax: stored.transfer_syntax,
        object: stored.object,
        object_bytes: stored.object_bytes,
        data_set_offset: stored.data_set_offset,
        digest: Digest(stored.digest.0),
        envelope,
        attributes,
    })
}
