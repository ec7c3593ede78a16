//! The first look at a data set: where its pixel data are, what describes them, and which elements have to change.
//!
//! Coded icons (PS3.3 §C.7.6.1.1.6) are small, and are decoded at once. An icon that cannot be decoded is left out
//! of what goes out, with its sequence, which no IOD requires; the reason is kept for the log.

use causeway_core::{Tag, Vr};

use super::edits::{Change, Edits, Put};
use super::offsets::MAX_TABLE_BYTES;
use crate::Error;
use crate::pixels::shape::{PHOTOMETRIC_INTERPRETATION, PLANAR_CONFIGURATION, PixelAttributes};
use crate::pixels::{Codec, Frame, Shape, decode_frame};
use crate::scanner::{Flow, Header, Sink};

/// Most bytes of all coded icons together.
pub(super) const MAX_ICON_BYTES: usize = 4 * 1024 * 1024;
/// Icon Image Sequence.
const ICON_IMAGE_SEQUENCE: Tag = Tag::new(0x0088, 0x0200);
/// Extended Offset Table, its lengths, and the length of encapsulated pixel data: they mean nothing to native ones.
const EXTENDED_OFFSET_TABLE: Tag = Tag::new(0x7FE0, 0x0001);
const ENCAPSULATION: [Tag; 3] = [EXTENDED_OFFSET_TABLE, Tag::new(0x7FE0, 0x0002), Tag::new(0x7FE0, 0x0003)];

/// The data set, or an item of it.
#[derive(Debug, Default)]
pub(super) struct Place {
    attributes: PixelAttributes,
    photometric_at: Option<u64>,
    planar_at: Option<u64>,
    /// The first element behind where Planar Configuration stands.
    behind_planar: Option<u64>,
}

/// Where the pixel data of the instance begin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Main {
    /// Their header.
    pub(super) offset: u64,
    /// Their first item.
    pub(super) value_offset: u64,
}

/// What is being read.
#[derive(Debug)]
enum Reading {
    Attribute(Tag),
    Table,
    Icon,
}

/// Coded pixel data inside an item.
#[derive(Debug, Default)]
struct Icon {
    offset: u64,
    items: usize,
    coded: Vec<u8>,
}

/// The sink that looks.
#[derive(Debug)]
pub(super) struct Survey {
    codec: Codec,
    pub(super) place: Place,
    around: Vec<Place>,
    /// Open sequences, and where their headers begin.
    sequences: Vec<(Tag, u64)>,
    pub(super) main: Option<Main>,
    pub(super) edits: Edits,
    /// Value of the Extended Offset Table.
    pub(super) table: Vec<u8>,
    /// Why icons are left out.
    pub(super) left_out: Vec<String>,
    pub(super) error: Option<Error>,
    reading: Option<Reading>,
    value: Vec<u8>,
    icon: Option<Icon>,
    icon_bytes: usize,
}

impl Survey {
    pub(super) fn new(codec: Codec) -> Self {
        Self {
            codec,
            place: Place::default(),
            around: Vec::new(),
            sequences: Vec::new(),
            main: None,
            edits: Edits::default(),
            table: Vec::new(),
            left_out: Vec::new(),
            error: None,
            reading: None,
            value: Vec::new(),
            icon: None,
            icon_bytes: 0,
        }
    }

    /// Decodes an icon, and has it written in place of its fragments.
    fn decode_icon(&mut self, icon: &Icon) -> Result<(), Error> {
        // An icon is one image, whatever is said around it.
        let shape = Shape { frames: 1, ..self.place.attributes.shape()? };
        let frame = decode_frame(self.codec, &shape, &icon.coded)?;
        self.place.correct(&shape, &frame, icon.offset, &mut self.edits);
        let put = Put { tag: Tag::PIXEL_DATA, vr: pixel_vr(&shape), value: frame.bytes };
        self.edits.change(icon.offset, Change::Replace(put));
        Ok(())
    }
}

/// VR of native pixel data in explicit VR (PS3.5 §A.2).
pub(super) const fn pixel_vr(shape: &Shape) -> Vr {
    if shape.bits_allocated > 8 { Vr::OW } else { Vr::OB }
}

impl Place {
    fn pass(&mut self, header: &Header) {
        if header.tag > PLANAR_CONFIGURATION && self.behind_planar.is_none() {
            self.behind_planar = Some(header.offset);
        }
    }

    /// The shape of the pixels that are described here.
    pub(super) fn shape(&self) -> Result<Shape, Error> {
        Ok(self.attributes.shape()?)
    }

    /// Has the attributes corrected that do not say what `frame` is. The pixel data's header is at `pixels_at`.
    pub(super) fn correct(&self, shape: &Shape, frame: &Frame, pixels_at: u64, edits: &mut Edits) {
        if let Some(offset) = self.photometric_at.filter(|_| shape.photometric != frame.photometric) {
            let value = frame.photometric.clone().into_bytes();
            edits.change(offset, Change::Replace(Put { tag: PHOTOMETRIC_INTERPRETATION, vr: Vr::CS, value }));
        }
        if shape.samples == 1 || shape.planar == Some(frame.planar) {
            return;
        }
        let value = frame.planar.value().to_le_bytes().to_vec();
        let put = Put { tag: PLANAR_CONFIGURATION, vr: Vr::US, value };
        match self.planar_at {
            Some(offset) => edits.change(offset, Change::Replace(put)),
            None => edits.insert(self.behind_planar.unwrap_or(pixels_at), put),
        }
    }
}

impl Sink for Survey {
    fn element(&mut self, header: &Header) -> Flow {
        if self.error.is_some() {
            return Flow::Stop;
        }
        self.place.pass(header);
        let length = header.length.unwrap_or_default();
        if header.depth == 0 && ENCAPSULATION.contains(&header.tag) {
            self.edits.change(header.offset, Change::Drop);
            let is_read = header.tag == EXTENDED_OFFSET_TABLE && length <= MAX_TABLE_BYTES;
            self.reading = is_read.then_some(Reading::Table);
            return if is_read { Flow::Value } else { Flow::Skip };
        }
        match header.tag {
            PHOTOMETRIC_INTERPRETATION => self.place.photometric_at = Some(header.offset),
            PLANAR_CONFIGURATION => self.place.planar_at = Some(header.offset),
            _ => {}
        }
        if !PixelAttributes::wants(header.tag, length) {
            return Flow::Skip;
        }
        self.reading = Some(Reading::Attribute(header.tag));
        Flow::Value
    }

    fn value(&mut self, chunk: &[u8]) {
        match (&self.reading, &mut self.icon) {
            (Some(Reading::Table), _) => self.table.extend_from_slice(chunk),
            (Some(Reading::Icon), Some(icon)) => icon.coded.extend_from_slice(chunk),
            _ => self.value.extend_from_slice(chunk),
        }
    }

    fn end_element(&mut self) {
        if let Some(Reading::Attribute(tag)) = self.reading.take() {
            self.place.attributes.note(tag, &self.value);
        }
        self.value.clear();
    }

    fn begin_sequence(&mut self, header: &Header) {
        self.place.pass(header);
        self.sequences.push((header.tag, header.offset));
    }

    fn begin_item(&mut self) {
        self.around.push(std::mem::take(&mut self.place));
    }

    fn end_item(&mut self) {
        self.place = self.around.pop().unwrap_or_default();
    }

    fn end_sequence(&mut self) {
        self.sequences.pop();
    }

    fn begin_fragments(&mut self, header: &Header) -> Flow {
        self.place.pass(header);
        if header.tag != Tag::PIXEL_DATA {
            return Flow::Skip;
        }
        if header.depth == 0 {
            self.main = Some(Main { offset: header.offset, value_offset: header.value_offset });
            return Flow::Stop;
        }
        self.icon = Some(Icon { offset: header.offset, ..Icon::default() });
        Flow::Value
    }

    fn begin_fragment(&mut self, length: u32) -> Flow {
        let Some(icon) = &mut self.icon else { return Flow::Skip };
        icon.items += 1;
        if icon.items == 1 {
            // The table of offsets.
            return Flow::Skip;
        }
        self.icon_bytes = self.icon_bytes.saturating_add(length as usize);
        if self.icon_bytes > MAX_ICON_BYTES {
            self.error = Some(Error::IconsTooLong { limit: MAX_ICON_BYTES });
            return Flow::Stop;
        }
        self.reading = Some(Reading::Icon);
        Flow::Value
    }

    fn end_fragments(&mut self) {
        let Some(icon) = self.icon.take() else { return };
        let Err(error) = self.decode_icon(&icon) else { return };
        match self.sequences.last() {
            Some((ICON_IMAGE_SEQUENCE, offset)) => {
                self.edits.change(*offset, Change::Drop);
                self.left_out.push(error.to_string());
            }
            _ => self.error = Some(error),
        }
    }
}
