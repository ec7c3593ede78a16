//! Layers of what is drawn over images, and the overlay planes that are shown in them (PS3.3 §C.10.7, §C.11.7, §C.9.2).

use super::PresentationError;
use super::tags;
use super::tree::Item;

/// Most layers.
pub(super) const MAX_LAYERS: usize = 256;
/// Groups of overlay planes: every second one (PS3.5 §7.6).
const GROUPS: std::ops::RangeInclusive<u16> = 0x6000..=0x601E;

/// A layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layer {
    pub(crate) name: String,
    order: i64,
    /// P-Value in which it is drawn.
    pub(crate) grey: Option<u16>,
    /// The same in CIELab, as PCS-Values.
    pub(crate) colour: Option<[u16; 3]>,
}

/// The layers from the lowest to the highest.
pub(super) fn read(state: &Item) -> Result<Vec<Layer>, PresentationError> {
    let items = state.items(tags::LAYERS);
    if items.len() > MAX_LAYERS {
        return Err(PresentationError::TooMany("layers", MAX_LAYERS));
    }
    let mut layers: Vec<Layer> = items
        .iter()
        .filter_map(|item| {
            let mut colour = item.shorts(tags::LAYER_COLOUR);
            Some(Layer {
                name: item.word(tags::LAYER)?.to_owned(),
                order: item.word(tags::LAYER_ORDER).and_then(|word| word.parse().ok()).unwrap_or_default(),
                grey: item.shorts(tags::LAYER_GREY).next(),
                colour: (|| Some([colour.next()?, colour.next()?, colour.next()?]))(),
            })
        })
        .collect();
    layers.sort_by_key(|layer| layer.order);
    Ok(layers)
}

/// Groups of the overlay planes that are shown, each with its layer.
pub(super) fn activations(state: &Item) -> Vec<(u16, String)> {
    let groups = GROUPS.step_by(2);
    groups.filter_map(|group| Some((group, state.word(tags::overlay(group, 0x1001))?.to_owned()))).collect()
}

/// An overlay plane of one bit for each pixel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    pub(crate) group: u16,
    pub(crate) rows: u32,
    pub(crate) columns: u32,
    /// Row and column of its first bit in the image, whose first ones are 1.
    pub(crate) origin: (i32, i32),
    /// How many it is of, and the frame of the image that the first is for.
    frames: u32,
    first_frame: u32,
    bits: Vec<u8>,
}

impl Overlay {
    /// The planes with bits of their own.
    pub(super) fn read_all(item: &Item) -> Vec<Self> {
        GROUPS.step_by(2).filter_map(|group| Self::read(item, group)).collect()
    }

    fn read(item: &Item, group: u16) -> Option<Self> {
        let tag = |element| tags::overlay(group, element);
        let mut origin = item.shorts(tag(0x0050)).map(|number| i32::from(number.cast_signed()));
        let origin = origin.next().zip(origin.next()).unwrap_or((1, 1));
        let (rows, columns) = (item.shorts(tag(0x0010)).next()?, item.shorts(tag(0x0011)).next()?);
        let frames = item.word(tag(0x0015)).and_then(|word| word.parse().ok()).unwrap_or(1);
        let first_frame = item.shorts(tag(0x0051)).next().map_or(1, u32::from);
        let bits = item.get(tag(0x3000))?.bytes.clone();
        Some(Self { group, rows: rows.into(), columns: columns.into(), origin, frames, first_frame, bits })
    }

    /// Whether the bit for a pixel of a frame, counted from 1, is set. Column and row are those of the image, the first
    /// is 0.
    pub(crate) fn is_set(&self, column: i64, row: i64, frame: u32) -> bool {
        let inside = |at: i64, origin: i32, count: u32| {
            let at = at.checked_add(1)?.checked_sub(i64::from(origin))?;
            u64::try_from(at).ok().filter(|at| *at < u64::from(count))
        };
        let read = || {
            let plane = if self.frames > 1 { frame.checked_sub(self.first_frame)? } else { 0 };
            if plane >= self.frames.max(1) {
                return None;
            }
            let column = inside(column, self.origin.1, self.columns)?;
            let row = inside(row, self.origin.0, self.rows)?;
            let row = u64::from(plane) * u64::from(self.rows) + row;
            let at = row.checked_mul(u64::from(self.columns))?.checked_add(column)?;
            let byte = self.bits.get(usize::try_from(at / 8).ok()?)?;
            Some(byte >> (at % 8) & 1 == 1)
        };
        read().unwrap_or(false)
    }
}
