//! DICOM JSON read into data sets (PS3.18 §F.2). The grammar of all of it is checked before the first data set is made;
//! what else is wrong is an error of that data set alone.
//!
//! Nothing is built of the text but the data sets themselves: an attribute is a slice of it until its VR is known,
//! which may stand behind the value.

use std::borrow::Cow;
use std::fmt;

use causeway_core::{Tag, Vr};
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::compose::{Builder, ComposeError, Composed, Given, Place, Refused, Values};
use crate::dictionary;
use crate::value::from_base64;
use crate::xml::GROUPS;

const FORM: &str = "DICOM JSON";
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Reads an array of data sets, or one by itself: at most `max_data_sets`, which together make at most `max_bytes`.
///
/// # Errors
/// When the text is no JSON, or holds more data sets; what is wrong with one of them is its own.
pub fn read(
    text: &[u8],
    max_data_sets: usize,
    max_bytes: usize,
) -> Result<Vec<Result<Composed, Refused>>, ComposeError> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let syntax = |error: serde_json::Error| ComposeError::Syntax { form: "JSON", words: plain(&error) };
    let whole: &RawValue = serde_json::from_slice(text).map_err(syntax)?;
    let objects = match first(whole) {
        b'{' => vec![whole],
        b'[' => {
            let mut objects = Vec::new();
            each_value(whole, |object| {
                if objects.len() == max_data_sets {
                    return Err(ComposeError::TooMany { limit: max_data_sets });
                }
                objects.push(object);
                Ok(())
            })?;
            objects
        }
        _ => return Err(ComposeError::Form { form: FORM, words: "there is no array of data sets" }),
    };
    let mut left = max_bytes;
    let one = |object: &RawValue| {
        let made = read_one(object, left);
        left = left.saturating_sub(made.as_ref().map_or(0, |made| made.bytes.len()));
        made
    };
    Ok(objects.into_iter().map(one).collect())
}

/// The words of an error without what stands in the text.
fn plain(error: &serde_json::Error) -> String {
    let kind = match error.classify() {
        serde_json::error::Category::Eof => "it ends in the middle",
        serde_json::error::Category::Data => "it is not UTF-8 throughout",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "its grammar is broken",
    };
    format!("{kind}, at line {} column {}", error.line(), error.column())
}

fn read_one(object: &RawValue, max_bytes: usize) -> Result<Composed, Refused> {
    let mut builder = Builder::new(max_bytes);
    match put_object(object, &mut builder) {
        Ok(()) => {
            let named = builder.named();
            builder.finish().map_err(|error| Refused { named, error })
        }
        Err(error) => Err(Refused { named: builder.named(), error }),
    }
}

/// The letter that a value begins with, which tells what it is.
fn first(value: &RawValue) -> u8 {
    value.get().as_bytes().first().copied().unwrap_or_default()
}

/// An attribute (PS3.18 §F.2.2). Other members than these say nothing of its value.
#[derive(Deserialize)]
struct Attribute<'a> {
    vr: Option<String>,
    #[serde(borrow, rename = "Value")]
    value: Option<&'a RawValue>,
    #[serde(borrow, rename = "BulkDataURI")]
    bulk: Option<&'a RawValue>,
    #[serde(borrow, rename = "InlineBinary")]
    bytes: Option<&'a RawValue>,
}

/// Goes as deep as the builder lets it.
fn put_object(object: &RawValue, builder: &mut Builder) -> Result<(), ComposeError> {
    if first(object) != b'{' {
        return Err(ComposeError::Form { form: FORM, words: "a data set is no object" });
    }
    each_member(object, |tag, attribute| put_attribute(tag, attribute, builder))
}

fn put_attribute(tag: Tag, text: &RawValue, builder: &mut Builder) -> Result<(), ComposeError> {
    let broken = ComposeError::Form { form: FORM, words: "an attribute is no object, or has a member twice" };
    let attribute: Attribute<'_> = serde_json::from_str(text.get()).map_err(|_| broken)?;
    let vr = match &attribute.vr {
        Some(name) => Vr::parse(name),
        None => dictionary::vr_of(tag),
    };
    let vr = vr.ok_or(ComposeError::Vr(tag))?;
    match (attribute.value, attribute.bytes, attribute.bulk) {
        (None, None, None) if vr == Vr::SQ => put_items(tag, None, builder),
        (None, None, None) => builder.put(tag, vr, None, &[]),
        (Some(value), None, None) if vr == Vr::SQ => put_items(tag, Some(value), builder),
        (Some(value), None, None) => {
            let values = value_field(tag, vr, value, builder.room())?;
            if values.is_coerced() {
                builder.note_coerced();
            }
            builder.put(tag, vr, None, &values.finish())
        }
        (None, Some(bytes), None) => {
            let bytes = inline(tag, vr, bytes)?;
            builder.put(tag, vr, None, &bytes)
        }
        (None, None, Some(uri)) if vr != Vr::SQ => {
            let uri =
                string(uri).ok_or(ComposeError::Value { tag, vr, words: "its BulkDataURI is no text" })?;
            builder.put_gap(tag, vr, None, uri.into_owned())
        }
        _ => Err(ComposeError::Ambiguous(tag)),
    }
}

fn put_items(tag: Tag, items: Option<&RawValue>, builder: &mut Builder) -> Result<(), ComposeError> {
    if builder.place(tag, None)? == Place::PassedOver {
        return Ok(());
    }
    builder.begin_sequence(tag, None)?;
    if let Some(items) = items {
        each_value(items, |item| {
            builder.begin_item()?;
            // Some write an empty item as nothing at all.
            if first(item) != b'n' {
                put_object(item, builder)?;
            }
            builder.end_item()
        })?;
    }
    builder.end_sequence();
    Ok(())
}

fn value_field(tag: Tag, vr: Vr, array: &RawValue, max_bytes: usize) -> Result<Values, ComposeError> {
    let mut values = Values::new(tag, vr, max_bytes);
    each_value(array, |value| values.push(&given(tag, vr, value)?))?;
    Ok(values)
}

fn given<'a>(tag: Tag, vr: Vr, value: &'a RawValue) -> Result<Given<'a>, ComposeError> {
    let no_value = ComposeError::Value { tag, vr, words: "a value is neither text nor a number" };
    match first(value) {
        b'n' => Ok(Given::Nothing),
        b'"' => string(value).map(Given::Text).ok_or(no_value),
        b'-' | b'0'..=b'9' => Ok(Given::Number(value.get())),
        b'{' if vr == Vr::PN => name(value).map(|name| Given::Text(Cow::Owned(name))).ok_or(no_value),
        _ => Err(no_value),
    }
}

/// The groups of a name (PS3.5 §6.2.1).
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Name {
    alphabetic: Option<String>,
    ideographic: Option<String>,
    phonetic: Option<String>,
}

/// A name as a value field has it; none where a group would become another.
fn name(value: &RawValue) -> Option<String> {
    let Name { alphabetic, ideographic, phonetic } = serde_json::from_str(value.get()).ok()?;
    let groups: [String; GROUPS.len()] = [alphabetic, ideographic, phonetic].map(Option::unwrap_or_default);
    let holds_parting = groups.iter().any(|group| group.contains('='));
    (!holds_parting).then(|| groups.join("=").trim_end_matches('=').to_owned())
}

fn inline(tag: Tag, vr: Vr, value: &RawValue) -> Result<Vec<u8>, ComposeError> {
    let error = |words| ComposeError::Value { tag, vr, words };
    if vr == Vr::SQ {
        return Err(error("its items stand as bytes"));
    }
    let letters = string(value).ok_or_else(|| error("its InlineBinary is no text"))?;
    let bytes = from_base64(&letters).ok_or_else(|| error("its InlineBinary is no base64"))?;
    if vr.is_text() && std::str::from_utf8(&bytes).is_err() {
        return Err(error("its InlineBinary is no UTF-8"));
    }
    Ok(bytes)
}

/// A JSON string; borrowed where nothing in it is escaped.
fn string(value: &RawValue) -> Option<Cow<'_, str>> {
    let text = value.get();
    let inside = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'))?;
    if !inside.contains('\\') {
        return Some(Cow::Borrowed(inside));
    }
    serde_json::from_str(text).ok().map(Cow::Owned)
}

/// Calls `take` with each value of an array.
fn each_value<'a>(
    array: &'a RawValue,
    take: impl FnMut(&'a RawValue) -> Result<(), ComposeError>,
) -> Result<(), ComposeError> {
    let mut each = Each { take, error: None };
    let mut text = serde_json::Deserializer::from_str(array.get());
    match text.deserialize_seq(&mut each) {
        Ok(()) => Ok(()),
        Err(_) => Err(each.error.unwrap_or(ComposeError::Form { form: FORM, words: "an array is none" })),
    }
}

/// Calls `take` with each member of an object that is named by a tag.
fn each_member<'a>(
    object: &'a RawValue,
    take: impl FnMut(Tag, &'a RawValue) -> Result<(), ComposeError>,
) -> Result<(), ComposeError> {
    let mut each = Each { take, error: None };
    let mut text = serde_json::Deserializer::from_str(object.get());
    match text.deserialize_map(Members(&mut each)) {
        Ok(()) => Ok(()),
        Err(_) => Err(each.error.unwrap_or(ComposeError::NotATag)),
    }
}

/// What is called with each part, and why it ended.
struct Each<F> {
    take: F,
    error: Option<ComposeError>,
}

impl<F> Each<F> {
    fn note<E: de::Error>(&mut self, taken: Result<(), ComposeError>) -> Result<(), E> {
        taken.map_err(|error| {
            self.error = Some(error);
            E::custom("told apart from errors of the text")
        })
    }
}

impl<'a, F: FnMut(&'a RawValue) -> Result<(), ComposeError>> Visitor<'a> for &mut Each<F> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut values: A) -> Result<(), A::Error> {
        while let Some(value) = values.next_element()? {
            let taken = (self.take)(value);
            self.note(taken)?;
        }
        Ok(())
    }
}

struct Members<'e, F>(&'e mut Each<F>);

impl<'a, F: FnMut(Tag, &'a RawValue) -> Result<(), ComposeError>> Visitor<'a> for Members<'_, F> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(tag) = members.next_key_seed(TagKey)? {
            let value = members.next_value()?;
            let taken = (self.0.take)(tag, value);
            self.0.note(taken)?;
        }
        Ok(())
    }
}

/// Reads a key as a tag.
struct TagKey;

impl<'a> DeserializeSeed<'a> for TagKey {
    type Value = Tag;

    fn deserialize<D: Deserializer<'a>>(self, key: D) -> Result<Tag, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for TagKey {
    type Value = Tag;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a tag")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Tag, E> {
        Tag::from_hex(text).ok_or_else(|| E::custom("no tag"))
    }
}

#[cfg(test)]
mod tests;
