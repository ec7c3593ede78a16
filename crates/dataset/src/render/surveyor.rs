//! From the head of a data set to how each of its frames looks.
//!
//! Lives here: [`Surveyor`], which asks for bytes of the data set up to its pixel data and passes over long values;
//! [`Views`], what it knows then. Never here: where the frames are, which is [`crate::frames`]'s, and decoding.

use std::sync::Arc;

use bytes::Bytes;
use causeway_core::transfer_syntax::Layout;
use causeway_core::{Tag, Uid};

use super::conversion::Conversion;
use super::image::Look;
use super::label::Labels;
use super::notes::Survey;
use super::presented::{Presented, PresentedImage};
use super::profile::{self, Profile, Space};
use super::timing::Timing;
use super::{RenderError, Wanted};
use crate::pixels::{Codec, Shape};
use crate::presentation::{Overlay, Presentation};
use crate::scanner::{Progress, Scanner};

/// Reads what says how frames look. Ask it what it [`wants`](Self::wants) and [`give`](Self::give) it that, until it
/// wants nothing more.
#[derive(Debug)]
pub struct Surveyor {
    stage: Stage,
    at: u64,
}

#[derive(Debug)]
enum Stage {
    Head(Box<Scanner<Survey>>),
    Done(Option<Box<Views>>),
}

/// How the frames of a data set look. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Views {
    survey: Arc<Survey>,
    /// Which of the three elements holds the pixels.
    pixels: Tag,
    shape: Shape,
    timing: Timing,
    profile: Option<Bytes>,
    conversion: Option<Conversion>,
    presented: Option<PresentedImage>,
}

/// One frame as it stands in the data set, and what says how it looks.
#[derive(Debug)]
pub struct StoredFrame {
    /// Native samples, or coded ones.
    pub(super) bytes: Bytes,
    pub(super) codec: Option<Codec>,
    pub(super) look: Look,
    pub(super) labels: Labels,
    /// How long it is shown in a film, in hundredths of a second.
    pub(super) hundredths: u16,
    /// The colour profile that goes with it.
    pub(super) profile: Option<Bytes>,
    /// What turns its colours into those of the profile.
    pub(super) conversion: Option<Conversion>,
    /// The presentation state that it is shown in.
    pub(super) presented: Option<Presented>,
}

impl Surveyor {
    /// For a data set in `transfer_syntax`; a deflated one would have to be inflated first.
    #[must_use]
    pub fn new(transfer_syntax: &Uid) -> Self {
        let scanner = Scanner::new(Layout::of(transfer_syntax), 0, Survey::default());
        Self { stage: Stage::Head(Box::new(scanner)), at: 0 }
    }

    /// The offset from which bytes of the data set are wanted, any number of them. None: all is known.
    #[must_use]
    pub const fn wants(&self) -> Option<u64> {
        match &self.stage {
            Stage::Head(_) => Some(self.at),
            Stage::Done(_) => None,
        }
    }

    /// Gives the bytes that were wanted; none, where the data set ends before.
    ///
    /// # Errors
    /// When these are no data set, or it says more of its frames than is held at once.
    pub fn give(&mut self, bytes: &[u8]) -> Result<(), RenderError> {
        let Stage::Head(mut scanner) = std::mem::replace(&mut self.stage, Stage::Done(None)) else {
            return Ok(());
        };
        if bytes.is_empty() {
            return Ok(());
        }
        if scanner.feed(bytes)? == Progress::More {
            let skippable = scanner.skippable();
            scanner.skip(skippable);
            self.at = self.at.saturating_add(bytes.len() as u64).saturating_add(skippable);
            self.stage = Stage::Head(scanner);
            return Ok(());
        }
        let mut survey = scanner.into_sink();
        if let Some(error) = survey.error.take() {
            return Err(error.into());
        }
        if let Some(pixels) = survey.pixels {
            let shape = survey.shape.shape_of_each()?;
            let timing = Timing::of(&survey.notes(0));
            let views = Views {
                survey: Arc::new(survey),
                pixels,
                shape,
                timing,
                profile: None,
                conversion: None,
                presented: None,
            };
            self.stage = Stage::Done(Some(Box::new(views)));
        }
        Ok(())
    }

    /// What was found; none where the data set has no pixels, or not all was given that was wanted.
    #[must_use]
    pub fn finish(self) -> Option<Views> {
        match self.stage {
            Stage::Done(views) => views.map(|views| *views),
            Stage::Head(_) => None,
        }
    }
}

impl Views {
    /// Puts a colour profile into every picture, where one is asked for, and has colours converted to it. `own` is the
    /// value of the object's ICC Profile (PS3.3 §C.11.15), where it has one; colours without one are taken for sRGB.
    pub fn set_profile(&mut self, wanted: Profile, own: Option<&[u8]>) {
        let is_coloured =
            self.shape.samples == 3 || self.presented.as_ref().is_some_and(PresentedImage::has_colour);
        let own = own.and_then(profile::of_object).filter(|_| is_coloured).map(Bytes::copy_from_slice);
        let from = |space: Space| own.clone().unwrap_or_else(|| space.profile().into());
        let space = match wanted {
            Profile::None => return,
            Profile::Own => {
                self.profile = Some(from(Space::Srgb));
                return;
            }
            Profile::Srgb => Space::Srgb,
            Profile::AdobeRgb => Space::AdobeRgb,
            Profile::RommRgb => Space::RommRgb,
        };
        let to = Bytes::from(space.profile());
        let is_same = space == Space::Srgb && own.as_deref().is_none_or(profile::is_srgb);
        self.conversion = (!is_same).then(|| Conversion { from: from(Space::Srgb), to: to.clone() });
        self.profile = Some(to);
    }

    /// Shows every frame as a presentation state says. `image` is the SOP Instance UID of the image, `overlays` are the
    /// planes that it has itself.
    pub fn present(&mut self, state: Arc<Presentation>, image: Uid, overlays: Vec<Overlay>) {
        self.presented = Some(PresentedImage { state, image, overlays: overlays.into() });
    }

    /// About how much memory this takes.
    #[must_use]
    pub fn weight_bytes(&self) -> usize {
        size_of::<Self>() + self.survey.noted_bytes()
    }

    /// Pixels of a picture, at most.
    #[must_use]
    pub fn picture_pixels(&self, wanted: &Wanted) -> u64 {
        match &wanted.viewport {
            Some(viewport) => viewport.pixels((self.shape.columns.into(), self.shape.rows.into())),
            None => u64::from(self.shape.rows) * u64::from(self.shape.columns),
        }
    }

    /// The frame `index`, counted from 0, whose stored bytes are these, coded by `codec` where they are coded.
    ///
    /// # Errors
    /// When what is said of its looks makes no sense.
    pub fn frame(
        &self,
        index: u32,
        bytes: Bytes,
        codec: Option<Codec>,
        wanted: &Wanted,
    ) -> Result<StoredFrame, RenderError> {
        let notes = self.survey.notes(index);
        let mut look = Look::of(&self.shape, self.pixels, &notes)?;
        let presented = self.presented.as_ref().map(|image| image.frame(index));
        if let Some(presented) = &presented {
            presented.tell(&mut look)?;
        }
        let labels = Labels::of(&notes, wanted.annotations, index, self.shape.frames);
        let (hundredths, profile) = (self.timing.hundredths(index), self.profile.clone());
        let conversion = self.conversion.clone();
        Ok(StoredFrame { bytes, codec, look, labels, hundredths, profile, conversion, presented })
    }
}
