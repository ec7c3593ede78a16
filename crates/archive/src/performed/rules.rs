//! What a modality may say of a performed procedure step, and when (PS3.4 Table F.7.2-1). Pure.
//!
//! Attributes that must have a value are asked for. Those that must be there but may be empty (type 2) are not: many
//! modalities leave them out, and nothing is lost by it.

use causeway_core::query::dates;
use causeway_core::worklist::PerformedStatus;
use causeway_core::{Attributes, Element, Tag, Uid};

/// Attributes of a step that must have a value when it is created.
const NEEDED: [Tag; 7] = [
    Tag::SCHEDULED_STEP_ATTRIBUTES_SEQUENCE,
    Tag::PERFORMED_PROCEDURE_STEP_ID,
    Tag::PERFORMED_STATION_AE_TITLE,
    Tag::PERFORMED_PROCEDURE_STEP_START_DATE,
    Tag::PERFORMED_PROCEDURE_STEP_START_TIME,
    Tag::PERFORMED_PROCEDURE_STEP_STATUS,
    Tag::MODALITY,
];
/// Attributes that must have a value when the step ends.
const NEEDED_AT_END: [Tag; 3] = [
    Tag::PERFORMED_PROCEDURE_STEP_END_DATE,
    Tag::PERFORMED_PROCEDURE_STEP_END_TIME,
    Tag::PERFORMED_SERIES_SEQUENCE,
];
/// Attributes of a series that must have a value.
const NEEDED_IN_SERIES: [Tag; 2] = [Tag::PROTOCOL_NAME, Tag::SERIES_INSTANCE_UID];
/// Dates and times among them.
const DATES: [Tag; 2] = [Tag::PERFORMED_PROCEDURE_STEP_START_DATE, Tag::PERFORMED_PROCEDURE_STEP_END_DATE];
const TIMES: [Tag; 2] = [Tag::PERFORMED_PROCEDURE_STEP_START_TIME, Tag::PERFORMED_PROCEDURE_STEP_END_TIME];

/// Attributes that stay what they were when the step was created.
const NOT_TO_BE_SET: [Tag; 24] = [
    Tag::MODALITY,
    Tag::REFERENCED_PATIENT_SEQUENCE,
    Tag::PATIENT_NAME,
    Tag::PATIENT_ID,
    Tag::ISSUER_OF_PATIENT_ID,
    Tag::new(0x0010, 0x0024), // Issuer of Patient ID Qualifiers Sequence
    Tag::PATIENT_BIRTH_DATE,
    Tag::PATIENT_SEX,
    Tag::new(0x0010, 0x1002), // Other Patient IDs Sequence
    Tag::STUDY_ID,
    Tag::new(0x0038, 0x0010), // Admission ID
    Tag::new(0x0038, 0x0014), // Issuer of Admission ID Sequence
    Tag::new(0x0038, 0x0060), // Service Episode ID
    Tag::new(0x0038, 0x0062), // Service Episode Description
    Tag::new(0x0038, 0x0064), // Issuer of Service Episode ID Sequence
    Tag::PERFORMED_STATION_AE_TITLE,
    Tag::new(0x0040, 0x0242), // Performed Station Name
    Tag::new(0x0040, 0x0243), // Performed Location
    Tag::PERFORMED_PROCEDURE_STEP_START_DATE,
    Tag::PERFORMED_PROCEDURE_STEP_START_TIME,
    Tag::PERFORMED_PROCEDURE_STEP_ID,
    Tag::SCHEDULED_STEP_ATTRIBUTES_SEQUENCE,
    Tag::SOP_CLASS_UID,
    Tag::SOP_INSTANCE_UID,
];

/// "Incorrect worklist entry selected" of PS3.16 context group 9300: code value and scheme.
const WRONG_ENTRY: (&str, &str) = ("110514", "DCM");

/// What is wrong with what was told. Names attributes, those of items by their own tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Attributes that are not there.
    Missing(Vec<Tag>),
    /// Attributes that are there and have no value.
    Empty(Vec<Tag>),
    /// Attributes with a value that cannot be.
    Invalid(Vec<Tag>),
}

/// A step after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Changed {
    pub(super) attributes: Attributes,
    pub(super) status: PerformedStatus,
    /// Attributes that were to be set to another value and may not be.
    pub(super) left: Vec<Tag>,
}

/// Whether a step can be created so.
pub(super) fn check_new(step: &Attributes) -> Result<(), Fault> {
    have_values(step, &NEEDED)?;
    if status(step) != Some(PerformedStatus::InProgress) {
        return Err(Fault::Invalid(vec![Tag::PERFORMED_PROCEDURE_STEP_STATUS]));
    }
    for scheduled in items(step, Tag::SCHEDULED_STEP_ATTRIBUTES_SEQUENCE) {
        have_values(scheduled, &[Tag::STUDY_INSTANCE_UID])?;
        are_uids(scheduled, &[Tag::STUDY_INSTANCE_UID])?;
    }
    check_values(step)
}

/// The step `kept` with what `change` sets.
pub(super) fn set(kept: &Attributes, change: Attributes) -> Result<Changed, Fault> {
    let is_fixed = |tag: Tag| NOT_TO_BE_SET.contains(&tag);
    let differs = |(tag, element): &(Tag, &Element)| is_fixed(*tag) && kept.get(*tag) != Some(*element);
    let left = change.iter().filter(differs).map(|(tag, _)| tag).collect();
    let mut attributes = kept.clone();
    let mut change = change;
    change.retain(|tag| !is_fixed(tag));
    attributes.merge(change);
    let invalid = || Fault::Invalid(vec![Tag::PERFORMED_PROCEDURE_STEP_STATUS]);
    let status = status(&attributes).ok_or_else(invalid)?;
    check_values(&attributes)?;
    if status.is_final() {
        check_end(&attributes)?;
    }
    Ok(Changed { attributes, status, left })
}

/// Whether a step can end so.
fn check_end(step: &Attributes) -> Result<(), Fault> {
    have_values(step, &NEEDED_AT_END)?;
    for series in items(step, Tag::PERFORMED_SERIES_SEQUENCE) {
        have_values(series, &NEEDED_IN_SERIES)?;
    }
    Ok(())
}

fn check_values(step: &Attributes) -> Result<(), Fault> {
    let not_date = |tag: &Tag| step.first(*tag).is_some_and(|text| dates::date(text).is_none());
    let not_time = |tag: &Tag| step.first(*tag).is_some_and(|text| dates::time(text, '0').is_none());
    let wrong: Vec<Tag> =
        DATES.into_iter().filter(not_date).chain(TIMES.into_iter().filter(not_time)).collect();
    if !wrong.is_empty() {
        return Err(Fault::Invalid(wrong));
    }
    items(step, Tag::PERFORMED_SERIES_SEQUENCE)
        .iter()
        .try_for_each(|series| are_uids(series, &[Tag::SERIES_INSTANCE_UID]))
}

fn have_values(attributes: &Attributes, tags: &[Tag]) -> Result<(), Fault> {
    let missing: Vec<Tag> = tags.iter().copied().filter(|tag| !attributes.contains(*tag)).collect();
    if !missing.is_empty() {
        return Err(Fault::Missing(missing));
    }
    let is_empty = |tag: &Tag| attributes.get(*tag).is_none_or(Element::is_empty);
    let empty: Vec<Tag> = tags.iter().copied().filter(is_empty).collect();
    if empty.is_empty() { Ok(()) } else { Err(Fault::Empty(empty)) }
}

/// What is there of `tags` must be UIDs.
fn are_uids(attributes: &Attributes, tags: &[Tag]) -> Result<(), Fault> {
    let is_none = |tag: &Tag| attributes.first(*tag).is_some_and(|text| Uid::parse(text).is_err());
    let wrong: Vec<Tag> = tags.iter().copied().filter(is_none).collect();
    if wrong.is_empty() { Ok(()) } else { Err(Fault::Invalid(wrong)) }
}

pub(super) fn items(attributes: &Attributes, tag: Tag) -> &[Attributes] {
    attributes.get(tag).map(Element::items).unwrap_or_default()
}

fn status(step: &Attributes) -> Option<PerformedStatus> {
    PerformedStatus::parse(step.first(Tag::PERFORMED_PROCEDURE_STEP_STATUS)?)
}

/// Whether a step was given up because it was begun for the wrong entry of the worklist.
pub(super) fn was_mistaken(step: &Attributes) -> bool {
    let reasons = items(step, Tag::PERFORMED_PROCEDURE_STEP_DISCONTINUATION_REASON_CODE_SEQUENCE);
    status(step) == Some(PerformedStatus::Discontinued)
        && reasons.iter().any(|code| {
            code.first(Tag::CODE_VALUE) == Some(WRONG_ENTRY.0)
                && code.first(Tag::CODING_SCHEME_DESIGNATOR) == Some(WRONG_ENTRY.1)
        })
}

#[cfg(test)]
mod tests;
