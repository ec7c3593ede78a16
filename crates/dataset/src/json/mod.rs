//! DICOM JSON of a stored data set (PS3.18 Annex F).
//!
//! Lives here: the letters of the form, and in `scalar` those of single values; in [`read`], a data set made of them.
//! Which attributes are told, and how far, is `model`'s. Never here: the JSON of attributes that were decoded before,
//! which is [`causeway_core::Attributes`]'s own.

pub mod read;
mod rebase;
mod scalar;

use causeway_core::Vr;
use causeway_core::transfer_syntax::Layout;

pub use crate::model::Options;

use crate::Error;
use crate::model::{self, Elsewhere, Field, Form, Opening, Position};
use crate::value;
pub use rebase::rebase;
pub(crate) use scalar::put_base64_letters;
use scalar::{put_base64, put_number, put_string, put_tag, put_text};

/// DICOM JSON.
#[derive(Debug, Clone)]
pub struct Json;

/// Writes the DICOM JSON object of a data set that arrives in pieces.
pub type MetadataWriter = model::MetadataWriter<Json>;

/// The DICOM JSON object of a data set that is all there.
///
/// # Errors
/// When it is no data set.
pub fn write_metadata(data_set: &[u8], layout: Layout, options: Options) -> Result<Vec<u8>, Error> {
    model::write_metadata::<Json>(data_set, layout, options)
}

/// Writes values into a `Value` array.
fn put_values<T>(values: impl Iterator<Item = T>, out: &mut Vec<u8>, put: impl Fn(T, &mut Vec<u8>)) {
    let mut before = b",\"Value\":[".as_slice();
    for value in values {
        out.extend(before);
        put(value, out);
        before = b",";
    }
    out.extend(if before == b"," { b"]".as_slice() } else { b"" });
}

impl Form for Json {
    const NAMES_CREATORS: bool = false;

    fn open(out: &mut Vec<u8>) {
        out.push(b'{');
    }

    fn close(out: &mut Vec<u8>) {
        out.push(b'}');
    }

    fn begin(opening: Opening<'_>, out: &mut Vec<u8>) {
        if opening.position == Position::Later {
            out.push(b',');
        }
        put_tag(opening.tag, out);
        out.extend(b":{\"vr\":\"");
        out.extend(opening.vr.as_str().bytes());
        out.push(b'"');
    }

    fn end(out: &mut Vec<u8>) {
        out.push(b'}');
    }

    fn bulk(elsewhere: Elsewhere<'_>, out: &mut Vec<u8>) {
        out.extend(b",\"BulkDataURI\":");
        put_string(elsewhere.uri, out);
    }

    fn bytes(bytes: &[u8], out: &mut Vec<u8>) {
        out.extend(b",\"InlineBinary\":");
        put_base64(bytes, out);
    }

    fn texts(values: &[String], vr: Vr, out: &mut Vec<u8>) {
        put_values(values.iter(), out, |text, out| put_text(text, vr, out));
    }

    fn numbers(field: Field<'_>, out: &mut Vec<u8>) {
        put_values(value::numbers(field.bytes, field.vr, field.is_big_endian), out, put_number);
    }

    fn begin_item(number: usize, out: &mut Vec<u8>) {
        out.extend(if number == 1 { b",\"Value\":[{".as_slice() } else { b",{" });
    }

    fn end_item(out: &mut Vec<u8>) {
        out.push(b'}');
    }

    fn end_items(out: &mut Vec<u8>) {
        out.push(b']');
    }
}

#[cfg(test)]
mod tests;
