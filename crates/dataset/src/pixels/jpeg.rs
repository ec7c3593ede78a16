//! JPEG, lossy of 8 and 12 bits and lossless (ISO 10918-1; PS3.5 §8.2.1, §A.4.1, §A.4.2).

use libjpeg_turbo_rs::common::types::{ColorSpace, DecodeLimits};
use libjpeg_turbo_rs::precision::{decompress_12bit_with_limits, decompress_lossless_arbitrary};
use libjpeg_turbo_rs::{Decoder, JpegError};

use super::jpeg_header::Header;
use super::samples::Cells;
use super::shape::{Planar, Shape};
use super::{Frame, PixelError, RGB};

const CODEC: &str = "JPEG";
/// Most scans of one frame. Progressive ones have about ten.
const MAX_SCANS: usize = 100;
/// Most memory for one frame: its coefficients, planes and samples, each wider than the frame itself.
const MAX_WORK_BYTES: u64 = 8 * super::shape::MAX_FRAME_BYTES;

fn failed(error: &JpegError) -> PixelError {
    PixelError::codec(CODEC, error)
}

/// Decodes one frame, by what its stream says of itself rather than by its transfer syntax (PS3.5 §8.2.1, note 1).
pub(super) fn decode(shape: &Shape, coded: &[u8]) -> Result<Frame, PixelError> {
    let header = Header::read(CODEC, coded)?;
    header.fits(shape)?;
    let precision = header.precision;
    match (header.frame, precision) {
        (0xC3, 2..=16) => lossless(shape, &header, coded),
        (0xC0..=0xC2, 8) => eight_bits(shape, &header, coded),
        (0xC0 | 0xC1, 12) => twelve_bits(shape, &header, coded),
        _ => {
            let words = format!("process {:02X} of {precision} bits is not decoded", header.frame);
            Err(PixelError::codec(CODEC, words))
        }
    }
}

fn limits(shape: &Shape) -> DecodeLimits {
    DecodeLimits {
        max_width: shape.columns.into(),
        max_height: shape.rows.into(),
        max_pixels: shape.pixels() as u64,
        max_scans: MAX_SCANS,
        max_memory: Some(MAX_WORK_BYTES),
    }
}

/// Whether the components are luminance and chrominance. The stream has no word for it, but for two customs and
/// the names of the components; where none of them speaks the data set does (PS3.5 §8.2.1, notes 2 and 3).
fn is_ybr(shape: &Shape, header: &Header) -> bool {
    let named: Vec<u8> =
        header.components.iter().map(|component| component.id.to_ascii_uppercase()).collect();
    match header.adobe {
        _ if header.components.len() != 3 => false,
        _ if named == b"RGB" => false,
        Some(transform) => transform != 0,
        None => header.has_jfif || shape.is_ybr(),
    }
}

/// The decoder turns luminance and chrominance into RGB, unless told that they are none.
fn eight_bits(shape: &Shape, header: &Header, coded: &[u8]) -> Result<Frame, PixelError> {
    let mut decoder = Decoder::new_with_limits(coded, limits(shape)).map_err(|error| failed(&error))?;
    let (is_ybr, believed) = (is_ybr(shape, header), decoder.jpeg_color_space());
    match (believed, is_ybr) {
        (ColorSpace::YCbCr, false) => decoder.set_output_colorspace(ColorSpace::YCbCr),
        (ColorSpace::YCbCr, true) | (ColorSpace::Rgb, false) | (ColorSpace::Grayscale, _) => {}
        _ => return Err(PixelError::codec(CODEC, "its colour space is not decoded")),
    }
    let image = decoder.decode_image().map_err(|error| failed(&error))?;
    let bytes = if shape.sample_bytes() == 1 {
        image.data
    } else {
        let mut cells = Cells::new(shape, 8)?;
        image.data.iter().for_each(|sample| cells.push(u32::from(*sample)));
        cells.finish()
    };
    Ok(coloured(shape, header, is_ybr, bytes))
}

fn twelve_bits(shape: &Shape, header: &Header, coded: &[u8]) -> Result<Frame, PixelError> {
    let image = decompress_12bit_with_limits(coded, &limits(shape)).map_err(|error| failed(&error))?;
    let mut cells = Cells::new(shape, 12)?;
    image.data.iter().for_each(|sample| cells.push(u32::from(sample.cast_unsigned())));
    let is_ybr = is_ybr(shape, header);
    Ok(coloured(shape, header, is_ybr, cells.finish()))
}

fn coloured(shape: &Shape, header: &Header, is_ybr: bool, bytes: Vec<u8>) -> Frame {
    let photometric =
        if header.components.len() == 3 && (is_ybr || shape.is_ybr()) { RGB } else { &shape.photometric };
    Frame { bytes, photometric: photometric.to_owned(), planar: Planar::ByPixel }
}

/// Lossless: the components come out as they went in, whatever they are.
fn lossless(shape: &Shape, header: &Header, coded: &[u8]) -> Result<Frame, PixelError> {
    let first = header.components.first().map(|component| component.sampling);
    if header.components.iter().any(|component| Some(component.sampling) != first) {
        return Err(PixelError::codec(CODEC, "lossless with components of different sizes is not decoded"));
    }
    let image = decompress_lossless_arbitrary(coded).map_err(|error| failed(&error))?;
    let mut cells = Cells::new(shape, header.precision.into())?;
    image.data.iter().for_each(|sample| cells.push(u32::from(*sample)));
    Ok(Frame::unconverted(shape, cells.finish()))
}
