//! A question to a remote, as it is put: a level, attributes by name, values. Made an identifier of C-FIND (PS3.4
//! §C.4.1.1.3) here; what a value means is for the remote to say. Pure.

use std::collections::BTreeMap;

use causeway_core::{Attributes, Element, Level, Tag, Uid, Value, Vr, sop_class};
use causeway_dataset::dictionary;
use serde::Deserialize;

/// Most attributes of one question.
pub const MAX_KEYS: usize = 128;
/// Most bytes of one value.
const MAX_VALUE_BYTES: usize = 16 * 1024;
/// Longest path through sequences, in attributes.
const MAX_PATH_DEPTH: usize = 8;

/// The information model that is asked in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Root {
    /// Patient Root (PS3.4 §C.6.1).
    Patient,
    /// Study Root (PS3.4 §C.6.2).
    #[default]
    Study,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Patients; in Patient Root only.
    Patient,
    /// Studies.
    #[default]
    Study,
    /// Series.
    Series,
    /// Instances of any kind.
    Image,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Question {
    /// What is asked for.
    pub level: Scope,
    /// In which model.
    pub root: Root,
    /// Attributes by keyword or as eight hexadecimal digits, through sequences with dots, and what each is to be; an
    /// empty text: it is only to be told. Several values are parted by backslashes.
    pub keys: BTreeMap<String, String>,
    /// Whether names are to be matched fuzzily, where the remote can.
    pub fuzzy: bool,
    /// Most matches wanted.
    pub limit: Option<u64>,
}

/// Why a question cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    /// Nobody knows it.
    #[error(
        "there is no attribute '{0}': give a keyword of PS3.6, such as PatientID, or eight hexadecimal digits"
    )]
    Unknown(String),
    /// It is said another way.
    #[error("'{0}' is not given as a key: {1}")]
    NotAKey(String, &'static str),
    /// A sequence has no value of its own, and what is none has no attributes inside.
    #[error("'{0}' does not fit: a sequence is given a value through a dot, as in Sequence.Attribute=VALUE")]
    Shape(String),
    /// It is too long.
    #[error(
        "the value of '{0}' is longer than {MAX_VALUE_BYTES} bytes, or the path than {MAX_PATH_DEPTH} names"
    )]
    TooLong(String),
    /// There are too many.
    #[error("more than {MAX_KEYS} attributes are asked about")]
    TooMany,
    /// Study Root has no patients.
    #[error("patients are asked for in the Patient Root: give root patient")]
    NoPatients,
    /// An instance is retrieved below its series.
    #[error("an instance is named with its series")]
    NoSeries,
}

/// A question that can be put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) level: Level,
    pub(super) model: Uid,
    pub(super) identifier: Attributes,
    pub(super) limit: Option<u64>,
    /// Extended negotiation, where it is needed (PS3.4 §C.5.1.1): relational queries, date and time combined, fuzzy
    /// names, timezone.
    pub(super) extended: Option<[u8; 4]>,
}

/// What is told of each when nothing is asked about it.
const OF_PATIENTS: &[Tag] = &[
    Tag::PATIENT_NAME,
    Tag::PATIENT_ID,
    Tag::PATIENT_BIRTH_DATE,
    Tag::PATIENT_SEX,
    Tag::NUMBER_OF_PATIENT_RELATED_STUDIES,
];
const OF_STUDIES: &[Tag] = &[
    Tag::PATIENT_NAME,
    Tag::PATIENT_ID,
    Tag::PATIENT_BIRTH_DATE,
    Tag::STUDY_DATE,
    Tag::STUDY_TIME,
    Tag::ACCESSION_NUMBER,
    Tag::MODALITIES_IN_STUDY,
    Tag::STUDY_DESCRIPTION,
    Tag::STUDY_ID,
    Tag::STUDY_INSTANCE_UID,
    Tag::NUMBER_OF_STUDY_RELATED_SERIES,
    Tag::NUMBER_OF_STUDY_RELATED_INSTANCES,
];
const OF_SERIES: &[Tag] = &[
    Tag::STUDY_INSTANCE_UID,
    Tag::SERIES_INSTANCE_UID,
    Tag::SERIES_NUMBER,
    Tag::MODALITY,
    Tag::SERIES_DESCRIPTION,
    Tag::NUMBER_OF_SERIES_RELATED_INSTANCES,
];
const OF_IMAGES: &[Tag] = &[
    Tag::STUDY_INSTANCE_UID,
    Tag::SERIES_INSTANCE_UID,
    Tag::SOP_INSTANCE_UID,
    Tag::SOP_CLASS_UID,
    Tag::INSTANCE_NUMBER,
];

impl Scope {
    const fn level(self) -> Level {
        match self {
            Self::Patient => Level::Patient,
            Self::Study => Level::Study,
            Self::Series => Level::Series,
            Self::Image => Level::Instance,
        }
    }

    const fn usual(self) -> &'static [Tag] {
        match self {
            Self::Patient => OF_PATIENTS,
            Self::Study => OF_STUDIES,
            Self::Series => OF_SERIES,
            Self::Image => OF_IMAGES,
        }
    }

    /// The levels above, each of which must be named by its one unique key (PS3.4 §C.4.1.2.1).
    fn above(self, root: Root) -> impl Iterator<Item = Level> {
        let levels = [Level::Patient, Level::Study, Level::Series];
        let first = match root {
            Root::Patient => Level::Patient,
            Root::Study => Level::Study,
        };
        levels.into_iter().filter(move |level| *level >= first && *level < self.level())
    }
}

impl Question {
    /// The question as it is put.
    pub(super) fn read(&self) -> Result<Asked, QuestionError> {
        if (self.level, self.root) == (Scope::Patient, Root::Study) {
            return Err(QuestionError::NoPatients);
        }
        if self.keys.len() > MAX_KEYS {
            return Err(QuestionError::TooMany);
        }
        let mut identifier = Attributes::new();
        for tag in self.level.usual() {
            identifier.put(*tag, Element::empty(vr_of(*tag)));
        }
        for (name, value) in &self.keys {
            put(&mut identifier, name, value)?;
        }
        let is_relational = self.level.above(self.root).any(|level| !names_one(&identifier, level));
        identifier.put_text(Tag::QUERY_RETRIEVE_LEVEL, Vr::CS, self.level.level().as_str());
        let model = match self.root {
            Root::Patient => sop_class::PATIENT_ROOT_FIND,
            Root::Study => sop_class::STUDY_ROOT_FIND,
        };
        let model = Uid::parse(model).map_err(|_| QuestionError::Unknown(model.to_owned()))?;
        let wanted = is_relational || self.fuzzy;
        let extended = wanted.then_some([u8::from(is_relational), 0, u8::from(self.fuzzy), 0]);
        Ok(Asked { level: self.level.level(), model, identifier, limit: self.limit, extended })
    }
}

impl Asked {
    /// Whether names are to be matched fuzzily.
    pub(super) fn is_fuzzy(&self) -> bool {
        self.extended.is_some_and(|[_, _, fuzzy, _]| fuzzy == 1)
    }

    /// What was asked for by extended negotiation and is not among what was granted, in words.
    pub(super) fn not_granted(&self, granted: &[u8]) -> Vec<String> {
        let lacks = |index: usize| {
            let asked = self.extended.and_then(|asked| asked.get(index).copied());
            asked == Some(1) && granted.get(index) != Some(&1)
        };
        let relational = lacks(0).then_some(
            "it did not agree to relational queries, and a unique key above the level is not given: name the \
             patient, the study or the series",
        );
        let fuzzy = lacks(2).then_some("it did not agree to match names fuzzily");
        relational.into_iter().chain(fuzzy).map(str::to_owned).collect()
    }
}

fn vr_of(tag: Tag) -> Vr {
    dictionary::vr_of(tag).unwrap_or(Vr::UN)
}

/// Whether the unique key of `level` has one value without wildcards.
fn names_one(identifier: &Attributes, level: Level) -> bool {
    let values = identifier.get(level.unique_key()).map(Element::values).unwrap_or_default();
    matches!(values, [one] if !one.is_empty() && !one.contains(['*', '?']))
}

/// Puts one key where its name says.
fn put(identifier: &mut Attributes, name: &str, value: &str) -> Result<(), QuestionError> {
    let shown = || name.chars().filter(|c| !c.is_control()).take(64).collect::<String>();
    let path: Option<Vec<Tag>> = name.split('.').map(dictionary::parse_attribute).collect();
    let path = path.ok_or_else(|| QuestionError::Unknown(shown()))?;
    if path.len() > MAX_PATH_DEPTH || value.len() > MAX_VALUE_BYTES {
        return Err(QuestionError::TooLong(shown()));
    }
    match path.first() {
        Some(&Tag::QUERY_RETRIEVE_LEVEL) => {
            return Err(QuestionError::NotAKey(shown(), "the level is given apart"));
        }
        Some(&Tag::SPECIFIC_CHARACTER_SET) => {
            return Err(QuestionError::NotAKey(shown(), "values are sent in UTF-8 where they are not ASCII"));
        }
        _ => {}
    }
    put_at(identifier, &path, value).ok_or_else(|| QuestionError::Shape(shown()))
}

/// None when the attribute and what is given do not fit each other.
fn put_at(attributes: &mut Attributes, path: &[Tag], value: &str) -> Option<()> {
    let (&tag, inside) = path.split_first()?;
    let vr = dictionary::vr_of(tag)?;
    if inside.is_empty() {
        let element = match value {
            "" => Element::empty(vr),
            _ if vr.width().is_some() || (vr.is_text() && vr.is_multi_valued()) => {
                Element::text(vr, value.split('\\').map(str::to_owned).collect())
            }
            _ if vr.is_text() => Element::text(vr, vec![value.to_owned()]),
            _ => return None,
        };
        attributes.put(tag, element);
        return Some(());
    }
    if vr != Vr::SQ {
        return None;
    }
    let mut item = match attributes.remove(tag).map(|element| element.value) {
        Some(Value::Items(items)) => items.into_iter().next().unwrap_or_default(),
        Some(Value::Text(_)) | None => Attributes::new(),
    };
    put_at(&mut item, inside, value)?;
    attributes.put(tag, Element { vr, value: Value::Items(vec![item]) });
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(level: Scope, root: Root, keys: &[(&str, &str)]) -> Result<Asked, QuestionError> {
        let keys = keys.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Question { level, root, keys, ..Question::default() }.read()
    }

    #[test]
    fn keys_are_named_by_keyword_or_number_and_the_usual_ones_are_asked_about_besides() {
        let keys =
            [("PatientID", "P1"), ("00080060", "CT\\MR"), ("StudyDate", "20250101-20250131"), ("Rows", "")];
        let asked = ask(Scope::Study, Root::Study, &keys).unwrap();
        let told = |tag: Tag| asked.identifier.get(tag).unwrap();
        assert_eq!(asked.identifier.first(Tag::QUERY_RETRIEVE_LEVEL), Some("STUDY"));
        assert_eq!(told(Tag::PATIENT_ID).values(), ["P1"]);
        assert_eq!(told(Tag::MODALITY).values(), ["CT", "MR"]);
        assert_eq!(told(Tag::STUDY_DATE).values(), ["20250101-20250131"]);
        assert!(told(Tag::new(0x0028, 0x0010)).is_empty() && told(Tag::STUDY_INSTANCE_UID).is_empty());
        assert_eq!(asked.extended, None);
    }

    #[test]
    fn attributes_in_one_sequence_stand_in_one_item() {
        let keys = [
            ("RequestAttributesSequence.AccessionNumber", "A1"),
            ("RequestAttributesSequence.RequestedProcedureID", "R1"),
            ("ReferencedStudySequence", ""),
        ];
        let asked = ask(Scope::Series, Root::Study, &keys).unwrap();
        let sequence = asked.identifier.get(Tag::new(0x0040, 0x0275)).unwrap();
        let [item] = sequence.items() else { panic!("{sequence:?}") };
        assert_eq!(item.first(Tag::ACCESSION_NUMBER), Some("A1"));
        assert_eq!(item.len(), 2);
        let empty = asked.identifier.get(Tag::new(0x0008, 0x1110)).unwrap();
        assert!(empty.vr == Vr::SQ && empty.is_empty());
    }

    #[test]
    fn what_cannot_be_asked_is_refused_by_name() {
        use QuestionError::{NoPatients, NotAKey, Shape, TooLong, TooMany, Unknown};
        let study = |name: &str, value: &str| ask(Scope::Study, Root::Study, &[(name, value)]).unwrap_err();
        assert_eq!(study("PatientIdentity", "x"), Unknown("PatientIdentity".to_owned()));
        assert!(matches!(study("QueryRetrieveLevel", "STUDY"), NotAKey(..)));
        assert!(matches!(study("SpecificCharacterSet", "ISO_IR 100"), NotAKey(..)));
        assert!(matches!(study("RequestAttributesSequence", "x"), Shape(_)));
        assert!(matches!(study("PatientID.StudyID", "x"), Shape(_)));
        assert!(matches!(study("PixelData", "x"), Shape(_)));
        assert!(matches!(study("PatientID", &"x".repeat(MAX_VALUE_BYTES + 1)), TooLong(_)));
        assert_eq!(ask(Scope::Patient, Root::Study, &[]).unwrap_err(), NoPatients);
        assert!(ask(Scope::Patient, Root::Patient, &[]).is_ok());
        for (count, fine) in [(MAX_KEYS, true), (MAX_KEYS + 1, false)] {
            let keys = (0..count).map(|n| (format!("{:08X}", 0x0020_0010 + n), String::new())).collect();
            let asked = Question { keys, ..Question::default() }.read();
            assert_eq!(asked == Err(TooMany), !fine);
        }
    }

    #[test]
    fn relational_queries_are_negotiated_only_where_a_key_above_is_not_given() {
        let wanted = |level, root, keys: &[(&str, &str)]| ask(level, root, keys).unwrap().extended;
        let one = [("StudyInstanceUID", "1.2")];
        assert_eq!(wanted(Scope::Series, Root::Study, &one), None);
        assert_eq!(wanted(Scope::Series, Root::Study, &[]), Some([1, 0, 0, 0]));
        assert_eq!(
            wanted(Scope::Series, Root::Study, &[("StudyInstanceUID", "1.2\\1.3")]),
            Some([1, 0, 0, 0])
        );
        assert_eq!(wanted(Scope::Image, Root::Study, &one), Some([1, 0, 0, 0]));
        assert_eq!(wanted(Scope::Study, Root::Patient, &[("PatientID", "P*")]), Some([1, 0, 0, 0]));
        assert_eq!(wanted(Scope::Study, Root::Patient, &[("PatientID", "P1")]), None);
        let fuzzy = Question { fuzzy: true, ..Question::default() }.read().unwrap();
        assert_eq!(fuzzy.extended, Some([0, 0, 1, 0]));
        assert_eq!(fuzzy.not_granted(&[0, 0, 1]), Vec::<String>::new());
        assert_eq!(fuzzy.not_granted(&[]).len(), 1);
    }
}
