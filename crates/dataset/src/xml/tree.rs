//! The Native DICOM Model of attributes that were decoded before: rows of a search, the answer to a store request.

use causeway_core::{Attributes, Tag, Value};

use super::Xml;
use crate::model::{Creators, Form, Opening, Position};

/// Writes the XML document of `attributes`. They are UTF-8, and a Specific Character Set among them says so.
pub fn write_attributes(attributes: &Attributes, out: &mut Vec<u8>) {
    Xml::open(out);
    put_all(attributes, out);
    Xml::close(out);
}

/// Goes as deep as the attributes do, which were held to a bound when they were read.
fn put_all(attributes: &Attributes, out: &mut Vec<u8>) {
    let mut creators = Creators::default();
    for (tag, element) in attributes.iter() {
        let creator = creators.of(tag);
        Xml::begin(Opening { tag, vr: element.vr, creator, position: Position::Later }, out);
        match &element.value {
            Value::Text(_) if element.is_empty() => {}
            Value::Text(_) if tag == Tag::SPECIFIC_CHARACTER_SET => {
                Xml::texts(&["ISO_IR 192".to_owned()], element.vr, out);
            }
            Value::Text(values) => Xml::texts(values, element.vr, out),
            Value::Items(items) => {
                for (number, item) in (1..).zip(items) {
                    Xml::begin_item(number, out);
                    put_all(item, out);
                    Xml::end_item(out);
                }
            }
        }
        Xml::end(out);
        if Creators::is_creator(tag) {
            creators.note(tag, &element.values().join("\\"));
        }
    }
}
