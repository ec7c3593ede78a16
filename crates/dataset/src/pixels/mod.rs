//! Frames decoded (PS3.5 §8.2, Annex A.4): which transfer syntaxes, and one coded frame into native samples.
//!
//! Lives here: [`Codec`] and [`decode_frame`]; `shape`, what a frame looks like; one file for each codec. Never
//! here: where a frame's bytes come from. A coded frame is foreign bytes: what its header says is held against the
//! data set before a decoder sees it, a decoder that panics is caught, and what comes out has the length that the
//! data set makes it or is refused. `described` reads what a stream says of itself, `picture` unpacks what has no
//! transfer syntax.

pub mod described;
mod error;
mod jpeg;
mod jpeg2000;
mod jpeg_header;
mod jpeg_ls;
mod jpeg_xl;
pub mod picture;
mod plain;
mod rle;
mod samples;
pub(crate) mod shape;
mod syntax;

use std::panic::{AssertUnwindSafe, catch_unwind};

use causeway_core::Uid;

pub use error::PixelError;
pub use shape::{MAX_FRAME_BYTES, Planar, Representation, Shape};
pub(crate) use syntax::{jpeg_ls_syntax, jpeg_syntax};

/// Photometric Interpretation of what most decoders make of colour.
const RGB: &str = "RGB";

/// What undoes the compression of a transfer syntax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Encapsulated, and that is all.
    Uncompressed,
    /// Each frame deflated.
    Deflated,
    /// RLE Lossless.
    Rle,
    /// JPEG, lossy and lossless.
    Jpeg,
    /// JPEG-LS.
    JpegLs,
    /// JPEG 2000 and its high-throughput kind.
    Jpeg2000,
    /// JPEG XL.
    JpegXl,
}

/// How the fragments of a frame are told from those of the next (PS3.5 §A.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Each fragment is a frame.
    EachFragment,
    /// A frame is as long as its decoded bytes are.
    Length,
    /// The first fragment of a frame begins with one of these.
    StartMarker(&'static [&'static [u8]]),
}

impl Codec {
    /// The codec of a transfer syntax; `None` where pixels are not encapsulated, or not decoded here.
    #[must_use]
    pub fn of(transfer_syntax: &Uid) -> Option<Self> {
        Some(match transfer_syntax.as_str() {
            "1.2.840.10008.1.2.1.98" => Self::Uncompressed,
            "1.2.840.10008.1.2.8.1" => Self::Deflated,
            "1.2.840.10008.1.2.5" => Self::Rle,
            "1.2.840.10008.1.2.4.50"
            | "1.2.840.10008.1.2.4.51"
            | "1.2.840.10008.1.2.4.57"
            | "1.2.840.10008.1.2.4.70" => Self::Jpeg,
            "1.2.840.10008.1.2.4.80" | "1.2.840.10008.1.2.4.81" => Self::JpegLs,
            "1.2.840.10008.1.2.4.90"
            | "1.2.840.10008.1.2.4.91"
            | "1.2.840.10008.1.2.4.201"
            | "1.2.840.10008.1.2.4.202"
            | "1.2.840.10008.1.2.4.203" => Self::Jpeg2000,
            "1.2.840.10008.1.2.4.110" | "1.2.840.10008.1.2.4.111" | "1.2.840.10008.1.2.4.112" => Self::JpegXl,
            _ => return None,
        })
    }

    pub(crate) const fn framing(self) -> Framing {
        match self {
            Self::Uncompressed => Framing::Length,
            Self::Deflated | Self::Rle => Framing::EachFragment,
            Self::Jpeg | Self::JpegLs => Framing::StartMarker(&[&[0xFF, 0xD8, 0xFF]]),
            Self::Jpeg2000 => Framing::StartMarker(&[&[0xFF, 0x4F, 0xFF, 0x51], b"\0\0\0\x0CjP  "]),
            Self::JpegXl => Framing::StartMarker(&[&[0xFF, 0x0A], b"\0\0\0\x0CJXL "]),
        }
    }
}

/// A decoded frame, as long as its shape makes it: samples in little endian.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The samples.
    pub bytes: Vec<u8>,
    /// Photometric Interpretation of them.
    pub photometric: String,
    /// How they stand to one another.
    pub planar: Planar,
}

impl Frame {
    /// Samples as the data set says they are.
    fn as_said(shape: &Shape, bytes: Vec<u8>) -> Self {
        let planar = shape.planar.unwrap_or(Planar::ByPixel);
        Self { bytes, photometric: shape.photometric.clone(), planar }
    }

    /// Samples of each pixel together, in the colour space that the data set names. There are as many samples of
    /// each kind, so chrominance is no longer halved.
    fn unconverted(shape: &Shape, bytes: Vec<u8>) -> Self {
        let photometric = match shape.photometric.as_str() {
            "YBR_FULL_422" => "YBR_FULL",
            said => said,
        };
        Self { bytes, photometric: photometric.to_owned(), planar: Planar::ByPixel }
    }
}

/// Decodes one frame of an image of this shape. Takes as long as the codec does: not for an async thread.
///
/// # Errors
/// When the coded frame is broken, uses what the codec lacks, or describes another image than `shape`.
pub fn decode_frame(codec: Codec, shape: &Shape, coded: &[u8]) -> Result<Frame, PixelError> {
    let decode = || match codec {
        Codec::Uncompressed => plain::uncompressed(shape, coded),
        Codec::Deflated => plain::deflated(shape, coded),
        Codec::Rle => rle::decode(shape, coded),
        Codec::Jpeg => jpeg::decode(shape, coded),
        Codec::JpegLs => jpeg_ls::decode(shape, coded),
        Codec::Jpeg2000 => jpeg2000::decode(shape, coded),
        Codec::JpegXl => jpeg_xl::decode(shape, coded),
    };
    // Nothing that the decoder leaves behind is used after it panicked.
    let frame = catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(PixelError::codec("decoder", "it gave up on these bytes")))?;
    let (expected, found) = (shape.frame_bytes(), frame.bytes.len() as u64);
    if found == expected { Ok(frame) } else { Err(PixelError::WrongLength { expected, found }) }
}

#[cfg(test)]
mod tests;
