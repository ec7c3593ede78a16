//! A frame shown as a presentation state says (PS3.4 §N.2): its grey, what covers it, which way round it is, and what is
//! drawn over it.
//!
//! Lives here: [`Presented`], the state of one frame, and the order of the steps; one file for each of them. Never here:
//! what stands in a state, which is [`crate::presentation`]'s.

mod draw;
mod ink;
mod pen;
mod shutter;
mod space;
#[cfg(test)]
mod tests;
mod text;
mod tone;

use std::sync::Arc;

use causeway_core::Uid;

use super::geometry::Viewport;
use super::image::{Kind, Look};
use super::lut::Lut;
use super::notes::{Note, Notes, Place};
use super::raster::{Channels, Raster};
use super::{RenderError, tags};
use crate::presentation::{Overlay, Pipeline, Presentation};
pub(super) use tone::Tone;

/// The state that a frame is shown in.
#[derive(Debug, Clone)]
pub(super) struct Presented {
    state: Arc<Presentation>,
    image: Uid,
    /// Counted from 1.
    frame: u32,
    /// Overlay planes that the image has.
    overlays: Arc<[Overlay]>,
}

/// The same of all frames of an image.
#[derive(Debug, Clone)]
pub(super) struct PresentedImage {
    pub(super) state: Arc<Presentation>,
    pub(super) image: Uid,
    pub(super) overlays: Arc<[Overlay]>,
}

impl PresentedImage {
    /// The state of a frame, counted from 0.
    pub(super) fn frame(&self, index: u32) -> Presented {
        let Self { state, image, overlays } = self.clone();
        Presented { state, image, frame: index.saturating_add(1), overlays }
    }

    pub(super) fn has_colour(&self) -> bool {
        self.state.pipeline != Pipeline::Grayscale
    }
}

impl Presented {
    /// Puts what the state says of grey in place of what the image says.
    pub(super) fn tell(&self, look: &mut Look) -> Result<(), RenderError> {
        let is_grey = look.palette.is_none()
            && look.shape.samples == 1
            && look.shape.photometric.starts_with("MONOCHROME");
        match self.state.pipeline {
            Pipeline::Color if is_grey => Err(unfit("a state for colour is not one for an image of grey")),
            Pipeline::Color => Ok(()),
            Pipeline::Grayscale | Pipeline::PseudoColor if !is_grey || look.kind != Kind::Integer => {
                Err(unfit("a state for grey is not one for this image"))
            }
            Pipeline::Grayscale | Pipeline::PseudoColor => {
                tone::tell(&self.state.tones, self.state.tones.interest(&self.image, self.frame), look)
            }
        }
    }

    /// The picture of a frame whose grey or colour is made.
    pub(super) fn show(&self, frame: Raster, viewport: Option<&Viewport>) -> Result<Raster, RenderError> {
        let mut frame = match self.state.pipeline {
            Pipeline::PseudoColor => self.coloured(&frame)?,
            Pipeline::Grayscale | Pipeline::Color => frame,
        };
        shutter::cover(&self.state, self.frame, &mut frame);
        let area = self.state.space.area(&self.image, self.frame);
        let (mut picture, map) = space::place(&frame, &self.state.space, area, viewport)?;
        draw::over(self, &mut picture, &map)?;
        Ok(picture)
    }

    /// Grey through the palette of the state: the darkest is its first entry, the brightest its last.
    fn coloured(&self, frame: &Raster) -> Result<Raster, RenderError> {
        let mut notes = Notes::default();
        for (tag, raw) in &self.state.palette {
            let note = Note { bytes: raw.bytes.clone(), is_signed: raw.is_signed };
            notes.put(Place::Image, *tag, note);
        }
        let lut = |index| Lut::of_palette(&notes, index).ok_or_else(|| unfit("its palette cannot be read"));
        let palette = [lut(0)?, lut(1)?, lut(2)?];
        let colour = |grey: u8| palette.each_ref().map(|lut| tone::shade(lut.nth(f64::from(grey) / 255.0)));
        let table: Vec<[u8; 3]> = (0..=u8::MAX).map(colour).collect();
        let bytes =
            frame.bytes.iter().flat_map(|grey| table.get(usize::from(*grey)).copied().unwrap_or_default());
        Ok(Raster {
            channels: Channels::Rgb,
            bytes: bytes.collect(),
            width: frame.width,
            height: frame.height,
        })
    }
}

fn unfit(reason: &str) -> RenderError {
    RenderError::NotRendered(reason.to_owned())
}

/// A table of the state as the image's own tables are noted.
fn noted(table: &crate::presentation::Table, place: Place) -> Notes {
    let mut notes = Notes::default();
    let descriptor = Note { bytes: table.descriptor.bytes.clone(), is_signed: table.descriptor.is_signed };
    notes.put(place, tags::LUT_DESCRIPTOR, descriptor);
    notes.put(place, tags::LUT_DATA, Note { bytes: table.data.clone(), is_signed: None });
    notes
}
