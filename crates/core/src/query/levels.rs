//! Which attributes are kept at ingest, and the level each belongs to (PS3.4 Tables C.6-1 to C.6-5, PS3.18
//! Tables 10.6.1-5 and 10.6.3-3 to -5). What is added here is kept of what comes from then on: of instances that
//! were here before it is not known, and they answer it empty.

use std::sync::LazyLock;

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
    /// Whether PS3.6 lets it have several values.
    pub is_multiple: bool,
}

const fn kept(tag: Tag, vr: Vr, level: Level) -> Kept {
    Kept { tag, vr, level, default: false, is_multiple: false }
}

const fn shown(tag: Tag, vr: Vr, level: Level) -> Kept {
    Kept { default: true, ..kept(tag, vr, level) }
}

const fn many(tag: Tag, vr: Vr, level: Level) -> Kept {
    Kept { is_multiple: true, ..kept(tag, vr, level) }
}

use Level::{Instance, Patient, Series, Study};

/// The attributes kept. Sorted by nothing but sense: by level, then by tag.
pub const KEPT: &[Kept] = &[
    shown(Tag::PATIENT_NAME, Vr::PN, Patient),
    shown(Tag::PATIENT_ID, Vr::LO, Patient),
    kept(Tag::new(0x0008, 0x1120), Vr::SQ, Patient), // Referenced Patient Sequence
    kept(Tag::ISSUER_OF_PATIENT_ID, Vr::LO, Patient),
    kept(Tag::new(0x0010, 0x0022), Vr::CS, Patient), // Type of Patient ID
    kept(Tag::new(0x0010, 0x0024), Vr::SQ, Patient), // Issuer of Patient ID Qualifiers Sequence
    shown(Tag::PATIENT_BIRTH_DATE, Vr::DA, Patient),
    kept(Tag::PATIENT_BIRTH_TIME, Vr::TM, Patient),
    shown(Tag::PATIENT_SEX, Vr::CS, Patient),
    many(Tag::new(0x0010, 0x1001), Vr::PN, Patient), // Other Patient Names
    kept(Tag::new(0x0010, 0x1002), Vr::SQ, Patient), // Other Patient IDs Sequence
    kept(Tag::new(0x0010, 0x2160), Vr::SH, Patient), // Ethnic Group
    kept(Tag::new(0x0010, 0x2201), Vr::LO, Patient), // Patient Species Description
    kept(Tag::new(0x0010, 0x2202), Vr::SQ, Patient), // Patient Species Code Sequence
    kept(Tag::new(0x0010, 0x2292), Vr::LO, Patient), // Patient Breed Description
    kept(Tag::new(0x0010, 0x2293), Vr::SQ, Patient), // Patient Breed Code Sequence
    kept(Tag::new(0x0010, 0x2297), Vr::PN, Patient), // Responsible Person
    kept(Tag::new(0x0010, 0x2298), Vr::CS, Patient), // Responsible Person Role
    kept(Tag::new(0x0010, 0x2299), Vr::LO, Patient), // Responsible Organization
    kept(Tag::new(0x0010, 0x4000), Vr::LT, Patient), // Patient Comments
    kept(Tag::new(0x0012, 0x0010), Vr::LO, Patient), // Clinical Trial Sponsor Name
    kept(Tag::new(0x0012, 0x0020), Vr::LO, Patient), // Clinical Trial Protocol ID
    kept(Tag::new(0x0012, 0x0021), Vr::LO, Patient), // Clinical Trial Protocol Name
    kept(Tag::new(0x0012, 0x0030), Vr::LO, Patient), // Clinical Trial Site ID
    kept(Tag::new(0x0012, 0x0031), Vr::LO, Patient), // Clinical Trial Site Name
    kept(Tag::new(0x0012, 0x0040), Vr::LO, Patient), // Clinical Trial Subject ID
    kept(Tag::new(0x0012, 0x0042), Vr::LO, Patient), // Clinical Trial Subject Reading ID
    kept(Tag::new(0x0012, 0x0062), Vr::CS, Patient), // Patient Identity Removed
    many(Tag::new(0x0012, 0x0063), Vr::LO, Patient), // De-identification Method
    kept(Tag::new(0x0012, 0x0064), Vr::SQ, Patient), // De-identification Method Code Sequence
    shown(Tag::STUDY_DATE, Vr::DA, Study),
    shown(Tag::STUDY_TIME, Vr::TM, Study),
    shown(Tag::ACCESSION_NUMBER, Vr::SH, Study),
    kept(Tag::new(0x0008, 0x0051), Vr::SQ, Study), // Issuer of Accession Number Sequence
    shown(Tag::REFERRING_PHYSICIAN_NAME, Vr::PN, Study),
    kept(Tag::new(0x0008, 0x0096), Vr::SQ, Study), // Referring Physician Identification Sequence
    many(Tag::new(0x0008, 0x009C), Vr::PN, Study), // Consulting Physician's Name
    shown(Tag::TIMEZONE_OFFSET_FROM_UTC, Vr::SH, Study),
    kept(Tag::STUDY_DESCRIPTION, Vr::LO, Study),
    kept(Tag::new(0x0008, 0x1032), Vr::SQ, Study), // Procedure Code Sequence
    many(Tag::PHYSICIANS_OF_RECORD, Vr::PN, Study),
    kept(Tag::new(0x0008, 0x1049), Vr::SQ, Study), // Physician(s) of Record Identification Sequence
    many(Tag::NAME_OF_PHYSICIANS_READING_STUDY, Vr::PN, Study),
    kept(Tag::new(0x0008, 0x1062), Vr::SQ, Study), // Physician(s) Reading Study Identification Sequence
    many(Tag::new(0x0008, 0x1080), Vr::LO, Study), // Admitting Diagnoses Description
    kept(Tag::new(0x0008, 0x1084), Vr::SQ, Study), // Admitting Diagnoses Code Sequence
    kept(Tag::new(0x0008, 0x1110), Vr::SQ, Study), // Referenced Study Sequence
    kept(Tag::new(0x0010, 0x1010), Vr::AS, Study), // Patient's Age
    kept(Tag::new(0x0010, 0x1020), Vr::DS, Study), // Patient's Size
    kept(Tag::new(0x0010, 0x1021), Vr::SQ, Study), // Patient's Size Code Sequence
    kept(Tag::new(0x0010, 0x1030), Vr::DS, Study), // Patient's Weight
    kept(Tag::new(0x0010, 0x2180), Vr::SH, Study), // Occupation
    kept(Tag::new(0x0010, 0x21B0), Vr::LT, Study), // Additional Patient History
    kept(Tag::new(0x0010, 0x21C0), Vr::US, Study), // Pregnancy Status
    kept(Tag::new(0x0010, 0x2203), Vr::CS, Study), // Patient's Sex Neutered
    kept(Tag::new(0x0012, 0x0050), Vr::LO, Study), // Clinical Trial Time Point ID
    kept(Tag::new(0x0012, 0x0051), Vr::ST, Study), // Clinical Trial Time Point Description
    shown(Tag::STUDY_INSTANCE_UID, Vr::UI, Study),
    shown(Tag::STUDY_ID, Vr::SH, Study),
    many(Tag::new(0x0020, 0x1070), Vr::IS, Study), // Other Study Numbers
    kept(Tag::new(0x0032, 0x1032), Vr::PN, Study), // Requesting Physician
    kept(Tag::new(0x0032, 0x1033), Vr::LO, Study), // Requesting Service
    kept(Tag::new(0x0032, 0x1034), Vr::SQ, Study), // Requesting Service Code Sequence
    kept(Tag::new(0x0032, 0x1060), Vr::LO, Study), // Requested Procedure Description
    kept(Tag::new(0x0038, 0x0010), Vr::LO, Study), // Admission ID
    kept(Tag::new(0x0038, 0x0014), Vr::SQ, Study), // Issuer of Admission ID Sequence
    kept(Tag::new(0x0038, 0x0060), Vr::LO, Study), // Service Episode ID
    kept(Tag::new(0x0038, 0x0062), Vr::LO, Study), // Service Episode Description
    kept(Tag::new(0x0040, 0x1012), Vr::SQ, Study), // Reason For Performed Procedure Code Sequence
    shown(Tag::MODALITY, Vr::CS, Series),
    kept(Tag::SERIES_DATE, Vr::DA, Series),
    kept(Tag::SERIES_TIME, Vr::TM, Series),
    kept(Tag::new(0x0008, 0x0068), Vr::CS, Series), // Presentation Intent Type
    kept(Tag::new(0x0008, 0x0070), Vr::LO, Series), // Manufacturer
    kept(Tag::INSTITUTION_NAME, Vr::LO, Series),
    kept(Tag::new(0x0008, 0x0081), Vr::ST, Series), // Institution Address
    kept(Tag::STATION_NAME, Vr::SH, Series),
    shown(Tag::SERIES_DESCRIPTION, Vr::LO, Series),
    kept(Tag::new(0x0008, 0x103F), Vr::SQ, Series), // Series Description Code Sequence
    kept(Tag::new(0x0008, 0x1040), Vr::LO, Series), // Institutional Department Name
    kept(Tag::new(0x0008, 0x1041), Vr::SQ, Series), // Institutional Department Type Code Sequence
    many(Tag::PERFORMING_PHYSICIAN_NAME, Vr::PN, Series),
    kept(Tag::new(0x0008, 0x1052), Vr::SQ, Series), // Performing Physician Identification Sequence
    many(Tag::new(0x0008, 0x1070), Vr::PN, Series), // Operators' Name
    kept(Tag::new(0x0008, 0x1072), Vr::SQ, Series), // Operator Identification Sequence
    kept(Tag::new(0x0008, 0x1090), Vr::LO, Series), // Manufacturer's Model Name
    kept(Tag::new(0x0008, 0x1111), Vr::SQ, Series), // Referenced Performed Procedure Step Sequence
    kept(Tag::new(0x0010, 0x2210), Vr::CS, Series), // Anatomical Orientation Type
    kept(Tag::new(0x0012, 0x0071), Vr::LO, Series), // Clinical Trial Series ID
    kept(Tag::new(0x0012, 0x0072), Vr::LO, Series), // Clinical Trial Series Description
    kept(Tag::BODY_PART_EXAMINED, Vr::CS, Series),
    kept(Tag::new(0x0018, 0x1000), Vr::LO, Series), // Device Serial Number
    kept(Tag::new(0x0018, 0x1008), Vr::LO, Series), // Gantry ID
    many(Tag::new(0x0018, 0x1020), Vr::LO, Series), // Software Versions
    kept(Tag::new(0x0018, 0x1030), Vr::LO, Series), // Protocol Name
    kept(Tag::new(0x0018, 0x5100), Vr::CS, Series), // Patient Position
    shown(Tag::SERIES_INSTANCE_UID, Vr::UI, Series),
    shown(Tag::SERIES_NUMBER, Vr::IS, Series),
    kept(Tag::new(0x0020, 0x0052), Vr::UI, Series), // Frame of Reference UID
    kept(Tag::new(0x0020, 0x0060), Vr::CS, Series), // Laterality
    kept(Tag::new(0x0020, 0x0200), Vr::UI, Series), // Synchronization Frame of Reference UID
    kept(Tag::new(0x0020, 0x1040), Vr::LO, Series), // Position Reference Indicator
    shown(Tag::PERFORMED_PROCEDURE_STEP_START_DATE, Vr::DA, Series),
    shown(Tag::PERFORMED_PROCEDURE_STEP_START_TIME, Vr::TM, Series),
    kept(Tag::PERFORMED_PROCEDURE_STEP_END_DATE, Vr::DA, Series),
    kept(Tag::PERFORMED_PROCEDURE_STEP_END_TIME, Vr::TM, Series),
    kept(Tag::new(0x0040, 0x0253), Vr::SH, Series), // Performed Procedure Step ID
    kept(Tag::new(0x0040, 0x0254), Vr::LO, Series), // Performed Procedure Step Description
    kept(Tag::new(0x0040, 0x0260), Vr::SQ, Series), // Performed Protocol Code Sequence
    shown(Tag::REQUEST_ATTRIBUTES_SEQUENCE, Vr::SQ, Series),
    kept(Tag::new(0x0040, 0x0280), Vr::ST, Series), // Comments on the Performed Procedure Step
    many(Tag::new(0x0008, 0x0008), Vr::CS, Instance), // Image Type
    kept(Tag::INSTANCE_CREATION_DATE, Vr::DA, Instance),
    kept(Tag::INSTANCE_CREATION_TIME, Vr::TM, Instance),
    shown(Tag::SOP_CLASS_UID, Vr::UI, Instance),
    shown(Tag::SOP_INSTANCE_UID, Vr::UI, Instance),
    many(Tag::new(0x0008, 0x001A), Vr::UI, Instance), // Related General SOP Class UID
    kept(Tag::ACQUISITION_DATE, Vr::DA, Instance),
    kept(Tag::CONTENT_DATE, Vr::DA, Instance),
    kept(Tag::new(0x0008, 0x002A), Vr::DT, Instance), // Acquisition DateTime
    kept(Tag::ACQUISITION_TIME, Vr::TM, Instance),
    kept(Tag::CONTENT_TIME, Vr::TM, Instance),
    kept(Tag::ANATOMIC_REGION_SEQUENCE, Vr::SQ, Instance),
    kept(Tag::new(0x0020, 0x0012), Vr::IS, Instance), // Acquisition Number
    shown(Tag::INSTANCE_NUMBER, Vr::IS, Instance),
    kept(Tag::new(0x0020, 0x0100), Vr::IS, Instance), // Temporal Position Identifier
    kept(Tag::new(0x0020, 0x4000), Vr::LT, Instance), // Image Comments
    kept(Tag::new(0x0020, 0x9161), Vr::UI, Instance), // Concatenation UID
    shown(Tag::NUMBER_OF_FRAMES, Vr::IS, Instance),
    shown(Tag::ROWS, Vr::US, Instance),
    shown(Tag::COLUMNS, Vr::US, Instance),
    shown(Tag::BITS_ALLOCATED, Vr::US, Instance),
    kept(Tag::new(0x0028, 0x0301), Vr::CS, Instance), // Burned In Annotation
    kept(Tag::new(0x0028, 0x2110), Vr::CS, Instance), // Lossy Image Compression
    kept(Tag::new(0x0040, 0x0512), Vr::LO, Instance), // Container Identifier
    kept(Tag::new(0x0040, 0x0560), Vr::SQ, Instance), // Specimen Description Sequence
    kept(Tag::new(0x0040, 0xA043), Vr::SQ, Instance), // Concept Name Code Sequence
    kept(Tag::new(0x0040, 0xA073), Vr::SQ, Instance), // Verifying Observer Sequence
    kept(Tag::new(0x0040, 0xA370), Vr::SQ, Instance), // Referenced Request Sequence
    kept(Tag::new(0x0040, 0xA491), Vr::CS, Instance), // Completion Flag
    kept(Tag::new(0x0040, 0xA492), Vr::LO, Instance), // Completion Flag Description
    kept(Tag::new(0x0040, 0xA493), Vr::CS, Instance), // Verification Flag
    kept(Tag::new(0x0040, 0xA504), Vr::SQ, Instance), // Content Template Sequence
    kept(Tag::new(0x0042, 0x0010), Vr::ST, Instance), // Document Title
    kept(Tag::new(0x0042, 0x0012), Vr::LO, Instance), // MIME Type of Encapsulated Document
    kept(Tag::new(0x0070, 0x0080), Vr::CS, Instance), // Content Label
    kept(Tag::new(0x0070, 0x0081), Vr::LO, Instance), // Content Description
    kept(Tag::PRESENTATION_CREATION_DATE, Vr::DA, Instance),
    kept(Tag::PRESENTATION_CREATION_TIME, Vr::TM, Instance),
    kept(Tag::new(0x0070, 0x0084), Vr::PN, Instance), // Content Creator's Name
];

/// An attribute that the catalog counts or gathers instead of copying.
pub const COMPUTED: &[Kept] = &[
    kept(Tag::NUMBER_OF_PATIENT_RELATED_STUDIES, Vr::IS, Patient),
    kept(Tag::NUMBER_OF_PATIENT_RELATED_SERIES, Vr::IS, Patient),
    kept(Tag::NUMBER_OF_PATIENT_RELATED_INSTANCES, Vr::IS, Patient),
    Kept { default: true, ..many(Tag::MODALITIES_IN_STUDY, Vr::CS, Study) },
    many(Tag::SOP_CLASSES_IN_STUDY, Vr::UI, Study),
    kept(Tag::ANATOMIC_REGIONS_IN_STUDY_CODE_SEQUENCE, Vr::SQ, Study),
    shown(Tag::NUMBER_OF_STUDY_RELATED_SERIES, Vr::IS, Study),
    shown(Tag::NUMBER_OF_STUDY_RELATED_INSTANCES, Vr::IS, Study),
    shown(Tag::NUMBER_OF_SERIES_RELATED_INSTANCES, Vr::IS, Series),
    kept(Tag::ALTERNATE_REPRESENTATION_SEQUENCE, Vr::SQ, Instance), // always empty: we make none
    many(Tag::AVAILABLE_TRANSFER_SYNTAX_UID, Vr::UI, Instance),
];

/// Dates and the times that belong to them: together they are a moment (PS3.4 §C.2.2.2.5.4, §C.2.2.2.1.3). A
/// patient's birth is not among them: people are told apart by the day, which no time zone may change.
pub const DATES_AND_TIMES: &[(Tag, Tag)] = &[
    (Tag::INSTANCE_CREATION_DATE, Tag::INSTANCE_CREATION_TIME),
    (Tag::STUDY_DATE, Tag::STUDY_TIME),
    (Tag::SERIES_DATE, Tag::SERIES_TIME),
    (Tag::ACQUISITION_DATE, Tag::ACQUISITION_TIME),
    (Tag::CONTENT_DATE, Tag::CONTENT_TIME),
    (Tag::SCHEDULED_PROCEDURE_STEP_START_DATE, Tag::SCHEDULED_PROCEDURE_STEP_START_TIME),
    (Tag::PERFORMED_PROCEDURE_STEP_START_DATE, Tag::PERFORMED_PROCEDURE_STEP_START_TIME),
    (Tag::PERFORMED_PROCEDURE_STEP_END_DATE, Tag::PERFORMED_PROCEDURE_STEP_END_TIME),
    (Tag::PRESENTATION_CREATION_DATE, Tag::PRESENTATION_CREATION_TIME),
];

/// All of them by tag: every attribute of every object is looked up here.
static BY_TAG: LazyLock<Vec<Kept>> = LazyLock::new(|| {
    let mut all: Vec<Kept> = KEPT.iter().chain(COMPUTED).copied().collect();
    all.sort_unstable_by_key(|kept| kept.tag);
    all
});

/// What is known of `tag`, kept or computed.
#[must_use]
pub fn known(tag: Tag) -> Option<&'static Kept> {
    let index = BY_TAG.binary_search_by_key(&tag, |kept| kept.tag).ok()?;
    BY_TAG.get(index)
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

    #[test]
    fn every_key_that_the_standard_names_is_known_at_its_level() {
        let tables: [(Level, &[u32]); 4] = [
            (
                Patient,
                &[
                    0x0010_0010,
                    0x0010_0020,
                    0x0010_0021,
                    0x0008_1120,
                    0x0010_0030,
                    0x0010_0032,
                    0x0010_0040,
                    0x0010_1002,
                    0x0010_1001,
                    0x0010_2160,
                    0x0010_4000,
                    0x0020_1200,
                    0x0020_1202,
                    0x0020_1204,
                ],
            ),
            (
                Study,
                &[
                    0x0008_0020,
                    0x0008_0030,
                    0x0008_0050,
                    0x0020_0010,
                    0x0020_000D,
                    0x0008_0061,
                    0x0008_0062,
                    0x0008_0063,
                    0x0008_0090,
                    0x0008_1030,
                    0x0008_1032,
                    0x0008_1060,
                    0x0008_1080,
                    0x0008_1110,
                    0x0010_1010,
                    0x0010_1020,
                    0x0010_1030,
                    0x0010_2180,
                    0x0010_21B0,
                    0x0020_1070,
                    0x0020_1206,
                    0x0020_1208,
                ],
            ),
            (Series, &[0x0008_0060, 0x0020_0011, 0x0020_000E, 0x0020_1209]),
            (
                Instance,
                &[
                    0x0020_0013,
                    0x0008_0018,
                    0x0008_0016,
                    0x0008_3002,
                    0x0008_3001,
                    0x0008_001A,
                    0x0040_A043,
                    0x0040_A504,
                    0x0040_0512,
                    0x0040_0560,
                ],
            ),
        ];
        for (level, tags) in tables {
            for tag in tags {
                let tag = Tag::from_hex(&format!("{tag:08X}")).unwrap();
                assert_eq!(known(tag).map(|kept| kept.level), Some(level), "{tag}");
            }
        }
    }
}
