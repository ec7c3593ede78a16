//! What the notes say of how a frame looks: [`Look`].

use causeway_core::Tag;

use super::lut::Lut;
use super::notes::{Notes, Place};
use super::presented::Tone;
use super::voi::{Function, Voi, Window};
use super::{RenderError, tags};
use crate::pixels::{Representation, Shape};

/// Float Pixel Data and Double Float Pixel Data (PS3.3 §C.7.6.24, §C.7.6.25).
const FLOAT_PIXEL_DATA: Tag = Tag::new(0x7FE0, 0x0008);
const DOUBLE_FLOAT_PIXEL_DATA: Tag = Tag::new(0x7FE0, 0x0009);

/// What the cells of native pixel data hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Single,
    Double,
}

/// From stored values to what they mean (PS3.3 §C.11.1).
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Modality {
    Rescale { slope: f64, intercept: f64 },
    Lut(Lut),
}

impl Modality {
    /// What a stored value means.
    pub(super) fn apply(&self, stored: f64) -> f64 {
        match self {
            Self::Rescale { slope, intercept } => stored * slope + intercept,
            Self::Lut(lut) => lut.get(stored),
        }
    }
}

/// How a frame looks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Look {
    pub(super) shape: Shape,
    pub(super) kind: Kind,
    /// Bits of a stored value, and how far above the lowest bit of its cell it stands.
    pub(super) bits_stored: u32,
    pub(super) shift: u32,
    pub(super) modality: Modality,
    pub(super) voi: Voi,
    /// Least and greatest stored value that is no part of the image (PS3.3 §C.7.5.1.1.2).
    pub(super) padding: Option<(f64, f64)>,
    pub(super) palette: Option<[Lut; 3]>,
    /// What a presentation state makes of brightness, in place of the photometric interpretation.
    pub(super) tone: Option<Tone>,
    /// Height of a pixel, in its widths.
    pub(super) aspect: f64,
}

impl Look {
    /// What `notes` say of a frame of `shape` in the element `pixels`.
    pub(super) fn of(shape: &Shape, pixels: Tag, notes: &Notes) -> Result<Self, RenderError> {
        let kind = match (pixels, shape.bits_allocated) {
            (FLOAT_PIXEL_DATA, 32) => Kind::Single,
            (DOUBLE_FLOAT_PIXEL_DATA, 64) => Kind::Double,
            (FLOAT_PIXEL_DATA | DOUBLE_FLOAT_PIXEL_DATA, bits) => {
                return Err(RenderError::NotRendered(format!("floating point pixels of {bits} bits")));
            }
            _ => Kind::Integer,
        };
        let (bits_stored, shift) = place_of_bits(shape, notes);
        Ok(Self {
            kind,
            bits_stored,
            shift,
            modality: modality(notes, shape.representation),
            voi: voi(notes, shape.representation),
            padding: padding(notes, shape.representation),
            palette: palette(shape, notes)?,
            tone: None,
            aspect: aspect(notes).unwrap_or(1.0),
            shape: shape.clone(),
        })
    }
}

/// Bits Stored and the distance of High Bit from them (PS3.5 §8.1.1); those of the whole cell where they make no
/// sense.
fn place_of_bits(shape: &Shape, notes: &Notes) -> (u32, u32) {
    let allocated = u32::from(shape.bits_allocated);
    let stored = notes.short(Place::Image, tags::BITS_STORED).map(u32::from);
    let stored = stored.filter(|bits| (1..=allocated).contains(bits)).unwrap_or(allocated);
    let high_bit = notes.short(Place::Image, tags::HIGH_BIT).map_or(stored - 1, u32::from);
    let shift = (high_bit + 1).checked_sub(stored).filter(|shift| shift + stored <= allocated).unwrap_or(0);
    (stored, shift)
}

fn modality(notes: &Notes, representation: Representation) -> Modality {
    if let Some(lut) = Lut::read(notes, Place::ModalityLut, representation) {
        return Modality::Lut(lut);
    }
    Modality::Rescale {
        slope: notes.decimal(tags::RESCALE_SLOPE).unwrap_or(1.0),
        intercept: notes.decimal(tags::RESCALE_INTERCEPT).unwrap_or(0.0),
    }
}

/// The first of the views that the data set offers; a table before a window.
fn voi(notes: &Notes, representation: Representation) -> Voi {
    if let Some(lut) = Lut::read(notes, Place::VoiLut, representation) {
        return Voi::Lut(lut);
    }
    let function = match notes.text(tags::VOI_LUT_FUNCTION) {
        Some("LINEAR_EXACT") => Function::LinearExact,
        Some("SIGMOID") => Function::Sigmoid,
        _ => Function::Linear,
    };
    let pair = notes.decimal(tags::WINDOW_CENTER).zip(notes.decimal(tags::WINDOW_WIDTH));
    pair.and_then(|(center, width)| Window::new(center, width, function)).map_or(Voi::Unsaid, Voi::Window)
}

fn padding(notes: &Notes, representation: Representation) -> Option<(f64, f64)> {
    let number = |tag| {
        let number = notes.short(Place::Image, tag)?;
        Some(match representation {
            Representation::Unsigned => f64::from(number),
            Representation::Signed => f64::from(number.cast_signed()),
        })
    };
    let one = number(tags::PADDING)?;
    let other = number(tags::PADDING_LIMIT).unwrap_or(one);
    Some((one.min(other), one.max(other)))
}

fn palette(shape: &Shape, notes: &Notes) -> Result<Option<[Lut; 3]>, RenderError> {
    if shape.photometric != "PALETTE COLOR" {
        return Ok(None);
    }
    let lut = |index| {
        Lut::of_palette(notes, index).ok_or_else(|| {
            RenderError::NotRendered("a palette whose look-up tables cannot be read".to_owned())
        })
    };
    Ok(Some([lut(0)?, lut(1)?, lut(2)?]))
}

/// Spacings of pixels or their ratio, rows before columns in both (PS3.3 §10.7.1.3, §C.7.6.3.1.7).
fn aspect(notes: &Notes) -> Option<f64> {
    [tags::PIXEL_SPACING, tags::IMAGER_PIXEL_SPACING, tags::PIXEL_ASPECT_RATIO].into_iter().find_map(|tag| {
        let mut numbers = notes.decimals(tag);
        let ratio = numbers.next()? / numbers.next()?;
        (ratio.is_finite() && (0.01..=100.0).contains(&ratio)).then_some(ratio)
    })
}
