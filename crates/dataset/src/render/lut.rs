//! Look-up tables: of modality, of VOI (PS3.3 §C.11.1.1, §C.11.2.1.1) and of colour (§C.7.6.3.1.5, §C.7.9.2).

use super::notes::{Note, Notes, Place};
use super::tags;
use crate::pixels::Representation;

/// Most entries of a table: its descriptor has 16 bits for their number, and 0 stands for this.
const MAX_ENTRIES: usize = 65_536;

/// A look-up table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lut {
    /// The value that leads to the first entry.
    first: i32,
    entries: Vec<u16>,
    /// Bits of an entry.
    bits: u32,
}

/// What the three numbers of a descriptor say.
#[derive(Debug, Clone, Copy)]
struct Descriptor {
    entries: usize,
    first: i32,
    bits: u32,
}

impl Descriptor {
    /// `None` where they make no table. The sign of the first value mapped is that of the stored values, where
    /// its VR does not say.
    fn read(note: &Note, representation: Representation) -> Option<Self> {
        let mut numbers = note.bytes.chunks_exact(2).filter_map(|bytes| bytes.first_chunk());
        let mut next = || numbers.next().map(|bytes| u16::from_le_bytes(*bytes));
        let (entries, first, bits) = (next()?, next()?, next()?);
        let is_signed = note.is_signed.unwrap_or(representation == Representation::Signed);
        Some(Self {
            entries: if entries == 0 { MAX_ENTRIES } else { entries.into() },
            first: if is_signed { first.cast_signed().into() } else { first.into() },
            bits: Some(u32::from(bits)).filter(|bits| (1..=16).contains(bits))?,
        })
    }
}

impl Lut {
    /// The table in `place`; `None` where there is none that can be read.
    pub(super) fn read(notes: &Notes, place: Place, representation: Representation) -> Option<Self> {
        let descriptor = Descriptor::read(notes.get(place, tags::LUT_DESCRIPTOR)?, representation)?;
        Self::of(descriptor, &notes.get(place, tags::LUT_DATA)?.bytes)
    }

    /// One of the three tables of a palette.
    pub(super) fn of_palette(notes: &Notes, index: usize) -> Option<Self> {
        let [descriptor, data, segments] = tags::PALETTE.get(index)?;
        let descriptor = notes.get(Place::Image, *descriptor)?;
        // Stored values of a palette have no sign (PS3.3 §C.7.6.3.1.5), but where the VR says so.
        let descriptor = Descriptor::read(descriptor, Representation::Unsigned)?;
        match notes.get(Place::Image, *data) {
            Some(data) => Self::of(descriptor, &data.bytes),
            None => Self::of_segments(descriptor, &notes.get(Place::Image, *segments)?.bytes),
        }
    }

    /// Entries stand in 16 bits each; those of 8 bits in one byte each where there are no more bytes than that.
    fn of(descriptor: Descriptor, data: &[u8]) -> Option<Self> {
        let Descriptor { entries, first, bits } = descriptor;
        let words = entries.saturating_mul(2);
        let entries: Vec<u16> = if data.len() >= words {
            words_of(data).take(entries).collect()
        } else {
            data.get(..entries)?.iter().map(|byte| u16::from(*byte)).collect()
        };
        Some(Self { first, entries, bits })
    }

    /// Expands segments: discrete, linear, and those that stand elsewhere.
    fn of_segments(descriptor: Descriptor, data: &[u8]) -> Option<Self> {
        let numbers: Vec<u16> = if descriptor.bits > 8 {
            words_of(data).collect()
        } else {
            data.iter().map(|byte| u16::from(*byte)).collect()
        };
        let mut entries = Vec::with_capacity(descriptor.entries);
        expand(&numbers, usize::MAX, Indirect::Followed, descriptor.entries, &mut entries)?;
        (entries.len() == descriptor.entries).then_some(Self {
            first: descriptor.first,
            entries,
            bits: descriptor.bits,
        })
    }

    /// The entry for a value; those beyond the table get the first or the last.
    pub(super) fn get(&self, value: f64) -> f64 {
        let last = self.entries.len().saturating_sub(1);
        // Saturates: what lies beyond is beyond either way.
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and is no fraction")]
        let index = (value - f64::from(self.first)).floor() as i64;
        let index = usize::try_from(index.max(0)).unwrap_or(last).min(last);
        self.entries.get(index).copied().unwrap_or_default().into()
    }

    /// How bright the entry is that lies so far into the table, both from 0 to 1: every entry is for an equal part of
    /// what there is.
    pub(super) fn nth(&self, part: f64) -> f64 {
        let count = f64::from(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
        self.get(f64::from(self.first) + (part * count).floor()) / self.full()
    }

    /// The largest number that an entry can have.
    pub(super) fn full(&self) -> f64 {
        f64::from((1_u32 << self.bits) - 1)
    }
}

fn words_of(data: &[u8]) -> impl Iterator<Item = u16> {
    data.chunks_exact(2).filter_map(|bytes| bytes.first_chunk()).map(|bytes| u16::from_le_bytes(*bytes))
}

/// Whether segments may point to others. Those pointed to may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Indirect {
    Followed,
    Refused,
}

/// Appends what at most `count` segments of `numbers` make, up to `most` entries in all.
fn expand(numbers: &[u16], count: usize, indirect: Indirect, most: usize, out: &mut Vec<u16>) -> Option<()> {
    let mut rest = numbers;
    for _ in 0..count {
        let [kind, length, tail @ ..] = rest else { return Some(()) };
        let length = usize::from(*length);
        rest = match *kind {
            0 => {
                let (values, tail) = tail.split_at_checked(length)?;
                out.extend_from_slice(values);
                tail
            }
            1 => {
                let (end, tail) = tail.split_first()?;
                let start = f64::from(*out.last()?);
                let step = (f64::from(*end) - start) / f64::from(u32::try_from(length.max(1)).ok()?);
                for index in 1..=length {
                    let value = start + step * f64::from(u32::try_from(index).ok()?);
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "between two entries"
                    )]
                    out.push(value.round() as u16);
                }
                tail
            }
            2 if indirect == Indirect::Followed => {
                let [low, high, tail @ ..] = tail else { return None };
                // A byte offset, of which the numbers of a table of 16 bits take two each.
                let offset = (usize::from(*high) << 16 | usize::from(*low)) / 2;
                expand(numbers.get(offset..)?, length, Indirect::Refused, most, out)?;
                tail
            }
            _ => return None,
        };
        if out.len() > most {
            return None;
        }
        if out.len() == most {
            return Some(());
        }
    }
    Some(())
}
