//! Which stored instances are meant: by a retrieve request, a URL, a delete. And what the archive says of each.

use jiff::Timestamp;

use crate::digest::Digest;
use crate::instance::{Identifiers, ObjectKey};
use crate::uid::Uid;

/// Instances named by the unique keys of their levels. An empty list asks for nothing at its level; all that
/// are given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Patient ID, whoever issued it (PS3.4 §C.4.2.1.4.1 names no issuer).
    pub patient_id: Option<String>,
    /// Study Instance UIDs.
    pub studies: Vec<Uid>,
    /// Series Instance UIDs.
    pub series: Vec<Uid>,
    /// SOP Instance UIDs.
    pub instances: Vec<Uid>,
}

impl Selection {
    /// All instances of a study.
    #[must_use]
    pub fn study(study: Uid) -> Self {
        Self { studies: vec![study], ..Self::default() }
    }

    /// All instances of a series of a study.
    #[must_use]
    pub fn series(study: Uid, series: Uid) -> Self {
        Self { studies: vec![study], series: vec![series], ..Self::default() }
    }

    /// One instance of a series of a study.
    #[must_use]
    pub fn instance(study: Uid, series: Uid, instance: Uid) -> Self {
        Self { studies: vec![study], series: vec![series], instances: vec![instance], ..Self::default() }
    }

    /// Whether nothing is named, which never means everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patient_id.is_none()
            && self.studies.is_empty()
            && self.series.is_empty()
            && self.instances.is_empty()
    }
}

/// An instance that is kept, as far as reading it back needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredInstance {
    /// Which it is.
    pub ids: Identifiers,
    /// SOP Class UID.
    pub sop_class: Uid,
    /// Transfer syntax the bytes are in.
    pub transfer_syntax: Uid,
    /// Where the bytes are.
    pub object: ObjectKey,
    /// Bytes of the whole object: preamble, File Meta, data set.
    pub object_bytes: u64,
    /// Bytes before the data set.
    pub data_set_offset: u32,
    /// Digest of the data set.
    pub digest: Digest,
    /// When it came.
    pub received_at: Timestamp,
    /// Whether the bytes were in the store when this was read; else they were in a node's spool.
    pub is_settled: bool,
}

impl StoredInstance {
    /// SOP class and transfer syntax: what a presentation context is negotiated for (PS3.8 §9.3.2.2).
    #[must_use]
    pub fn pair(&self) -> (Uid, Uid) {
        (self.sop_class.clone(), self.transfer_syntax.clone())
    }

    /// Bytes of the data set.
    #[must_use]
    pub fn data_set_bytes(&self) -> u64 {
        self.object_bytes.saturating_sub(u64::from(self.data_set_offset))
    }
}
