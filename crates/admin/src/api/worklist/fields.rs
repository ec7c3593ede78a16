//! The flat form's table of contents: which name stands for which attribute, and where.

use causeway_core::{Tag, Vr};

/// One name of the flat form.
#[derive(Debug)]
pub(super) struct Field {
    /// The name; a dot parts the name of the object around it.
    pub(super) path: &'static str,
    pub(super) tag: Tag,
    pub(super) vr: Vr,
    pub(super) place: Place,
    pub(super) kind: Kind,
}

/// Where an attribute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the entry.
    Entry,
    /// In the one item of Scheduled Procedure Step Sequence.
    Step,
}

/// What stands at a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A text, or a number.
    Text,
    /// A text, or a list of them.
    Texts,
    /// `1970-12-31`, or the eight digits alone.
    Date,
    /// `{"value": …, "scheme": …, "meaning": …}`.
    Code,
    /// A list of these.
    Codes,
}

/// When the step begins: date and time in one, so it has no row of its own.
pub(super) const START: &str = "step.start";

const fn entry(path: &'static str, group: u16, element: u16, vr: Vr, kind: Kind) -> Field {
    Field { path, tag: Tag::new(group, element), vr, place: Place::Entry, kind }
}

const fn step(path: &'static str, group: u16, element: u16, vr: Vr, kind: Kind) -> Field {
    Field { path, tag: Tag::new(group, element), vr, place: Place::Step, kind }
}

use Kind::{Code, Codes, Date, Text, Texts};

/// Every name, in the order in which they are shown.
pub(super) const FIELDS: &[Field] = &[
    step("status", 0x0040, 0x0020, Vr::CS, Text),
    entry("patient.id", 0x0010, 0x0020, Vr::LO, Text),
    entry("patient.issuer", 0x0010, 0x0021, Vr::LO, Text),
    entry("patient.name", 0x0010, 0x0010, Vr::PN, Text),
    entry("patient.birth_date", 0x0010, 0x0030, Vr::DA, Date),
    entry("patient.sex", 0x0010, 0x0040, Vr::CS, Text),
    entry("patient.size", 0x0010, 0x1020, Vr::DS, Text),
    entry("patient.weight", 0x0010, 0x1030, Vr::DS, Text),
    entry("patient.medical_alerts", 0x0010, 0x2000, Vr::LO, Texts),
    entry("patient.allergies", 0x0010, 0x2110, Vr::LO, Texts),
    entry("patient.pregnancy_status", 0x0010, 0x21C0, Vr::US, Text),
    entry("patient.state", 0x0038, 0x0500, Vr::LO, Text),
    entry("patient.special_needs", 0x0038, 0x0050, Vr::LO, Text),
    entry("patient.location", 0x0038, 0x0300, Vr::LO, Text),
    entry("patient.confidentiality", 0x0040, 0x3001, Vr::LO, Text),
    entry("patient.comments", 0x0010, 0x4000, Vr::LT, Text),
    entry("accession_number", 0x0008, 0x0050, Vr::SH, Text),
    entry("study_instance_uid", 0x0020, 0x000D, Vr::UI, Text),
    entry("referring_physician", 0x0008, 0x0090, Vr::PN, Text),
    entry("requesting_physician", 0x0032, 0x1032, Vr::PN, Text),
    entry("admission_id", 0x0038, 0x0010, Vr::LO, Text),
    entry("requested_procedure.id", 0x0040, 0x1001, Vr::SH, Text),
    entry("requested_procedure.description", 0x0032, 0x1060, Vr::LO, Text),
    entry("requested_procedure.code", 0x0032, 0x1064, Vr::SQ, Code),
    entry("requested_procedure.priority", 0x0040, 0x1003, Vr::SH, Text),
    entry("requested_procedure.reason", 0x0040, 0x1002, Vr::LO, Text),
    entry("requested_procedure.comments", 0x0040, 0x1400, Vr::LT, Text),
    step("step.id", 0x0040, 0x0009, Vr::SH, Text),
    step("step.station_ae", 0x0040, 0x0001, Vr::AE, Texts),
    step("step.station_name", 0x0040, 0x0010, Vr::SH, Texts),
    step("step.location", 0x0040, 0x0011, Vr::SH, Text),
    step("step.modality", 0x0008, 0x0060, Vr::CS, Text),
    step("step.description", 0x0040, 0x0007, Vr::LO, Text),
    step("step.protocol_codes", 0x0040, 0x0008, Vr::SQ, Codes),
    step("step.performing_physician", 0x0040, 0x0006, Vr::PN, Text),
    step("step.premedication", 0x0040, 0x0012, Vr::LO, Text),
    step("step.contrast_agent", 0x0032, 0x1070, Vr::LO, Text),
    step("step.comments", 0x0040, 0x0400, Vr::LT, Text),
];

/// The parts of a code.
pub(super) const CODE: [(&str, Tag, Vr); 3] = [
    ("value", Tag::CODE_VALUE, Vr::SH),
    ("scheme", Tag::CODING_SCHEME_DESIGNATOR, Vr::SH),
    ("meaning", Tag::CODE_MEANING, Vr::LO),
];

/// The objects around names.
pub(super) const GROUPS: [&str; 3] = ["patient", "requested_procedure", "step"];

/// What the node says and nobody tells it: passed over, so that what was shown can be put back.
pub(super) const SHOWN_ONLY: [&str; 2] = ["id", "changed_at"];

/// The field at `path`.
pub(super) fn field(path: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.path == path)
}

/// The name of the attribute at `place`, the tags of the sequences around it before its own.
pub(super) fn name_of(place: &[Tag]) -> Option<&'static str> {
    const STEP: Tag = Tag::SCHEDULED_PROCEDURE_STEP_SEQUENCE;
    let find = |tag: Tag, place: Place| FIELDS.iter().find(|field| field.tag == tag && field.place == place);
    match place {
        [STEP, Tag::SCHEDULED_PROCEDURE_STEP_START_DATE | Tag::SCHEDULED_PROCEDURE_STEP_START_TIME, ..] => {
            Some(START)
        }
        [STEP, tag, ..] => find(*tag, Place::Step).map(|field| field.path),
        [STEP] => Some("step"),
        [tag, ..] => find(*tag, Place::Entry).map(|field| field.path),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_and_each_attribute_stands_once() {
        for (index, field) in FIELDS.iter().enumerate() {
            let others = FIELDS.iter().skip(index + 1);
            assert!(
                others.clone().all(|other| other.path != field.path && other.tag != field.tag),
                "{}",
                field.path
            );
            if let Some((group, _)) = field.path.split_once('.') {
                assert!(GROUPS.contains(&group), "{group}");
            }
        }
    }

    #[test]
    fn an_attribute_is_named_by_its_place() {
        let step = Tag::SCHEDULED_PROCEDURE_STEP_SEQUENCE;
        assert_eq!(name_of(&[Tag::PATIENT_ID]), Some("patient.id"));
        assert_eq!(name_of(&[step, Tag::MODALITY]), Some("step.modality"));
        assert_eq!(name_of(&[step, Tag::SCHEDULED_PROCEDURE_STEP_START_TIME]), Some("step.start"));
        assert_eq!(
            name_of(&[Tag::REQUESTED_PROCEDURE_CODE_SEQUENCE, Tag::CODE_MEANING]),
            Some("requested_procedure.code")
        );
        assert_eq!(name_of(&[Tag::MODALITY]), None);
    }
}
