//! From a frame to the picture of it: the displayed area, turned, turned over and scaled (PS3.3 §C.10.4, §C.10.6,
//! PS3.18 §8.3.5.1.6), and where its points come to lie.

use super::super::RenderError;
use super::super::geometry::{self, MAX_VIEWPORT_SIDE, Viewport};
use super::super::raster::Raster;
use super::unfit;
use crate::presentation::{Area, Flip, Point, Rotation, Size, Space, Units};

/// Longest side of a displayed area, in pixels of the image, unless the image itself is longer.
const MAX_AREA_SIDE: i64 = 8192;

/// Where points of an image and of its displayed area lie in the picture, in pixels from its corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Map {
    /// The area in the image.
    left: f64,
    top: f64,
    width: f64,
    height: f64,
    rotation: Rotation,
    flip: Flip,
    /// The part of the turned area that is shown, and pixels of the picture for each of it.
    cut: (f64, f64),
    scale: (f64, f64),
}

impl Map {
    /// The area once it is turned.
    const fn turned(&self) -> (f64, f64) {
        match self.rotation {
            Rotation::None | Rotation::Half => (self.width, self.height),
            Rotation::Quarter | Rotation::ThreeQuarters => (self.height, self.width),
        }
    }

    fn shown(&self, (x, y): (f64, f64)) -> (f64, f64) {
        ((x - self.cut.0) * self.scale.0, (y - self.cut.1) * self.scale.1)
    }

    /// Where a point lies in the picture.
    pub(super) fn point(&self, (x, y): Point, units: Units) -> (f64, f64) {
        let (x, y) = (f64::from(x), f64::from(y));
        let (across, down) = self.turned();
        if units == Units::Display {
            return self.shown((x * across, y * down));
        }
        let (x, y) = (x - self.left, y - self.top);
        let (x, y) = match self.rotation {
            Rotation::None => (x, y),
            Rotation::Quarter => (self.height - y, x),
            Rotation::Half => (self.width - x, self.height - y),
            Rotation::ThreeQuarters => (y, self.width - x),
        };
        self.shown(if self.flip == Flip::Horizontal { (across - x, y) } else { (x, y) })
    }

    /// Column and row of the image that a pixel of the picture shows; they may lie outside of it.
    pub(super) fn source(&self, x: u32, y: u32) -> (i64, i64) {
        let x = (f64::from(x) + 0.5) / self.scale.0 + self.cut.0;
        let y = (f64::from(y) + 0.5) / self.scale.1 + self.cut.1;
        let x = if self.flip == Flip::Horizontal { self.turned().0 - x } else { x };
        let (x, y) = match self.rotation {
            Rotation::None => (x, y),
            Rotation::Quarter => (y, self.height - x),
            Rotation::Half => (self.width - x, self.height - y),
            Rotation::ThreeQuarters => (self.width - y, x),
        };
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and is no fraction")]
        let floor = |number: f64| number.floor() as i64;
        (floor(x + self.left), floor(y + self.top))
    }
}

/// The picture of a frame.
pub(super) fn place(
    frame: &Raster,
    space: &Space,
    area: Option<Area>,
    viewport: Option<&Viewport>,
) -> Result<(Raster, Map), RenderError> {
    let (width, height) = (i64::from(frame.width), i64::from(frame.height));
    let whole = Area { left: 0, top: 0, width, height, size: Size::Fit, aspect: 1.0 };
    let area = area.unwrap_or(whole);
    let mut turned = cut(frame, &area)?;
    turned = turn(turned, space.rotation);
    turned.turn(space.flip == Flip::Horizontal, false);
    let is_on_its_side = matches!(space.rotation, Rotation::Quarter | Rotation::ThreeQuarters);
    let aspect = if is_on_its_side { 1.0 / area.aspect } else { area.aspect };
    let sides = (turned.width, turned.height);
    let part = viewport.and_then(|viewport| viewport.part(sides)).unwrap_or((
        0.0,
        0.0,
        sides.0.into(),
        sides.1.into(),
    ));
    let picture = match (area.size, viewport) {
        (Size::Fit, None) => turned,
        (Size::Fit, Some(viewport)) => geometry::fit(turned, viewport, aspect)?,
        (Size::Magnified(factor), viewport) => {
            let side = |length: f64| magnified(length * factor);
            let viewport = viewport.copied().unwrap_or_default();
            geometry::fit(turned, &viewport.of_size(side(part.2)?, side(part.3 * aspect)?), aspect)?
        }
    };
    let scale = (f64::from(picture.width) / part.2, f64::from(picture.height) / part.3);
    let picture = match (area.size, viewport) {
        // What is magnified is cut where it is larger than the viewport (PS3.18 §8.3.5.1.6).
        (Size::Magnified(_), Some(viewport)) => {
            let (most_across, most_down) = viewport.sides();
            let width = picture.width.min(most_across.unwrap_or(u32::MAX));
            let height = picture.height.min(most_down.unwrap_or(u32::MAX));
            corner(picture, width, height)
        }
        _ => picture,
    };
    #[expect(clippy::cast_precision_loss, reason = "sides and places of pictures are small numbers")]
    let [left, top, width, height] =
        [area.left, area.top, area.width, area.height].map(|number| number as f64);
    let cut = (part.0, part.1);
    Ok((picture, Map { left, top, width, height, rotation: space.rotation, flip: space.flip, cut, scale }))
}

fn magnified(length: f64) -> Result<u32, RenderError> {
    let length = length.round().max(1.0);
    if length > f64::from(MAX_VIEWPORT_SIDE) {
        return Err(unfit("a picture magnified beyond the longest side of a viewport"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "is between the two bounds")]
    let length = length as u32;
    Ok(length)
}

/// The area of a frame; what of it lies outside is black.
fn cut(frame: &Raster, area: &Area) -> Result<Raster, RenderError> {
    let fits = |side: i64, full: u32| (1..=MAX_AREA_SIDE.max(full.into())).contains(&side);
    if !fits(area.width, frame.width) || !fits(area.height, frame.height) {
        return Err(unfit("a displayed area that is longer than 8192 pixels"));
    }
    let side = |side: i64| u32::try_from(side).unwrap_or(u32::MAX);
    let (width, height) = (side(area.width), side(area.height));
    let channels = frame.channels();
    let row_bytes = width as usize * channels;
    let mut bytes = vec![0; row_bytes * height as usize];
    // The stretch of each row that both have.
    let from = area.left.clamp(0, frame.width.into());
    let to = (area.left + area.width).clamp(0, frame.width.into());
    let at = |column: i64| usize::try_from(column).unwrap_or_default() * channels;
    for (row, line) in (area.top..).zip(bytes.chunks_mut(row_bytes.max(1))) {
        let Some(row) = usize::try_from(row).ok().filter(|row| *row < frame.height as usize) else {
            continue;
        };
        let start = row * frame.width as usize * channels;
        let source = frame.bytes.get(start + at(from)..start + at(to));
        let place = line.get_mut(at(from - area.left)..at(to - area.left));
        if let (Some(source), Some(place), true) = (source, place, from < to) {
            place.copy_from_slice(source);
        }
    }
    Ok(Raster { width, height, channels: frame.channels, bytes })
}

/// Turns a picture clockwise.
fn turn(mut raster: Raster, rotation: Rotation) -> Raster {
    match rotation {
        Rotation::None => raster,
        Rotation::Half => {
            raster.turn(true, true);
            raster
        }
        Rotation::Quarter | Rotation::ThreeQuarters => {
            let channels = raster.channels();
            let (width, height) = (raster.width as usize, raster.height as usize);
            let mut bytes = Vec::with_capacity(raster.bytes.len());
            for row in 0..width {
                for column in 0..height {
                    let (x, y) = match rotation {
                        Rotation::Quarter => (row, height - 1 - column),
                        _ => (width - 1 - row, column),
                    };
                    let at = (y * width + x) * channels;
                    bytes.extend_from_slice(raster.bytes.get(at..at + channels).unwrap_or_default());
                }
            }
            Raster { width: raster.height, height: raster.width, channels: raster.channels, bytes }
        }
    }
}

/// The left upper corner of a picture.
fn corner(raster: Raster, width: u32, height: u32) -> Raster {
    if (width, height) == (raster.width, raster.height) {
        return raster;
    }
    let channels = raster.channels();
    let rows = raster.bytes.chunks(raster.width as usize * channels).take(height as usize);
    let bytes = rows.flat_map(|row| row.iter().take(width as usize * channels)).copied().collect();
    Raster { width, height, channels: raster.channels, bytes }
}
