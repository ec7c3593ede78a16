//! Coded frames (PS3.5 §8.2, Annex G): every decoder, for images of any small shape. What a foreign decoder cannot take
//! is an error; that it ends, within bounds, is what counts.
//!
//! Input: codec, samples and bits, rows, columns, the coded frame.

use causeway_dataset::pixels::{Codec, Planar, Representation, Shape, decode_frame};

const CODECS: [Codec; 7] = [
    Codec::Rle,
    Codec::Jpeg,
    Codec::JpegLs,
    Codec::Jpeg2000,
    Codec::JpegXl,
    Codec::Deflated,
    Codec::Uncompressed,
];

pub(crate) fn run(data: &[u8]) {
    let Some(([codec, kind, rows, columns], coded)) = data.split_first_chunk::<4>() else { return };
    let Some(codec) = CODECS.get(usize::from(*codec) % CODECS.len()) else { return };
    let is_colour = kind & 1 != 0;
    let photometric = match (is_colour, kind & 0x10) {
        (false, _) => "MONOCHROME2",
        (true, 0) => "RGB",
        (true, _) => "YBR_FULL_422",
    };
    let shape = Shape {
        rows: u16::from(*rows),
        columns: u16::from(*columns),
        samples: if is_colour { 3 } else { 1 },
        bits_allocated: match (kind >> 1) % 4 {
            0 => 8,
            1 => 16,
            2 => 1,
            _ => 32,
        },
        representation: if kind & 8 == 0 { Representation::Unsigned } else { Representation::Signed },
        planar: (kind & 0x20 != 0).then_some(if kind & 0x40 == 0 {
            Planar::ByPixel
        } else {
            Planar::ByPlane
        }),
        photometric: photometric.to_owned(),
        frames: 1,
    };
    if let Ok(frame) = decode_frame(*codec, &shape, coded) {
        assert_eq!(frame.bytes.len() as u64, shape.frame_bytes());
    }
}
