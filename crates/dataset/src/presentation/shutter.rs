//! What covers the margins of images (PS3.3 §C.7.6.11, §C.7.6.15).

use super::PresentationError;
use super::tags;
use super::tree::Item;

/// Most vertices of a polygon.
pub(super) const MAX_VERTICES: usize = 4_096;

/// The opening of a shutter. Rows and columns are those of the image, the first is 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Opening {
    Rectangle {
        left: f64,
        right: f64,
        upper: f64,
        lower: f64,
    },
    Circle {
        row: f64,
        column: f64,
        radius: f64,
    },
    /// Rows and columns of vertices.
    Polygon(Vec<(f64, f64)>),
    /// Where the overlay plane of this group has zeros.
    Bitmap(u16),
}

/// What is left open is what all openings leave open.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Shutter {
    pub(crate) openings: Vec<Opening>,
    /// P-Value of what is covered.
    pub(crate) grey: u16,
    /// The same in CIELab, as PCS-Values.
    pub(crate) colour: Option<[u16; 3]>,
}

impl Shutter {
    pub(super) fn read(state: &Item) -> Result<Self, PresentationError> {
        let openings = state.words(tags::SHUTTER_SHAPE).take(4).map(|shape| Opening::read(shape, state));
        let mut colour = state.shorts(tags::SHUTTER_COLOUR);
        Ok(Self {
            openings: openings.collect::<Result<_, _>>()?,
            grey: state.shorts(tags::SHUTTER_VALUE).next().unwrap_or_default(),
            colour: (|| Some([colour.next()?, colour.next()?, colour.next()?]))(),
        })
    }
}

impl Opening {
    fn read(shape: &str, state: &Item) -> Result<Self, PresentationError> {
        let unreadable = PresentationError::Unreadable("a shutter");
        let read = || {
            let number = |tag| state.decimals(tag).next();
            Some(match shape {
                "RECTANGULAR" => {
                    let [left, right, upper, lower] = tags::SHUTTER_EDGES.map(number);
                    Self::Rectangle { left: left?, right: right?, upper: upper?, lower: lower? }
                }
                "CIRCULAR" => {
                    let mut center = state.decimals(tags::SHUTTER_CENTER);
                    let (row, column) = (center.next()?, center.next()?);
                    Self::Circle { row, column, radius: number(tags::SHUTTER_RADIUS)? }
                }
                "POLYGONAL" => Self::Polygon(vertices(state)?),
                "BITMAP" => Self::Bitmap(state.shorts(tags::SHUTTER_OVERLAY).next()?),
                _ => return None,
            })
        };
        match read() {
            Some(Self::Polygon(vertices)) if vertices.len() > MAX_VERTICES => {
                Err(PresentationError::TooMany("vertices of a shutter", MAX_VERTICES))
            }
            Some(opening) => Ok(opening),
            None => Err(unreadable),
        }
    }
}

/// Pairs of numbers; one more than the bound where there are too many.
fn vertices(state: &Item) -> Option<Vec<(f64, f64)>> {
    let numbers: Vec<f64> = state.decimals(tags::SHUTTER_VERTICES).take(2 * (MAX_VERTICES + 1)).collect();
    let pairs: Vec<(f64, f64)> = numbers.as_chunks().0.iter().map(|[row, column]| (*row, *column)).collect();
    (pairs.len() > 2).then_some(pairs)
}
