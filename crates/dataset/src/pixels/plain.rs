//! Frames that are not compressed, or deflated by themselves (PS3.5 §A.4.11, §A.4.13).

use std::io::Read as _;

use flate2::read::DeflateDecoder;

use super::shape::Shape;
use super::{Frame, PixelError};

/// A frame as it is; what pads its fragment to an even length is left off.
pub(super) fn uncompressed(shape: &Shape, coded: &[u8]) -> Result<Frame, PixelError> {
    let expected = usize::try_from(shape.frame_bytes()).unwrap_or(usize::MAX);
    let bytes = coded.get(..expected).filter(|_| coded.len() <= expected + 1).unwrap_or(coded);
    Ok(Frame::as_said(shape, bytes.to_vec()))
}

/// A frame that was deflated (RFC 1951). No more is inflated than the frame may have, and one byte.
pub(super) fn deflated(shape: &Shape, coded: &[u8]) -> Result<Frame, PixelError> {
    let mut bytes = Vec::new();
    let most = shape.frame_bytes().saturating_add(1);
    DeflateDecoder::new(coded)
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(|error| PixelError::codec("deflate", error))?;
    Ok(Frame::as_said(shape, bytes))
}
