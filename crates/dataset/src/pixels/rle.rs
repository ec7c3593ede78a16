//! RLE Lossless (PS3.5 Annex G): byte planes, each packed by itself.

use super::shape::{Planar, Shape};
use super::{Frame, PixelError};

/// Length of the header: the number of segments, and where each of up to fifteen begins.
const HEADER_BYTES: usize = 64;
/// Most segments of a frame.
const MAX_SEGMENTS: usize = 15;

fn broken(words: &'static str) -> PixelError {
    PixelError::codec("RLE", words)
}

/// Decodes one frame. What the data set says of planes is kept to, since RLE says nothing of it (PS3.5 §8.2.2).
pub(super) fn decode(shape: &Shape, coded: &[u8]) -> Result<Frame, PixelError> {
    let (samples, width, pixels) = (usize::from(shape.samples), shape.sample_bytes(), shape.pixels());
    let segments = segments(coded)?;
    if segments.len() != samples * width || width == 0 {
        let (found, said) = (segments.len() as u64, (samples * width) as u64);
        return Err(PixelError::Differs { what: "a number of byte planes,", found, said });
    }
    let mut bytes = vec![0; pixels * samples * width];
    let planar = shape.planar.unwrap_or(Planar::ByPixel);
    for (index, segment) in segments.into_iter().enumerate() {
        // A sample's most significant byte has the first of its planes.
        let (sample, byte) = (index / width, width - 1 - index % width);
        let (first, step) = match planar {
            Planar::ByPixel => (sample * width + byte, samples * width),
            Planar::ByPlane => (sample * pixels * width + byte, width),
        };
        let mut cells = bytes.iter_mut().skip(first).step_by(step).take(pixels);
        if !unpack(segment, &mut cells) {
            return Err(broken("a segment ends before its plane is full"));
        }
    }
    Ok(Frame { planar, ..Frame::as_said(shape, bytes) })
}

/// The segments, as the header places them.
fn segments(coded: &[u8]) -> Result<Vec<&[u8]>, PixelError> {
    let header = coded.get(..HEADER_BYTES).ok_or_else(|| broken("the frame is shorter than its header"))?;
    let mut words = header.chunks_exact(4).map(|word| {
        let word = word.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        usize::try_from(word).unwrap_or(usize::MAX)
    });
    let count = words.next().unwrap_or_default();
    if count == 0 || count > MAX_SEGMENTS {
        return Err(broken("the header names no possible number of segments"));
    }
    let starts: Vec<usize> = words.take(count).collect();
    let ends = starts.iter().skip(1).copied().chain([coded.len()]);
    let segments = starts.iter().zip(ends).map(|(start, end)| coded.get(*start..end));
    segments.map(|segment| segment.ok_or_else(|| broken("a segment lies outside of the frame"))).collect()
}

/// Unpacks a segment (PS3.5 §G.3.2) into `cells`; whether they are all filled. What is left over is padding.
fn unpack<'a>(segment: &[u8], cells: &mut impl Iterator<Item = &'a mut u8>) -> bool {
    let mut rest = segment;
    let mut cell = cells.next();
    while let (Some(_), [control, after @ ..]) = (&cell, rest) {
        let control = *control;
        match control {
            0..=127 => {
                let (literal, next) = after.split_at(after.len().min(usize::from(control) + 1));
                for byte in literal {
                    let Some(place) = cell else { return true };
                    *place = *byte;
                    cell = cells.next();
                }
                rest = next;
            }
            128 => rest = after,
            129..=255 => {
                let [byte, next @ ..] = after else { return false };
                for _ in 0..257 - usize::from(control) {
                    let Some(place) = cell else { return true };
                    *place = *byte;
                    cell = cells.next();
                }
                rest = next;
            }
        }
    }
    cell.is_none()
}

#[cfg(test)]
mod tests {
    use super::super::shape::tests::shape;
    use super::*;

    fn framed(segments: &[&[u8]]) -> Vec<u8> {
        let number = |size: usize| u32::try_from(size).unwrap();
        let mut words = vec![number(segments.len())];
        let mut at = number(HEADER_BYTES);
        for segment in segments {
            words.push(at);
            at += number(segment.len());
        }
        words.resize(16, 0);
        let header = words.into_iter().flat_map(u32::to_le_bytes);
        header.chain(segments.concat()).collect()
    }

    #[test]
    fn literal_and_repeated_runs_fill_a_plane() {
        let coded = framed(&[&[1, 7, 8, 128, 254, 9, 0]]);
        assert_eq!(decode(&shape(1, 5, 1, 8), &coded).unwrap().bytes, [7, 8, 9, 9, 9]);
    }

    #[test]
    fn byte_planes_become_little_endian_words() {
        let coded = framed(&[&[1, 0x12, 0x34], &[1, 0x56, 0x78]]);
        assert_eq!(decode(&shape(1, 2, 1, 16), &coded).unwrap().bytes, [0x56, 0x12, 0x78, 0x34]);
    }

    #[test]
    fn colour_is_given_as_planar_configuration_says() {
        let coded = framed(&[&[1, 1, 2], &[1, 3, 4], &[1, 5, 6]]);
        let by_pixel = decode(&shape(1, 2, 3, 8), &coded).unwrap();
        assert_eq!((by_pixel.bytes, by_pixel.planar), (vec![1, 3, 5, 2, 4, 6], Planar::ByPixel));
        let planes = Shape { planar: Some(Planar::ByPlane), ..shape(1, 2, 3, 8) };
        let by_plane = decode(&planes, &coded).unwrap();
        assert_eq!((by_plane.bytes, by_plane.planar), (vec![1, 2, 3, 4, 5, 6], Planar::ByPlane));
    }

    #[test]
    fn what_is_cut_short_or_lies_is_refused() {
        let shape = shape(1, 5, 1, 8);
        for coded in [
            framed(&[&[1, 7, 8, 254]]),
            framed(&[&[1, 7]]),
            framed(&[]),
            framed(&[&[1, 7, 8], &[254, 9]]),
            vec![1, 0, 0],
            [1u32.to_le_bytes(), 9_000u32.to_le_bytes()].concat().into_iter().chain([0; 56]).collect(),
            [[16, 0, 0, 0]; 16].concat(),
        ] {
            assert!(decode(&shape, &coded).is_err(), "{coded:?}");
        }
    }
}
