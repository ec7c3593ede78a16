//! Which part of an image is shown, and which way round (PS3.3 §C.10.4, §C.10.6).

use causeway_core::Uid;

use super::PresentationError;
use super::references::Scope;
use super::tags;
use super::tree::Item;

/// Most items of Displayed Area Selection Sequence.
pub(super) const MAX_AREAS: usize = 4_096;
/// Height of a pixel, in its widths, at least and at most.
const ASPECTS: std::ops::RangeInclusive<f64> = 0.01..=100.0;

/// How far an image is turned, clockwise, before it is turned over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rotation {
    None,
    Quarter,
    Half,
    ThreeQuarters,
}

/// Whether left and right change places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flip {
    None,
    Horizontal,
}

/// How large the area is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Size {
    /// As large as the viewport allows: SCALE TO FIT, and TRUE SIZE, which cannot be told of a foreign screen.
    Fit,
    /// Pixels of the picture for one of the image.
    Magnified(f64),
}

/// A part of an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Area {
    /// Columns and rows before the area, where the first pixel of the image has none: it may begin outside.
    pub(crate) left: i64,
    pub(crate) top: i64,
    pub(crate) width: i64,
    pub(crate) height: i64,
    pub(crate) size: Size,
    /// Height of a pixel, in its widths.
    pub(crate) aspect: f64,
}

/// How images are placed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Space {
    pub(crate) rotation: Rotation,
    pub(crate) flip: Flip,
    areas: Vec<(Scope, Area)>,
}

impl Space {
    pub(super) fn read(state: &Item) -> Result<Self, PresentationError> {
        let rotation = match state.shorts(tags::ROTATION).next() {
            None | Some(0) => Rotation::None,
            Some(90) => Rotation::Quarter,
            Some(180) => Rotation::Half,
            Some(270) => Rotation::ThreeQuarters,
            Some(_) => return Err(PresentationError::Unreadable("a rotation")),
        };
        let flip = match state.word(tags::HORIZONTAL_FLIP) {
            Some("Y") => Flip::Horizontal,
            _ => Flip::None,
        };
        let items = state.items(tags::AREAS);
        if items.len() > MAX_AREAS {
            return Err(PresentationError::TooMany("displayed areas", MAX_AREAS));
        }
        let areas =
            items.iter().map(|item| Ok::<_, PresentationError>((Scope::read(item)?, Area::read(item)?)));
        Ok(Self { rotation, flip, areas: areas.collect::<Result<_, _>>()? })
    }

    /// What is shown of a frame, counted from 1; none: all.
    pub(crate) fn area(&self, image: &Uid, frame: u32) -> Option<Area> {
        self.areas.iter().find(|(scope, _)| scope.covers(image, frame)).map(|(_, area)| *area)
    }
}

impl Area {
    /// The corners are those of the area as it is shown, so that either may be the left or the upper one of the image.
    fn read(item: &Item) -> Result<Self, PresentationError> {
        let corner = |tag| {
            let mut numbers = item.longs(tag).map(i64::from);
            numbers.next().zip(numbers.next()).ok_or(PresentationError::Unreadable("a displayed area"))
        };
        let ((x0, y0), (x1, y1)) = (corner(tags::AREA_START)?, corner(tags::AREA_END)?);
        let ratio = |numbers: &mut dyn Iterator<Item = f64>| {
            let ratio = numbers.next()? / numbers.next()?;
            (ratio.is_finite() && ASPECTS.contains(&ratio)).then_some(ratio)
        };
        let aspect =
            ratio(&mut item.decimals(tags::SPACING)).or_else(|| ratio(&mut item.decimals(tags::ASPECT)));
        let magnification = item.floats(tags::MAGNIFICATION).next().map(f64::from);
        let size = match (item.word(tags::SIZE_MODE), magnification) {
            (Some("MAGNIFY"), Some(factor)) if factor.is_finite() && factor > 0.0 => Size::Magnified(factor),
            (Some("MAGNIFY"), _) => return Err(PresentationError::Unreadable("a magnification")),
            _ => Size::Fit,
        };
        Ok(Self {
            left: x0.min(x1) - 1,
            top: y0.min(y1) - 1,
            width: (x1 - x0).abs() + 1,
            height: (y1 - y0).abs() + 1,
            size,
            aspect: aspect.unwrap_or(1.0),
        })
    }
}
