//! The edits of a transform, held against the dictionary when it is saved (PS3.5 §6.2, PS3.6).

use causeway_core::transform::{Edit, MAX_EDITS, MAX_MAP_LINES};
use causeway_core::{Tag, Transform, Uid, Vr};

use super::action::is_free_text;
use super::dates;
use crate::dictionary::{self, Entry};

/// Why a transform cannot be saved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// There is no such attribute.
    #[error("'{0}' is no attribute of the standard: name it by its keyword or as (gggg,eeee)")]
    Unknown(String),
    /// It has to stay as it is.
    #[error("{name} cannot be edited: {reason}")]
    Untouchable {
        /// As it was named.
        name: String,
        /// In words.
        reason: &'static str,
    },
    /// A value that the attribute cannot have.
    #[error("{name} cannot be '{value}': its VR is {vr}, {reason}")]
    Value {
        /// As it was named.
        name: String,
        /// The VR of the attribute.
        vr: Vr,
        /// The value.
        value: String,
        /// In words.
        reason: &'static str,
    },
    /// Two attributes that cannot have each other's values.
    #[error("{from} is {from_vr} and {to} is {to_vr}: one cannot have the value of the other")]
    Copy {
        /// The attribute that is read.
        from: String,
        /// Its VR.
        from_vr: Vr,
        /// The attribute that is written.
        to: String,
        /// Its VR.
        to_vr: Vr,
    },
    /// Longer than is taken.
    #[error("there are more than {0}")]
    TooMany(&'static str),
    /// It says two things that exclude each other.
    #[error("{0}")]
    Contradiction(&'static str),
}

/// Attributes that say what an object is, or how it is read: another value would make it another object.
const OF_THE_OBJECT: &[Tag] = &[
    Tag::SPECIFIC_CHARACTER_SET,
    Tag::SOP_CLASS_UID,
    Tag::SOP_INSTANCE_UID,
    Tag::STUDY_INSTANCE_UID,
    Tag::SERIES_INSTANCE_UID,
];
const BURNED_IN_ANNOTATION: Tag = Tag::new(0x0028, 0x0301);
const WORDS_OF_CONTRADICTION: &str = "what is copied, mapped or extended after de-identification would bring back what it \
     takes away: there, attributes can be set, removed and be given an issuer";

/// An attribute that may be edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) tag: Tag,
    pub(super) vr: Vr,
}

/// Reads the name of an attribute: a keyword, or `(gggg,eeee)`.
pub(super) fn target(name: &str) -> Result<Target, PlanError> {
    let hex =
        name.strip_prefix('(').and_then(|name| name.strip_suffix(')')).map(|name| name.replace(',', ""));
    let tag = hex.as_deref().map_or_else(|| dictionary::tag_of(name), Tag::from_hex);
    let tag = tag.ok_or_else(|| PlanError::Unknown(name.to_owned()))?;
    let untouchable = |reason| PlanError::Untouchable { name: name.to_owned(), reason };
    if tag.is_private() {
        return Err(untouchable("private attributes mean nothing without their creator"));
    }
    let vr = match dictionary::entry(tag) {
        Some(Entry::Exact(vr)) => vr,
        Some(_) => return Err(untouchable("its VR depends on the pixels")),
        None => return Err(PlanError::Unknown(name.to_owned())),
    };
    let is_of_pixels = tag.group() == 0x0028 && tag != BURNED_IN_ANNOTATION;
    if tag.element() == 0 || tag.group() < 0x0008 || is_of_pixels || tag.group() >= 0x7FE0 {
        return Err(untouchable("it belongs to the encoding or to the pixels"));
    }
    if OF_THE_OBJECT.contains(&tag) {
        return Err(untouchable("it says which object this is"));
    }
    Ok(Target { tag, vr })
}

/// The same, of an attribute whose values have a form as text.
pub(super) fn target_of_values(name: &str) -> Result<Target, PlanError> {
    let target = target(name)?;
    if target.vr == Vr::SQ || target.vr.is_binary() {
        let reason = "it has no values that can be written as text";
        return Err(PlanError::Untouchable { name: name.to_owned(), reason });
    }
    Ok(target)
}

fn check(transform: &Transform, edit: &Edit) -> Result<(), PlanError> {
    let brings_back =
        matches!(edit, Edit::Copy { .. } | Edit::Map { .. } | Edit::Prefix { .. } | Edit::Suffix { .. });
    if brings_back && transform.deidentifies() {
        return Err(PlanError::Contradiction(WORDS_OF_CONTRADICTION));
    }
    match edit {
        Edit::Set { attribute, values } => {
            let Target { vr, .. } = target_of_values(attribute)?;
            if values.len() > 1 && !vr.is_multi_valued() {
                let words = PlanError::Value {
                    name: attribute.clone(),
                    vr,
                    value: values.join("', '"),
                    reason: "which has one value only",
                };
                return Err(words);
            }
            values.iter().try_for_each(|value| check_value(attribute, vr, value))
        }
        Edit::Remove { attribute } => target(attribute).map(drop),
        Edit::Copy { from, to } => {
            let (source, goal) = (target_of_values(from)?, target_of_values(to)?);
            let fits = source.vr == goal.vr || (is_free_text(source.vr) && is_free_text(goal.vr));
            if fits {
                return Ok(());
            }
            Err(PlanError::Copy { from: from.clone(), from_vr: source.vr, to: to.clone(), to_vr: goal.vr })
        }
        Edit::Map { attribute, table } => {
            let Target { vr, .. } = target_of_values(attribute)?;
            if table.len() > MAX_MAP_LINES {
                return Err(PlanError::TooMany("4096 lines in the table of a map"));
            }
            table.values().try_for_each(|value| check_value(attribute, vr, value))
        }
        Edit::Prefix { attribute, text } | Edit::Suffix { attribute, text } => {
            let Target { vr, .. } = target_of_values(attribute)?;
            if !is_free_text(vr) && vr != Vr::PN && vr != Vr::CS && vr != Vr::AE {
                let reason = "only text can be extended";
                return Err(PlanError::Untouchable { name: attribute.clone(), reason });
            }
            check_value(attribute, vr, text)
        }
        Edit::Issuer { namespace, universal, .. } => {
            check_value("IssuerOfPatientID", Vr::LO, namespace)?;
            let Some(universal) = universal else { return Ok(()) };
            check_value("UniversalEntityID", Vr::UT, &universal.id)?;
            check_value("UniversalEntityIDType", Vr::CS, &universal.kind)
        }
    }
}

/// Whether everything that a transform says can be done.
pub(super) fn check_all(transform: &Transform) -> Result<(), PlanError> {
    use causeway_core::transform::ProfileOption::{RetainFullDates, RetainModifiedDates};

    if transform.edits.len() > MAX_EDITS {
        return Err(PlanError::TooMany("256 edits"));
    }
    if transform.has(RetainFullDates) && transform.has(RetainModifiedDates) {
        let words = "dates either stay or are shifted: 'retain-full-dates' and 'retain-modified-dates' exclude each other";
        return Err(PlanError::Contradiction(words));
    }
    transform.edits.iter().try_for_each(|edit| check(transform, edit))
}

fn check_value(name: &str, vr: Vr, value: &str) -> Result<(), PlanError> {
    match fault(vr, value) {
        None => Ok(()),
        Some(reason) => Err(PlanError::Value { name: name.to_owned(), vr, value: value.to_owned(), reason }),
    }
}

/// What is wrong with a value of this VR (PS3.5 Table 6.2-1).
pub(super) fn fault(vr: Vr, value: &str) -> Option<&'static str> {
    let chars = value.chars().count();
    let too_long = |limit: usize, words: &'static str| (chars > limit).then_some(words);
    if value.chars().any(|letter| letter.is_control() && !(is_long(vr) && "\t\n\r\u{c}".contains(letter))) {
        return Some("which takes no control characters");
    }
    if vr.is_multi_valued() && value.contains('\\') {
        return Some("in which a backslash separates values: write several values");
    }
    if value.is_empty() {
        return None;
    }
    let has_only = |letters: fn(u8) -> bool| value.bytes().all(letters);
    let number = |fits: bool| (!fits).then_some("which takes a number of its range");
    match vr {
        Vr::AE if !value.is_ascii() => Some("which takes ASCII only"),
        Vr::AE | Vr::SH => too_long(16, "which takes 16 characters at most"),
        Vr::CS if !has_only(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b' ' || b == b'_') => {
            Some("which takes upper-case letters, digits, blanks and underscores")
        }
        Vr::CS => too_long(16, "which takes 16 characters at most"),
        Vr::LO => too_long(64, "which takes 64 characters at most"),
        Vr::PN => value
            .split('=')
            .any(|group| group.chars().count() > 64)
            .then_some("of which each group takes 64 characters at most"),
        Vr::ST => too_long(1024, "which takes 1024 characters at most"),
        Vr::LT => too_long(10_240, "which takes 10240 characters at most"),
        Vr::AS => {
            let fine = value.len() == 4
                && value.bytes().take(3).all(|b| b.is_ascii_digit())
                && value.ends_with(['D', 'W', 'M', 'Y']);
            (!fine).then_some("which takes three digits and D, W, M or Y")
        }
        Vr::DA | Vr::DT | Vr::TM => {
            dates::shift(value, vr, 0).is_none().then_some("which takes YYYYMMDD, or HHMMSS, or both")
        }
        Vr::DS => number(chars <= 16 && value.parse::<f64>().is_ok_and(f64::is_finite)),
        Vr::IS => number(value.parse::<i32>().is_ok()),
        Vr::UI => Uid::parse(value).is_err().then_some("which takes a UID"),
        Vr::US => number(value.parse::<u16>().is_ok()),
        Vr::SS => number(value.parse::<i16>().is_ok()),
        Vr::UL => number(value.parse::<u32>().is_ok()),
        Vr::SL => number(value.parse::<i32>().is_ok()),
        Vr::UV => number(value.parse::<u64>().is_ok()),
        Vr::SV => number(value.parse::<i64>().is_ok()),
        Vr::FL => number(value.parse::<f32>().is_ok_and(f32::is_finite)),
        Vr::FD => number(value.parse::<f64>().is_ok_and(f64::is_finite)),
        Vr::UR if !value.is_ascii() => Some("which takes ASCII only"),
        Vr::UC | Vr::UT | Vr::UR => too_long(10_240, "of which 10240 characters are taken at most"),
        Vr::AT | Vr::SQ | Vr::OB | Vr::OD | Vr::OF | Vr::OL | Vr::OV | Vr::OW | Vr::UN => {
            Some("which has no form as text here")
        }
    }
}

const fn is_long(vr: Vr) -> bool {
    matches!(vr, Vr::LT | Vr::ST | Vr::UT)
}

#[cfg(test)]
mod tests {
    use causeway_core::transform::Deidentify;

    use super::*;

    fn words(edit: &str) -> String {
        let mut transform = Transform::named("t".parse().unwrap());
        transform.edits = vec![serde_json::from_str(edit).unwrap()];
        check_all(&transform).map_or_else(|error| error.to_string(), |()| "fine".to_owned())
    }

    #[test]
    fn what_cannot_be_done_is_named_when_it_is_saved() {
        for (edit, expected) in [
            (r#"{"action":"set","attribute":"PatientName","values":["A^B"]}"#, "fine"),
            (r#"{"action":"set","attribute":"(0010,0010)","values":["A^B"]}"#, "fine"),
            (
                r#"{"action":"set","attribute":"PatientsName","values":["A"]}"#,
                "'PatientsName' is no attribute",
            ),
            (
                r#"{"action":"set","attribute":"AccessionNumber","values":["12345678901234567"]}"#,
                "AccessionNumber cannot be",
            ),
            (r#"{"action":"set","attribute":"PatientBirthDate","values":["1.1.70"]}"#, "its VR is DA"),
            (
                r#"{"action":"set","attribute":"StudyInstanceUID","values":["1.2"]}"#,
                "StudyInstanceUID cannot be edited",
            ),
            (r#"{"action":"set","attribute":"Rows","values":["1"]}"#, "Rows cannot be edited"),
            (r#"{"action":"remove","attribute":"PixelData"}"#, "PixelData cannot be edited"),
            (r#"{"action":"remove","attribute":"(0009,0010)"}"#, "private attributes"),
            (
                r#"{"action":"set","attribute":"RequestAttributesSequence","values":[]}"#,
                "no values that can be written",
            ),
            (
                r#"{"action":"copy","from":"PatientName","to":"PatientID"}"#,
                "PatientName is PN and PatientID is LO",
            ),
            (r#"{"action":"copy","from":"PatientID","to":"AccessionNumber"}"#, "fine"),
            (r#"{"action":"prefix","attribute":"StudyDate","text":"1"}"#, "only text can be extended"),
            (r#"{"action":"map","attribute":"PatientSex","table":{"male":"m"}}"#, "upper-case"),
            (r#"{"action":"set","attribute":"StudyID","values":["a\\b"]}"#, "backslash"),
        ] {
            let said = words(edit);
            assert!(said.contains(expected), "{edit}: {said}");
        }
    }

    #[test]
    fn what_would_bring_back_an_identity_is_not_saved() {
        let mut transform = Transform::named("t".parse().unwrap());
        transform.deidentify = Some(Deidentify::default());
        transform.edits = vec![Edit::Copy { from: "PatientID".to_owned(), to: "StudyID".to_owned() }];
        assert!(matches!(check_all(&transform), Err(PlanError::Contradiction(_))));
        transform.edits = vec![Edit::Set { attribute: "StudyID".to_owned(), values: vec!["1".to_owned()] }];
        assert_eq!(check_all(&transform), Ok(()));
    }

    #[test]
    fn lengths_are_held_at_their_bound_and_beyond() {
        for (vr, bound) in [(Vr::SH, 16), (Vr::LO, 64), (Vr::PN, 64), (Vr::ST, 1024), (Vr::LT, 10_240)] {
            assert_eq!(fault(vr, &"ä".repeat(bound)), None, "{vr}");
            assert!(fault(vr, &"ä".repeat(bound + 1)).is_some(), "{vr}");
        }
    }
}
