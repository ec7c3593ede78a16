//! Attributes as the whole node passes them on: decoded to UTF-8, one text per value.
//!
//! Lives here: the map, and its DICOM JSON form (PS3.18 Annex F), which is both what the catalog keeps and what
//! a search answers. Bulk values are not attributes: they stay in the object. Decoding from bytes is `dataset`'s.

mod json;

use std::collections::BTreeMap;

use serde::de::{Deserializer as _, Error as _};

pub use json::JsonValue;

use json::ObjectVisitor;

use crate::limits::MAX_SEQUENCE_DEPTH;
use crate::tag::Tag;
use crate::vr::Vr;

/// Attributes of a data set or of an item, ordered by tag.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attributes(BTreeMap<Tag, Element>);

/// One attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// How its value is to be read.
    pub vr: Vr,
    /// The value.
    pub value: Value,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Zero or more values as UTF-8 text without padding; numbers in decimal, AT as eight hexadecimal digits,
    /// a person name with its groups parted by `=`. No value at all: the attribute is there and empty.
    Text(Vec<String>),
    /// Items of a sequence.
    Items(Vec<Attributes>),
}

impl Element {
    /// An attribute with these values.
    #[must_use]
    pub fn text(vr: Vr, values: Vec<String>) -> Self {
        Self { vr, value: Value::Text(values) }
    }

    /// An attribute without a value.
    #[must_use]
    pub fn empty(vr: Vr) -> Self {
        let value = if vr == Vr::SQ { Value::Items(Vec::new()) } else { Value::Text(Vec::new()) };
        Self { vr, value }
    }

    /// Its values as text; none for a sequence.
    #[must_use]
    pub fn values(&self) -> &[String] {
        match &self.value {
            Value::Text(values) => values,
            Value::Items(_) => &[],
        }
    }

    /// Its items; none for anything but a sequence.
    #[must_use]
    pub fn items(&self) -> &[Attributes] {
        match &self.value {
            Value::Items(items) => items,
            Value::Text(_) => &[],
        }
    }

    /// Whether there is no value, or only empty ones.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.value {
            Value::Text(values) => values.iter().all(String::is_empty),
            Value::Items(items) => items.is_empty(),
        }
    }
}

impl Attributes {
    /// No attributes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The attribute at `tag`.
    #[must_use]
    pub fn get(&self, tag: Tag) -> Option<&Element> {
        self.0.get(&tag)
    }

    /// The first value at `tag`, when there is one that is not empty.
    #[must_use]
    pub fn first(&self, tag: Tag) -> Option<&str> {
        self.get(tag)?.values().first().map(String::as_str).filter(|text| !text.is_empty())
    }

    /// Whether `tag` is there, with a value or without.
    #[must_use]
    pub fn contains(&self, tag: Tag) -> bool {
        self.0.contains_key(&tag)
    }

    /// Puts an attribute, in place of an earlier one.
    pub fn put(&mut self, tag: Tag, element: Element) {
        self.0.insert(tag, element);
    }

    /// Puts an attribute of one value.
    pub fn put_text(&mut self, tag: Tag, vr: Vr, value: impl Into<String>) {
        self.put(tag, Element::text(vr, vec![value.into()]));
    }

    /// Takes an attribute out.
    pub fn remove(&mut self, tag: Tag) -> Option<Element> {
        self.0.remove(&tag)
    }

    /// All attributes in order of tag.
    pub fn iter(&self) -> impl Iterator<Item = (Tag, &Element)> {
        self.0.iter().map(|(tag, element)| (*tag, element))
    }

    /// The elements in order of tag, to be changed.
    pub fn elements_mut(&mut self) -> impl Iterator<Item = &mut Element> {
        self.0.values_mut()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds all of `other`, which wins where both have a tag.
    pub fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Keeps the attributes for which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(Tag) -> bool) {
        self.0.retain(|tag, _| keep(*tag));
    }

    /// Appends the DICOM JSON object of these attributes (PS3.18 §F.2).
    pub fn write_json(&self, out: &mut Vec<u8>) {
        // Serialising strings and numbers into a Vec cannot fail.
        let _ = serde_json::to_writer(out, self);
    }

    /// The DICOM JSON object of these attributes as text.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a DICOM JSON object.
    ///
    /// # Errors
    /// When `json` is not one, or nests deeper than [`MAX_SEQUENCE_DEPTH`].
    pub fn from_json(json: &str) -> Result<Self, serde_json::Error> {
        Self::from_json_only(json, |_| true)
    }

    /// Reads those attributes of a DICOM JSON object for which `keep` says so, at its top; the others are passed
    /// over.
    ///
    /// # Errors
    /// As for [`Self::from_json`].
    pub fn from_json_only(json: &str, keep: impl Fn(Tag) -> bool) -> Result<Self, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let attributes = deserializer.deserialize_map(ObjectVisitor(keep))?;
        deserializer.end()?;
        if attributes.depth() > MAX_SEQUENCE_DEPTH {
            return Err(serde_json::Error::custom("sequences nest too deep"));
        }
        Ok(attributes)
    }

    fn depth(&self) -> usize {
        self.0.values().flat_map(Element::items).map(|item| 1 + item.depth()).max().unwrap_or(0)
    }
}

impl FromIterator<(Tag, Element)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (Tag, Element)>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

impl IntoIterator for Attributes {
    type Item = (Tag, Element);
    type IntoIter = std::collections::btree_map::IntoIter<Tag, Element>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(tag: Tag, vr: Vr, values: &[&str]) -> Attributes {
        [(tag, Element::text(vr, values.iter().map(ToString::to_string).collect()))].into_iter().collect()
    }

    #[test]
    fn an_empty_attribute_has_a_vr_and_no_value() {
        assert_eq!(one(Tag::STUDY_ID, Vr::SH, &[]).to_json(), r#"{"00200010":{"vr":"SH"}}"#);
        assert_eq!(one(Tag::STUDY_ID, Vr::SH, &[""]).to_json(), r#"{"00200010":{"vr":"SH"}}"#);
    }

    #[test]
    fn only_what_is_wanted_is_read_and_the_rest_must_be_json_all_the_same() {
        let json =
            r#"{"00080020":{"vr":"DA","Value":["20240131"]},"00200010":{"vr":"SH","Value":[{"x":[]}]}}"#;
        let only = Attributes::from_json_only(json, |tag| tag == Tag::STUDY_DATE).unwrap();
        assert_eq!(only, one(Tag::STUDY_DATE, Vr::DA, &["20240131"]));
        assert!(Attributes::from_json_only(&format!("{json}x"), |_| false).is_err());
    }

    #[test]
    fn an_empty_value_among_others_is_null() {
        let json = one(Tag::MODALITIES_IN_STUDY, Vr::CS, &["CT", "", "MR"]).to_json();
        assert_eq!(json, r#"{"00080061":{"vr":"CS","Value":["CT",null,"MR"]}}"#);
    }

    #[test]
    fn a_person_name_shows_only_the_groups_it_has() {
        let json = one(Tag::PATIENT_NAME, Vr::PN, &["Yamada^Tarou==\u{3084}"]).to_json();
        let groups = "{\"Alphabetic\":\"Yamada^Tarou\",\"Phonetic\":\"\u{3084}\"}";
        assert_eq!(json, format!("{{\"00100010\":{{\"vr\":\"PN\",\"Value\":[{groups}]}}}}"));
    }

    #[test]
    fn a_number_is_a_number_only_where_nothing_is_lost() {
        let json = |text| one(Tag::SERIES_NUMBER, Vr::DS, &[text]).to_json();
        assert!(json("12").contains("[12]"));
        assert!(json("-1.5").contains("[-1.5]"));
        assert!(json("1e3").contains("[1000.0]"));
        assert!(json("9007199254740993").contains("[\"9007199254740993\"]"));
        assert!(json("1.2345678901234567").contains("[1.2345678901234567]"));
        assert!(json("1.23456789012345678").contains("[\"1.23456789012345678\"]"));
        assert!(json("nan").contains("[\"nan\"]"));
        assert!(json("1e999").contains("[\"1e999\"]"));
    }

    #[test]
    fn items_nest_and_an_empty_item_is_an_empty_object() {
        let element = Element {
            vr: Vr::SQ,
            value: Value::Items(vec![one(Tag::REQUESTED_PROCEDURE_ID, Vr::SH, &["RP1"]), Attributes::new()]),
        };
        let attributes: Attributes = [(Tag::REQUEST_ATTRIBUTES_SEQUENCE, element)].into_iter().collect();
        let json = attributes.to_json();
        assert_eq!(json, r#"{"00400275":{"vr":"SQ","Value":[{"00401001":{"vr":"SH","Value":["RP1"]}},{}]}}"#);
        assert_eq!(Attributes::from_json(&json).unwrap(), attributes);
    }

    #[test]
    fn a_json_that_nests_too_deep_is_refused() {
        let nested = |levels: usize| {
            let mut json = "{}".to_owned();
            for _ in 0..levels {
                json = format!(r#"{{"00400275":{{"vr":"SQ","Value":[{json}]}}}}"#);
            }
            Attributes::from_json(&json)
        };
        assert!(nested(30).is_ok());
        assert!(nested(MAX_SEQUENCE_DEPTH + 1).is_err());
        assert!(nested(10_000).is_err());
    }

    proptest! {
        #[test]
        fn text_comes_back_as_it_went(values in proptest::collection::vec("[a-zA-Z0-9 ^é山]{1,12}", 1..4)) {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let attributes = one(Tag::STUDY_DESCRIPTION, Vr::LO, &values);
            prop_assert_eq!(Attributes::from_json(&attributes.to_json()).unwrap(), attributes);
        }

        #[test]
        fn hostile_json_never_panics(text in ".{0,200}") {
            let _ = Attributes::from_json(&text);
        }
    }
}
