//! An instance record split into the rows it makes: one per level, with the columns that are searched.

use causeway_core::query::{dates, levels};
use causeway_core::{Attributes, InstanceRecord, Level, Tag};

use crate::people;

/// A record's four sets of attributes.
pub(crate) struct Split {
    pub(crate) patient: Attributes,
    pub(crate) study: Attributes,
    pub(crate) series: Attributes,
    pub(crate) instance: Attributes,
}

impl Split {
    pub(crate) fn of(record: &mut InstanceRecord) -> Self {
        let mut split = Self {
            patient: Attributes::new(),
            study: Attributes::new(),
            series: Attributes::new(),
            instance: Attributes::new(),
        };
        for (tag, element) in std::mem::take(&mut record.attributes) {
            let own = match levels::level_of(tag) {
                Level::Patient => &mut split.patient,
                Level::Study => &mut split.study,
                Level::Series => &mut split.series,
                Level::Instance => &mut split.instance,
            };
            own.put(tag, element);
        }
        split
    }
}

/// The searched columns of a patient.
pub(crate) struct PatientColumns {
    pub(crate) name: [Option<String>; 3],
    pub(crate) birth_date: Option<String>,
    pub(crate) sex: Option<String>,
}

impl PatientColumns {
    pub(crate) fn of(attributes: &Attributes) -> Self {
        Self {
            name: people::columns(attributes.first(Tag::PATIENT_NAME)),
            birth_date: date(attributes, Tag::PATIENT_BIRTH_DATE),
            sex: text(attributes, Tag::PATIENT_SEX),
        }
    }
}

/// The searched columns of a study.
pub(crate) struct StudyColumns {
    pub(crate) date: Option<String>,
    pub(crate) time: Option<String>,
    pub(crate) accession: Option<String>,
    pub(crate) study_id: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) referring: [Option<String>; 3],
}

impl StudyColumns {
    pub(crate) fn of(attributes: &Attributes) -> Self {
        Self {
            date: date(attributes, Tag::STUDY_DATE),
            time: time(attributes, Tag::STUDY_TIME),
            accession: text(attributes, Tag::ACCESSION_NUMBER),
            study_id: text(attributes, Tag::STUDY_ID),
            description: text(attributes, Tag::STUDY_DESCRIPTION),
            referring: people::columns(attributes.first(Tag::REFERRING_PHYSICIAN_NAME)),
        }
    }
}

/// The searched columns of a series.
pub(crate) struct SeriesColumns {
    pub(crate) modality: Option<String>,
    pub(crate) number: Option<i64>,
    pub(crate) description: Option<String>,
    pub(crate) body_part: Option<String>,
    pub(crate) performed_date: Option<String>,
    pub(crate) performed_time: Option<String>,
}

impl SeriesColumns {
    pub(crate) fn of(attributes: &Attributes) -> Self {
        Self {
            modality: text(attributes, Tag::MODALITY),
            number: number(attributes, Tag::SERIES_NUMBER),
            description: text(attributes, Tag::SERIES_DESCRIPTION),
            body_part: text(attributes, Tag::BODY_PART_EXAMINED),
            performed_date: date(attributes, Tag::PERFORMED_PROCEDURE_STEP_START_DATE),
            performed_time: time(attributes, Tag::PERFORMED_PROCEDURE_STEP_START_TIME),
        }
    }
}

fn text(attributes: &Attributes, tag: Tag) -> Option<String> {
    attributes.first(tag).map(|text| cut(text).to_owned())
}

/// Longest text of a column that keys are held against, in characters; the rest stands in the attributes alone. No attribute
/// with such a column may have as many (PS3.5 §6.2), and an index of PostgreSQL takes no more than 2,700 bytes.
pub(crate) const MAX_SEARCHED_CHARS: usize = 512;

/// What of a text stands in such a column.
pub(crate) fn cut(text: &str) -> &str {
    let end = text.char_indices().nth(MAX_SEARCHED_CHARS).map_or(text.len(), |(end, _)| end);
    text.get(..end).unwrap_or(text)
}

pub(crate) fn number(attributes: &Attributes, tag: Tag) -> Option<i64> {
    attributes.first(tag).and_then(|text| text.trim().parse().ok())
}

fn date(attributes: &Attributes, tag: Tag) -> Option<String> {
    attributes.first(tag).and_then(dates::date)
}

fn time(attributes: &Attributes, tag: Tag) -> Option<String> {
    attributes.first(tag).and_then(|text| dates::time(text, '0'))
}
