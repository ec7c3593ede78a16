//! A data set as a tree of values as they stand in it, in little endian, within a bound: the sink of the presentation
//! states. Never here: what the values mean.

use std::collections::BTreeMap;

use causeway_core::{Tag, Vr};

use crate::charset::CharacterSets;
use crate::scanner::{Flow, Header, Sink};

/// Most bytes of all values that are kept, with [`OVERHEAD_BYTES`] for each of them and for each item.
pub const MAX_STATE_BYTES: usize = 16 * 1024 * 1024;
/// What an element or an item costs beside its value, in bytes.
const OVERHEAD_BYTES: usize = 64;

/// A value field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Raw {
    pub(crate) bytes: Vec<u8>,
    /// Whether its first number has a sign, where the header says.
    pub(crate) is_signed: Option<bool>,
}

/// Elements of a data set or of an item.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Item {
    values: BTreeMap<Tag, Raw>,
    sequences: BTreeMap<Tag, Vec<Self>>,
}

impl Item {
    pub(super) fn get(&self, tag: Tag) -> Option<&Raw> {
        self.values.get(&tag)
    }

    pub(super) fn items(&self, tag: Tag) -> &[Self] {
        self.sequences.get(&tag).map_or(&[], Vec::as_slice)
    }

    fn bytes(&self, tag: Tag) -> &[u8] {
        self.get(tag).map_or(&[], |raw| &raw.bytes)
    }

    /// Words of ASCII, without what fills them up; those that are none are passed over.
    pub(super) fn words(&self, tag: Tag) -> impl Iterator<Item = &str> {
        let parts = self.bytes(tag).split(|byte| *byte == b'\\');
        let words = parts.filter_map(|part| std::str::from_utf8(part).ok());
        words.map(|word| word.trim_matches([' ', '\0'])).filter(|word| !word.is_empty())
    }

    pub(super) fn word(&self, tag: Tag) -> Option<&str> {
        self.words(tag).next()
    }

    /// Numbers of decimal or integer strings, until one that is none.
    pub(super) fn decimals(&self, tag: Tag) -> impl Iterator<Item = f64> {
        self.words(tag).map_while(|word| word.parse().ok().filter(|number: &f64| number.is_finite()))
    }

    /// Numbers of 16 bits without a sign.
    pub(super) fn shorts(&self, tag: Tag) -> impl Iterator<Item = u16> {
        self.bytes(tag).as_chunks().0.iter().map(|bytes| u16::from_le_bytes(*bytes))
    }

    /// Numbers of 32 bits with a sign.
    pub(super) fn longs(&self, tag: Tag) -> impl Iterator<Item = i32> {
        self.bytes(tag).as_chunks().0.iter().map(|bytes| i32::from_le_bytes(*bytes))
    }

    /// Numbers of floating point of 32 bits.
    pub(super) fn floats(&self, tag: Tag) -> impl Iterator<Item = f32> {
        self.bytes(tag).as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes))
    }

    /// Text that may have lines.
    pub(super) fn text(&self, tag: Tag, sets: CharacterSets) -> String {
        sets.decode(self.bytes(tag), Vr::UT).values.into_iter().next().unwrap_or_default()
    }
}

/// What of a data set is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// What says how images are presented.
    Presentation,
    /// Overlay planes alone.
    Overlays,
}

impl Kept {
    /// Whether an element outside of any item is kept.
    const fn keeps(self, tag: Tag) -> bool {
        let is_overlay = tag.group() & 0xFF00 == 0x6000;
        match self {
            Self::Overlays => is_overlay,
            Self::Presentation => {
                is_overlay || matches!(tag.group(), 0x0008 | 0x0018 | 0x0028 | 0x0070 | 0x2050)
            }
        }
    }
}

/// The sink. It stops at the pixel data.
#[derive(Debug)]
pub(super) struct Tree {
    kept: Kept,
    pub(super) item: Item,
    /// Whether there was more than the bound.
    pub(super) is_cut: bool,
    open: Vec<Open>,
    /// How many sequences are open that are not kept.
    ignored: usize,
    reading: Option<(Tag, Raw)>,
    bytes: usize,
}

/// A sequence that is being read, and what it stands in.
#[derive(Debug)]
struct Open {
    tag: Tag,
    items: Vec<Item>,
    around: Item,
}

impl Tree {
    pub(super) fn new(kept: Kept) -> Self {
        Self {
            kept,
            item: Item::default(),
            is_cut: false,
            open: Vec::new(),
            ignored: 0,
            reading: None,
            bytes: 0,
        }
    }

    fn keeps(&self, tag: Tag) -> bool {
        self.ignored == 0 && !tag.is_private() && (!self.open.is_empty() || self.kept.keeps(tag))
    }

    /// Counts bytes that are about to be kept.
    fn has_room(&mut self, bytes: usize) -> bool {
        self.bytes = self.bytes.saturating_add(bytes).saturating_add(OVERHEAD_BYTES);
        self.is_cut |= self.bytes > MAX_STATE_BYTES;
        !self.is_cut
    }
}

impl Sink for Tree {
    fn element(&mut self, header: &Header) -> Flow {
        if header.is_pixel_data() || self.is_cut {
            return Flow::Stop;
        }
        if !self.keeps(header.tag) {
            return Flow::Skip;
        }
        let length = header.length.and_then(|length| usize::try_from(length).ok()).unwrap_or(usize::MAX);
        if !self.has_room(length) {
            return Flow::Stop;
        }
        let is_said = header.vr == Vr::SS || header.vr == Vr::US;
        let is_said =
            is_said && header.layout != causeway_core::transfer_syntax::Layout::ImplicitLittleEndian;
        let is_signed = is_said.then_some(header.vr == Vr::SS);
        self.reading = Some((header.tag, Raw { bytes: Vec::with_capacity(length), is_signed }));
        Flow::Value
    }

    fn value(&mut self, chunk: &[u8]) {
        if let Some((_, raw)) = &mut self.reading {
            raw.bytes.extend_from_slice(chunk);
        }
    }

    fn end_element(&mut self) {
        if let Some((tag, raw)) = self.reading.take() {
            self.item.values.insert(tag, raw);
        }
    }

    fn begin_sequence(&mut self, header: &Header) {
        if !self.keeps(header.tag) {
            self.ignored += 1;
            return;
        }
        self.open.push(Open { tag: header.tag, items: Vec::new(), around: Item::default() });
    }

    fn begin_item(&mut self) {
        if self.ignored > 0 || !self.has_room(0) {
            return;
        }
        if let Some(open) = self.open.last_mut() {
            open.around = std::mem::take(&mut self.item);
        }
    }

    fn end_item(&mut self) {
        if self.ignored > 0 || self.is_cut {
            return;
        }
        if let Some(open) = self.open.last_mut() {
            open.items.push(std::mem::replace(&mut self.item, std::mem::take(&mut open.around)));
        }
    }

    fn end_sequence(&mut self) {
        if self.ignored > 0 {
            self.ignored -= 1;
        } else if let Some(open) = self.open.pop() {
            self.item.sequences.insert(open.tag, open.items);
        }
    }

    fn begin_fragments(&mut self, header: &Header) -> Flow {
        if header.is_pixel_data() || self.is_cut { Flow::Stop } else { Flow::Skip }
    }
}
