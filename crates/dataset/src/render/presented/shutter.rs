//! Covers what lies outside of a shutter's openings (PS3.3 §C.7.6.11, §C.7.6.15).

use super::super::raster::Raster;
use super::ink::Ink;
use crate::presentation::{Opening, Overlay, Presentation};

/// Covers a frame, counted from 1, that is still the right way round.
pub(super) fn cover(state: &Presentation, frame: u32, raster: &mut Raster) {
    let shutter = &state.shutter;
    if shutter.openings.is_empty() {
        return;
    }
    let ink = Ink::of(Some(shutter.grey), shutter.colour, raster.channels);
    for row in 0..raster.height {
        let open: Vec<Line<'_>> =
            shutter.openings.iter().map(|opening| Line::of(opening, &state.overlays, frame, row)).collect();
        for column in 0..raster.width {
            if !open.iter().all(|line| line.is_open(column)) {
                ink.put(raster, column.into(), row.into());
            }
        }
    }
}

/// What an opening leaves open of one row.
enum Line<'a> {
    /// From one column to another, the first is 1.
    Stretches(Vec<(f64, f64)>),
    /// Where a plane has no bits.
    Plane { plane: Option<&'a Overlay>, frame: u32, row: u32 },
}

impl<'a> Line<'a> {
    fn of(opening: &Opening, overlays: &'a [Overlay], frame: u32, row: u32) -> Self {
        let at = f64::from(row) + 1.0;
        Self::Stretches(match opening {
            Opening::Rectangle { left, right, upper, lower } => {
                if (*upper..=*lower).contains(&at) {
                    vec![(*left, *right)]
                } else {
                    Vec::new()
                }
            }
            Opening::Circle { row: center, column, radius } => {
                let square = radius * radius - (at - center) * (at - center);
                if square >= 0.0 {
                    vec![(column - square.sqrt(), column + square.sqrt())]
                } else {
                    Vec::new()
                }
            }
            Opening::Polygon(vertices) => polygon(vertices, at),
            Opening::Bitmap(group) => {
                let plane = overlays.iter().find(|overlay| overlay.group == *group);
                return Self::Plane { plane, frame, row };
            }
        })
    }

    fn is_open(&self, column: u32) -> bool {
        match self {
            Self::Stretches(stretches) => {
                let at = f64::from(column) + 1.0;
                stretches.iter().any(|(from, to)| (*from..=*to).contains(&at))
            }
            Self::Plane { plane, frame, row } => {
                !plane.is_some_and(|plane| plane.is_set(column.into(), (*row).into(), *frame))
            }
        }
    }
}

/// What of a row lies in a polygon, its edges included: sides count with their upper ends, and once more with their lower.
fn polygon(vertices: &[(f64, f64)], row: f64) -> Vec<(f64, f64)> {
    let next = vertices.iter().skip(1).chain(vertices.first());
    let sides: Vec<_> = vertices.iter().zip(next).collect();
    let crossed = |crosses: &dyn Fn(f64, f64) -> bool| {
        let mut columns: Vec<f64> = sides
            .iter()
            .filter(|((one, _), (other, _))| crosses(one.min(*other), one.max(*other)))
            .map(|((row0, column0), (row1, column1))| {
                column0 + (row - row0) / (row1 - row0) * (column1 - column0)
            })
            .collect();
        columns.sort_by(f64::total_cmp);
        columns.as_chunks().0.iter().map(|[from, to]| (*from, *to)).collect::<Vec<_>>()
    };
    let mut stretches = crossed(&|upper, lower| upper <= row && row < lower);
    stretches.extend(crossed(&|upper, lower| upper < row && row <= lower));
    stretches
}
