//! Identifiers of C-FIND and C-MOVE (PS3.4 §C.4), information of N-ACTION and N-EVENT-REPORT (PS3.4 §J.3): a data
//! set as attributes, and back.
//!
//! Bytes without a form as text (OB, UN…) are no query keys: such an attribute is read as there and empty.

use std::io::Write as _;

use causeway_core::commitment::MAX_DATA_SET_BYTES as MAX_COMMITMENT_BYTES;
use causeway_core::limits::MAX_IDENTIFIER_BYTES;
use causeway_core::transfer_syntax::Layout;
use causeway_core::{Attributes, Element, Tag, Value, Vr};

use crate::gather::{Choice, Gather};
use crate::scanner::{Header, Scanner};
use crate::{Error, dictionary, value};

#[derive(Debug)]
struct Everything<const MAX_BYTES: usize>;

impl<const MAX_BYTES: usize> Choice for Everything<MAX_BYTES> {
    const MAX_VALUE_BYTES: usize = MAX_BYTES;

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
    gather(bytes, layout, Everything::<MAX_IDENTIFIER_BYTES>)
}

/// Reads a request or a result of storage commitment, which name many instances and are longer than a query.
///
/// # Errors
/// As [`decode`].
pub fn decode_commitment(bytes: &[u8], layout: Layout) -> Result<Attributes, Error> {
    gather(bytes, layout, Everything::<MAX_COMMITMENT_BYTES>)
}

fn gather<const MAX_BYTES: usize>(
    bytes: &[u8],
    layout: Layout,
    everything: Everything<MAX_BYTES>,
) -> Result<Attributes, Error> {
    if bytes.len() > MAX_BYTES {
        return Err(Error::IdentifierTooLong { limit_bytes: MAX_BYTES });
    }
    let mut scanner = Scanner::new(layout, MAX_BYTES as u64, Gather::new(everything));
    scanner.feed(bytes)?;
    Ok(scanner.finish()?.attributes)
}

/// Writes an identifier, with Specific Character Set ISO_IR 192 when it holds more than ASCII, and none else.
#[must_use]
pub fn encode(attributes: &Attributes, layout: Layout) -> Vec<u8> {
    let mut writer = Writer::new(layout);
    writer.write(attributes).to_vec()
}

/// Writes attributes as elements of a data set that declares a character set of its own, or ASCII alone. Says whether
/// they are ASCII.
pub(crate) fn encode_elements(attributes: &Attributes, layout: Layout, out: &mut Vec<u8>) -> bool {
    let mut elements = Elements { layout, out: std::mem::take(out), is_ascii: true };
    elements.attributes(attributes);
    *out = elements.out;
    elements.is_ascii
}

/// Writes an item of a sequence, likewise.
pub(crate) fn encode_item(item: &Attributes, layout: Layout, out: &mut Vec<u8>) -> bool {
    let mut elements = Elements { layout, out: std::mem::take(out), is_ascii: true };
    elements.item(item);
    *out = elements.out;
    elements.is_ascii
}

/// Writes many identifiers, one after another, into one buffer.
#[derive(Debug)]
pub struct Writer {
    elements: Elements,
    deflated: Vec<u8>,
}

impl Writer {
    /// A writer of identifiers laid out as `layout`.
    #[must_use]
    pub const fn new(layout: Layout) -> Self {
        let elements = Elements { layout, out: Vec::new(), is_ascii: true };
        Self { elements, deflated: Vec::new() }
    }

    /// The bytes of an identifier, which last until the next one is written: as [`encode`].
    pub fn write(&mut self, attributes: &Attributes) -> &[u8] {
        let Self { elements, deflated } = self;
        elements.out.clear();
        elements.is_ascii = true;
        // No attribute of an identifier stands before the character set (PS3.6), so it is written first, and left
        // out again when there is no need of it.
        elements.element(Tag::SPECIFIC_CHARACTER_SET, &Element::text(Vr::CS, vec![UTF_8_TERM.to_owned()]));
        let declared = elements.out.len();
        elements.attributes(attributes);
        let plain = elements.out.get(if elements.is_ascii { declared } else { 0 }..).unwrap_or_default();
        if elements.layout != Layout::DeflatedExplicitLittleEndian {
            return plain;
        }
        *deflated = deflate(plain);
        deflated
    }
}

/// The Defined Term of UTF-8 (PS3.3 §C.12.1.1.2).
const UTF_8_TERM: &str = "ISO_IR 192";

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

#[derive(Debug)]
struct Elements {
    layout: Layout,
    out: Vec<u8>,
    is_ascii: bool,
}

impl Elements {
    fn attributes(&mut self, attributes: &Attributes) {
        for (tag, element) in attributes.iter() {
            // Group lengths are retired (PS3.5 §7.2), and would be wrong; another character set would be, too.
            if tag.element() != 0 && tag != Tag::SPECIFIC_CHARACTER_SET {
                self.element(tag, element);
            }
        }
    }

    fn element(&mut self, tag: Tag, element: &Element) {
        match &element.value {
            Value::Items(items) => {
                self.header(tag, Vr::SQ, 0);
                let value = self.out.len();
                items.iter().for_each(|item| self.item(item));
                self.fill_length(value);
            }
            Value::Text(values) if element.vr.is_text() => self.text(tag, values, element.vr),
            Value::Text(values) => self.numbers(tag, values, element.vr),
        }
    }

    fn item(&mut self, item: &Attributes) {
        self.tag(Tag::ITEM);
        self.long(0);
        let value = self.out.len();
        self.attributes(item);
        self.fill_length(value);
    }

    fn text(&mut self, tag: Tag, values: &[String], vr: Vr) {
        let length = values.iter().map(String::len).sum::<usize>() + values.len().saturating_sub(1);
        self.header(tag, vr, length + length % 2);
        for (index, text) in values.iter().enumerate() {
            if index > 0 {
                self.out.push(b'\\');
            }
            self.is_ascii &= text.is_ascii();
            self.out.extend_from_slice(text.as_bytes());
        }
        if length % 2 == 1 {
            self.out.push(if vr == Vr::UI { 0 } else { b' ' });
        }
    }

    fn numbers(&mut self, tag: Tag, values: &[String], vr: Vr) {
        let mut value = Vec::new();
        values
            .iter()
            .filter(|text| !text.is_empty())
            .for_each(|text| value::put_number(text, vr, &mut value));
        if self.layout == Layout::ExplicitBigEndian {
            value::swap(&mut value, vr);
        }
        self.header(tag, vr, value.len());
        self.out.extend(value);
    }

    fn header(&mut self, tag: Tag, vr: Vr, length: usize) {
        self.tag(tag);
        if self.layout == Layout::ImplicitLittleEndian {
            self.long(length);
            return;
        }
        match u16::try_from(length) {
            Ok(short) if !vr.has_long_header() => {
                self.out.extend(vr.as_str().bytes());
                self.short(short);
            }
            // What is too long for a short header goes as UN (PS3.5 §6.2.2).
            _ => {
                let vr = if vr.has_long_header() { vr } else { Vr::UN };
                self.out.extend(vr.as_str().bytes());
                self.out.extend([0, 0]);
                self.long(length);
            }
        }
    }

    /// Says in the four bytes before `value` how long it has become.
    fn fill_length(&mut self, value: usize) {
        let length = self.long_bytes(self.out.len() - value);
        let place = value.checked_sub(length.len()).and_then(|from| self.out.get_mut(from..value));
        if let Some(place) = place {
            place.copy_from_slice(&length);
        }
    }

    fn tag(&mut self, tag: Tag) {
        self.short(tag.group());
        self.short(tag.element());
    }

    fn short(&mut self, value: u16) {
        self.out.extend(match self.layout {
            Layout::ExplicitBigEndian => value.to_be_bytes(),
            _ => value.to_le_bytes(),
        });
    }

    fn long(&mut self, value: usize) {
        let bytes = self.long_bytes(value);
        self.out.extend(bytes);
    }

    fn long_bytes(&self, value: usize) -> [u8; 4] {
        let value = u32::try_from(value).unwrap_or(u32::MAX);
        if self.layout == Layout::ExplicitBigEndian { value.to_be_bytes() } else { value.to_le_bytes() }
    }
}

#[cfg(test)]
mod tests;
