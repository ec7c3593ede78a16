//! Elements laid out one after another, in order of their tags whatever order they come in, as Explicit VR Little
//! Endian. Sequences and items have undefined lengths, so that nothing has to be counted.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use causeway_core::limits::MAX_SEQUENCE_DEPTH;
use causeway_core::{Tag, Uid, Vr};

use super::description::ATTRIBUTES;
use super::{ComposeError, Composed, Gap, Named, Told};
use crate::model::Creators;
use crate::transcode::put_explicit_header;

const UNDEFINED_LENGTH: u32 = u32::MAX;
const FILE_META_GROUP: u16 = 0x0002;
const TRANSFER_SYNTAX_UID: Tag = Tag::new(0x0002, 0x0010);
const NUMBER_OF_FRAMES: Tag = Tag::new(0x0028, 0x0008);
/// The blocks that a group has for private creators (PS3.5 §7.8.1).
const BLOCKS: RangeInclusive<u16> = 0x10..=0xFF;

/// A data set that is being laid out.
#[derive(Debug)]
pub(crate) struct Builder {
    out: Vec<u8>,
    gaps: Vec<Gap>,
    /// The data set and the items that are open, innermost last.
    open: Vec<Level>,
    is_ascii: bool,
    names_character_set: bool,
    max_bytes: usize,
    named: Named,
    transfer_syntax: Option<Uid>,
    frames: u32,
    pub(super) told: Told,
    is_coerced: bool,
}

/// The elements of one data set or item.
#[derive(Debug, Default)]
struct Level {
    start: usize,
    first_gap: usize,
    elements: Vec<Element>,
    /// Elements whose private block is told by its creator.
    owned: Vec<(usize, String)>,
    /// Private creators, by group and block.
    creators: BTreeMap<(u16, u16), String>,
}

/// An element that was laid out: where it begins; it ends where the next one begins.
#[derive(Debug, Clone, Copy)]
struct Element {
    tag: Tag,
    start: usize,
    first_gap: usize,
}

/// Whether an attribute has a place in what is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Kept,
    /// It is told of the object, or would be wrong; its value is noted where it matters.
    PassedOver,
}

impl Builder {
    /// A data set of at most `max_bytes` bytes.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            out: Vec::new(),
            gaps: Vec::new(),
            open: vec![Level::default()],
            is_ascii: true,
            names_character_set: false,
            max_bytes,
            named: Named::default(),
            transfer_syntax: None,
            frames: 1,
            told: Told::default(),
            is_coerced: false,
        }
    }

    /// Which instance it is, as far as that came.
    pub(crate) fn named(&self) -> Named {
        self.named.clone()
    }

    /// Most bytes that a value may have.
    pub(crate) const fn room(&self) -> usize {
        self.max_bytes.saturating_sub(self.out.len())
    }

    fn is_nested(&self) -> bool {
        self.open.len() > 1
    }

    /// Whether `tag` may stand in a data set (PS3.5 §7.1), and is kept. `creator`: whose private block it is in, where
    /// its tag does not say.
    pub(crate) fn place(&self, tag: Tag, creator: Option<&str>) -> Result<Place, ComposeError> {
        if tag.group() == FILE_META_GROUP && !self.is_nested() {
            return Ok(Place::PassedOver);
        }
        let is_reserved = matches!(tag.group(), 0..=3 | 5 | 7 | 0xFFFE | 0xFFFF);
        if is_reserved {
            return Err(ComposeError::Misplaced(tag));
        }
        let is_told = tag == Tag::AVAILABLE_TRANSFER_SYNTAX_UID && !self.is_nested();
        let is_group_length = tag.element() == 0 && !(tag.is_private() && creator.is_some());
        let is_passed_over = is_group_length || tag == Tag::SPECIFIC_CHARACTER_SET || is_told;
        Ok(if is_passed_over { Place::PassedOver } else { Place::Kept })
    }

    /// Takes an element with its value.
    pub(crate) fn put(
        &mut self,
        tag: Tag,
        vr: Vr,
        creator: Option<String>,
        value: &[u8],
    ) -> Result<(), ComposeError> {
        if self.place(tag, creator.as_deref())? == Place::PassedOver {
            self.note_passed_over(tag, value);
            return Ok(());
        }
        self.note(tag, vr, value, creator.is_some());
        self.begin_element(tag, creator)?;
        let is_odd = !value.len().is_multiple_of(2);
        let length = value.len().saturating_add(usize::from(is_odd));
        let length = u32::try_from(length).map_err(|_| ComposeError::ValueTooLong(tag))?;
        put_explicit_header(tag, vr, length, &mut self.out);
        self.out.extend_from_slice(value);
        if is_odd {
            self.out.push(if vr.is_text() && vr != Vr::UI { b' ' } else { 0 });
        }
        self.check_length()
    }

    /// Takes an element whose value is elsewhere.
    pub(crate) fn put_gap(
        &mut self,
        tag: Tag,
        vr: Vr,
        creator: Option<String>,
        uri: String,
    ) -> Result<(), ComposeError> {
        if self.place(tag, creator.as_deref())? == Place::PassedOver {
            return Ok(());
        }
        self.begin_element(tag, creator)?;
        self.gaps.push(Gap { at: self.out.len(), tag, vr, is_nested: self.is_nested(), uri });
        Ok(())
    }

    /// Begins a sequence. What follows are its items.
    pub(crate) fn begin_sequence(&mut self, tag: Tag, creator: Option<String>) -> Result<(), ComposeError> {
        self.begin_element(tag, creator)?;
        put_explicit_header(tag, Vr::SQ, UNDEFINED_LENGTH, &mut self.out);
        Ok(())
    }

    pub(crate) fn end_sequence(&mut self) {
        self.put_delimiter(Tag::SEQUENCE_DELIMITATION, 0);
    }

    pub(crate) fn begin_item(&mut self) -> Result<(), ComposeError> {
        if self.open.len() > MAX_SEQUENCE_DEPTH {
            return Err(ComposeError::TooDeep);
        }
        self.put_delimiter(Tag::ITEM, UNDEFINED_LENGTH);
        let (start, first_gap) = (self.out.len(), self.gaps.len());
        self.open.push(Level { start, first_gap, ..Level::default() });
        self.check_length()
    }

    pub(crate) fn end_item(&mut self) -> Result<(), ComposeError> {
        self.settle()?;
        self.put_delimiter(Tag::ITEM_DELIMITATION, 0);
        self.check_length()
    }

    /// The data set is complete.
    pub(crate) fn finish(mut self) -> Result<Composed, ComposeError> {
        if self.names_character_set || !self.is_ascii {
            self.begin_element(Tag::SPECIFIC_CHARACTER_SET, None)?;
            put_explicit_header(Tag::SPECIFIC_CHARACTER_SET, Vr::CS, 10, &mut self.out);
            self.out.extend_from_slice(b"ISO_IR 192");
        }
        let added = self.leave_room_for_description()?;
        self.settle()?;
        let Self { out: bytes, gaps, named, transfer_syntax, frames, mut told, is_coerced, .. } = self;
        let (missing, gaps) = gaps.into_iter().partition(|gap| !gap.is_nested && added.contains(&gap.tag));
        told.missing = missing;
        Ok(Composed { named, bytes, gaps, transfer_syntax, frames, told, is_coerced })
    }

    /// Adds gaps for what is not said of pixels that are elsewhere. Their tags.
    fn leave_room_for_description(&mut self) -> Result<Vec<Tag>, ComposeError> {
        if !self.gaps.iter().any(Gap::is_pixel_data) {
            return Ok(Vec::new());
        }
        let said: BTreeSet<Tag> =
            self.open.iter().flat_map(|level| &level.elements).map(|it| it.tag).collect();
        let left_out: Vec<Tag> = ATTRIBUTES.into_iter().filter(|tag| !said.contains(tag)).collect();
        for tag in &left_out {
            self.put_gap(*tag, Vr::UN, None, String::new())?;
        }
        Ok(left_out)
    }

    /// Notes that a value was changed to fit its attribute.
    pub(crate) const fn note_coerced(&mut self) {
        self.is_coerced = true;
    }

    fn put_delimiter(&mut self, tag: Tag, length: u32) {
        self.out.extend(tag.group().to_le_bytes());
        self.out.extend(tag.element().to_le_bytes());
        self.out.extend(length.to_le_bytes());
    }

    fn check_length(&self) -> Result<(), ComposeError> {
        if self.out.len() > self.max_bytes {
            return Err(ComposeError::TooLong { limit: self.max_bytes });
        }
        Ok(())
    }

    fn begin_element(&mut self, tag: Tag, creator: Option<String>) -> Result<(), ComposeError> {
        self.check_length()?;
        let (start, first_gap) = (self.out.len(), self.gaps.len());
        if let Some(level) = self.open.last_mut() {
            if let Some(creator) = creator.filter(|_| tag.is_private()) {
                level.owned.push((level.elements.len(), creator));
            }
            level.elements.push(Element { tag, start, first_gap });
        }
        Ok(())
    }

    fn note(&mut self, tag: Tag, vr: Vr, value: &[u8], is_owned: bool) {
        self.is_ascii &= !vr.uses_character_set() || value.is_ascii();
        let text = || std::str::from_utf8(value).unwrap_or_default();
        if Creators::is_creator(tag)
            && !is_owned
            && let Some(level) = self.open.last_mut()
        {
            let name = text().trim_matches([' ', '\0']).to_owned();
            level.creators.insert((tag.group(), tag.element()), name);
        }
        if self.is_nested() {
            return;
        }
        self.note_pixels(tag, value);
        match tag {
            Tag::SOP_CLASS_UID => self.named.sop_class = Uid::parse(text()).ok(),
            Tag::SOP_INSTANCE_UID => self.named.sop_instance = Uid::parse(text()).ok(),
            NUMBER_OF_FRAMES => self.frames = text().trim().parse().unwrap_or(1),
            _ => {}
        }
    }

    fn note_passed_over(&mut self, tag: Tag, value: &[u8]) {
        let text = std::str::from_utf8(value).unwrap_or_default();
        if tag == Tag::SPECIFIC_CHARACTER_SET {
            self.names_character_set |= !value.is_empty();
        } else if matches!(tag, TRANSFER_SYNTAX_UID | Tag::AVAILABLE_TRANSFER_SYNTAX_UID) {
            let first = text.split('\\').next().unwrap_or_default();
            self.transfer_syntax = Uid::parse(first).ok().or_else(|| self.transfer_syntax.take());
        }
    }

    /// Puts the elements of the innermost level in order.
    fn settle(&mut self) -> Result<(), ComposeError> {
        let Some(mut level) = self.open.pop() else { return Ok(()) };
        self.assign_blocks(&mut level)?;
        let (end, end_of_gaps) = (self.out.len(), self.gaps.len());
        let nexts = level.elements.iter().skip(1).map(|next| (next.start, next.first_gap));
        let ends: Vec<(usize, usize)> = nexts.chain([(end, end_of_gaps)]).collect();
        let mut elements: Vec<_> = level.elements.into_iter().zip(ends).collect();
        let is_in_order = elements.is_sorted_by(|(one, _), (next, _)| one.tag < next.tag);
        if is_in_order {
            return Ok(());
        }
        elements.sort_by_key(|(element, _)| element.tag);
        let mut pairs = elements.iter().zip(elements.iter().skip(1));
        if let Some((twice, _)) = pairs.find(|((one, _), (next, _))| one.tag == next.tag) {
            return Err(ComposeError::Twice(twice.0.tag));
        }
        let bytes = self.out.split_off(level.start);
        let mut gaps: Vec<Option<Gap>> = self.gaps.split_off(level.first_gap).into_iter().map(Some).collect();
        for (element, (end, end_of_gaps)) in elements {
            let to = self.out.len();
            let range = element.start - level.start..end - level.start;
            self.out.extend_from_slice(bytes.get(range).unwrap_or_default());
            let range = element.first_gap - level.first_gap..end_of_gaps - level.first_gap;
            let moved = gaps.get_mut(range).unwrap_or_default().iter_mut().filter_map(Option::take);
            self.gaps.extend(moved.map(|gap| Gap { at: gap.at - element.start + to, ..gap }));
        }
        Ok(())
    }

    /// Gives private attributes the block that their creator reserved; one that is free, where it reserved none
    /// (PS3.5 §7.8.1).
    fn assign_blocks(&mut self, level: &mut Level) -> Result<(), ComposeError> {
        if level.owned.is_empty() {
            return Ok(());
        }
        let used = level.elements.iter().filter(|element| element.tag.is_private());
        let used: BTreeSet<(u16, u16)> =
            used.map(|element| (element.tag.group(), element.tag.element() >> 8)).collect();
        for (index, creator) in std::mem::take(&mut level.owned) {
            let Some(tag) = level.elements.get(index).map(|element| element.tag) else { continue };
            let name = creator.trim();
            let block = match reserved_block(level, tag, name) {
                Some(block) => block,
                None => self.reserve_block(level, tag, name, &used)?,
            };
            self.rename(level, index, Tag::new(tag.group(), block << 8 | tag.element() & 0x00FF));
        }
        Ok(())
    }

    /// Reserves a block of the group of `tag`, the one it is in if it says.
    fn reserve_block(
        &mut self,
        level: &mut Level,
        tag: Tag,
        name: &str,
        used: &BTreeSet<(u16, u16)>,
    ) -> Result<u16, ComposeError> {
        let (group, told) = (tag.group(), tag.element() >> 8);
        let is_free = |block: &u16| {
            let is_known = level.creators.contains_key(&(group, *block));
            !is_known && (told == *block || !used.contains(&(group, *block)))
        };
        let block = if told == 0 { BLOCKS.clone().find(is_free) } else { Some(told).filter(is_free) };
        let block = block.filter(|block| BLOCKS.contains(block)).ok_or(ComposeError::NoBlock(tag))?;
        let reserved = Tag::new(group, block);
        level.elements.push(Element { tag: reserved, start: self.out.len(), first_gap: self.gaps.len() });
        level.creators.insert((group, block), name.to_owned());
        self.is_ascii &= name.is_ascii();
        let padding = if name.len().is_multiple_of(2) { "" } else { " " };
        let length = u32::try_from(name.len() + padding.len());
        let length = length.map_err(|_| ComposeError::ValueTooLong(reserved))?;
        put_explicit_header(reserved, Vr::LO, length, &mut self.out);
        self.out.extend(name.bytes().chain(padding.bytes()));
        self.check_length()?;
        Ok(block)
    }

    fn rename(&mut self, level: &mut Level, index: usize, tag: Tag) {
        let Some(element) = level.elements.get_mut(index) else { return };
        element.tag = tag;
        let (start, first_gap) = (element.start, element.first_gap);
        let next = level.elements.get(index + 1).map_or(self.out.len(), |next| next.start);
        if start == next {
            if let Some(gap) = self.gaps.get_mut(first_gap) {
                gap.tag = tag;
            }
        } else if let Some(bytes) = self.out.get_mut(start + 2..start + 4) {
            bytes.copy_from_slice(&tag.element().to_le_bytes());
        }
    }
}

/// The block of the group of `tag` that `name` reserved, the one that `tag` is in if it says.
fn reserved_block(level: &Level, tag: Tag, name: &str) -> Option<u16> {
    let (group, told) = (tag.group(), tag.element() >> 8);
    let mut reserved = level.creators.range((group, 0)..=(group, u16::MAX));
    let found = reserved.find(|((_, block), known)| *known == name && (told == 0 || told == *block));
    found.map(|((_, block), _)| *block)
}

#[cfg(test)]
mod tests;
