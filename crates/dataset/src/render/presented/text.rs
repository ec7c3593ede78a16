//! Texts of a presentation state (PS3.3 §C.10.5): letters of dots, as large as their box has room for.

use super::super::RenderError;
use super::super::label::{BOX, LETTER_DOTS, drawing};
use super::pen::{Pen, floor};
use super::space::Map;
use crate::presentation::{Justification, Text};

/// Dots from one line to the next.
const LINE_DOTS: u32 = 10;
/// A dot is at most so many pixels wide.
const MAX_DOT_PIXELS: u32 = 32;
/// Letters that a picture's width has room for where a text has no box.
const LETTERS_OF_A_LINE: u32 = 64;

/// Writes a text, and the line from it to what it is about.
pub(super) fn write(text: &Text, pen: &mut Pen<'_>, map: &Map) -> Result<(), RenderError> {
    let anchor = text.anchor.map(|anchor| (map.point(anchor.point, anchor.units), anchor.is_visible));
    let (corner, size, justification) = match (&text.frame, anchor) {
        (Some(frame), _) => {
            let (one, other) = (map.point(frame.start, frame.units), map.point(frame.end, frame.units));
            let size = ((other.0 - one.0).abs(), (other.1 - one.1).abs());
            ((one.0.min(other.0), one.1.min(other.1)), Some(size), frame.justification)
        }
        (None, Some((point, _))) => (point, None, Justification::Left),
        (None, None) => return Ok(()),
    };
    if let (Some((point, true)), Some((width, height))) = (anchor, size) {
        let nearest = (point.0.clamp(corner.0, corner.0 + width), point.1.clamp(corner.1, corner.1 + height));
        pen.line(point, nearest)?;
    }
    let longest = text.lines.iter().map(|line| line.chars().count()).max().unwrap_or_default();
    let dot = dot_pixels(size, longest, text.lines.len(), pen.raster.width);
    for (row, line) in (0_u32..).zip(&text.lines) {
        let letters: u32 = line.chars().count().try_into().unwrap_or(u32::MAX);
        let written = f64::from(letters.saturating_mul(LETTER_DOTS * dot));
        let free = size.map_or(0.0, |(width, _)| (width - written).max(0.0));
        let indent = match justification {
            Justification::Left => 0.0,
            Justification::Center => free / 2.0,
            Justification::Right => free,
        };
        let top = corner.1 + f64::from(row.saturating_mul(LINE_DOTS * dot));
        put(line, (floor(corner.0 + indent), floor(top)), dot, pen)?;
    }
    Ok(())
}

/// Pixels of a dot, so that so many lines of so many letters fit.
fn dot_pixels(size: Option<(f64, f64)>, letters: usize, lines: usize, width: u32) -> u32 {
    let count = |count: usize, dots: u32| {
        f64::from(u32::try_from(count.max(1)).unwrap_or(u32::MAX)) * f64::from(dots)
    };
    let room = match size {
        Some((width, height)) => (width / count(letters, LETTER_DOTS)).min(height / count(lines, LINE_DOTS)),
        None => f64::from(width) / f64::from(LETTERS_OF_A_LINE * LETTER_DOTS),
    };
    u32::try_from(floor(room)).unwrap_or_default().clamp(1, MAX_DOT_PIXELS)
}

fn put(line: &str, (left, top): (i64, i64), dot: u32, pen: &mut Pen<'_>) -> Result<(), RenderError> {
    let step = i64::from(LETTER_DOTS * dot);
    let mut at = left;
    for letter in line.chars() {
        // What begins behind the right edge is not seen, nor what comes after it.
        if at >= i64::from(pen.raster.width) {
            break;
        }
        for (down, bits) in (0_i64..).zip(drawing(letter).unwrap_or(BOX)) {
            for across in (0..LETTER_DOTS).filter(|across| bits >> across & 1 == 1) {
                let x = at.saturating_add(i64::from(across * dot));
                let y = top.saturating_add(down.saturating_mul(dot.into()));
                pen.square((x, y), dot)?;
            }
        }
        at = at.saturating_add(step);
    }
    Ok(())
}
