//! Which attributes have a column, and what the column holds.

use causeway_core::query::levels;
use causeway_core::{Level, Tag};

use crate::people::Words;

/// A column that a key can be held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    /// A UID, as it is.
    Uid(&'static str),
    /// A text, as it is; NULL when there is none.
    Text(&'static str),
    /// A text, as it is, which is indexed where it is not empty.
    Identity(&'static str),
    /// A whole number; NULL when it is none.
    Number(&'static str),
    /// Eight digits.
    Date(&'static str),
    /// Twelve digits.
    Time(&'static str),
    /// Three folded groups, and an index of their words.
    Name([&'static str; 3], Words),
    /// The modalities of the study's series.
    ModalitiesInStudy,
}

/// The column of `tag` for a search at `level`; none for an attribute of a level below it.
pub(super) fn of(tag: Tag, level: Level) -> Option<Column> {
    let known = levels::known(tag).filter(|known| known.level <= level)?;
    Some(match known.tag {
        Tag::PATIENT_NAME => {
            let groups = ["patient.name_alphabetic", "patient.name_ideographic", "patient.name_phonetic"];
            Column::Name(groups, Words::PATIENT)
        }
        Tag::PATIENT_ID => Column::Identity("patient.patient_id"),
        Tag::PATIENT_BIRTH_DATE => Column::Date("patient.birth_date"),
        Tag::PATIENT_SEX => Column::Text("patient.sex"),
        Tag::STUDY_INSTANCE_UID => Column::Uid("study.uid"),
        Tag::STUDY_DATE => Column::Date("study.study_date"),
        Tag::STUDY_TIME => Column::Time("study.study_time"),
        Tag::ACCESSION_NUMBER => Column::Text("study.accession"),
        Tag::STUDY_ID => Column::Text("study.study_id"),
        Tag::STUDY_DESCRIPTION => Column::Text("study.description"),
        Tag::REFERRING_PHYSICIAN_NAME => {
            let groups =
                ["study.referring_alphabetic", "study.referring_ideographic", "study.referring_phonetic"];
            Column::Name(groups, Words::STUDY)
        }
        Tag::MODALITIES_IN_STUDY => Column::ModalitiesInStudy,
        Tag::SERIES_INSTANCE_UID => Column::Uid("series.uid"),
        Tag::MODALITY => Column::Text("series.modality"),
        Tag::SERIES_NUMBER => Column::Number("series.number"),
        Tag::SERIES_DESCRIPTION => Column::Text("series.description"),
        Tag::BODY_PART_EXAMINED => Column::Text("series.body_part"),
        Tag::PERFORMED_PROCEDURE_STEP_START_DATE => Column::Date("series.performed_date"),
        Tag::PERFORMED_PROCEDURE_STEP_START_TIME => Column::Time("series.performed_time"),
        Tag::SOP_INSTANCE_UID => Column::Uid("instance.uid"),
        Tag::SOP_CLASS_UID => Column::Uid("instance.sop_class"),
        Tag::INSTANCE_NUMBER => Column::Number("instance.number"),
        _ => return None,
    })
}
