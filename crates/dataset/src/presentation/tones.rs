//! What a presentation state says of grey: modality, VOI and presentation LUT (PS3.3 §C.11.1, §C.11.8, §C.11.6), and
//! the palette of a Pseudo-Color one.

use super::PresentationError;
use super::references::Scope;
use super::tags;
use super::tree::{Item, Raw};
use crate::render::{Function, Window};

/// Most items of Softcopy VOI LUT Sequence.
pub(super) const MAX_VOIS: usize = 4_096;

/// A look-up table as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) descriptor: Raw,
    pub(crate) data: Vec<u8>,
}

impl Table {
    fn of(item: &Item) -> Option<Self> {
        let (descriptor, data) = (item.get(tags::LUT_DESCRIPTOR)?, item.get(tags::LUT_DATA)?);
        Some(Self { descriptor: descriptor.clone(), data: data.bytes.clone() })
    }

    /// The table in the first item of a sequence. One that is there and cannot be read is no identity.
    fn first(state: &Item, sequence: causeway_core::Tag) -> Result<Option<Self>, PresentationError> {
        let Some(item) = state.items(sequence).first() else { return Ok(None) };
        Self::of(item).map(Some).ok_or(PresentationError::Unreadable("a look-up table"))
    }
}

/// From stored values to what they mean.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Meaning {
    /// Both are values that mean something already.
    Same,
    Rescale {
        slope: f64,
        intercept: f64,
    },
    Table(Table),
}

/// Which values are shown, and how bright.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Interest {
    Window(Window),
    Table(Table),
}

/// From brightness to P-Values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    Identity,
    Inverse,
    Table(Table),
}

/// All of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tones {
    pub(crate) meaning: Meaning,
    interests: Vec<(Scope, Interest)>,
    pub(crate) shape: Shape,
}

impl Tones {
    pub(super) fn read(state: &Item) -> Result<Self, PresentationError> {
        let items = state.items(tags::SOFTCOPY_VOI);
        if items.len() > MAX_VOIS {
            return Err(PresentationError::TooMany("VOI transformations", MAX_VOIS));
        }
        let interests =
            items.iter().map(|item| Ok::<_, PresentationError>((Scope::read(item)?, interest(item)?)));
        let shape = match (Table::first(state, tags::PRESENTATION_LUT)?, state.word(tags::PRESENTATION_SHAPE))
        {
            (Some(table), _) => Shape::Table(table),
            (None, Some("INVERSE")) => Shape::Inverse,
            (None, _) => Shape::Identity,
        };
        Ok(Self { meaning: meaning(state)?, interests: interests.collect::<Result<_, _>>()?, shape })
    }

    /// What holds for a frame, counted from 1; none: all values are shown.
    pub(crate) fn interest(&self, image: &causeway_core::Uid, frame: u32) -> Option<&Interest> {
        self.interests.iter().find(|(scope, _)| scope.covers(image, frame)).map(|(_, interest)| interest)
    }
}

fn meaning(state: &Item) -> Result<Meaning, PresentationError> {
    if let Some(table) = Table::first(state, tags::MODALITY_LUT)? {
        return Ok(Meaning::Table(table));
    }
    let number = |tag| state.decimals(tag).next();
    Ok(match (number(tags::RESCALE_SLOPE), number(tags::RESCALE_INTERCEPT)) {
        (None, None) => Meaning::Same,
        (slope, intercept) => {
            Meaning::Rescale { slope: slope.unwrap_or(1.0), intercept: intercept.unwrap_or(0.0) }
        }
    })
}

fn interest(item: &Item) -> Result<Interest, PresentationError> {
    if let Some(table) = Table::first(item, tags::VOI_LUT)? {
        return Ok(Interest::Table(table));
    }
    let function = match item.word(tags::VOI_FUNCTION) {
        Some("LINEAR_EXACT") => Function::LinearExact,
        Some("SIGMOID") => Function::Sigmoid,
        _ => Function::Linear,
    };
    let number = |tag| item.decimals(tag).next();
    let pair = number(tags::WINDOW_CENTER).zip(number(tags::WINDOW_WIDTH));
    let window = pair.and_then(|(center, width)| Window::new(center, width, function));
    window.map(Interest::Window).ok_or(PresentationError::Unreadable("a window"))
}

/// The three tables of a palette: descriptors and entries by tag, as they stand.
pub(super) fn palette(state: &Item) -> Vec<(causeway_core::Tag, Raw)> {
    let tags = tags::PALETTE.iter().flatten();
    tags.filter_map(|tag| Some((*tag, state.get(*tag)?.clone()))).collect()
}
