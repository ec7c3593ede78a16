//! What an entry of the worklist must have (PS3.4 Table K.6-1), and what is chosen for it where it says nothing. Pure
//! but for the identifiers that are chosen.

use std::fmt;

use causeway_core::worklist::{self, ScheduledStatus, change_step};
use causeway_core::{Attributes, Element, Tag, Uid, Value, Vr};
use causeway_dataset::dictionary;

use super::values::fault;

/// Characters of a step ID that is chosen: all that VR SH holds.
const STEP_ID_CHARS: usize = 16;

/// An attribute that cannot be as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// Where it stands: the tags of the sequences around it, then its own.
    pub place: Vec<Tag>,
    /// What is wrong with it, to follow its name: "is missing".
    pub words: String,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |tag: &Tag| dictionary::keyword_of(*tag).map_or_else(|| tag.to_string(), str::to_owned);
        let path: Vec<String> = self.place.iter().map(name).collect();
        write!(f, "{} {}", path.join("."), self.words)
    }
}

impl std::error::Error for Invalid {}

/// Attributes that must have a value, beside the step's own.
const NEEDED: [Tag; 4] =
    [Tag::PATIENT_NAME, Tag::PATIENT_ID, Tag::STUDY_INSTANCE_UID, Tag::REQUESTED_PROCEDURE_ID];
/// Attributes of the step that must have a value.
const NEEDED_IN_STEP: [Tag; 5] = [
    Tag::SCHEDULED_STATION_AE_TITLE,
    Tag::SCHEDULED_PROCEDURE_STEP_START_DATE,
    Tag::SCHEDULED_PROCEDURE_STEP_START_TIME,
    Tag::MODALITY,
    Tag::SCHEDULED_PROCEDURE_STEP_ID,
];
const STEP: Tag = Tag::SCHEDULED_PROCEDURE_STEP_SEQUENCE;

/// Chooses what is missing and can be chosen; `earlier` is the entry whose place it takes.
pub(super) fn complete(entry: Attributes, earlier: Option<&Attributes>) -> Attributes {
    let mut entry = trimmed(entry);
    // Everything that is kept is UTF-8, and says so when it goes out.
    entry.retain(|tag| tag.element() != 0 && tag != Tag::SPECIFIC_CHARACTER_SET);
    let earlier_step = earlier.and_then(worklist::step);
    let earlier_text = |tag| earlier.and_then(|entry| entry.first(tag)).map(str::to_owned);
    let step_text = |tag| earlier_step.and_then(|step| step.first(tag)).map(str::to_owned);
    let described = worklist::step(&entry)
        .and_then(|step| step.first(Tag::SCHEDULED_PROCEDURE_STEP_DESCRIPTION))
        .map(str::to_owned);
    let ordered = entry.first(Tag::REQUESTED_PROCEDURE_DESCRIPTION).map(str::to_owned);

    default(&mut entry, Tag::STUDY_INSTANCE_UID, Vr::UI, || {
        earlier_text(Tag::STUDY_INSTANCE_UID).unwrap_or_else(|| new_uid().to_string())
    });
    if !has_code(&entry, Tag::REQUESTED_PROCEDURE_CODE_SEQUENCE)
        && let Some(words) = &described
    {
        default(&mut entry, Tag::REQUESTED_PROCEDURE_DESCRIPTION, Vr::LO, || words.clone());
    }
    change_step(&mut entry, |step| {
        default(step, Tag::SCHEDULED_PROCEDURE_STEP_ID, Vr::SH, || {
            step_text(Tag::SCHEDULED_PROCEDURE_STEP_ID).unwrap_or_else(new_step_id)
        });
        default(step, Tag::SCHEDULED_PROCEDURE_STEP_STATUS, Vr::CS, || {
            let status = step_text(Tag::SCHEDULED_PROCEDURE_STEP_STATUS);
            status.unwrap_or_else(|| ScheduledStatus::Scheduled.as_str().to_owned())
        });
        if !has_code(step, Tag::SCHEDULED_PROTOCOL_CODE_SEQUENCE)
            && let Some(words) = &ordered
        {
            default(step, Tag::SCHEDULED_PROCEDURE_STEP_DESCRIPTION, Vr::LO, || words.clone());
        }
    });
    let accession = entry.first(Tag::ACCESSION_NUMBER).map(str::to_owned);
    let step_id = worklist::step(&entry).and_then(|step| step.first(Tag::SCHEDULED_PROCEDURE_STEP_ID));
    let step_id = step_id.unwrap_or_default().to_owned();
    default(&mut entry, Tag::REQUESTED_PROCEDURE_ID, Vr::SH, || {
        earlier_text(Tag::REQUESTED_PROCEDURE_ID).or(accession).unwrap_or(step_id)
    });
    entry
}

fn default(attributes: &mut Attributes, tag: Tag, vr: Vr, value: impl FnOnce() -> String) {
    if attributes.first(tag).is_none() {
        attributes.put_text(tag, vr, value());
    }
}

fn has_code(attributes: &Attributes, tag: Tag) -> bool {
    attributes.get(tag).is_some_and(|element| !element.items().is_empty())
}

/// A UID that nobody else has.
pub(crate) fn new_uid() -> Uid {
    Uid::of_uuid(uuid::Uuid::new_v4().as_u128())
}

fn new_step_id() -> String {
    let mut id = uuid::Uuid::new_v4().simple().to_string().to_uppercase();
    id.truncate(STEP_ID_CHARS);
    id
}

/// The same without spaces around values, which mean nothing (PS3.5 §6.2) but in long texts.
fn trimmed(attributes: Attributes) -> Attributes {
    let trim = |vr: Vr, text: String| {
        if vr.is_text() && vr.is_multi_valued() { text.trim().to_owned() } else { text }
    };
    attributes
        .into_iter()
        .map(|(tag, Element { vr, value })| {
            let value = match value {
                Value::Text(values) => Value::Text(values.into_iter().map(|text| trim(vr, text)).collect()),
                Value::Items(items) => Value::Items(items.into_iter().map(trimmed).collect()),
            };
            (tag, Element { vr, value })
        })
        .collect()
}

/// Whether a completed entry can be kept.
pub(super) fn check(entry: &Attributes) -> Result<(), Invalid> {
    check_values(entry, &mut Vec::new())?;
    let missing = |place: &[Tag]| Err(Invalid { place: place.to_vec(), words: "is missing".to_owned() });
    if let Some(tag) = NEEDED.into_iter().find(|tag| entry.first(*tag).is_none()) {
        return missing(&[tag]);
    }
    let steps = entry.get(STEP).map(Element::items).unwrap_or_default();
    let [step] = steps else {
        let words = "must have exactly one item: one entry is one step".to_owned();
        return Err(Invalid { place: vec![STEP], words });
    };
    if let Some(tag) = NEEDED_IN_STEP.into_iter().find(|tag| step.first(*tag).is_none()) {
        return missing(&[STEP, tag]);
    }
    if worklist::status(entry).is_none() {
        let statuses: Vec<&str> = ScheduledStatus::ALL.iter().map(|status| status.as_str()).collect();
        let words = format!("must be one of {}", statuses.join(", "));
        return Err(Invalid { place: vec![STEP, Tag::SCHEDULED_PROCEDURE_STEP_STATUS], words });
    }
    check_described(entry, step)
}

/// Procedure and step are each described by words, by a code, or by both.
fn check_described(entry: &Attributes, step: &Attributes) -> Result<(), Invalid> {
    let pairs = [
        (entry, Tag::REQUESTED_PROCEDURE_DESCRIPTION, Tag::REQUESTED_PROCEDURE_CODE_SEQUENCE, &[][..]),
        (step, Tag::SCHEDULED_PROCEDURE_STEP_DESCRIPTION, Tag::SCHEDULED_PROTOCOL_CODE_SEQUENCE, &[STEP]),
    ];
    for (attributes, words, code, around) in pairs {
        if attributes.first(words).is_none() && !has_code(attributes, code) {
            let place = [around, &[words]].concat();
            return Err(Invalid { place, words: "is missing, and there is no code either".to_owned() });
        }
    }
    let codes = entry.get(Tag::REQUESTED_PROCEDURE_CODE_SEQUENCE).map(Element::items).unwrap_or_default();
    if codes.len() > 1 {
        let words = "must have one item".to_owned();
        return Err(Invalid { place: vec![Tag::REQUESTED_PROCEDURE_CODE_SEQUENCE], words });
    }
    Ok(())
}

/// Whether every attribute has the VR that the standard gives it, and values of that VR.
fn check_values(attributes: &Attributes, around: &mut Vec<Tag>) -> Result<(), Invalid> {
    for (tag, element) in attributes.iter() {
        around.push(tag);
        let invalid = |words| Err(Invalid { place: around.clone(), words });
        if let Some(dictionary::Entry::Exact(vr)) = dictionary::entry(tag).filter(|_| !tag.is_private())
            && vr != element.vr
        {
            return invalid(format!("is of VR {}, not {vr}", element.vr));
        }
        if let Some(words) = element.values().iter().find_map(|value| fault(element.vr, value)) {
            return invalid(words);
        }
        for item in element.items() {
            check_values(item, around)?;
        }
        around.pop();
    }
    Ok(())
}

#[cfg(test)]
mod tests;
