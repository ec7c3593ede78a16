//! Which part of a picture is shown, how large, and which way round (PS3.18 §8.3.5.1.3).

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x3};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};

use super::RenderError;
use super::raster::{Channels, Raster};

/// Longest side of a viewport, in pixels.
pub const MAX_VIEWPORT_SIDE: u32 = 8192;

/// What a picture has to fit into, and which part of it. A side that is not said follows from the other; where neither
/// is, there is one pixel for each of the image.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Viewport {
    width: Option<u32>,
    height: Option<u32>,
    part: Part,
}

/// Which part.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    Pixels(Region),
    /// Left, upper, right and lower edge in the whole, which is 1 wide and 1 high.
    Fractions([f64; 4]),
}

impl Default for Part {
    fn default() -> Self {
        Self::Pixels(Region::default())
    }
}

/// A part of the source image, in its pixels. Only the size of a corner's numbers counts; a negative width or
/// height turns the picture round.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Region {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Up to the right edge of the image, where it is not said.
    pub width: Option<f64>,
    /// Up to the lower edge of the image, where it is not said.
    pub height: Option<f64>,
}

impl Viewport {
    /// A viewport; `None` where a side is 0 or longer than [`MAX_VIEWPORT_SIDE`], or the region no region.
    #[must_use]
    pub fn new(width: u32, height: u32, region: Region) -> Option<Self> {
        let sides = 1..=MAX_VIEWPORT_SIDE;
        let numbers = [Some(region.x), Some(region.y), region.width, region.height];
        let is_region = numbers.iter().flatten().all(|number| number.is_finite())
            && [region.width, region.height].iter().flatten().all(|side| *side != 0.0);
        (sides.contains(&width) && sides.contains(&height) && is_region).then_some(Self {
            width: Some(width),
            height: Some(height),
            part: Part::Pixels(region),
        })
    }

    /// A viewport as PS3.18 §9.5.1.2.4 has it, any side of it left unsaid, and a part as §9.5.1.2.5 does: left, upper,
    /// right and lower edge, from 0 to 1. `None` where a side is 0 or longer than [`MAX_VIEWPORT_SIDE`], or the part is
    /// none.
    #[must_use]
    pub fn of_part(width: Option<u32>, height: Option<u32>, part: Option<[f64; 4]>) -> Option<Self> {
        let [left, upper, right, lower] = part.unwrap_or([0.0, 0.0, 1.0, 1.0]);
        let is_part =
            0.0 <= left && left < right && right <= 1.0 && 0.0 <= upper && upper < lower && lower <= 1.0;
        let are_sides = [width, height].iter().flatten().all(|side| (1..=MAX_VIEWPORT_SIDE).contains(side));
        let part = Part::Fractions([left, upper, right, lower]);
        (is_part && are_sides).then_some(Self { width, height, part })
    }

    /// The same part, in another size.
    pub(super) const fn of_size(self, width: u32, height: u32) -> Self {
        Self { width: Some(width), height: Some(height), part: self.part }
    }

    /// Its sides, where they are said.
    pub(super) const fn sides(&self) -> (Option<u32>, Option<u32>) {
        (self.width, self.height)
    }

    /// The part in pixels of an image that is so wide and high: left, upper edge, width, height. None where it lies
    /// outside.
    pub(super) fn part(&self, full: (u32, u32)) -> Option<(f64, f64, f64, f64)> {
        let (across, down) = self.stretches(full)?;
        Some((across.from, down.from, across.length, down.length))
    }

    fn stretches(&self, (width, height): (u32, u32)) -> Option<(Stretch, Stretch)> {
        let region = match self.part {
            Part::Pixels(region) => region,
            Part::Fractions([left, upper, right, lower]) => {
                let (across, down) = (f64::from(width), f64::from(height));
                Region {
                    x: left * across,
                    y: upper * down,
                    width: Some((right - left) * across),
                    height: Some((lower - upper) * down),
                }
            }
        };
        let across = Stretch::of(region.x, region.width, width)?;
        Some((across, Stretch::of(region.y, region.height, height)?))
    }

    /// Pixels of a picture of an image that is so wide and high.
    pub(super) fn pixels(&self, full: (u32, u32)) -> u64 {
        let (_, _, width, height) = self.part(full).unwrap_or((0.0, 0.0, full.0.into(), full.1.into()));
        let (width, height) = match (self.width, self.height) {
            (Some(width), Some(height)) => (width, height),
            _ => size(self, width, height),
        };
        u64::from(width) * u64::from(height)
    }
}

/// A stretch of a side that is shown, in pixels of the source.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stretch {
    from: f64,
    length: f64,
    is_turned: bool,
}

impl Stretch {
    /// `None` where it lies outside of a side `full` long.
    fn of(from: f64, length: Option<f64>, full: u32) -> Option<Self> {
        let (from, full) = (from.abs(), f64::from(full));
        let left = full - from;
        let is_turned = length.is_some_and(f64::is_sign_negative);
        let length = length.map_or(left, |length| length.abs().min(left));
        // The sum of both may come out a little beyond the edge.
        let length = if from + length > full { length * (1.0 - 1e-12) } else { length };
        (left > 0.0 && length > 0.0).then_some(Self { from, length, is_turned })
    }
}

/// Crops, scales and turns a picture. `aspect`: height of a pixel, in its widths.
pub(super) fn fit(raster: Raster, viewport: &Viewport, aspect: f64) -> Result<Raster, RenderError> {
    let outside = || RenderError::Viewport("its region lies outside of the image");
    let (across, down) = viewport.stretches((raster.width, raster.height)).ok_or_else(outside)?;
    let (width, height) = match viewport.sides() {
        (None, None) => size(viewport, across.length, down.length),
        _ => size(viewport, across.length, down.length * aspect),
    };
    let mut fitted = scale(&raster, across, down, width, height)?;
    fitted.turn(across.is_turned, down.is_turned);
    Ok(fitted)
}

/// The largest size of these proportions that does not overflow the viewport; no side is longer than
/// [`MAX_VIEWPORT_SIDE`], unless it is that of the image itself.
fn size(viewport: &Viewport, width: f64, height: f64) -> (u32, u32) {
    let longest = f64::from(MAX_VIEWPORT_SIDE);
    let most = |side: Option<u32>, length: f64| side.map_or(longest, f64::from) / length;
    let scale = match viewport.sides() {
        (None, None) => 1.0,
        (across, down) => most(across, width).min(most(down, height)),
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is clamped")]
    let side =
        |length: f64, most: Option<u32>| ((length * scale).round() as u32).clamp(1, most.unwrap_or(u32::MAX));
    (side(width, viewport.width), side(height, viewport.height))
}

fn scale(
    raster: &Raster,
    across: Stretch,
    down: Stretch,
    width: u32,
    height: u32,
) -> Result<Raster, RenderError> {
    let options = ResizeOptions::new()
        .crop(across.from, down.from, across.length, down.length)
        .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    let bytes = match raster.channels {
        Channels::Grey => scale_pixels::<U8>(raster, width, height, &options)?,
        Channels::Rgb => scale_pixels::<U8x3>(raster, width, height, &options)?,
    };
    Ok(Raster { width, height, channels: raster.channels, bytes })
}

/// The scaled pixels. For one kind of pixels at a time: for whoever is to choose among all, all are compiled.
fn scale_pixels<P: PixelTrait>(
    raster: &Raster,
    width: u32,
    height: u32,
    options: &ResizeOptions,
) -> Result<Vec<u8>, RenderError> {
    let failed = |error: &dyn std::fmt::Display| {
        RenderError::NotRendered(format!("a picture that cannot be scaled: {error}"))
    };
    let source = TypedImageRef::<P>::from_buffer(raster.width, raster.height, &raster.bytes)
        .map_err(|error| failed(&error))?;
    let mut bytes = vec![0; width as usize * height as usize * P::size()];
    let mut scaled =
        TypedImage::<P>::from_buffer(width, height, &mut bytes).map_err(|error| failed(&error))?;
    Resizer::new().resize_typed(&source, &mut scaled, options).map_err(|error| failed(&error))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: u32, height: u32, bytes: &[u8]) -> Raster {
        Raster { width, height, channels: Channels::Grey, bytes: bytes.to_vec() }
    }

    fn viewport(width: u32, height: u32, region: Region) -> Viewport {
        Viewport::new(width, height, region).unwrap()
    }

    #[test]
    fn a_picture_fills_the_viewport_without_overflowing_it() {
        for (width, height, wanted) in
            [(200, 200, (200, 100)), (100, 10, (20, 10)), (7, 7, (7, 4)), (1, 1, (1, 1)), (4, 2, (4, 2))]
        {
            let fitted = fit(grey(4, 2, &[9; 8]), &viewport(width, height, Region::default()), 1.0).unwrap();
            assert_eq!((fitted.width, fitted.height), wanted);
            assert_eq!(fitted.bytes.len(), (wanted.0 * wanted.1) as usize);
        }
    }

    #[test]
    fn pixels_that_are_no_squares_are_shown_as_they_are() {
        let fitted = fit(grey(4, 2, &[9; 8]), &viewport(100, 100, Region::default()), 2.0).unwrap();
        assert_eq!((fitted.width, fitted.height), (100, 100));
    }

    #[test]
    fn a_region_is_cut_out_and_turned_round() {
        let source = || grey(3, 2, &[1, 2, 3, 4, 5, 6]);
        let of = |x, width, height| {
            let region = Region { x, y: 0.0, width, height };
            fit(source(), &viewport(2, 2, region), 1.0).unwrap().bytes
        };
        assert_eq!(of(1.0, None, None), [2, 3, 5, 6]);
        assert_eq!(of(-1.0, None, None), [2, 3, 5, 6]);
        assert_eq!(of(0.0, Some(2.0), None), [1, 2, 4, 5]);
        assert_eq!(of(0.0, Some(-2.0), None), [2, 1, 5, 4]);
        assert_eq!(of(0.0, Some(2.0), Some(-2.0)), [4, 5, 1, 2]);
        assert_eq!(of(1.0, Some(100.0), None), [2, 3, 5, 6]);
    }

    #[test]
    fn a_region_outside_of_the_image_is_refused() {
        let of = |x| fit(grey(3, 2, &[0; 6]), &viewport(2, 2, Region { x, ..Region::default() }), 1.0);
        assert!(of(2.9).is_ok());
        assert!(matches!(of(3.0), Err(RenderError::Viewport(_))));
        assert!(matches!(of(3.1), Err(RenderError::Viewport(_))));
    }

    #[test]
    fn viewports_are_bounded_at_below_and_above() {
        let is_fine = |width, height| Viewport::new(width, height, Region::default()).is_some();
        assert!(is_fine(1, MAX_VIEWPORT_SIDE) && is_fine(MAX_VIEWPORT_SIDE - 1, 1));
        assert!(!is_fine(0, 1) && !is_fine(1, 0) && !is_fine(MAX_VIEWPORT_SIDE + 1, 1));
        let region = |width| Viewport::new(1, 1, Region { width: Some(width), ..Region::default() });
        assert!(region(0.0).is_none() && region(f64::NAN).is_none() && region(-0.5).is_some());
    }
}
