//! The head of a data set, tapped as it streams by: identifiers and the attributes kept for search.

use causeway_core::transfer_syntax::Layout;
use causeway_core::{Attributes, Identifiers, PatientKey, Uid, sop_class};
use causeway_dataset::head::HeadCollector;

use super::{Announced, unreadable};
use crate::error::IngestError;

/// Taps a data set up to its pixel data.
pub(crate) struct HeadTap(HeadCollector);

/// What the head said.
pub(crate) struct Tapped {
    pub(crate) patient: PatientKey,
    pub(crate) ids: Identifiers,
    pub(crate) sop_class: Uid,
    pub(crate) attributes: Attributes,
}

impl HeadTap {
    pub(crate) fn new(transfer_syntax: &Uid) -> Self {
        Self(HeadCollector::new(Layout::of(transfer_syntax)))
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<(), IngestError> {
        self.0.feed(bytes).map_err(unreadable)
    }

    pub(crate) fn finish(self) -> Result<Tapped, IngestError> {
        let head = self.0.finish().map_err(unreadable)?;
        Ok(Tapped {
            patient: PatientKey { id: head.patient_id, issuer: head.issuer },
            ids: Identifiers {
                study: needed(head.study, "Study Instance UID (0020,000D)")?,
                series: needed(head.series, "Series Instance UID (0020,000E)")?,
                instance: needed(head.sop_instance, "SOP Instance UID (0008,0018)")?,
            },
            sop_class: needed(head.sop_class, "SOP Class UID (0008,0016)")?,
            attributes: head.attributes,
        })
    }
}

fn needed(uid: Option<Uid>, name: &'static str) -> Result<Uid, IngestError> {
    uid.ok_or(IngestError::MissingIdentifier(name))
}

impl Tapped {
    /// Holds what came against what was announced (PS3.4 §B.2.3) and against the study it was sent to.
    pub(crate) fn check(&self, announced: &Announced, study: Option<&Uid>) -> Result<(), IngestError> {
        let pairs = [
            ("SOP Class UID", &announced.sop_class, &self.sop_class),
            ("SOP Instance UID", &announced.sop_instance, &self.ids.instance),
        ];
        for (attribute, announced, found) in pairs {
            if let Some(announced) = announced.clone().filter(|announced| announced != found) {
                return Err(IngestError::Mismatch { attribute, announced, found: found.clone() });
            }
        }
        if self.sop_class.as_str() == sop_class::MEDIA_STORAGE_DIRECTORY {
            return Err(IngestError::NotStorage(self.sop_class.clone()));
        }
        match study {
            Some(wanted) if *wanted != self.ids.study => {
                Err(IngestError::OtherStudy { wanted: wanted.clone(), found: self.ids.study.clone() })
            }
            _ => Ok(()),
        }
    }
}
