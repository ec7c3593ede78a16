//! Attributes that a transform has an opinion of by name, and which of them tell who a patient is.

use causeway_core::{Tag, Vr};

use super::action::is_free_text;

pub(super) const MODALITY: Tag = Tag::new(0x0008, 0x0060);
pub(super) const BURNED_IN_ANNOTATION: Tag = Tag::new(0x0028, 0x0301);
pub(super) const TEMPORAL_MODIFIED: Tag = Tag::new(0x0028, 0x0303);
pub(super) const IDENTITY_REMOVED: Tag = Tag::new(0x0012, 0x0062);
pub(super) const METHOD: Tag = Tag::new(0x0012, 0x0063);
pub(super) const METHOD_CODES: Tag = Tag::new(0x0012, 0x0064);
pub(super) const ACCESSION_NUMBER: Tag = Tag::new(0x0008, 0x0050);
pub(super) const ISSUER_OF_ACCESSION_NUMBER: Tag = Tag::new(0x0008, 0x0051);
pub(super) const ISSUER_QUALIFIERS: Tag = Tag::new(0x0010, 0x0024);
pub(super) const LOCAL_NAMESPACE: Tag = Tag::new(0x0040, 0x0031);
pub(super) const UNIVERSAL_ID: Tag = Tag::new(0x0040, 0x0032);
pub(super) const UNIVERSAL_ID_TYPE: Tag = Tag::new(0x0040, 0x0033);
pub(super) const MODIFIED_ATTRIBUTES: Tag = Tag::new(0x0400, 0x0550);
pub(super) const ORIGINAL_ATTRIBUTES: Tag = Tag::new(0x0400, 0x0561);
pub(super) const MODIFICATION_TIME: Tag = Tag::new(0x0400, 0x0562);
pub(super) const MODIFYING_SYSTEM: Tag = Tag::new(0x0400, 0x0563);
pub(super) const SOURCE_OF_PREVIOUS: Tag = Tag::new(0x0400, 0x0564);
pub(super) const REASON: Tag = Tag::new(0x0400, 0x0565);
pub(super) const MAC_PARAMETERS: Tag = Tag::new(0x4FFE, 0x0001);
pub(super) const DIGITAL_SIGNATURES: Tag = Tag::new(0xFFFA, 0xFFFA);
pub(super) const REFERENCED_INSTANCE: Tag = Tag::new(0x0008, 0x1155);

/// Attributes of patient and study (PS3.3 §C.7.1.1, §C.7.2.1, §C.7.2.2) that an object made for a study has from it:
/// these an object that comes back gets anew.
pub(super) const IDENTITY: &[Tag] = &[
    Tag::new(0x0008, 0x0020), // Study Date
    Tag::new(0x0008, 0x0030), // Study Time
    ACCESSION_NUMBER,
    ISSUER_OF_ACCESSION_NUMBER,
    Tag::new(0x0008, 0x0090), // Referring Physician's Name
    Tag::new(0x0008, 0x1030), // Study Description
    Tag::PATIENT_NAME,
    Tag::PATIENT_ID,
    Tag::ISSUER_OF_PATIENT_ID,
    ISSUER_QUALIFIERS,
    Tag::new(0x0010, 0x0030), // Patient's Birth Date
    Tag::new(0x0010, 0x0032), // Patient's Birth Time
    Tag::new(0x0010, 0x0040), // Patient's Sex
    Tag::new(0x0010, 0x1000), // Other Patient IDs
    Tag::new(0x0010, 0x1001), // Other Patient Names
    Tag::new(0x0010, 0x1002), // Other Patient IDs Sequence
    Tag::new(0x0010, 0x1010), // Patient's Age
    Tag::new(0x0010, 0x1020), // Patient's Size
    Tag::new(0x0010, 0x1030), // Patient's Weight
    Tag::new(0x0020, 0x0010), // Study ID
];

/// What else is read of every instance.
pub(super) const READ: &[Tag] = &[
    Tag::SOP_CLASS_UID,
    Tag::SOP_INSTANCE_UID,
    Tag::STUDY_INSTANCE_UID,
    Tag::SERIES_INSTANCE_UID,
    MODALITY,
    BURNED_IN_ANNOTATION,
];

/// Whether an attribute tells who somebody is: a name or a number of a person, a place or a case, which must not turn
/// up in a description.
pub(super) fn tells(tag: Tag, vr: Vr) -> bool {
    match (tag.group(), tag.element()) {
        // Descriptions themselves.
        (0x0008, 0x1030 | 0x103E) | (0x0010, 0x2110 | 0x4000) => false,
        (0x0008, 0x0050 | 0x0080..=0x0081 | 0x1010 | 0x1040) | (0x0020, 0x0010) => true,
        (0x0010, _) => vr == Vr::PN || is_free_text(vr),
        _ => vr == Vr::PN,
    }
}

/// UIDs that are registered by the standard mean a kind and no thing.
pub(super) fn is_of_the_standard(uid: &str) -> bool {
    uid.starts_with("1.2.840.10008.")
}
