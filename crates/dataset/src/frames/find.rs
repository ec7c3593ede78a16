//! The first look at a data set whose frames are wanted: where its pixel data are, and what describes them.

use causeway_core::Tag;

use crate::decompress::offsets::MAX_TABLE_BYTES;
use crate::head::PixelData;
use crate::pixels::shape::{PHOTOMETRIC_INTERPRETATION, PixelAttributes};
use crate::scanner::{Flow, Header, Sink};

/// Extended Offset Table (PS3.3 §C.7.6.3.1.8).
const EXTENDED_OFFSET_TABLE: Tag = Tag::new(0x7FE0, 0x0001);

/// The sink that looks; it stops at the pixel data.
#[derive(Debug, Default)]
pub(super) struct Finder {
    pub(super) attributes: PixelAttributes,
    /// Value of the Extended Offset Table.
    pub(super) table: Vec<u8>,
    pub(super) found: Option<PixelData>,
    reading: Option<Reading>,
    value: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum Reading {
    Attribute { tag: Tag, is_big_endian: bool },
    Table,
}

impl Finder {
    fn arrive(&mut self, header: &Header) -> Flow {
        self.found = Some(PixelData { value_offset: header.value_offset, length: header.length });
        Flow::Stop
    }
}

impl Sink for Finder {
    fn element(&mut self, header: &Header) -> Flow {
        if header.is_pixel_data() {
            return self.arrive(header);
        }
        let length = header.length.unwrap_or_default();
        let is_table = header.tag == EXTENDED_OFFSET_TABLE && length <= MAX_TABLE_BYTES;
        let is_attribute = PixelAttributes::wants(header.tag, length);
        if header.depth > 0 || !(is_table || is_attribute) {
            return Flow::Skip;
        }
        self.reading = Some(if is_table {
            Reading::Table
        } else {
            Reading::Attribute { tag: header.tag, is_big_endian: header.is_big_endian() }
        });
        Flow::Value
    }

    fn value(&mut self, chunk: &[u8]) {
        match self.reading {
            Some(Reading::Table) => self.table.extend_from_slice(chunk),
            _ => self.value.extend_from_slice(chunk),
        }
    }

    fn end_element(&mut self) {
        if let Some(Reading::Attribute { tag, is_big_endian }) = self.reading.take() {
            let is_text = matches!(tag, PHOTOMETRIC_INTERPRETATION | Tag::NUMBER_OF_FRAMES);
            if is_big_endian && !is_text {
                self.value.reverse();
            }
            self.attributes.note(tag, &self.value);
        }
        self.value.clear();
    }

    fn begin_fragments(&mut self, header: &Header) -> Flow {
        if header.is_pixel_data() { self.arrive(header) } else { Flow::Skip }
    }
}
