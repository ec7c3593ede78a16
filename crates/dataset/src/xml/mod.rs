//! The Native DICOM Model, which is a data set as XML (PS3.19 §A.1).
//!
//! Lives here: the letters of the form for what is stored ([`MetadataWriter`]) and for what was decoded before
//! ([`write_attributes`]); in `escape`, how text becomes XML; in [`read`], a data set made of them. Which attributes of a
//! stored object are told, and how far, is `model`'s. A carriage return is always escaped, so no line break of a
//! multipart body can occur inside.

mod escape;
pub mod read;
mod tree;

use std::io::Write as _;

use causeway_core::Vr;
use causeway_core::transfer_syntax::Layout;

pub use escape::put_escaped;
pub(crate) use read::decoded;
pub use tree::write_attributes;

use crate::Error;
use crate::dictionary;
use crate::json::put_base64_letters;
use crate::model::{self, Elsewhere, Field, Form, Opening, Options};
use crate::value::{self, Number};

/// The Native DICOM Model.
#[derive(Debug, Clone)]
pub struct Xml;

/// Writes the XML document of a data set that arrives in pieces.
pub type MetadataWriter = model::MetadataWriter<Xml>;

/// The XML document of a data set that is all there.
///
/// # Errors
/// When it is no data set.
pub fn write_metadata(data_set: &[u8], layout: Layout, options: Options) -> Result<Vec<u8>, Error> {
    model::write_metadata::<Xml>(data_set, layout, options)
}

/// The groups of a person name, in order (PS3.5 §6.2.1).
pub(crate) const GROUPS: [&str; 3] = ["Alphabetic", "Ideographic", "Phonetic"];
/// The components of a group, in order.
pub(crate) const COMPONENTS: [&str; 5] =
    ["FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix"];

impl Form for Xml {
    const NAMES_CREATORS: bool = true;

    fn open(out: &mut Vec<u8>) {
        out.extend(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<NativeDicomModel xml:space=\"preserve\">");
    }

    fn close(out: &mut Vec<u8>) {
        out.extend(b"</NativeDicomModel>\n");
    }

    /// The block of a private attribute is told by its creator, and by zeros in its tag: blocks may differ from one
    /// object to the next. Where nobody reserved it, the tag stands as it is.
    fn begin(opening: Opening<'_>, out: &mut Vec<u8>) {
        let Opening { tag, vr, creator, position: _ } = opening;
        let element = if creator.is_some() { tag.element() & 0x00FF } else { tag.element() };
        // Writing into a Vec cannot fail.
        let _ =
            write!(out, "<DicomAttribute tag=\"{:04X}{element:04X}\" vr=\"{}\"", tag.group(), vr.as_str());
        if let Some(keyword) = dictionary::keyword_of(tag).filter(|_| tag.element() != 0) {
            let _ = write!(out, " keyword=\"{keyword}\"");
        }
        if let Some(creator) = creator {
            out.extend(b" privateCreator=\"");
            put_escaped(creator, out);
            out.push(b'"');
        }
        out.push(b'>');
    }

    fn end(out: &mut Vec<u8>) {
        out.extend(b"</DicomAttribute>");
    }

    fn bulk(elsewhere: Elsewhere<'_>, out: &mut Vec<u8>) {
        out.extend(b"<BulkData uri=\"");
        put_escaped(elsewhere.uri, out);
        out.extend(b"\"></BulkData>");
    }

    fn bytes(bytes: &[u8], out: &mut Vec<u8>) {
        out.extend(b"<InlineBinary>");
        put_base64_letters(bytes, out);
        out.extend(b"</InlineBinary>");
    }

    fn texts(values: &[String], vr: Vr, out: &mut Vec<u8>) {
        for (number, text) in (1_usize..).zip(values) {
            if vr == Vr::PN {
                put_name(number, text, out);
            } else {
                put_value(number, out, |out| put_escaped(text, out));
            }
        }
    }

    fn numbers(field: Field<'_>, out: &mut Vec<u8>) {
        let numbers = value::numbers(field.bytes, field.vr, field.is_big_endian);
        for (place, number) in (1_usize..).zip(numbers) {
            put_value(place, out, |out| put_number(number, out));
        }
    }

    fn begin_item(number: usize, out: &mut Vec<u8>) {
        let _ = write!(out, "<Item number=\"{number}\">");
    }

    fn end_item(out: &mut Vec<u8>) {
        out.extend(b"</Item>");
    }

    fn end_items(_: &mut Vec<u8>) {}
}

fn put_value(number: usize, out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    let _ = write!(out, "<Value number=\"{number}\">");
    put(out);
    out.extend(b"</Value>");
}

/// Numbers as XML Schema has them, in the fewest digits that keep them.
fn put_number(number: Number, out: &mut Vec<u8>) {
    let _ = match number {
        Number::Unsigned(number) => write!(out, "{number}"),
        Number::Signed(number) => write!(out, "{number}"),
        Number::Tag(tag) => write!(out, "{:04X}{:04X}", tag.group(), tag.element()),
        Number::Single(number) if number.is_finite() => {
            return serde_json::to_writer(out, &number).unwrap_or_default();
        }
        Number::Double(number) if number.is_finite() => {
            return serde_json::to_writer(out, &number).unwrap_or_default();
        }
        Number::Single(number) => return put_not_finite(f64::from(number), out),
        Number::Double(number) => return put_not_finite(number, out),
    };
}

fn put_not_finite(number: f64, out: &mut Vec<u8>) {
    let word: &[u8] = match (number.is_nan(), number > 0.0) {
        (true, _) => b"NaN",
        (false, true) => b"INF",
        (false, false) => b"-INF",
    };
    out.extend(word);
}

fn put_name(number: usize, name: &str, out: &mut Vec<u8>) {
    let _ = write!(out, "<PersonName number=\"{number}\">");
    for (group, text) in GROUPS.iter().zip(name.split('=')).filter(|(_, text)| !text.is_empty()) {
        let _ = write!(out, "<{group}>");
        // What is too much for five components stays with the last.
        let components = COMPONENTS.iter().zip(text.splitn(COMPONENTS.len(), '^'));
        for (component, text) in components.filter(|(_, text)| !text.is_empty()) {
            let _ = write!(out, "<{component}>");
            put_escaped(text, out);
            let _ = write!(out, "</{component}>");
        }
        let _ = write!(out, "</{group}>");
    }
    out.extend(b"</PersonName>");
}

#[cfg(test)]
mod tests;
