//! The types of directory records, and the keys of each (PS3.3 §F.5).

use causeway_core::{Tag, Uid};

/// A type of record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Directory Record Type (0004,1430).
    pub(super) name: &'static str,
    /// Keys of types 1 and 2: empty where the file has none.
    pub(super) needed: &'static [Tag],
    /// Keys of types 1C and 3: there only where the file has them.
    pub(super) if_there: &'static [Tag],
}

const fn content(name: &'static str) -> Record {
    Record { name, needed: &[Tag::INSTANCE_NUMBER, Tag::CONTENT_DATE, Tag::CONTENT_TIME], if_there: &[] }
}

/// With the Content Identification Macro (PS3.3 §10.9).
const fn labelled(name: &'static str) -> Record {
    Record {
        name,
        needed: &[
            Tag::INSTANCE_NUMBER,
            Tag::CONTENT_DATE,
            Tag::CONTENT_TIME,
            CONTENT_LABEL,
            CONTENT_DESCRIPTION,
            CONTENT_CREATOR,
        ],
        if_there: &[],
    }
}

const CONTENT_LABEL: Tag = Tag::new(0x0070, 0x0080);
const CONTENT_DESCRIPTION: Tag = Tag::new(0x0070, 0x0081);
const CONTENT_CREATOR: Tag = Tag::new(0x0070, 0x0084);
const CONCEPT_NAME: Tag = Tag::new(0x0040, 0xA043);

pub(super) const PATIENT: Record = Record {
    name: "PATIENT",
    needed: &[Tag::PATIENT_NAME, Tag::PATIENT_ID],
    if_there: &[Tag::ISSUER_OF_PATIENT_ID, Tag::PATIENT_BIRTH_DATE, Tag::PATIENT_SEX],
};
pub(super) const STUDY: Record = Record {
    name: "STUDY",
    needed: &[
        Tag::STUDY_DATE,
        Tag::STUDY_TIME,
        Tag::ACCESSION_NUMBER,
        Tag::STUDY_DESCRIPTION,
        Tag::STUDY_INSTANCE_UID,
        Tag::STUDY_ID,
    ],
    if_there: &[Tag::REFERRING_PHYSICIAN_NAME],
};
pub(super) const SERIES: Record = Record {
    name: "SERIES",
    needed: &[Tag::MODALITY, Tag::SERIES_INSTANCE_UID, Tag::SERIES_NUMBER],
    if_there: &[Tag::SERIES_DESCRIPTION, Tag::BODY_PART_EXAMINED],
};

const IMAGE: Record = Record { name: "IMAGE", needed: &[Tag::INSTANCE_NUMBER], if_there: &[] };
const RT_DOSE: Record = Record {
    name: "RT DOSE",
    needed: &[Tag::INSTANCE_NUMBER, Tag::new(0x3004, 0x000A)],
    if_there: &[Tag::new(0x3004, 0x0006)],
};
const RT_STRUCTURE_SET: Record = Record {
    name: "RT STRUCTURE SET",
    needed: &[
        Tag::INSTANCE_NUMBER,
        Tag::new(0x3006, 0x0002),
        Tag::new(0x3006, 0x0008),
        Tag::new(0x3006, 0x0009),
    ],
    if_there: &[],
};
const RT_PLAN: Record = Record {
    name: "RT PLAN",
    needed: &[
        Tag::INSTANCE_NUMBER,
        Tag::new(0x300A, 0x0002),
        Tag::new(0x300A, 0x0006),
        Tag::new(0x300A, 0x0007),
    ],
    if_there: &[],
};
const RT_TREAT_RECORD: Record = Record {
    name: "RT TREAT RECORD",
    needed: &[Tag::INSTANCE_NUMBER, Tag::new(0x3008, 0x0250), Tag::new(0x3008, 0x0251)],
    if_there: &[],
};
const PRESENTATION: Record = Record {
    name: "PRESENTATION",
    needed: &[
        Tag::INSTANCE_NUMBER,
        CONTENT_LABEL,
        CONTENT_DESCRIPTION,
        Tag::new(0x0070, 0x0082),
        Tag::new(0x0070, 0x0083),
        CONTENT_CREATOR,
    ],
    if_there: &[Tag::REFERENCED_SERIES_SEQUENCE, Tag::new(0x0070, 0x0402)],
};
const WAVEFORM: Record = content("WAVEFORM");
const SR_DOCUMENT: Record = Record {
    name: "SR DOCUMENT",
    needed: &[
        Tag::CONTENT_DATE,
        Tag::CONTENT_TIME,
        Tag::INSTANCE_NUMBER,
        CONCEPT_NAME,
        Tag::new(0x0040, 0xA491),
        Tag::new(0x0040, 0xA493),
    ],
    if_there: &[Tag::new(0x0040, 0xA030)],
};
const KEY_OBJECT_DOC: Record = Record {
    name: "KEY OBJECT DOC",
    needed: &[Tag::CONTENT_DATE, Tag::CONTENT_TIME, Tag::INSTANCE_NUMBER, CONCEPT_NAME],
    if_there: &[],
};
const SPECTROSCOPY: Record = Record {
    name: "SPECTROSCOPY",
    needed: &[
        Tag::new(0x0008, 0x0008),
        Tag::CONTENT_DATE,
        Tag::CONTENT_TIME,
        Tag::INSTANCE_NUMBER,
        Tag::new(0x0028, 0x0008),
        Tag::new(0x0028, 0x0010),
        Tag::new(0x0028, 0x0011),
        Tag::new(0x0028, 0x9001),
        Tag::new(0x0028, 0x9002),
    ],
    if_there: &[],
};
const RAW_DATA: Record = content("RAW DATA");
const REGISTRATION: Record = labelled("REGISTRATION");
const FIDUCIAL: Record = labelled("FIDUCIAL");
const ENCAP_DOC: Record = Record {
    name: "ENCAP DOC",
    needed: &[
        Tag::CONTENT_DATE,
        Tag::CONTENT_TIME,
        Tag::INSTANCE_NUMBER,
        CONCEPT_NAME,
        Tag::new(0x0042, 0x0010),
        Tag::new(0x0042, 0x0012),
    ],
    if_there: &[Tag::new(0x0040, 0xE001)],
};
const VALUE_MAP: Record = labelled("VALUE MAP");
const STEREOMETRIC: Record = Record { name: "STEREOMETRIC", needed: &[], if_there: &[] };
const PLAN: Record = Record { name: "PLAN", needed: &[], if_there: &[] };
const MEASUREMENT: Record = labelled("MEASUREMENT");
const SURFACE: Record = labelled("SURFACE");
const SURFACE_SCAN: Record =
    Record { name: "SURFACE SCAN", needed: &[Tag::CONTENT_DATE, Tag::CONTENT_TIME], if_there: &[] };
const TRACT: Record = labelled("TRACT");
const ASSESSMENT: Record = Record {
    name: "ASSESSMENT",
    needed: &[Tag::INSTANCE_NUMBER, Tag::INSTANCE_CREATION_DATE, Tag::INSTANCE_CREATION_TIME],
    if_there: &[],
};
const RADIOTHERAPY: Record = Record {
    name: "RADIOTHERAPY",
    needed: &[Tag::INSTANCE_NUMBER, CONTENT_DESCRIPTION, CONTENT_CREATOR],
    if_there: &[Tag::new(0x3010, 0x0033), Tag::new(0x3010, 0x0034)],
};
const ANNOTATION: Record = labelled("ANNOTATION");

/// The types of records that stand for a file, each with its SOP classes, below 1.2.840.10008.5.1.4.
const OF_FILES: &[(&Record, &[&str])] = &[
    (&RT_DOSE, &["1.1.481.2"]),
    (&RT_STRUCTURE_SET, &["1.1.481.3"]),
    (&RT_PLAN, &["1.1.481.5", "1.1.481.8"]),
    (&RT_TREAT_RECORD, &["1.1.481.4", "1.1.481.6", "1.1.481.7", "1.1.481.9"]),
    (
        &PRESENTATION,
        &[
            "1.1.11.1",
            "1.1.11.2",
            "1.1.11.3",
            "1.1.11.4",
            "1.1.11.5",
            "1.1.11.6",
            "1.1.11.7",
            "1.1.11.8",
            "1.1.11.9",
            "1.1.11.10",
            "1.1.11.11",
            "1.1.11.12",
            "1.1.131",
        ],
    ),
    (
        &WAVEFORM,
        &[
            "1.1.9.1.1",
            "1.1.9.1.2",
            "1.1.9.1.3",
            "1.1.9.1.4",
            "1.1.9.2.1",
            "1.1.9.3.1",
            "1.1.9.4.1",
            "1.1.9.4.2",
            "1.1.9.5.1",
            "1.1.9.6.1",
            "1.1.9.6.2",
            "1.1.9.7.1",
            "1.1.9.7.2",
            "1.1.9.7.3",
            "1.1.9.7.4",
            "1.1.9.8.1",
        ],
    ),
    (
        &SR_DOCUMENT,
        &[
            "1.1.88.11",
            "1.1.88.22",
            "1.1.88.33",
            "1.1.88.34",
            "1.1.88.35",
            "1.1.88.40",
            "1.1.88.50",
            "1.1.88.65",
            "1.1.88.67",
            "1.1.88.68",
            "1.1.88.69",
            "1.1.88.70",
            "1.1.88.71",
            "1.1.88.72",
            "1.1.88.73",
            "1.1.88.74",
            "1.1.88.75",
            "1.1.88.76",
            "1.1.78.6",
            "1.1.79.1",
        ],
    ),
    (&KEY_OBJECT_DOC, &["1.1.88.59"]),
    (&SPECTROSCOPY, &["1.1.4.2"]),
    (&RAW_DATA, &["1.1.66"]),
    (&REGISTRATION, &["1.1.66.1", "1.1.66.3"]),
    (&FIDUCIAL, &["1.1.66.2"]),
    (&ENCAP_DOC, &["1.1.104.1", "1.1.104.2", "1.1.104.3", "1.1.104.4", "1.1.104.5"]),
    (&VALUE_MAP, &["1.1.67"]),
    (&STEREOMETRIC, &["1.1.77.1.5.3"]),
    (&PLAN, &["34.7", "34.10"]),
    (
        &MEASUREMENT,
        &["1.1.78.1", "1.1.78.2", "1.1.78.3", "1.1.78.4", "1.1.78.5", "1.1.78.7", "1.1.78.8", "1.1.80.1"],
    ),
    (&SURFACE, &["1.1.66.5"]),
    (&SURFACE_SCAN, &["1.1.68.1", "1.1.68.2"]),
    (&TRACT, &["1.1.66.6"]),
    (&ASSESSMENT, &["1.1.90.1"]),
    (
        &RADIOTHERAPY,
        &[
            "1.1.481.10",
            "1.1.481.11",
            "1.1.481.12",
            "1.1.481.13",
            "1.1.481.14",
            "1.1.481.15",
            "1.1.481.16",
            "1.1.481.17",
            "1.1.481.18",
            "1.1.481.19",
            "1.1.481.20",
            "1.1.481.21",
        ],
    ),
    (&ANNOTATION, &["1.1.91.1"]),
];

/// The record of a file of this SOP class; that of an image where no other is known.
pub(super) fn of(sop_class: &Uid) -> &'static Record {
    let name = sop_class.as_str().strip_prefix("1.2.840.10008.5.1.4.").unwrap_or_default();
    OF_FILES.iter().find(|(_, classes)| classes.contains(&name)).map_or(&IMAGE, |(record, _)| record)
}

/// All types of records.
pub(super) fn all() -> impl Iterator<Item = &'static Record> {
    [&PATIENT, &STUDY, &SERIES, &IMAGE].into_iter().chain(OF_FILES.iter().map(|(record, _)| *record))
}
