//! Which images a presentation state is of, and which of them each of its parts is of (PS3.3 §C.11.11, §10.3).

use causeway_core::Uid;

use super::PresentationError;
use super::tags;
use super::tree::Item;

/// Most images that a state refers to, and most that one of its parts does.
pub(super) const MAX_IMAGES: usize = 4_096;
/// Most frames that are named of one image.
pub(super) const MAX_FRAMES: usize = 65_536;

/// An image that a state refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Its series; none where the state does not say.
    pub series: Option<Uid>,
    /// The image.
    pub instance: Uid,
    /// Which of its frames, counted from 1; none: all.
    pub frames: Vec<u32>,
}

impl Reference {
    fn read(item: &Item, series: Option<&Uid>) -> Result<Self, PresentationError> {
        let unreadable = || PresentationError::Unreadable("a reference to an image");
        let instance = item.word(tags::REFERENCED_INSTANCE).and_then(|uid| Uid::parse(uid).ok());
        let instance = instance.ok_or_else(unreadable)?;
        let words = item.words(tags::REFERENCED_FRAMES).take(MAX_FRAMES + 1);
        let numbers = words.map(|word| word.parse().ok().filter(|number| *number > 0).ok_or_else(unreadable));
        let frames: Vec<u32> = numbers.collect::<Result<_, _>>()?;
        if frames.len() > MAX_FRAMES {
            return Err(PresentationError::TooMany("frames of an image", MAX_FRAMES));
        }
        Ok(Self { series: series.cloned(), instance, frames })
    }

    fn covers(&self, image: &Uid, frame: u32) -> bool {
        self.instance == *image && (self.frames.is_empty() || self.frames.contains(&frame))
    }
}

/// The images in the order in which they are referred to.
pub(super) fn read(state: &Item) -> Result<Vec<Reference>, PresentationError> {
    let mut all = Vec::new();
    for series in state.items(tags::SERIES) {
        let uid = series.word(tags::SERIES_UID).and_then(|uid| Uid::parse(uid).ok());
        for image in series.items(tags::IMAGES) {
            if all.len() == MAX_IMAGES {
                return Err(PresentationError::TooMany("images", MAX_IMAGES));
            }
            all.push(Reference::read(image, uid.as_ref())?);
        }
    }
    Ok(all)
}

/// Which images a part of a state is of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Scope(Vec<Reference>);

impl Scope {
    /// The scope that an item says; one that says none is of all.
    pub(super) fn read(item: &Item) -> Result<Self, PresentationError> {
        let images = item.items(tags::IMAGES);
        if images.len() > MAX_IMAGES {
            return Err(PresentationError::TooMany("images", MAX_IMAGES));
        }
        images.iter().map(|image| Reference::read(image, None)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether it is of a frame, counted from 1.
    pub(crate) fn covers(&self, image: &Uid, frame: u32) -> bool {
        self.0.is_empty() || self.0.iter().any(|reference| reference.covers(image, frame))
    }
}
