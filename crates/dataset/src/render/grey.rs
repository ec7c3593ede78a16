//! One sample for each pixel into brightness of 8 bits: stored values through modality and VOI
//! (PS3.4 §N.2, PS3.3 §C.11.1, §C.11.2), dark and bright exchanged for MONOCHROME1.
//!
//! Values of up to 16 bits pass through a table that is made once for a frame.

use super::image::{Kind, Look};
use super::shade::{Polarity, View, is_padding, shade};
use super::table;
use super::voi::{Span, Voi, Window};
use crate::pixels::Representation;

/// Most bits of a stored value for which a table is made.
const MAX_TABLE_BITS: u32 = 16;
/// Bits of stored values that are shown as they are where nothing is said: they were made to be shown so, and one
/// frame of a film must not be brighter than the next for what is in it.
const BITS_OF_DISPLAY: u32 = 8;

/// Least and greatest of the values that were met.
#[derive(Debug, Clone, Copy)]
struct Extent {
    least: f64,
    greatest: f64,
}

impl Extent {
    const NONE: Self = Self { least: f64::INFINITY, greatest: f64::NEG_INFINITY };

    fn take(&mut self, value: f64) {
        if value.is_finite() {
            self.least = self.least.min(value);
            self.greatest = self.greatest.max(value);
        }
    }

    const fn span(self) -> Span {
        Span { least: self.least, greatest: self.greatest }
    }
}

/// The brightness of each pixel of a frame of native samples.
pub(super) fn render(look: &Look, polarity: Polarity, bytes: &[u8], window: Option<Window>) -> Vec<u8> {
    if look.kind == Kind::Integer && look.bits_stored <= MAX_TABLE_BITS && look.shape.bits_allocated <= 16 {
        by_table(look, polarity, bytes, window)
    } else {
        one_by_one(look, polarity, bytes, window)
    }
}

fn said<'a>(look: &'a Look, window: Option<Window>) -> Option<View<'a>> {
    match (window, &look.voi) {
        (Some(window), _) => Some(View::Window(window)),
        (None, Voi::Unsaid) => None,
        (None, voi) => Some(View::Voi(voi)),
    }
}

fn by_table(look: &Look, polarity: Polarity, bytes: &[u8], window: Option<Window>) -> Vec<u8> {
    let size = 1_usize << look.bits_stored;
    let view = said(look, window).unwrap_or_else(|| {
        let mut met = vec![look.bits_stored <= BITS_OF_DISPLAY; size];
        if look.bits_stored > BITS_OF_DISPLAY {
            each_index(look, bytes, |index| {
                if let Some(met) = met.get_mut(index) {
                    *met = true;
                }
            });
        }
        let mut extent = Extent::NONE;
        for (index, _) in met.iter().enumerate().filter(|(_, met)| **met) {
            let stored = table::stored(look, index);
            if !is_padding(look, stored) {
                extent.take(look.modality.apply(stored));
            }
        }
        View::Span(extent.span())
    });
    shaded(look, bytes, &table::table(look, polarity, view))
}

/// Each pixel through a table. What most images have, whole cells of 16 bits, goes by in a loop of its own: it is run
/// for every pixel that anyone looks at.
fn shaded(look: &Look, bytes: &[u8], table: &[u8]) -> Vec<u8> {
    let mut out = vec![0; look.shape.pixels()];
    if look.shape.bits_allocated == 16 {
        let (shift, mask) = (look.shift, table.len() - 1);
        for (slot, cell) in out.iter_mut().zip(bytes.as_chunks().0) {
            let index = usize::from(u16::from_le_bytes(*cell) >> shift) & mask;
            *slot = table.get(index).copied().unwrap_or_default();
        }
    } else {
        let mut slots = out.iter_mut();
        each_index(look, bytes, |index| {
            if let Some((slot, shade)) = slots.next().zip(table.get(index)) {
                *slot = *shade;
            }
        });
    }
    out
}

/// Calls `take` with the bits of each stored value, of cells of at most 16 bits.
#[inline]
fn each_index(look: &Look, bytes: &[u8], mut take: impl FnMut(usize)) {
    let mask = (1_usize << look.bits_stored) - 1;
    let shift = look.shift;
    let pixels = look.shape.pixels();
    match look.shape.bits_allocated {
        1 => {
            // The first pixel is the lowest bit (PS3.5 §8.1.1).
            let bits = bytes.iter().flat_map(|byte| (0..8).map(move |bit| usize::from(byte >> bit & 1)));
            bits.take(pixels).for_each(take);
        }
        8 => bytes.iter().take(pixels).for_each(|byte| take(usize::from(*byte) >> shift & mask)),
        _ => {
            for cell in bytes.chunks_exact(2).take(pixels).filter_map(|bytes| bytes.first_chunk()) {
                take(usize::from(u16::from_le_bytes(*cell)) >> shift & mask);
            }
        }
    }
}

fn one_by_one(look: &Look, polarity: Polarity, bytes: &[u8], window: Option<Window>) -> Vec<u8> {
    let width = look.shape.sample_bytes().max(1);
    let cells = || bytes.chunks_exact(width).take(look.shape.pixels()).map(|cell| wide(look, cell));
    let view = said(look, window).unwrap_or_else(|| {
        let mut extent = Extent::NONE;
        for stored in cells().filter(|stored| !is_padding(look, *stored)) {
            extent.take(look.modality.apply(stored));
        }
        View::Span(extent.span())
    });
    cells().map(|stored| shade(look, polarity, view, stored)).collect()
}

/// The stored value of a cell of any width.
fn wide(look: &Look, cell: &[u8]) -> f64 {
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(cell) {
        *to = *from;
    }
    let number = u64::from_le_bytes(bytes);
    match look.kind {
        Kind::Single => {
            let [a, b, c, d, ..] = bytes;
            f32::from_le_bytes([a, b, c, d]).into()
        }
        Kind::Double => f64::from_le_bytes(bytes),
        Kind::Integer => {
            let unused = 64 - look.bits_stored;
            let high = number >> look.shift << unused;
            #[expect(clippy::cast_precision_loss, reason = "brightness has 8 bits")]
            match look.shape.representation {
                Representation::Signed => (high.cast_signed() >> unused) as f64,
                Representation::Unsigned => (high >> unused) as f64,
            }
        }
    }
}
