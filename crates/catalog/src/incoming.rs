//! What is written of an instance, serialised before the writer's turn comes.

use causeway_core::{Attributes, InstanceRecord};

use crate::error::Error;
use crate::record::Split;

/// The attributes of a level, and their JSON.
pub(crate) struct Own {
    pub(crate) attributes: Attributes,
    pub(crate) json: String,
}

impl Own {
    pub(crate) fn of(attributes: Attributes) -> Self {
        Self { json: attributes.to_json(), attributes }
    }
}

/// The attributes of all levels.
pub(crate) struct Levels {
    pub(crate) patient: Own,
    pub(crate) study: Own,
    pub(crate) series: Own,
    pub(crate) instance: Own,
}

impl Levels {
    fn of(split: Split) -> Self {
        let Split { patient, study, series, instance } = split;
        Self {
            patient: Own::of(patient),
            study: Own::of(study),
            series: Own::of(series),
            instance: Own::of(instance),
        }
    }
}

/// An instance on its way into its rows.
pub(crate) struct Incoming {
    pub(crate) record: InstanceRecord,
    pub(crate) levels: Levels,
    pub(crate) envelope: String,
    /// The member whose spool has it.
    pub(crate) spool: i64,
}

impl Incoming {
    /// Serialised on the caller's thread: the writer has only rows to write.
    pub(crate) fn of(mut record: InstanceRecord, spool: i64) -> Result<Self, Error> {
        let levels = Levels::of(Split::of(&mut record));
        let envelope = serde_json::to_string(&record.envelope);
        let envelope = envelope.map_err(|_| Error::Corrupt("an envelope that is no JSON"))?;
        Ok(Self { envelope, record, levels, spool })
    }
}
