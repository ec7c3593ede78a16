//! Attributes of reports, by tag (PS3.6), and which of them are told.

use causeway_core::Tag;

pub(super) const VALUE_TYPE: Tag = Tag::new(0x0040, 0xA040);
pub(super) const RELATIONSHIP: Tag = Tag::new(0x0040, 0xA010);
pub(super) const OBSERVED: Tag = Tag::new(0x0040, 0xA032);
pub(super) const CONCEPT_NAME: Tag = Tag::new(0x0040, 0xA043);
pub(super) const CONCEPT_CODE: Tag = Tag::new(0x0040, 0xA168);
pub(super) const DATE_TIME: Tag = Tag::new(0x0040, 0xA120);
pub(super) const DATE: Tag = Tag::new(0x0040, 0xA121);
pub(super) const TIME: Tag = Tag::new(0x0040, 0xA122);
pub(super) const PERSON_NAME: Tag = Tag::new(0x0040, 0xA123);
pub(super) const UID: Tag = Tag::new(0x0040, 0xA124);
pub(super) const TEXT: Tag = Tag::new(0x0040, 0xA160);
pub(super) const MEASURED: Tag = Tag::new(0x0040, 0xA300);
pub(super) const QUALIFIER: Tag = Tag::new(0x0040, 0xA301);
pub(super) const NUMERIC_VALUE: Tag = Tag::new(0x0040, 0xA30A);
pub(super) const FLOATING_POINT_VALUE: Tag = Tag::new(0x0040, 0xA161);
pub(super) const UNITS: Tag = Tag::new(0x0040, 0x08EA);
pub(super) const CONTENT: Tag = Tag::new(0x0040, 0xA730);
pub(super) const REFERENCED_ITEM: Tag = Tag::new(0x0040, 0xDB73);
pub(super) const GRAPHIC_TYPE: Tag = Tag::new(0x0070, 0x0023);
pub(super) const GRAPHIC_DATA: Tag = Tag::new(0x0070, 0x0022);
pub(super) const FRAME_OF_REFERENCE: Tag = Tag::new(0x3006, 0x0024);
pub(super) const RANGE_TYPE: Tag = Tag::new(0x0040, 0xA130);
pub(super) const SAMPLES: Tag = Tag::new(0x0040, 0xA132);
pub(super) const OFFSETS: Tag = Tag::new(0x0040, 0xA138);
pub(super) const MOMENTS: Tag = Tag::new(0x0040, 0xA13A);
pub(super) const FRAMES: Tag = Tag::new(0x0008, 0x1160);
pub(super) const SEGMENTS: Tag = Tag::new(0x0062, 0x000B);
pub(super) const CHANNELS: Tag = Tag::new(0x0040, 0xA0B0);
pub(super) const OBSERVER_NAME: Tag = Tag::new(0x0040, 0xA075);
pub(super) const OBSERVER_ORGANIZATION: Tag = Tag::new(0x0040, 0xA027);
pub(super) const VERIFIED: Tag = Tag::new(0x0040, 0xA030);
const OBSERVERS: Tag = Tag::new(0x0040, 0xA073);
const COMPLETION: Tag = Tag::new(0x0040, 0xA491);
const VERIFICATION: Tag = Tag::new(0x0040, 0xA493);

/// What a report is about, in the order in which it is told.
pub(super) const HEADING: [(&str, Tag); 13] = [
    ("Patient", Tag::PATIENT_NAME),
    ("Patient ID", Tag::PATIENT_ID),
    ("Birth date", Tag::PATIENT_BIRTH_DATE),
    ("Sex", Tag::PATIENT_SEX),
    ("Study", Tag::STUDY_DESCRIPTION),
    ("Study date", Tag::STUDY_DATE),
    ("Accession number", Tag::ACCESSION_NUMBER),
    ("Series", Tag::SERIES_DESCRIPTION),
    ("Content date", Tag::CONTENT_DATE),
    ("Content time", Tag::CONTENT_TIME),
    ("Completion", COMPLETION),
    ("Verification", VERIFICATION),
    ("Verified by", OBSERVERS),
];

/// Whether it belongs to the root content item, which stands in the data set itself.
pub(super) fn is_of_item(tag: Tag) -> bool {
    [
        VALUE_TYPE,
        OBSERVED,
        CONCEPT_NAME,
        CONCEPT_CODE,
        DATE_TIME,
        DATE,
        TIME,
        PERSON_NAME,
        UID,
        TEXT,
        MEASURED,
        QUALIFIER,
        CONTENT,
        Tag::REFERENCED_SOP_SEQUENCE,
        GRAPHIC_TYPE,
        GRAPHIC_DATA,
        FRAME_OF_REFERENCE,
        RANGE_TYPE,
        SAMPLES,
        OFFSETS,
        MOMENTS,
    ]
    .contains(&tag)
}
