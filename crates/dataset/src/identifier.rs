//! Identifiers of C-FIND and C-MOVE (PS3.4 §C.4): a data set as attributes, and back.
//!
//! Bytes without a form as text (OB, UN…) are no query keys: such an attribute is read as there and empty.

use std::io::Write as _;

use causeway_core::limits::MAX_IDENTIFIER_BYTES;
use causeway_core::transfer_syntax::Layout;
use causeway_core::{Attributes, Element, Tag, Value, Vr};

use crate::gather::{Choice, Gather};
use crate::scanner::{Header, Scanner};
use crate::{Error, dictionary, value};

#[derive(Debug)]
struct Everything;

impl Choice for Everything {
    const MAX_VALUE_BYTES: usize = MAX_IDENTIFIER_BYTES;

    fn keeps(&self, tag: Tag) -> Option<Vr> {
        Some(dictionary::vr_of(tag).unwrap_or(Vr::UN))
    }

    fn stops_at(&mut self, _: &Header) -> bool {
        false
    }
}

/// Reads an identifier. What is read is UTF-8; Specific Character Set (0008,0005) is not among it.
///
/// # Errors
/// When it is no data set, or too long.
pub fn decode(bytes: &[u8], layout: Layout) -> Result<Attributes, Error> {
    if bytes.len() > MAX_IDENTIFIER_BYTES {
        return Err(Error::IdentifierTooLong);
    }
    let mut scanner = Scanner::new(layout, MAX_IDENTIFIER_BYTES as u64, Gather::new(Everything));
    scanner.feed(bytes)?;
    Ok(scanner.finish()?.attributes)
}

/// Writes an identifier, with Specific Character Set ISO_IR 192 when it holds more than ASCII, and none else.
#[must_use]
pub fn encode(attributes: &Attributes, layout: Layout) -> Vec<u8> {
    let mut out = Vec::new();
    let writer = Writer { layout };
    if is_ascii(attributes) {
        writer.attributes(attributes, &mut out);
    } else {
        let mut declared = attributes.clone();
        declared.put_text(Tag::SPECIFIC_CHARACTER_SET, Vr::CS, UTF_8_TERM);
        writer.attributes(&declared, &mut out);
    }
    if layout == Layout::DeflatedExplicitLittleEndian { deflate(&out) } else { out }
}

/// The Defined Term of UTF-8 (PS3.3 §C.12.1.1.2).
const UTF_8_TERM: &str = "ISO_IR 192";

fn is_ascii(attributes: &Attributes) -> bool {
    attributes.iter().all(|(_, element)| {
        element.values().iter().all(|text| text.is_ascii()) && element.items().iter().all(is_ascii)
    })
}

fn deflate(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    // Writing into a Vec cannot fail.
    let _ = encoder.write_all(plain);
    let mut out = encoder.finish().unwrap_or_default();
    if out.len() % 2 == 1 {
        out.push(0); // PS3.5 §A.5
    }
    out
}

#[derive(Debug, Clone, Copy)]
struct Writer {
    layout: Layout,
}

impl Writer {
    fn attributes(self, attributes: &Attributes, out: &mut Vec<u8>) {
        for (tag, element) in attributes.iter() {
            let is_stale = tag == Tag::SPECIFIC_CHARACTER_SET && element.values() != [UTF_8_TERM];
            // Group lengths are retired (PS3.5 §7.2), and would be wrong.
            if tag.element() != 0 && !is_stale {
                self.element(tag, element, out);
            }
        }
    }

    fn element(self, tag: Tag, element: &Element, out: &mut Vec<u8>) {
        let value = match &element.value {
            Value::Items(items) => self.items(items),
            Value::Text(values) => self.values(values, element.vr),
        };
        self.header(tag, element.vr, value.len(), out);
        out.extend(value);
    }

    fn items(self, items: &[Attributes]) -> Vec<u8> {
        let mut out = Vec::new();
        for item in items {
            let mut content = Vec::new();
            self.attributes(item, &mut content);
            self.tag(Tag::ITEM, &mut out);
            self.long(content.len(), &mut out);
            out.extend(content);
        }
        out
    }

    fn values(self, values: &[String], vr: Vr) -> Vec<u8> {
        if vr.is_text() {
            let mut out = values.join("\\").into_bytes();
            if out.len() % 2 == 1 {
                out.push(if vr == Vr::UI { 0 } else { b' ' });
            }
            return out;
        }
        let mut out = Vec::new();
        values.iter().filter(|text| !text.is_empty()).for_each(|text| value::put_number(text, vr, &mut out));
        if self.layout == Layout::ExplicitBigEndian {
            value::swap(&mut out, vr);
        }
        out
    }

    fn header(self, tag: Tag, vr: Vr, length: usize, out: &mut Vec<u8>) {
        self.tag(tag, out);
        if self.layout == Layout::ImplicitLittleEndian {
            self.long(length, out);
            return;
        }
        match u16::try_from(length) {
            Ok(short) if !vr.has_long_header() => {
                out.extend(vr.as_str().bytes());
                out.extend(self.short(short));
            }
            // What is too long for a short header goes as UN (PS3.5 §6.2.2).
            _ => {
                let vr = if vr.has_long_header() { vr } else { Vr::UN };
                out.extend(vr.as_str().bytes());
                out.extend([0, 0]);
                self.long(length, out);
            }
        }
    }

    fn tag(self, tag: Tag, out: &mut Vec<u8>) {
        out.extend(self.short(tag.group()));
        out.extend(self.short(tag.element()));
    }

    const fn short(self, value: u16) -> [u8; 2] {
        match self.layout {
            Layout::ExplicitBigEndian => value.to_be_bytes(),
            _ => value.to_le_bytes(),
        }
    }

    fn long(self, value: usize, out: &mut Vec<u8>) {
        let value = u32::try_from(value).unwrap_or(u32::MAX);
        out.extend(if self.layout == Layout::ExplicitBigEndian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        });
    }
}

#[cfg(test)]
mod tests;
