//! Which attributes are kept at ingest, and the level each belongs to (PS3.4 Tables C.6-1 to C.6-5, PS3.18
//! Tables 10.6.1-5 and 10.6.3-3 to -5).

use super::Level;
use crate::tag::Tag;
use crate::vr::Vr;

/// An attribute that is copied from an object into the catalog.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// Which attribute.
    pub tag: Tag,
    /// Its VR in PS3.6, for objects that do not say.
    pub vr: Vr,
    /// The level it describes.
    pub level: Level,
    /// Whether every answer at its level shows it (PS3.18 Tables 10.6.3-3 to -5), asked for or not.
    pub default: bool,
}

const fn kept(tag: Tag, vr: Vr, level: Level) -> Kept {
    Kept { tag, vr, level, default: false }
}

const fn shown(tag: Tag, vr: Vr, level: Level) -> Kept {
    Kept { tag, vr, level, default: true }
}

use Level::{Instance, Patient, Series, Study};

/// The attributes kept. Sorted by nothing but sense: by level, then by tag.
pub const KEPT: &[Kept] = &[
    shown(Tag::PATIENT_NAME, Vr::PN, Patient),
    shown(Tag::PATIENT_ID, Vr::LO, Patient),
    kept(Tag::ISSUER_OF_PATIENT_ID, Vr::LO, Patient),
    kept(Tag::new(0x0010, 0x0024), Vr::SQ, Patient), // Issuer of Patient ID Qualifiers Sequence
    shown(Tag::PATIENT_BIRTH_DATE, Vr::DA, Patient),
    kept(Tag::new(0x0010, 0x0032), Vr::TM, Patient), // Patient's Birth Time
    shown(Tag::PATIENT_SEX, Vr::CS, Patient),
    kept(Tag::new(0x0010, 0x1001), Vr::PN, Patient), // Other Patient Names
    kept(Tag::new(0x0010, 0x1002), Vr::SQ, Patient), // Other Patient IDs Sequence
    kept(Tag::new(0x0010, 0x2160), Vr::SH, Patient), // Ethnic Group
    kept(Tag::new(0x0010, 0x4000), Vr::LT, Patient), // Patient Comments
    shown(Tag::STUDY_DATE, Vr::DA, Study),
    shown(Tag::STUDY_TIME, Vr::TM, Study),
    shown(Tag::ACCESSION_NUMBER, Vr::SH, Study),
    kept(Tag::new(0x0008, 0x0051), Vr::SQ, Study), // Issuer of Accession Number Sequence
    shown(Tag::REFERRING_PHYSICIAN_NAME, Vr::PN, Study),
    shown(Tag::TIMEZONE_OFFSET_FROM_UTC, Vr::SH, Study),
    kept(Tag::STUDY_DESCRIPTION, Vr::LO, Study),
    kept(Tag::new(0x0008, 0x1032), Vr::SQ, Study), // Procedure Code Sequence
    kept(Tag::PHYSICIANS_OF_RECORD, Vr::PN, Study),
    kept(Tag::NAME_OF_PHYSICIANS_READING_STUDY, Vr::PN, Study),
    kept(Tag::new(0x0008, 0x1080), Vr::LO, Study), // Admitting Diagnoses Description
    kept(Tag::new(0x0010, 0x1010), Vr::AS, Study), // Patient's Age
    kept(Tag::new(0x0010, 0x1020), Vr::DS, Study), // Patient's Size
    kept(Tag::new(0x0010, 0x1030), Vr::DS, Study), // Patient's Weight
    kept(Tag::new(0x0010, 0x2180), Vr::SH, Study), // Occupation
    kept(Tag::new(0x0010, 0x21B0), Vr::LT, Study), // Additional Patient History
    shown(Tag::STUDY_INSTANCE_UID, Vr::UI, Study),
    shown(Tag::STUDY_ID, Vr::SH, Study),
    shown(Tag::MODALITY, Vr::CS, Series),
    kept(Tag::SERIES_DATE, Vr::DA, Series),
    kept(Tag::SERIES_TIME, Vr::TM, Series),
    kept(Tag::new(0x0008, 0x0070), Vr::LO, Series), // Manufacturer
    kept(Tag::INSTITUTION_NAME, Vr::LO, Series),
    kept(Tag::STATION_NAME, Vr::SH, Series),
    shown(Tag::SERIES_DESCRIPTION, Vr::LO, Series),
    kept(Tag::new(0x0008, 0x1040), Vr::LO, Series), // Institutional Department Name
    kept(Tag::PERFORMING_PHYSICIAN_NAME, Vr::PN, Series),
    kept(Tag::new(0x0008, 0x1070), Vr::PN, Series), // Operators' Name
    kept(Tag::new(0x0008, 0x1090), Vr::LO, Series), // Manufacturer's Model Name
    kept(Tag::BODY_PART_EXAMINED, Vr::CS, Series),
    kept(Tag::new(0x0018, 0x1030), Vr::LO, Series), // Protocol Name
    kept(Tag::new(0x0018, 0x5100), Vr::CS, Series), // Patient Position
    shown(Tag::SERIES_INSTANCE_UID, Vr::UI, Series),
    shown(Tag::SERIES_NUMBER, Vr::IS, Series),
    kept(Tag::new(0x0020, 0x0060), Vr::CS, Series), // Laterality
    shown(Tag::PERFORMED_PROCEDURE_STEP_START_DATE, Vr::DA, Series),
    shown(Tag::PERFORMED_PROCEDURE_STEP_START_TIME, Vr::TM, Series),
    kept(Tag::new(0x0040, 0x0253), Vr::SH, Series), // Performed Procedure Step ID
    shown(Tag::REQUEST_ATTRIBUTES_SEQUENCE, Vr::SQ, Series),
    kept(Tag::new(0x0008, 0x0008), Vr::CS, Instance), // Image Type
    shown(Tag::SOP_CLASS_UID, Vr::UI, Instance),
    shown(Tag::SOP_INSTANCE_UID, Vr::UI, Instance),
    kept(Tag::ACQUISITION_DATE, Vr::DA, Instance),
    kept(Tag::CONTENT_DATE, Vr::DA, Instance),
    kept(Tag::new(0x0008, 0x002A), Vr::DT, Instance), // Acquisition DateTime
    kept(Tag::ACQUISITION_TIME, Vr::TM, Instance),
    kept(Tag::CONTENT_TIME, Vr::TM, Instance),
    kept(Tag::new(0x0020, 0x0012), Vr::IS, Instance), // Acquisition Number
    shown(Tag::INSTANCE_NUMBER, Vr::IS, Instance),
    shown(Tag::NUMBER_OF_FRAMES, Vr::IS, Instance),
    shown(Tag::ROWS, Vr::US, Instance),
    shown(Tag::COLUMNS, Vr::US, Instance),
    shown(Tag::BITS_ALLOCATED, Vr::US, Instance),
    kept(Tag::new(0x0040, 0xA043), Vr::SQ, Instance), // Concept Name Code Sequence
    kept(Tag::new(0x0040, 0xA491), Vr::CS, Instance), // Completion Flag
    kept(Tag::new(0x0040, 0xA493), Vr::CS, Instance), // Verification Flag
    kept(Tag::new(0x0042, 0x0010), Vr::ST, Instance), // Document Title
    kept(Tag::new(0x0070, 0x0080), Vr::CS, Instance), // Content Label
    kept(Tag::new(0x0070, 0x0081), Vr::LO, Instance), // Content Description
];

/// An attribute that the catalog counts or gathers instead of copying.
pub const COMPUTED: &[Kept] = &[
    kept(Tag::NUMBER_OF_PATIENT_RELATED_STUDIES, Vr::IS, Patient),
    kept(Tag::NUMBER_OF_PATIENT_RELATED_SERIES, Vr::IS, Patient),
    kept(Tag::NUMBER_OF_PATIENT_RELATED_INSTANCES, Vr::IS, Patient),
    shown(Tag::MODALITIES_IN_STUDY, Vr::CS, Study),
    kept(Tag::SOP_CLASSES_IN_STUDY, Vr::UI, Study),
    shown(Tag::NUMBER_OF_STUDY_RELATED_SERIES, Vr::IS, Study),
    shown(Tag::NUMBER_OF_STUDY_RELATED_INSTANCES, Vr::IS, Study),
    shown(Tag::NUMBER_OF_SERIES_RELATED_INSTANCES, Vr::IS, Series),
    kept(Tag::AVAILABLE_TRANSFER_SYNTAX_UID, Vr::UI, Instance),
];

/// What is known of `tag`, kept or computed.
#[must_use]
pub fn known(tag: Tag) -> Option<&'static Kept> {
    KEPT.iter().chain(COMPUTED).find(|kept| kept.tag == tag)
}

/// The level that `tag` describes; an attribute that is not kept belongs to the instance.
#[must_use]
pub fn level_of(tag: Tag) -> Level {
    known(tag).map_or(Instance, |kept| kept.level)
}

/// The attributes that every answer at `level` of the web shows: those of the level and, for a series or an
/// instance that was not asked for below its parent, of the levels above (PS3.18 §10.6.3.3).
pub fn defaults(level: Level) -> impl Iterator<Item = Tag> {
    KEPT.iter().chain(COMPUTED).filter(move |kept| kept.default && kept.level <= level).map(|kept| kept.tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_attribute_is_kept_once() {
        let all: Vec<Tag> = KEPT.iter().chain(COMPUTED).map(|kept| kept.tag).collect();
        let mut unique = all.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(all.len(), unique.len());
    }

    #[test]
    fn each_level_keeps_its_unique_key() {
        for level in [Patient, Study, Series, Instance] {
            assert_eq!(level_of(level.unique_key()), level);
        }
    }
}
