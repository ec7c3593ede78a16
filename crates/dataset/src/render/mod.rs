//! A frame as a picture that any browser shows (PS3.18 §8.3.5, §8.7.4): stored values through the pipeline of
//! PS3.4 §N.2 to grey or colour of 8 bits, cut, scaled, labelled, and coded as JPEG, PNG or GIF.
//!
//! Lives here: [`Surveyor`], which reads what is said of the looks of frames; [`render`]; one file for each step. Never
//! here: where bytes come from, and how a caller asks. All is pure and takes its time.

mod colour;
mod conversion;
mod geometry;
mod grey;
mod image;
mod label;
mod lut;
mod notes;
mod presented;
mod profile;
mod raster;
mod shade;
mod surveyor;
mod table;
mod tags;
mod timing;
mod voi;

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use geometry::{MAX_VIEWPORT_SIDE, Region, Viewport};
pub use label::Annotations;
pub use profile::Profile;
pub use raster::{Coding, FilmPart, Quality};
pub use surveyor::{StoredFrame, Surveyor, Views};
pub use voi::{Function, Window};

use crate::Error;
use crate::pixels::{Frame, PixelError, Planar, decode_frame};
use raster::{Channels, Extras, Raster};
use shade::Polarity;

/// What is asked of a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wanted {
    /// The window, in place of what the data set offers. Colour has none.
    pub window: Option<Window>,
    /// What it has to fit into; without it, it has as many pixels as the frame.
    pub viewport: Option<Viewport>,
    /// How it is coded.
    pub coding: Coding,
    /// Which words are burnt in.
    pub annotations: Annotations,
}

/// Why there is no picture; the words hold no patient data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The data set has no pixels.
    #[error("the instance has no pixels")]
    NoPixels,
    /// The viewport does not suit the image.
    #[error("the viewport does not suit the image: {0}")]
    Viewport(&'static str),
    /// Pixels of a kind that is not rendered here.
    #[error("it is not rendered: {0}")]
    NotRendered(String),
    /// The pixels cannot be decoded.
    #[error("the pixel data cannot be decoded: {0}")]
    Pixels(#[from] PixelError),
    /// The bytes are no data set.
    #[error("the data set cannot be read: {0}")]
    DataSet(Error),
}

impl From<Error> for RenderError {
    fn from(error: Error) -> Self {
        match error {
            Error::Pixels(error) => Self::Pixels(error),
            error => Self::DataSet(error),
        }
    }
}

/// The picture of a frame. Takes as long as decoding and coding do: not for an async thread.
///
/// # Errors
/// When the frame cannot be decoded, is of a kind that is not rendered, or does not suit the viewport.
pub fn render(frame: StoredFrame, wanted: &Wanted) -> Result<Vec<u8>, RenderError> {
    // Nothing that a coder leaves behind is used after it panicked.
    catch_unwind(AssertUnwindSafe(|| {
        let mut frame = frame;
        let (labels, profile) = (std::mem::take(&mut frame.labels), frame.profile.take());
        let conversion = frame.conversion.take();
        let (aspect, hundredths) = (frame.look.aspect, frame.hundredths);
        let presented = frame.presented.take();
        let raster = picture(frame, wanted.window)?;
        let mut raster = match (&presented, &wanted.viewport) {
            (Some(presented), viewport) => presented.show(raster, viewport.as_ref())?,
            (None, Some(viewport)) => geometry::fit(raster, viewport, aspect)?,
            (None, None) => raster,
        };
        if let Some(conversion) = &conversion {
            raster = conversion.convert(&raster)?;
        }
        labels.draw(&mut raster);
        raster.encode(wanted.coding, &Extras { profile: profile.as_deref(), hundredths })
    }))
    .unwrap_or_else(|_| Err(RenderError::NotRendered("the coder gave up on it".to_owned())))
}

/// The picture before it is cut, scaled and coded.
fn picture(stored: StoredFrame, window: Option<Window>) -> Result<Raster, RenderError> {
    let StoredFrame { bytes, codec, look, .. } = stored;
    let decoded = codec.map(|codec| decode_frame(codec, &look.shape, &bytes)).transpose()?;
    let (bytes, photometric, planar) = match decoded {
        Some(Frame { bytes, photometric, planar }) => (Cow::Owned(bytes), photometric, planar),
        None => {
            let planar = look.shape.planar.unwrap_or(Planar::ByPixel);
            (Cow::Borrowed(bytes.as_ref()), look.shape.photometric.clone(), planar)
        }
    };
    let (channels, mut bytes) = match (&look.palette, photometric.as_str(), look.shape.samples) {
        (Some(palette), _, _) => (Channels::Rgb, colour::by_palette(&look, palette, &bytes)?),
        (None, "MONOCHROME1", 1) => {
            (Channels::Grey, grey::render(&look, Polarity::LessIsBright, &bytes, window))
        }
        (None, _, 1) => (Channels::Grey, grey::render(&look, Polarity::MoreIsBright, &bytes, window)),
        (None, photometric, _) => {
            (Channels::Rgb, colour::of_samples(&look, photometric, planar, bytes.into_owned())?)
        }
    };
    let samples = if channels == Channels::Rgb { 3 } else { 1 };
    bytes.resize(look.shape.pixels() * samples, 0);
    Ok(Raster { width: look.shape.columns.into(), height: look.shape.rows.into(), channels, bytes })
}

#[cfg(test)]
mod tests;
