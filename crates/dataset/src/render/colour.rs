//! Colour into red, green and blue of 8 bits: palettes, planes, luminance and chrominance
//! (PS3.3 §C.7.6.3.1.2, PS3.3 §C.7.6.3.1.5).

use super::RenderError;
use super::image::{Kind, Look};
use super::lut::Lut;
use crate::pixels::{Planar, Representation};

/// How three samples become red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Space {
    Rgb,
    /// Luminance and chrominance over the full range.
    Full,
    /// Luminance from 16 to 235, chrominance from 16 to 240 (retired).
    Partial,
}

/// Red, green and blue of each pixel through a palette. `bytes` are native samples of at most 16 bits.
pub(super) fn by_palette(look: &Look, palette: &[Lut; 3], bytes: &[u8]) -> Result<Vec<u8>, RenderError> {
    let width = look.shape.sample_bytes();
    if !matches!(width, 1 | 2) || look.shape.samples != 1 || look.kind != Kind::Integer {
        return Err(unfit(look, &look.shape.photometric));
    }
    let colours = |stored: f64| {
        palette.each_ref().map(|lut| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "saturates between 0 and 255"
            )]
            let shade = (lut.get(stored) / lut.full() * 255.0).round() as u8;
            shade
        })
    };
    let mask = u16::MAX >> (16 - look.bits_stored.clamp(1, 16));
    let is_signed = look.shape.representation == Representation::Signed;
    let table: Vec<[u8; 3]> = (0..=mask)
        .map(|value| {
            let is_negative = is_signed && u32::from(value) >> (look.bits_stored - 1) == 1;
            colours(f64::from(value) - if is_negative { f64::from(mask) + 1.0 } else { 0.0 })
        })
        .collect();
    let mut out = Vec::with_capacity(look.shape.pixels() * 3);
    for cell in bytes.chunks_exact(width).take(look.shape.pixels()) {
        let value = cell.iter().rev().fold(0, |sum, byte| (sum << 8) | u16::from(*byte));
        let index = usize::from((value >> look.shift) & mask);
        out.extend_from_slice(table.get(index).unwrap_or(&[0; 3]));
    }
    Ok(out)
}

/// Red, green and blue of each pixel of three samples.
pub(super) fn of_samples(
    look: &Look,
    photometric: &str,
    planar: Planar,
    bytes: Vec<u8>,
) -> Result<Vec<u8>, RenderError> {
    let space = match photometric {
        "RGB" => Space::Rgb,
        "YBR_FULL" | "YBR_FULL_422" => Space::Full,
        "YBR_PARTIAL_422" => Space::Partial,
        _ => return Err(unfit(look, photometric)),
    };
    let pixels = look.shape.pixels();
    let bits = look.shape.bits_allocated;
    if look.shape.samples != 3 || !matches!(bits, 8 | 16 | 32) || look.kind != Kind::Integer {
        return Err(unfit(look, photometric));
    }
    let mut rgb = match (bits, planar) {
        _ if photometric.ends_with("_422") && bits == 8 && bytes.len() < pixels * 3 => unfold(&bytes),
        (8, Planar::ByPixel) => bytes,
        (8, Planar::ByPlane) => interleave(&bytes, pixels),
        (_, Planar::ByPixel) => narrow(look, &bytes),
        (_, Planar::ByPlane) => interleave(&narrow(look, &bytes), pixels),
    };
    rgb.resize(pixels * 3, 0);
    if space != Space::Rgb {
        rgb.as_chunks_mut().0.iter_mut().for_each(|pixel| *pixel = convert(space, *pixel));
    }
    Ok(rgb)
}

fn unfit(look: &Look, photometric: &str) -> RenderError {
    let (samples, bits) = (look.shape.samples, look.shape.bits_allocated);
    let named: String =
        photometric.chars().filter(|letter| letter.is_ascii_graphic() || *letter == ' ').collect();
    RenderError::NotRendered(format!("{named} of {samples} samples of {bits} bits"))
}

/// Pixels by twos, Y Y Cb Cr, as pixels by themselves.
fn unfold(bytes: &[u8]) -> Vec<u8> {
    let (pairs, _) = bytes.as_chunks();
    pairs.iter().flat_map(|[first, second, cb, cr]| [*first, *cb, *cr, *second, *cb, *cr]).collect()
}

fn interleave(planes: &[u8], pixels: usize) -> Vec<u8> {
    let (red, rest) = planes.split_at(pixels.min(planes.len()));
    let (green, blue) = rest.split_at(pixels.min(rest.len()));
    red.iter().zip(green).zip(blue).flat_map(|((red, green), blue)| [*red, *green, *blue]).collect()
}

/// Samples of 16 or 32 bits as samples of 8.
fn narrow(look: &Look, bytes: &[u8]) -> Vec<u8> {
    let full = u64::from(u32::MAX) >> (32 - look.bits_stored.clamp(1, 32));
    let width = look.shape.sample_bytes();
    bytes
        .chunks_exact(width)
        .map(|cell| {
            let cell = cell.iter().rev().fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
            let sample = (cell >> look.shift) & full;
            u8::try_from((sample * 255 + full / 2) / full).unwrap_or(u8::MAX)
        })
        .collect()
}

/// The equations of ITU-R BT.601, solved for red, green and blue.
fn convert(space: Space, pixel: [u8; 3]) -> [u8; 3] {
    let [y, cb, cr] = pixel.map(f32::from);
    let (cb, cr) = (cb - 128.0, cr - 128.0);
    let rgb = match space {
        Space::Rgb => return pixel,
        Space::Full => [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb],
        Space::Partial => {
            let y = 1.164_384 * (y - 16.0);
            [y + 1.596_027 * cr, y - 0.391_762 * cb - 0.812_968 * cr, y + 2.017_232 * cb]
        }
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates between 0 and 255"
    )]
    rgb.map(|shade| shade.round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_has_no_chrominance_and_colours_come_out() {
        assert_eq!(convert(Space::Full, [100, 128, 128]), [100; 3]);
        assert_eq!(convert(Space::Full, [76, 85, 255]), [254, 0, 0]);
        assert_eq!(convert(Space::Partial, [16, 128, 128]), [0; 3]);
        assert_eq!(convert(Space::Partial, [235, 128, 128]), [255; 3]);
    }

    #[test]
    fn halved_chrominance_serves_two_pixels() {
        assert_eq!(unfold(&[1, 2, 3, 4, 5]), [1, 3, 4, 2, 3, 4]);
        assert_eq!(interleave(&[1, 2, 3, 4, 5, 6], 2), [1, 3, 5, 2, 4, 6]);
    }
}
