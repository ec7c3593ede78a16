//! Where the frames of an image are (PS3.5 §8.1.1, §8.2, §A.4), so that one can be read without the others.
//!
//! Lives here: [`Charter`], which asks for pieces of a data set, wherever they stand in it, until it knows; [`Chart`],
//! what it knows then, with the cutting of one frame out of its bytes; `find`, its look at the head; `items`, its walk
//! over fragments; `window`, single items. What the bytes claim is held against bounds: no value is read but the
//! few attributes that describe pixels, and offset tables. Never here: codecs, and where bytes come from.

mod find;
mod items;
mod window;

use std::num::NonZeroU32;
use std::ops::Range;

use bytes::Bytes;
use causeway_core::Uid;
use causeway_core::transfer_syntax::{Layout, Plain};

use crate::Error;
use crate::pixels::{Codec, MAX_FRAME_BYTES, PixelError, Shape};
use crate::scanner::{Progress, Scanner};
use find::Finder;
use items::{Items, Walk};

pub use items::MAX_FRAGMENTS;
use window::Item;
pub use window::{ITEM_HEADER_BYTES, MIN_WINDOW_BYTES};

/// Where the frames of an image are. Offsets are bytes from the start of the data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    shape: Shape,
    pixels: Pixels,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pixels {
    /// One after the other, each of so many bits.
    Native { value: Range<u64>, frame_bits: u64 },
    /// In items: where those of each frame begin, and where those of the last one end.
    Encapsulated { bounds: Vec<u64> },
}

impl Chart {
    /// What the frames look like.
    #[must_use]
    pub const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Whether the frames are in items, which is how compressed ones are.
    #[must_use]
    pub const fn is_encapsulated(&self) -> bool {
        matches!(self.pixels, Pixels::Encapsulated { .. })
    }

    /// Bytes of a frame as it is stored, where each has as many.
    #[must_use]
    pub const fn native_frame_bytes(&self) -> Option<u64> {
        match &self.pixels {
            Pixels::Native { frame_bits, .. } => Some(frame_bits.div_ceil(8)),
            Pixels::Encapsulated { .. } => None,
        }
    }

    /// About how much memory this takes.
    #[must_use]
    pub fn weight_bytes(&self) -> usize {
        let bounds = match &self.pixels {
            Pixels::Native { .. } => 0,
            Pixels::Encapsulated { bounds } => bounds.len() * size_of::<u64>(),
        };
        size_of::<Self>() + bounds
    }

    /// Where the items of all frames are, and what follows them is none; none where there are no items.
    #[must_use]
    pub fn items(&self) -> Option<Range<u64>> {
        match &self.pixels {
            Pixels::Native { .. } => None,
            Pixels::Encapsulated { bounds } => bounds.first().zip(bounds.last()).map(|(from, to)| *from..*to),
        }
    }

    /// The bytes of the data set that [`Self::cut`] needs for the frame `number`, counted from 1.
    ///
    /// # Errors
    /// When there is no such frame, the pixel data end before it does, or it is longer than any may be.
    pub fn span(&self, number: NonZeroU32) -> Result<Range<u64>, Error> {
        let index = number.get() - 1;
        if index >= self.shape.frames {
            return Err(PixelError::FrameCount { found: number.get(), said: self.shape.frames }.into());
        }
        let span = match &self.pixels {
            Pixels::Native { value, frame_bits } => {
                let (from, to) = bits(index, *frame_bits);
                let span = value.start.saturating_add(from / 8)..value.start.saturating_add(to.div_ceil(8));
                if span.end > value.end {
                    let found = value.end.saturating_sub(value.start).saturating_mul(8) / frame_bits.max(&1);
                    let found = u32::try_from(found).unwrap_or(u32::MAX);
                    return Err(PixelError::FrameCount { found, said: self.shape.frames }.into());
                }
                span
            }
            Pixels::Encapsulated { bounds } => {
                let index = index as usize;
                let ends = bounds.get(index).zip(bounds.get(index.saturating_add(1)));
                let (from, to) = ends.ok_or(PixelError::Fragments("a frame has none"))?;
                *from..*to
            }
        };
        let bytes = span.end.saturating_sub(span.start);
        if bytes > MAX_FRAME_BYTES {
            return Err(PixelError::FrameTooLarge { bytes }.into());
        }
        Ok(span)
    }

    /// The frame `number` as it is stored, out of the bytes of its [`Self::span`]: the coded frame put together from
    /// its fragments, or native samples, of single bits the first in the lowest bit of the first byte.
    ///
    /// # Errors
    /// When these are not its bytes.
    pub fn cut(&self, number: NonZeroU32, bytes: &Bytes) -> Result<Bytes, Error> {
        match &self.pixels {
            Pixels::Encapsulated { .. } => window::joined(bytes),
            Pixels::Native { frame_bits, .. } => {
                let (from, to) = bits(number.get() - 1, *frame_bits);
                let expected = to.div_ceil(8).saturating_sub(from / 8);
                let found = bytes.len() as u64;
                if found != expected {
                    return Err(PixelError::WrongLength { expected, found }.into());
                }
                let is_whole = from.is_multiple_of(8) && to.is_multiple_of(8);
                Ok(if is_whole { bytes.clone() } else { aligned(bytes, from % 8, *frame_bits) })
            }
        }
    }
}

/// Bytes of the fragment whose item begins with `header`; the fragment follows after [`ITEM_HEADER_BYTES`].
///
/// # Errors
/// When no item begins so.
pub fn fragment_bytes(header: &[u8]) -> Result<u64, Error> {
    match Item::read(header)? {
        Some(Item::Of(length)) => Ok(length.into()),
        Some(Item::Delimiter) | None => {
            Err(PixelError::Fragments("a frame ends in the middle of one").into())
        }
    }
}

/// The bits from which and up to which a frame lies in native pixel data.
const fn bits(index: u32, frame_bits: u64) -> (u64, u64) {
    let from = (index as u64).saturating_mul(frame_bits);
    (from, from.saturating_add(frame_bits))
}

/// `count` bits from the bit `shift` on, moved to the lowest bit of the first byte, zeros behind them (PS3.5 §8.1.1).
fn aligned(bytes: &[u8], shift: u64, count: u64) -> Bytes {
    let length = usize::try_from(count.div_ceil(8)).unwrap_or(usize::MAX).min(bytes.len());
    let following = bytes.iter().skip(1).copied().chain([0]);
    let mut out: Vec<u8> = bytes
        .iter()
        .zip(following)
        .map(|(byte, next)| {
            let [low, _] = (u16::from_le_bytes([*byte, next]) >> shift).to_le_bytes();
            low
        })
        .take(length)
        .collect();
    if let Some(last) = out.last_mut().filter(|_| !count.is_multiple_of(8)) {
        *last &= 0xFF >> (8 - count % 8);
    }
    Bytes::from(out)
}

#[derive(Debug)]
enum Stage {
    Head(Box<Scanner<Finder>>),
    Items { shape: Box<Shape>, items: Box<Items> },
    Done(Option<Box<Chart>>),
}

/// Finds where the frames are. Ask it what it [`wants`](Self::wants) and [`give`](Self::give) it that, until it wants
/// nothing more.
#[derive(Debug)]
pub struct Charter {
    codec: Option<Codec>,
    is_native: bool,
    is_video: bool,
    stage: Stage,
    at: u64,
}

impl Charter {
    /// For a data set in `transfer_syntax`; a deflated one would have to be inflated first.
    #[must_use]
    pub fn new(transfer_syntax: &Uid) -> Self {
        let scanner = Scanner::new(Layout::of(transfer_syntax), 0, Finder::default());
        Self {
            codec: Codec::of(transfer_syntax),
            is_native: Plain::of(transfer_syntax) == Some(Plain::ByLayout),
            is_video: is_video(transfer_syntax),
            stage: Stage::Head(Box::new(scanner)),
            at: 0,
        }
    }

    /// For a coded image inside an item, such as an icon, of which [`crate::bulk`] has found where its own items begin.
    #[must_use]
    pub fn within(transfer_syntax: &Uid, items_offset: u64, shape: Shape) -> Self {
        let codec = Codec::of(transfer_syntax);
        let items = Items::new(items_offset, &shape, codec.map(Codec::framing), Vec::new());
        let stage = Stage::Items { shape: Box::new(shape), items: Box::new(items) };
        Self { codec, is_native: false, is_video: false, stage, at: items_offset }
    }

    /// The offset from which bytes of the data set are wanted: any number of them, but at least [`MIN_WINDOW_BYTES`]
    /// where there are as many. None: all is known.
    #[must_use]
    pub fn wants(&self) -> Option<u64> {
        match &self.stage {
            Stage::Head(_) => Some(self.at),
            Stage::Items { items, .. } => Some(items.at()),
            Stage::Done(_) => None,
        }
    }

    /// Gives the bytes that were wanted; none, where the data set ends before.
    ///
    /// # Errors
    /// When these are no data set, or its pixel data cannot be told apart into frames.
    pub fn give(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match std::mem::replace(&mut self.stage, Stage::Done(None)) {
            Stage::Head(scanner) => self.head(scanner, bytes),
            Stage::Items { shape, mut items } => {
                self.stage = match items.give(bytes)? {
                    Walk::GoesOn => Stage::Items { shape, items },
                    Walk::Ended => {
                        let pixels = Pixels::Encapsulated { bounds: items.bounds()? };
                        Stage::Done(Some(Box::new(Chart { shape: *shape, pixels })))
                    }
                };
                Ok(())
            }
            Stage::Done(chart) => {
                self.stage = Stage::Done(chart);
                Ok(())
            }
        }
    }

    /// What was found; none where the data set has no pixel data, or not all was given that was wanted.
    #[must_use]
    pub fn finish(self) -> Option<Chart> {
        match self.stage {
            Stage::Done(chart) => chart.map(|chart| *chart),
            Stage::Head(_) | Stage::Items { .. } => None,
        }
    }

    fn head(&mut self, mut scanner: Box<Scanner<Finder>>, bytes: &[u8]) -> Result<(), Error> {
        if bytes.is_empty() {
            scanner.finish()?;
            return Ok(());
        }
        if scanner.feed(bytes)? == Progress::More {
            let skippable = scanner.skippable();
            scanner.skip(skippable);
            self.at = self.at.saturating_add(bytes.len() as u64).saturating_add(skippable);
            self.stage = Stage::Head(scanner);
            return Ok(());
        }
        self.stage = self.arrive(scanner.into_sink())?;
        Ok(())
    }

    /// The pixel data are found.
    fn arrive(&self, finder: Finder) -> Result<Stage, Error> {
        let Finder { attributes, table, found, .. } = finder;
        let Some(found) = found else { return Ok(Stage::Done(None)) };
        let shape = attributes.shape_of_each()?;
        match (found.length, self.is_native) {
            (Some(length), true) => {
                let value = found.value_offset..found.value_offset.saturating_add(length.into());
                let frame_bits = native_frame_bits(&shape, length);
                let pixels = Pixels::Native { value, frame_bits };
                Ok(Stage::Done(Some(Box::new(Chart { shape, pixels }))))
            }
            (None, false) => {
                let frames = if self.is_video { 1 } else { shape.frames };
                let shape = Shape { frames, ..shape };
                let framing = self.codec.map(Codec::framing);
                let items = Items::new(found.value_offset, &shape, framing, table);
                Ok(Stage::Items { shape: Box::new(shape), items: Box::new(items) })
            }
            (Some(_), false) => {
                Err(PixelError::Fragments("there are none, though the transfer syntax has them").into())
            }
            (None, true) => {
                Err(PixelError::Fragments("there are some, though the transfer syntax has none").into())
            }
        }
    }
}

/// Whether all frames are one stream (PS3.5 §8.2.5 to §8.2.8), which is given as if it were one frame.
fn is_video(transfer_syntax: &Uid) -> bool {
    let after = transfer_syntax.as_str().strip_prefix("1.2.840.10008.1.2.4.").unwrap_or_default();
    let number = after.split('.').next().and_then(|number| number.parse::<u32>().ok());
    number.is_some_and(|number| (100..=108).contains(&number))
}

/// Bits of a native frame. Where chrominance is halved, four pixels of three samples take eight cells (PS3.3
/// §C.7.6.3.1.2); some write all twelve and say so all the same.
fn native_frame_bits(shape: &Shape, length: u32) -> u64 {
    let full = shape.frame_bits();
    let all = full.saturating_mul(shape.frames.into());
    let is_halved = shape.photometric.ends_with("_422") && shape.samples == 3;
    if is_halved && u64::from(length).saturating_mul(8) < all { full / 3 * 2 } else { full }
}

#[cfg(test)]
mod tests;
