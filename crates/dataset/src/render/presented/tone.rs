//! Grey as a presentation state says it (PS3.4 §N.2.1). What it does not say is an identity, whatever the image says.

use super::super::RenderError;
use super::super::image::{Look, Modality};
use super::super::lut::Lut;
use super::super::notes::Place;
use super::super::voi::{Function, Voi, Window};
use super::{noted, unfit};
use crate::pixels::Representation;
use crate::presentation::{Interest, Meaning, Shape, Tones};

/// From the brightness that a VOI transformation gives to that of P-Values (PS3.3 §C.11.6).
#[derive(Debug, Clone, PartialEq)]
pub(in crate::render) enum Tone {
    Identity,
    Inverse,
    Lut(Lut),
}

impl Tone {
    /// Brightness, both from 0 to 1.
    pub(in crate::render) fn apply(&self, bright: f64) -> f64 {
        match self {
            Self::Identity => bright,
            Self::Inverse => 1.0 - bright,
            Self::Lut(lut) => lut.nth(bright),
        }
    }
}

/// Brightness as a number of 8 bits.
pub(super) fn shade(bright: f64) -> u8 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates between 0 and 255"
    )]
    let shade = (bright * 255.0).round() as u8;
    shade
}

/// Puts the tones of a state in place of those of an image.
pub(super) fn tell(tones: &Tones, interest: Option<&Interest>, look: &mut Look) -> Result<(), RenderError> {
    let representation = look.shape.representation;
    let lut = |table, representation| {
        Lut::read(&noted(table, Place::VoiLut), Place::VoiLut, representation)
            .ok_or_else(|| unfit("a look-up table of the presentation state cannot be read"))
    };
    look.modality = match &tones.meaning {
        Meaning::Same => Modality::Rescale { slope: 1.0, intercept: 0.0 },
        Meaning::Rescale { slope, intercept } => Modality::Rescale { slope: *slope, intercept: *intercept },
        Meaning::Table(table) => Modality::Lut(lut(table, representation)?),
    };
    // What a table of VOI maps are values that the modality's transformation gave: they may have a sign even where stored
    // values have none (PS3.3 §C.11.2.1.1).
    let (least, greatest) = extent(look);
    let of_voi = if least < 0.0 { Representation::Signed } else { Representation::Unsigned };
    look.voi = match interest {
        Some(Interest::Window(window)) => Voi::Window(*window),
        Some(Interest::Table(table)) => Voi::Lut(lut(table, of_voi)?),
        None => whole(least, greatest),
    };
    look.tone = Some(match &tones.shape {
        Shape::Identity => Tone::Identity,
        Shape::Inverse => Tone::Inverse,
        Shape::Table(table) => Tone::Lut(lut(table, Representation::Unsigned)?),
    });
    Ok(())
}

/// The least and the greatest value that there can be behind the modality's transformation.
fn extent(look: &Look) -> (f64, f64) {
    let steps = 2.0_f64.powi(look.bits_stored.min(64).cast_signed());
    let (low, high) = match look.shape.representation {
        Representation::Unsigned => (0.0, steps - 1.0),
        Representation::Signed => (-steps / 2.0, steps / 2.0 - 1.0),
    };
    match &look.modality {
        Modality::Rescale { slope, intercept } => {
            let (one, other) = (low * slope + intercept, high * slope + intercept);
            (one.min(other), one.max(other))
        }
        Modality::Lut(lut) => (0.0, lut.full()),
    }
}

/// Everything from one value to another.
fn whole(least: f64, greatest: f64) -> Voi {
    let window = Window::new(f64::midpoint(least, greatest), greatest - least, Function::LinearExact);
    window.map_or(Voi::Unsaid, Voi::Window)
}
