//! What is drawn and written over images (PS3.3 §C.10.5).

use super::PresentationError;
use super::references::Scope;
use super::tags;
use super::tree::Item;
use crate::charset::CharacterSets;

/// Most graphics and texts of a state.
pub(super) const MAX_OBJECTS: usize = 10_000;
/// Most points of all graphics of a state.
pub(super) const MAX_POINTS: usize = 200_000;
/// Most letters of a text, and most lines.
pub(super) const MAX_LETTERS: usize = 1_024;

/// What the numbers of a point count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Units {
    /// Pixels of the image, from the corner of its first one.
    Pixel,
    /// Parts of the displayed area.
    Display,
}

/// Across and down.
pub(crate) type Point = (f32, f32);

/// What kind of line goes through the points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Point,
    Polyline,
    Interpolated,
    /// Center and a point of the circle.
    Circle,
    /// Ends of the longer axis, then of the shorter.
    Ellipse,
}

/// Whether what a line surrounds is drawn too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    Outline,
    Filled,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Graphic {
    pub(crate) units: Units,
    pub(crate) kind: Kind,
    pub(crate) fill: Fill,
    pub(crate) points: Vec<Point>,
}

/// On which side of its box a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Justification {
    Left,
    Center,
    Right,
}

/// The box of a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Frame {
    pub(crate) units: Units,
    pub(crate) start: Point,
    pub(crate) end: Point,
    pub(crate) justification: Justification,
}

/// What a text is about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Anchor {
    pub(crate) units: Units,
    pub(crate) point: Point,
    /// Whether a line leads there.
    pub(crate) is_visible: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Text {
    pub(crate) lines: Vec<String>,
    pub(crate) frame: Option<Frame>,
    pub(crate) anchor: Option<Anchor>,
}

/// What is drawn in a layer over some images.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Annotation {
    pub(crate) scope: Scope,
    pub(crate) layer: String,
    pub(crate) graphics: Vec<Graphic>,
    pub(crate) texts: Vec<Text>,
}

/// All of them.
pub(super) fn read(state: &Item, sets: CharacterSets) -> Result<Vec<Annotation>, PresentationError> {
    let (mut objects, mut points) = (0_usize, 0_usize);
    let mut all = Vec::new();
    for item in state.items(tags::ANNOTATIONS) {
        let (graphics, texts) = (item.items(tags::GRAPHICS), item.items(tags::TEXTS));
        objects = objects.saturating_add(graphics.len()).saturating_add(texts.len()).saturating_add(1);
        if objects > MAX_OBJECTS {
            return Err(PresentationError::TooMany("graphics and texts", MAX_OBJECTS));
        }
        let graphics: Vec<Graphic> = graphics.iter().map(Graphic::read).collect::<Result<_, _>>()?;
        points = graphics.iter().fold(points, |sum, graphic| sum.saturating_add(graphic.points.len()));
        if points > MAX_POINTS {
            return Err(PresentationError::TooMany("points of graphics", MAX_POINTS));
        }
        all.push(Annotation {
            scope: Scope::read(item)?,
            layer: item.word(tags::LAYER).unwrap_or_default().to_owned(),
            graphics,
            texts: texts.iter().map(|item| Text::read(item, sets)).collect::<Result<_, _>>()?,
        });
    }
    Ok(all)
}

/// MATRIX counts as PIXEL does: the two differ for images that are tiles of one, which have no states of these kinds.
fn units(item: &Item, tag: causeway_core::Tag) -> Result<Units, PresentationError> {
    match item.word(tag) {
        Some("PIXEL" | "MATRIX") => Ok(Units::Pixel),
        Some("DISPLAY") => Ok(Units::Display),
        _ => Err(PresentationError::Unreadable("the units of an annotation")),
    }
}

fn point(item: &Item, tag: causeway_core::Tag) -> Option<Point> {
    let mut numbers = item.floats(tag);
    numbers.next().zip(numbers.next()).filter(|(x, y)| x.is_finite() && y.is_finite())
}

impl Graphic {
    fn read(item: &Item) -> Result<Self, PresentationError> {
        let unreadable = PresentationError::Unreadable("a graphic");
        let numbers: Vec<f32> = item.floats(tags::GRAPHIC_DATA).take(2 * (MAX_POINTS + 1)).collect();
        let points: Vec<Point> = numbers.as_chunks().0.iter().map(|[x, y]| (*x, *y)).collect();
        let (kind, fewest) = match item.word(tags::GRAPHIC_TYPE) {
            Some("POINT") => (Kind::Point, 1),
            Some("POLYLINE") => (Kind::Polyline, 2),
            Some("INTERPOLATED") => (Kind::Interpolated, 2),
            Some("CIRCLE") => (Kind::Circle, 2),
            Some("ELLIPSE") => (Kind::Ellipse, 4),
            _ => return Err(unreadable),
        };
        if points.len() < fewest || !points.iter().all(|(x, y)| x.is_finite() && y.is_finite()) {
            return Err(unreadable);
        }
        let fill = if item.word(tags::GRAPHIC_FILLED) == Some("Y") { Fill::Filled } else { Fill::Outline };
        Ok(Self { units: units(item, tags::GRAPHIC_UNITS)?, kind, fill, points })
    }
}

impl Text {
    fn read(item: &Item, sets: CharacterSets) -> Result<Self, PresentationError> {
        let unreadable = || PresentationError::Unreadable("a text");
        let text: String = item.text(tags::TEXT, sets).chars().take(MAX_LETTERS).collect();
        let lines = text.split(['\r', '\n']).map(str::trim).filter(|line| !line.is_empty());
        let corners = point(item, tags::BOX_START).zip(point(item, tags::BOX_END));
        let frame = match corners {
            Some((start, end)) => {
                let justification = match item.word(tags::JUSTIFICATION) {
                    Some("CENTER") => Justification::Center,
                    Some("RIGHT") => Justification::Right,
                    _ => Justification::Left,
                };
                Some(Frame { units: units(item, tags::BOX_UNITS)?, start, end, justification })
            }
            None => None,
        };
        let anchor = match point(item, tags::ANCHOR) {
            Some(point) => {
                let is_visible = item.word(tags::ANCHOR_VISIBLE) == Some("Y");
                Some(Anchor { units: units(item, tags::ANCHOR_UNITS)?, point, is_visible })
            }
            None => None,
        };
        if frame.is_none() && anchor.is_none() {
            return Err(unreadable());
        }
        Ok(Self { lines: lines.map(str::to_owned).collect(), frame, anchor })
    }
}
