//! Softcopy presentation states (PS3.3 §A.33): how images are to be shown, as an object of its own.
//!
//! Lives here: [`Reader`], which takes a data set in pieces; [`Presentation`], what it says, one file for each part of
//! it. Every count of a foreign state is bounded, and what cannot be read is an error, never an identity: a picture that
//! leaves out half of a state would be taken for all of it. Never here: making pictures, which is [`crate::render`]'s.

mod area;
mod graphic;
mod layers;
mod references;
mod shutter;
mod tags;
#[cfg(test)]
mod tests;
mod tones;
mod tree;

use causeway_core::transfer_syntax::Layout;
use causeway_core::{Tag, Uid};

pub(crate) use area::{Area, Flip, Rotation, Size, Space};
pub(crate) use graphic::{Annotation, Fill, Graphic, Justification, Kind, Point, Text, Units};
pub(crate) use layers::Layer;
pub use layers::Overlay;
pub use references::Reference;
pub(crate) use shutter::{Opening, Shutter};
pub(crate) use tags::PALETTE;
pub(crate) use tones::{Interest, Meaning, Shape, Table, Tones};
pub use tree::MAX_STATE_BYTES;
pub(crate) use tree::Raw;

use crate::Error;
use crate::charset::CharacterSets;
use crate::scanner::{Progress, Scanner};
use tree::{Item, Kept, Tree};

/// Which pipeline a state is of (PS3.4 §N.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pipeline {
    /// Grayscale Softcopy Presentation State.
    Grayscale,
    /// Color Softcopy Presentation State.
    Color,
    /// Pseudo-Color Softcopy Presentation State.
    PseudoColor,
}

/// What a class of instances has to do with presentation states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Instances are none.
    None,
    /// Instances are states that are applied here.
    Applied(Pipeline),
    /// Instances are states of a kind that is not.
    Unknown,
}

impl Standing {
    /// That of a SOP class.
    #[must_use]
    pub fn of(class: &Uid) -> Self {
        match class.as_str().strip_prefix("1.2.840.10008.5.1.4.1.1.11.") {
            Some("1") => Self::Applied(Pipeline::Grayscale),
            Some("2") => Self::Applied(Pipeline::Color),
            Some("3") => Self::Applied(Pipeline::PseudoColor),
            Some(_) => Self::Unknown,
            None => Self::None,
        }
    }
}

/// Why a state is not applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PresentationError {
    /// It holds more than is held at once.
    #[error(
        "the presentation state is longer than {MAX_STATE_BYTES} bytes, which is the most that is applied"
    )]
    TooLong,
    /// It has more of something than is applied.
    #[error("the presentation state has more than {1} {0}, which is the most that is applied")]
    TooMany(&'static str, usize),
    /// Something in it makes no sense.
    #[error("the presentation state has {0} that cannot be read")]
    Unreadable(&'static str),
    /// It asks for something that is not done.
    #[error("the presentation state asks for {0}, which is not done")]
    NotApplied(&'static str),
    /// The bytes are no data set.
    #[error("the data set cannot be read: {0}")]
    DataSet(#[from] Error),
}

/// Reads a presentation state, or the overlay planes of an image, that arrive in pieces.
#[derive(Debug)]
pub struct Reader {
    scanner: Scanner<Tree>,
    is_done: bool,
}

impl Reader {
    /// For a state laid out as `layout`, which is not deflated.
    #[must_use]
    pub fn of_state(layout: Layout) -> Self {
        Self { scanner: Scanner::new(layout, 0, Tree::new(Kept::Presentation)), is_done: false }
    }

    /// For the overlay planes of an image.
    #[must_use]
    pub fn of_overlays(layout: Layout) -> Self {
        Self { scanner: Scanner::new(layout, 0, Tree::new(Kept::Overlays)), is_done: false }
    }

    /// Takes the next bytes, and says how many after them need not be given.
    ///
    /// # Errors
    /// When they are no data set, or sequences nest too deep.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<u64, PresentationError> {
        self.is_done = self.scanner.feed(bytes)? == Progress::Stopped;
        let skippable = self.scanner.skippable();
        self.scanner.skip(skippable);
        Ok(skippable)
    }

    /// Whether nothing more is wanted.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.is_done
    }

    fn item(self) -> Result<Item, PresentationError> {
        let tree = if self.is_done { self.scanner.into_sink() } else { self.scanner.finish()? };
        if tree.is_cut { Err(PresentationError::TooLong) } else { Ok(tree.item) }
    }

    /// The state.
    ///
    /// # Errors
    /// When the data set ended in the middle, or the state has too much of something, or something that makes no sense
    /// or is not done.
    pub fn finish(self, pipeline: Pipeline) -> Result<Presentation, PresentationError> {
        Presentation::read(&self.item()?, pipeline)
    }

    /// The overlay planes with bits of their own.
    ///
    /// # Errors
    /// When the data set ended in the middle, or they are too long.
    pub fn overlays(self) -> Result<Vec<Overlay>, PresentationError> {
        Ok(Overlay::read_all(&self.item()?))
    }
}

/// A presentation state.
#[derive(Debug, Clone, PartialEq)]
pub struct Presentation {
    pub(crate) pipeline: Pipeline,
    references: Vec<Reference>,
    pub(crate) tones: Tones,
    /// The tables of a palette, by tag.
    pub(crate) palette: Vec<(Tag, Raw)>,
    profile: Option<Vec<u8>>,
    pub(crate) shutter: Shutter,
    pub(crate) space: Space,
    pub(crate) layers: Vec<Layer>,
    pub(crate) annotations: Vec<Annotation>,
    /// Groups of the overlay planes that are shown, each with its layer.
    pub(crate) activations: Vec<(u16, String)>,
    pub(crate) overlays: Vec<Overlay>,
}

impl Presentation {
    fn read(state: &Item, pipeline: Pipeline) -> Result<Self, PresentationError> {
        if !state.items(tags::MASK).is_empty() {
            return Err(PresentationError::NotApplied("a mask to be subtracted"));
        }
        let sets = state.get(Tag::SPECIFIC_CHARACTER_SET);
        let sets = sets.map_or_else(CharacterSets::default, |raw| CharacterSets::parse(&raw.bytes));
        Ok(Self {
            pipeline,
            references: references::read(state)?,
            tones: Tones::read(state)?,
            palette: tones::palette(state),
            profile: state.get(tags::ICC_PROFILE).map(|raw| raw.bytes.clone()),
            shutter: Shutter::read(state)?,
            space: Space::read(state)?,
            layers: layers::read(state)?,
            annotations: graphic::read(state, sets)?,
            activations: layers::activations(state),
            overlays: Overlay::read_all(state),
        })
    }

    /// The images that it is of, in its order.
    #[must_use]
    pub fn references(&self) -> &[Reference] {
        &self.references
    }

    /// Whether it is of an image at all, in any frame.
    #[must_use]
    pub fn refers_to(&self, image: &Uid) -> bool {
        self.references.iter().any(|reference| reference.instance == *image)
    }

    /// Whether it shows overlay planes whose bits are those of the image.
    #[must_use]
    pub fn wants_overlays(&self) -> bool {
        let has = |group: u16| self.overlays.iter().any(|overlay| overlay.group == group);
        self.activations.iter().any(|(group, _)| !has(*group))
    }

    /// What it says that its colours are (PS3.3 §C.11.15).
    #[must_use]
    pub fn profile(&self) -> Option<&[u8]> {
        self.profile.as_deref()
    }
}
