//! The brightness of one stored value: through modality, window and tone to 8 bits (PS3.4 §N.2). Never here: the values
//! of a frame.

use super::image::Look;
use super::voi::{Span, Voi, Window};

/// What turns values into brightness.
#[derive(Debug, Clone, Copy)]
pub(super) enum View<'a> {
    Window(Window),
    Voi(&'a Voi),
    Span(Span),
}

impl View<'_> {
    fn apply(self, value: f64) -> f64 {
        match self {
            Self::Window(window) => window.apply(value),
            Self::Voi(Voi::Window(window)) => window.apply(value),
            Self::Voi(Voi::Lut(lut)) => lut.get(value) / lut.full(),
            Self::Span(span) => span.apply(value),
            Self::Voi(Voi::Unsaid) => 0.0,
        }
    }

    /// The values between which brightness changes: all below are as bright as one another, and so are all above. None
    /// where there are no such values.
    pub(super) const fn bounds(self) -> Option<(f64, f64)> {
        match self {
            Self::Window(window) => window.bounds(),
            Self::Voi(Voi::Window(window)) => window.bounds(),
            Self::Voi(Voi::Lut(_) | Voi::Unsaid) => None,
            Self::Span(span) => Some((span.least, span.greatest)),
        }
    }
}

/// Which end of the values is bright (PS3.3 §C.7.6.3.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Polarity {
    /// MONOCHROME2.
    MoreIsBright,
    /// MONOCHROME1.
    LessIsBright,
}

/// The brightness of one stored value. Padding is background, whatever the polarity.
pub(super) fn shade(look: &Look, polarity: Polarity, view: View<'_>, stored: f64) -> u8 {
    if is_padding(look, stored) || stored.is_nan() { 0 } else { tone(look, polarity, view, stored) }
}

/// The brightness of one stored value that is no padding.
pub(super) fn tone(look: &Look, polarity: Polarity, view: View<'_>, stored: f64) -> u8 {
    let bright = view.apply(look.modality.apply(stored));
    let bright = look.tone.as_ref().map_or(bright, |tone| tone.apply(bright));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates between 0 and 255"
    )]
    let shade = (bright * 255.0).round() as u8;
    match polarity {
        Polarity::MoreIsBright => shade,
        Polarity::LessIsBright if look.tone.is_some() => shade,
        Polarity::LessIsBright => u8::MAX - shade,
    }
}

/// Whether a stored value is no part of the image.
pub(super) fn is_padding(look: &Look, stored: f64) -> bool {
    look.padding.is_some_and(|(least, greatest)| (least..=greatest).contains(&stored))
}
