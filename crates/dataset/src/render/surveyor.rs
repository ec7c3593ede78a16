//! From the head of a data set to how each of its frames looks.
//!
//! Lives here: [`Surveyor`], which asks for bytes of the data set up to its pixel data and passes over long values;
//! [`Views`], what it knows then. Never here: where the frames are, which is [`crate::frames`]'s, and decoding.

use bytes::Bytes;
use causeway_core::transfer_syntax::Layout;
use causeway_core::{Tag, Uid};

use super::RenderError;
use super::image::Look;
use super::notes::Survey;
use crate::pixels::{Codec, Shape};
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

/// How the frames of a data set look.
#[derive(Debug)]
pub struct Views {
    survey: Survey,
    /// Which of the three elements holds the pixels.
    pixels: Tag,
    shape: Shape,
}

/// One frame as it stands in the data set, and what says how it looks.
#[derive(Debug)]
pub struct StoredFrame {
    /// Native samples, or coded ones.
    pub(super) bytes: Bytes,
    pub(super) codec: Option<Codec>,
    pub(super) look: Look,
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
            self.stage = Stage::Done(Some(Box::new(Views { survey, pixels, shape })));
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
    /// The frame `index`, counted from 0, whose stored bytes are these, coded by `codec` where they are coded.
    ///
    /// # Errors
    /// When what is said of its looks makes no sense.
    pub fn frame(&self, index: u32, bytes: Bytes, codec: Option<Codec>) -> Result<StoredFrame, RenderError> {
        let look = Look::of(&self.shape, self.pixels, &self.survey.notes(index))?;
        Ok(StoredFrame { bytes, codec, look })
    }
}
