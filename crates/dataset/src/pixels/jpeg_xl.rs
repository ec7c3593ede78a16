//! JPEG XL (ISO 18181; PS3.5 §8.2.15, §A.4.12).

use jxl_oxide::image::BitDepth;
use jxl_oxide::{AllocTracker, JxlImage};

use super::samples::Cells;
use super::shape::{Planar, Shape};
use super::{Frame, PixelError, RGB};

const CODEC: &str = "JPEG XL";
/// Most memory for each sample of a frame, in bytes: it is a number of 32 bits while it is decoded, several times
/// over.
const MAX_WORK_BYTES_PER_SAMPLE: usize = 48;
/// Most memory for what does not depend on the size of a frame.
const MAX_WORK_BYTES_BESIDES: usize = 64 * 1024 * 1024;

fn failed(error: impl std::fmt::Display) -> PixelError {
    PixelError::codec(CODEC, error)
}

/// Decodes one frame.
pub(super) fn decode(shape: &Shape, coded: &[u8]) -> Result<Frame, PixelError> {
    let samples = shape.pixels() * usize::from(shape.samples);
    let tracker = AllocTracker::with_limit(samples * MAX_WORK_BYTES_PER_SAMPLE + MAX_WORK_BYTES_BESIDES);
    let image = JxlImage::builder().alloc_tracker(tracker).read(coded).map_err(failed)?;
    for (what, found, said) in
        [("rows:", image.height(), shape.rows), ("columns:", image.width(), shape.columns)]
    {
        if found != u32::from(said) {
            return Err(PixelError::Differs { what, found: found.into(), said: said.into() });
        }
    }
    let metadata = &image.image_header().metadata;
    let precision = match metadata.bit_depth {
        BitDepth::IntegerSample { bits_per_sample } if (1..=16).contains(&bits_per_sample) => bits_per_sample,
        _ => return Err(failed("samples other than integers of up to 16 bits are not decoded")),
    };
    let is_converted = metadata.xyb_encoded || image.frame_header(0).is_some_and(|header| header.do_ycbcr);
    let render = image.render_frame(0).map_err(failed)?;
    let mut stream = render.stream();
    if stream.channels() != u32::from(shape.samples) {
        let (found, said) = (stream.channels().into(), shape.samples.into());
        return Err(PixelError::Differs { what: "samples per pixel:", found, said });
    }
    let mut cells = Cells::new(shape, precision)?;
    let most = f32::from(u16::MAX >> (16 - precision));
    let mut row = vec![0f32; usize::from(shape.columns) * usize::from(shape.samples)];
    for _ in 0..shape.rows {
        if stream.write_to_buffer(&mut row) != row.len() {
            return Err(failed("the image ends before its last row"));
        }
        row.iter().for_each(|sample| cells.push(number(*sample, most)));
    }
    if is_converted && shape.samples == 3
        || matches!(shape.photometric.as_str(), "YBR_ICT" | "YBR_RCT" | "XYB")
    {
        return Ok(Frame { bytes: cells.finish(), photometric: RGB.to_owned(), planar: Planar::ByPixel });
    }
    Ok(Frame::unconverted(shape, cells.finish()))
}

/// A sample between 0 and 1 as a number up to `most`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the range of 16 bits"
)]
fn number(sample: f32, most: f32) -> u32 {
    (sample * most).round().clamp(0.0, most) as u32
}
