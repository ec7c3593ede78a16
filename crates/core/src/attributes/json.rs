//! Attributes as DICOM JSON, out and in (PS3.18 Annex F).

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use super::{Attributes, Element, Value};
use crate::tag::Tag;
use crate::vr::Vr;

// DICOM JSON, out.

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(tag, element)| (tag.to_hex(), element)))
    }
}

impl Serialize for Element {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("vr", self.vr.as_str())?;
        match &self.value {
            Value::Items(items) if !items.is_empty() => map.serialize_entry("Value", items)?,
            Value::Text(values) if !self.is_empty() => {
                let values: Vec<JsonValue<'_>> = values.iter().map(|text| JsonValue(self.vr, text)).collect();
                map.serialize_entry("Value", &values)?;
            }
            Value::Items(_) | Value::Text(_) => {}
        }
        map.end()
    }
}

/// One value in the JSON form that its VR calls for (PS3.18 Table F.2.3-1).
///
/// DS, IS and the numeric VRs become numbers when that loses nothing, else they stay text; an empty value among
/// others is `null`.
pub struct JsonValue<'a>(pub Vr, pub &'a str);

impl Serialize for JsonValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let JsonValue(vr, text) = *self;
        if text.is_empty() {
            return serializer.serialize_none();
        }
        match vr {
            Vr::PN => {
                let groups = ["Alphabetic", "Ideographic", "Phonetic"];
                let parts = groups.iter().zip(text.split('=')).filter(|(_, part)| !part.is_empty());
                serializer.collect_map(parts)
            }
            Vr::DS | Vr::FD | Vr::FL | Vr::IS | Vr::SL | Vr::SS | Vr::SV | Vr::UL | Vr::US | Vr::UV => {
                match Number::of(text) {
                    Some(Number::Integer(number)) => serializer.serialize_i64(number),
                    Some(Number::Real(number)) => serializer.serialize_f64(number),
                    None => serializer.serialize_str(text),
                }
            }
            _ => serializer.serialize_str(text),
        }
    }
}

/// A number that JSON's readers, who mostly think in 64-bit floats, will not change.
enum Number {
    Integer(i64),
    Real(f64),
}

impl Number {
    /// Largest integer up to which every integer is a 64-bit float.
    const MAX_SAFE_INTEGER: i64 = 1 << 53;
    /// Decimal digits that a 64-bit float always keeps.
    const MAX_SAFE_DIGITS: usize = 15;

    fn of(text: &str) -> Option<Self> {
        if let Ok(number) = text.parse::<i64>() {
            return (number.abs() <= Self::MAX_SAFE_INTEGER).then_some(Self::Integer(number));
        }
        if !text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E')) {
            return None;
        }
        let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
        let digits =
            mantissa.trim_start_matches(['+', '-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
        let number: f64 = text.parse().ok()?;
        let kept = digits <= Self::MAX_SAFE_DIGITS || number.to_string() == text;
        (number.is_finite() && kept).then_some(Self::Real(number))
    }
}

// DICOM JSON, in.

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(|_| true))
    }
}

/// Reads an object: the attributes for which its function says so.
pub(super) struct ObjectVisitor<F>(pub(super) F);

impl<'de, F: Fn(Tag) -> bool> Visitor<'de> for ObjectVisitor<F> {
    type Value = Attributes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a DICOM JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Attributes, A::Error> {
        let mut attributes = Attributes::new();
        while let Some(Name(tag)) = map.next_key::<Name<Tag>>()? {
            if self.0(tag) {
                attributes.put(tag, map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(attributes)
    }
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ElementVisitor;
        impl<'de> Visitor<'de> for ElementVisitor {
            type Value = Element;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a DICOM JSON attribute")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Element, A::Error> {
                let (mut vr, mut values) = (None, Vec::new());
                while let Some(Name(member)) = map.next_key::<Name<Member>>()? {
                    match member {
                        Member::Vr => vr = Some(map.next_value::<Name<Vr>>()?.0),
                        Member::Value => values = map.next_value::<Vec<OneValue>>()?,
                        Member::Other => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                let vr = vr.ok_or_else(|| A::Error::custom("an attribute has no VR"))?;
                Ok(Element { vr, value: gather(vr, values) })
            }
        }
        deserializer.deserialize_map(ElementVisitor)
    }
}

/// A word of DICOM JSON, read where it stands: attributes are read by the million, and none of their names is kept.
struct Name<T>(T);

/// What a word can mean.
trait Named: Sized {
    const WANTED: &'static str;
    fn named(text: &str) -> Option<Self>;
}

impl Named for Tag {
    const WANTED: &'static str = "a tag of eight hexadecimal digits";
    fn named(text: &str) -> Option<Self> {
        Self::from_hex(text)
    }
}

impl Named for Vr {
    const WANTED: &'static str = "a VR";
    fn named(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

/// A member of an attribute's object.
enum Member {
    Vr,
    Value,
    Other,
}

impl Named for Member {
    const WANTED: &'static str = "the name of a member";
    fn named(text: &str) -> Option<Self> {
        Some(match text {
            "vr" => Self::Vr,
            "Value" => Self::Value,
            _ => Self::Other,
        })
    }
}

/// A member of a value's object: a group of a person name, or an attribute of an item.
enum Part {
    Group(usize),
    Attribute(Tag),
}

impl Named for Part {
    const WANTED: &'static str = "a tag, or a group of a person name";
    fn named(text: &str) -> Option<Self> {
        let group = ["Alphabetic", "Ideographic", "Phonetic"].iter().position(|name| *name == text);
        group.map(Self::Group).or_else(|| Tag::from_hex(text).map(Self::Attribute))
    }
}

impl<'de, T: Named> Deserialize<'de> for Name<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor<T>(PhantomData<T>);
        impl<T: Named> Visitor<'_> for NameVisitor<T> {
            type Value = Name<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::WANTED)
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Name<T>, E> {
                // The words of an error never hold a value.
                T::named(text).map(Name).ok_or_else(|| E::custom(T::WANTED))
            }
        }
        deserializer.deserialize_str(NameVisitor(PhantomData))
    }
}

fn gather(vr: Vr, values: Vec<OneValue>) -> Value {
    if vr == Vr::SQ {
        Value::Items(
            values
                .into_iter()
                .map(|value| match value {
                    OneValue::Item(item) => item,
                    OneValue::Text(_) => Attributes::new(),
                })
                .collect(),
        )
    } else {
        Value::Text(
            values
                .into_iter()
                .map(|value| match value {
                    OneValue::Text(text) => text,
                    OneValue::Item(_) => String::new(),
                })
                .collect(),
        )
    }
}

enum OneValue {
    Text(String),
    Item(Attributes),
}

impl<'de> Deserialize<'de> for OneValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneValueVisitor)
    }
}

struct OneValueVisitor;

impl<'de> Visitor<'de> for OneValueVisitor {
    type Value = OneValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a DICOM JSON value")
    }
    fn visit_unit<E>(self) -> Result<OneValue, E> {
        Ok(OneValue::Text(String::new()))
    }
    fn visit_str<E>(self, text: &str) -> Result<OneValue, E> {
        Ok(OneValue::Text(text.to_owned()))
    }
    fn visit_string<E>(self, text: String) -> Result<OneValue, E> {
        Ok(OneValue::Text(text))
    }
    fn visit_i64<E>(self, number: i64) -> Result<OneValue, E> {
        Ok(OneValue::Text(number.to_string()))
    }
    fn visit_u64<E>(self, number: u64) -> Result<OneValue, E> {
        Ok(OneValue::Text(number.to_string()))
    }
    fn visit_f64<E>(self, number: f64) -> Result<OneValue, E> {
        Ok(OneValue::Text(number.to_string()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<OneValue, A::Error> {
        Err(A::Error::custom("a value is an array"))
    }
    /// A map is the groups of a person name, or an item.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<OneValue, A::Error> {
        let mut groups: [String; 3] = Default::default();
        let mut item = Attributes::new();
        while let Some(Name(part)) = map.next_key::<Name<Part>>()? {
            match part {
                Part::Group(index) => {
                    let text = map.next_value()?;
                    if let Some(slot) = groups.get_mut(index) {
                        *slot = text;
                    }
                }
                Part::Attribute(tag) => item.put(tag, map.next_value()?),
            }
        }
        if groups.iter().all(String::is_empty) {
            return Ok(OneValue::Item(item));
        }
        Ok(OneValue::Text(groups.join("=").trim_end_matches('=').to_owned()))
    }
}
