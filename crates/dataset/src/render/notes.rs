//! What is noted of a data set on the way to its pixels: the attributes that say what they look like.
//!
//! Lives here: [`Survey`], the sink; [`Notes`], values as they stand in the data set, in little endian; which of
//! them holds for a frame where functional groups say something of their own (PS3.3 §C.7.6.16). Never here: what
//! the values mean.

use std::collections::BTreeMap;

use causeway_core::transfer_syntax::Layout;
use causeway_core::{Tag, Vr};

use super::tags;
use crate::Error;
use crate::pixels::PixelError;
use crate::pixels::shape::PixelAttributes;
use crate::scanner::{Flow, Header, Sink};

/// Longest value that is noted, in bytes: a look-up table of 65,536 entries of 16 bits, and half as much again.
const MAX_VALUE_BYTES: u32 = 192 * 1024;
/// Most bytes of all that is noted, with what each note costs beside its value.
pub(super) const MAX_NOTED_BYTES: usize = 16 * 1024 * 1024;
/// What a note costs beside its value, in bytes.
const OVERHEAD_BYTES: usize = 64;

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// In the data set, or in a functional group.
    Image,
    /// In the first item of Modality LUT Sequence.
    ModalityLut,
    /// In the first item of VOI LUT Sequence.
    VoiLut,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) bytes: Vec<u8>,
    /// Whether its first number has a sign, where the header says.
    pub(super) is_signed: Option<bool>,
}

/// What was noted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Notes(BTreeMap<(Place, Tag), Note>);

impl Notes {
    /// The value of `tag` in `place`.
    pub(super) fn get(&self, place: Place, tag: Tag) -> Option<&Note> {
        self.0.get(&(place, tag))
    }

    /// Puts a value.
    pub(super) fn put(&mut self, place: Place, tag: Tag, note: Note) {
        self.0.insert((place, tag), note);
    }

    /// The first number of a value of decimal or integer strings.
    pub(super) fn decimal(&self, tag: Tag) -> Option<f64> {
        self.decimals(tag).next()
    }

    /// The numbers of a value of decimal or integer strings, until one that is none.
    pub(super) fn decimals(&self, tag: Tag) -> impl Iterator<Item = f64> {
        let bytes = self.get(Place::Image, tag).map_or(&[][..], |note| &note.bytes);
        bytes.split(|byte| *byte == b'\\').map_while(|bytes| {
            let text = std::str::from_utf8(bytes).ok()?;
            text.trim_matches([' ', '\0']).parse().ok().filter(|number: &f64| number.is_finite())
        })
    }

    /// The first number of a value of 16 bits.
    pub(super) fn short(&self, place: Place, tag: Tag) -> Option<u16> {
        self.get(place, tag)?.bytes.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
    }

    /// The text of a value.
    pub(super) fn text(&self, tag: Tag) -> Option<&str> {
        let text = std::str::from_utf8(&self.get(Place::Image, tag)?.bytes).ok()?;
        Some(text.trim_matches([' ', '\0']))
    }

    /// These notes, with what a functional group says in place of what it replaces: a transformation or a window
    /// of its own leaves nothing of the one outside.
    fn overlaid(mut self, group: &Self) -> Self {
        for replaces in [tags::is_modality, tags::is_voi] {
            if group.0.keys().any(|(place, tag)| replaces(*place, *tag)) {
                self.0.retain(|(place, tag), _| !replaces(*place, *tag));
            }
        }
        self.0.extend(group.0.iter().map(|(key, note)| (*key, note.clone())));
        self
    }
}

/// Whose the values are that are being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    All,
    Shared,
    Frame(u32),
}

/// What is being read.
#[derive(Debug, Clone, Copy)]
enum Reading {
    Shape(Tag),
    Note(Owner, Place, Tag, Option<bool>),
}

/// The sink that takes notes. It stops at the pixel data.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) shape: PixelAttributes,
    /// Which of the three elements holds the pixels.
    pub(super) pixels: Option<Tag>,
    pub(super) error: Option<Error>,
    all: Notes,
    shared: Notes,
    frames: BTreeMap<u32, Notes>,
    /// Open sequences, and how many of their items have begun.
    path: Vec<(Tag, u32)>,
    reading: Vec<Reading>,
    value: Vec<u8>,
    noted_bytes: usize,
}

impl Survey {
    /// What holds for a frame, counted from 0.
    pub(super) fn notes(&self, frame: u32) -> Notes {
        let notes = self.all.clone().overlaid(&self.shared);
        match self.frames.get(&frame) {
            Some(group) => notes.overlaid(group),
            None => notes,
        }
    }

    /// About how much memory is taken by what was noted.
    pub(super) const fn noted_bytes(&self) -> usize {
        size_of::<Self>() + self.noted_bytes
    }

    /// Where an element stands whose values are noted there.
    fn place(&self) -> Option<(Owner, Place)> {
        let (owner, path) = match self.path.as_slice() {
            [(tags::SHARED_GROUPS, 1), path @ ..] if !path.is_empty() => (Owner::Shared, path),
            [(tags::FRAME_GROUPS, item), path @ ..] if !path.is_empty() => {
                (Owner::Frame(item.saturating_sub(1)), path)
            }
            path => (Owner::All, path),
        };
        let path = match path {
            [(group, 1), path @ ..] if owner != Owner::All && tags::GROUPS.contains(group) => path,
            path if owner == Owner::All => path,
            _ => return None,
        };
        match path {
            [] => Some((owner, Place::Image)),
            [(tags::MODALITY_LUT, 1)] => Some((owner, Place::ModalityLut)),
            [(tags::VOI_LUT, 1)] => Some((owner, Place::VoiLut)),
            _ => None,
        }
    }

    fn note(&mut self, owner: Owner, place: Place, tag: Tag, is_signed: Option<bool>) {
        self.noted_bytes = self.noted_bytes.saturating_add(self.value.len()).saturating_add(OVERHEAD_BYTES);
        if self.noted_bytes > MAX_NOTED_BYTES {
            self.error = Some(PixelError::TooMuchToNote.into());
            return;
        }
        let note = Note { bytes: self.value.clone(), is_signed };
        match owner {
            Owner::All => self.all.put(place, tag, note),
            Owner::Shared => self.shared.put(place, tag, note),
            Owner::Frame(frame) => self.frames.entry(frame).or_default().put(place, tag, note),
        }
    }

    fn found(&mut self, header: &Header) -> Flow {
        self.pixels = Some(header.tag);
        Flow::Stop
    }
}

impl Sink for Survey {
    fn element(&mut self, header: &Header) -> Flow {
        if self.error.is_some() {
            return Flow::Stop;
        }
        if header.is_pixel_data() {
            return self.found(header);
        }
        let length = header.length.unwrap_or_default();
        if header.depth == 0 && PixelAttributes::wants(header.tag, length) {
            self.reading.push(Reading::Shape(header.tag));
        }
        let place =
            self.place().filter(|(_, place)| length <= MAX_VALUE_BYTES && tags::is_noted(*place, header.tag));
        if let Some((owner, place)) = place {
            let is_said = header.layout != Layout::ImplicitLittleEndian && header.vr != Vr::UN;
            let is_signed = is_said.then_some(header.vr == Vr::SS);
            self.reading.push(Reading::Note(owner, place, header.tag, is_signed));
        }
        if self.reading.is_empty() { Flow::Skip } else { Flow::Value }
    }

    fn value(&mut self, chunk: &[u8]) {
        self.value.extend_from_slice(chunk);
    }

    fn end_element(&mut self) {
        for reading in std::mem::take(&mut self.reading) {
            match reading {
                Reading::Shape(tag) => self.shape.note(tag, &self.value),
                Reading::Note(owner, place, tag, is_signed) => self.note(owner, place, tag, is_signed),
            }
        }
        self.value.clear();
    }

    fn begin_sequence(&mut self, header: &Header) {
        self.path.push((header.tag, 0));
    }

    fn begin_item(&mut self) {
        if let Some((_, items)) = self.path.last_mut() {
            *items = items.saturating_add(1);
        }
    }

    fn end_sequence(&mut self) {
        self.path.pop();
    }

    fn begin_fragments(&mut self, header: &Header) -> Flow {
        if header.is_pixel_data() { self.found(header) } else { Flow::Skip }
    }
}
