//! Overlay planes, graphics and texts, layer by layer from the lowest (PS3.4 §N.2.3.2, §N.2.3.4).

use std::f64::consts::TAU;

use super::super::RenderError;
use super::super::raster::Raster;
use super::Presented;
use super::ink::Ink;
use super::pen::Pen;
use super::space::Map;
use super::text;
use crate::presentation::{Annotation, Fill, Graphic, Kind, Overlay};

/// Straight lines that a round one is made of.
const LINES_OF_A_ROUND: u32 = 360;
/// Straight lines between two points of a bent one.
const LINES_OF_A_BEND: u32 = 12;

/// Draws all that a state has to draw over a picture.
pub(super) fn over(presented: &Presented, picture: &mut Raster, map: &Map) -> Result<(), RenderError> {
    let state = &presented.state;
    let channels = picture.channels;
    let mut pen = Pen::new(picture);
    for layer in &state.layers {
        pen.ink = Ink::of(layer.grey, layer.colour, channels);
        on_layer(presented, Some(&layer.name), &mut pen, map)?;
    }
    // A layer that the state does not describe is shown above all that it does.
    pen.ink = Ink::WHITE;
    on_layer(presented, None, &mut pen, map)
}

/// What is in a layer, or in those that are not described.
fn on_layer(
    presented: &Presented,
    layer: Option<&str>,
    pen: &mut Pen<'_>,
    map: &Map,
) -> Result<(), RenderError> {
    let state = &presented.state;
    let is_here = |name: &str| match layer {
        Some(layer) => name == layer,
        None => !state.layers.iter().any(|layer| layer.name == name),
    };
    for (group, _) in state.activations.iter().filter(|(_, name)| is_here(name)) {
        // Planes of the state itself go before those of the image (PS3.3 §C.11.7).
        let mut planes = state.overlays.iter().chain(presented.overlays.iter());
        if let Some(plane) = planes.find(|overlay| overlay.group == *group) {
            overlay(plane, presented.frame, pen, map)?;
        }
    }
    let is_of_frame = |annotation: &&Annotation| {
        is_here(&annotation.layer) && annotation.scope.covers(&presented.image, presented.frame)
    };
    for annotation in state.annotations.iter().filter(is_of_frame) {
        annotation.graphics.iter().try_for_each(|it| graphic(it, pen, map))?;
        annotation.texts.iter().try_for_each(|it| text::write(it, pen, map))?;
    }
    Ok(())
}

fn overlay(plane: &Overlay, frame: u32, pen: &mut Pen<'_>, map: &Map) -> Result<(), RenderError> {
    let (width, height) = (pen.raster.width, pen.raster.height);
    pen.spend(u64::from(width) * u64::from(height))?;
    for y in 0..height {
        for x in 0..width {
            let (column, row) = map.source(x, y);
            if plane.is_set(column, row, frame) {
                pen.ink.put(pen.raster, x.into(), y.into());
            }
        }
    }
    Ok(())
}

fn graphic(graphic: &Graphic, pen: &mut Pen<'_>, map: &Map) -> Result<(), RenderError> {
    let points: Vec<(f64, f64)> =
        graphic.points.iter().map(|point| map.point(*point, graphic.units)).collect();
    let is_closed = points.len() > 2 && points.first() == points.last();
    let path = match graphic.kind {
        Kind::Point => {
            let side = pen.width() * 3;
            return points.iter().try_for_each(|point| pen.dot(*point, side));
        }
        Kind::Polyline => points,
        Kind::Interpolated => bent(&points, is_closed),
        Kind::Circle => circle(graphic, map),
        Kind::Ellipse => ellipse(&points),
    };
    let surrounds = matches!(graphic.kind, Kind::Circle | Kind::Ellipse) || is_closed;
    if graphic.fill == Fill::Filled && surrounds {
        pen.fill(&path)?;
    }
    pen.lines(&path)
}

/// Parts of a turn, from 0 to 1.
fn turn() -> impl Iterator<Item = f64> {
    (0..=LINES_OF_A_ROUND).map(|step| f64::from(step) / f64::from(LINES_OF_A_ROUND) * TAU)
}

/// A circle in the units of its points: in the picture it may be an ellipse.
fn circle(graphic: &Graphic, map: &Map) -> Vec<(f64, f64)> {
    let [(x, y), (on_x, on_y), ..] = graphic.points.as_slice() else { return Vec::new() };
    let radius = f64::from(on_x - x).hypot(f64::from(on_y - y));
    let at = |angle: f64| {
        #[expect(clippy::cast_possible_truncation, reason = "points of graphics are single")]
        let (across, down) = ((radius * angle.cos()) as f32, (radius * angle.sin()) as f32);
        map.point((x + across, y + down), graphic.units)
    };
    turn().map(at).collect()
}

fn ellipse(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let [one, other, third, fourth, ..] = points else { return Vec::new() };
    let center = (f64::midpoint(one.0, other.0), f64::midpoint(one.1, other.1));
    let long = ((other.0 - one.0) / 2.0, (other.1 - one.1) / 2.0);
    let short = ((fourth.0 - third.0) / 2.0, (fourth.1 - third.1) / 2.0);
    let at = |angle: f64| {
        let (sine, cosine) = angle.sin_cos();
        (center.0 + long.0 * cosine + short.0 * sine, center.1 + long.1 * cosine + short.1 * sine)
    };
    turn().map(at).collect()
}

/// A bent line through points (Catmull and Rom).
fn bent(points: &[(f64, f64)], is_closed: bool) -> Vec<(f64, f64)> {
    let last = points.len().saturating_sub(1);
    let at = |index: usize| points.get(index.min(last)).copied().unwrap_or_default();
    let mut path = vec![at(0)];
    for index in 0..last {
        let before = match index {
            0 if is_closed => at(last.saturating_sub(1)),
            0 => at(0),
            index => at(index - 1),
        };
        let after = if index + 1 == last && is_closed { at(1) } else { at(index + 2) };
        let (from, to) = (at(index), at(index + 1));
        for step in 1..=LINES_OF_A_BEND {
            let part = f64::from(step) / f64::from(LINES_OF_A_BEND);
            let bend = |before: f64, from: f64, to: f64, after: f64| {
                let square = 2.0 * before - 5.0 * from + 4.0 * to - after;
                let cube = 3.0 * from - before - 3.0 * to + after;
                0.5 * (2.0 * from + part * (to - before + part * (square + part * cube)))
            };
            path.push((bend(before.0, from.0, to.0, after.0), bend(before.1, from.1, to.1, after.1)));
        }
    }
    path
}
