//! Pictures of the web as pixel data (PS3.18 §10.5.2, Table 10.5.2-1): PNG and GIF have no transfer syntax, and are
//! unpacked into samples. What is transparent is taken for opaque, and a GIF that moves makes a frame of each of its
//! pictures, as the note there has it.

use std::io::Cursor;
use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, DisposalMethod, MemoryLimit};
use png::{BitDepth, ColorType, Transformations};

use super::{MAX_FRAME_BYTES, PixelError, RGB, Representation};
use crate::compose::Description;

/// Most frames that one GIF makes.
const MAX_FRAMES: u32 = 10_000;
/// Most bytes of one of them: there are up to four in memory at once.
const MAX_CANVAS_BYTES: u64 = MAX_FRAME_BYTES / 4;
/// Most bytes of all frames of one GIF.
const MAX_FRAMES_BYTES: u64 = 1024 * 1024 * 1024;
const PNG: &str = "PNG";
const GIF: &str = "GIF";

/// What a picture is unpacked into, where there is a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    /// Grey, where all there is is grey.
    AsTheyAre,
    /// One sample, where all there is is grey.
    Grey,
    /// Three samples, though all may be grey.
    Rgb,
}

/// Whether pixel data of this media type are unpacked.
#[must_use]
pub fn is_picture(media_type: &str) -> bool {
    matches!(media_type, "image/png" | "image/gif")
}

/// Unpacks a picture: its frames go to `take`, samples in little endian, pixel by pixel. What they look like.
///
/// # Errors
/// When it is no such picture, larger than is unpacked, or `take` fails.
pub fn unpack(
    media_type: &str,
    coded: &[u8],
    colours: Colours,
    take: impl FnMut(Vec<u8>) -> Result<(), PixelError>,
) -> Result<Description, PixelError> {
    match media_type {
        "image/png" => unpack_png(coded, colours, take),
        "image/gif" => unpack_gif(coded, colours, take),
        _ => Err(PixelError::codec("pictures", "PNG and GIF are unpacked, and nothing else")),
    }
}

fn described(rows: u16, columns: u16, samples: u16, bits_stored: u16) -> Description {
    let photometric = if samples == 1 { "MONOCHROME2" } else { RGB };
    let representation = Representation::Unsigned;
    Description { rows, columns, samples, photometric, bits_stored, representation, frames: 1 }
}

fn unpack_png(
    coded: &[u8],
    colours: Colours,
    mut take: impl FnMut(Vec<u8>) -> Result<(), PixelError>,
) -> Result<Description, PixelError> {
    let failed = |error: png::DecodingError| PixelError::codec(PNG, error);
    let limit = usize::try_from(MAX_FRAME_BYTES).unwrap_or(usize::MAX);
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(coded), png::Limits { bytes: limit });
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(failed)?;
    let size = |size: u32| {
        u16::try_from(size).map_err(|_| PixelError::codec(PNG, "it has more than 65535 rows or columns"))
    };
    let (rows, columns) = (size(reader.info().height)?, size(reader.info().width)?);
    let bytes = reader.output_buffer_size().unwrap_or(usize::MAX);
    if bytes as u64 > MAX_FRAME_BYTES {
        return Err(PixelError::FrameTooLarge { bytes: bytes as u64 });
    }
    let mut pixels = vec![0; bytes];
    reader.next_frame(&mut pixels).map_err(failed)?;
    let (kind, depth) = reader.output_color_type();
    let bits = if depth == BitDepth::Sixteen { 16 } else { 8 };
    let (channels, samples) = match kind {
        ColorType::Grayscale => (1, 1),
        ColorType::GrayscaleAlpha => (2, 1),
        ColorType::Rgb => (3, 3),
        ColorType::Rgba => (4, 3),
        ColorType::Indexed => return Err(PixelError::codec(PNG, "its palette was not resolved")),
    };
    let width = bits / 8;
    let mut pixels = packed(pixels, channels * width, samples * width);
    if width == 2 {
        // A PNG is big endian.
        pixels.as_chunks_mut::<2>().0.iter_mut().for_each(|sample| sample.reverse());
    }
    let (pixels, samples) = recoloured(pixels, samples, width, colours);
    take(pixels)?;
    Ok(described(rows, columns, u16::from(samples == 3) * 2 + 1, u16::try_from(bits).unwrap_or(8)))
}

/// The first `kept` bytes of each pixel of `whole` bytes.
fn packed(mut pixels: Vec<u8>, whole: usize, kept: usize) -> Vec<u8> {
    if whole == kept {
        return pixels;
    }
    let mut to = 0;
    let bytes = pixels.len() / whole * whole;
    for from in (0..bytes).step_by(whole) {
        pixels.copy_within(from..from + kept, to);
        to += kept;
    }
    pixels.truncate(to);
    pixels
}

/// The pixels with as many samples as are asked for; their number. Grey is made of colours only where they are grey.
fn recoloured(pixels: Vec<u8>, samples: usize, width: usize, colours: Colours) -> (Vec<u8>, usize) {
    match (samples, colours) {
        (1, Colours::Rgb) => (pixels.chunks(width).flat_map(|sample| sample.repeat(3)).collect(), 3),
        (3, Colours::Grey) if is_grey(&pixels, width) => (packed(pixels, 3 * width, width), 1),
        _ => (pixels, samples),
    }
}

fn is_grey(pixels: &[u8], width: usize) -> bool {
    pixels.chunks(3 * width).all(|pixel| {
        let mut samples = pixel.chunks(width);
        let first = samples.next();
        samples.all(|sample| Some(sample) == first)
    })
}

fn unpack_gif(
    coded: &[u8],
    colours: Colours,
    mut take: impl FnMut(Vec<u8>) -> Result<(), PixelError>,
) -> Result<Description, PixelError> {
    let failed = |error: gif::DecodingError| PixelError::codec(GIF, error);
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    options.set_memory_limit(
        NonZeroU64::new(MAX_CANVAS_BYTES * 2).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes),
    );
    let mut decoder = options.read_info(Cursor::new(coded)).map_err(failed)?;
    let (rows, columns) = (decoder.height(), decoder.width());
    let bytes = u64::from(rows) * u64::from(columns) * 3;
    if bytes == 0 || bytes > MAX_CANVAS_BYTES {
        return Err(PixelError::FrameTooLarge { bytes });
    }
    // What all frames are is settled by what the palette holds: a frame of other colours comes too late to change it.
    let global = decoder.global_palette().map(|palette| is_grey(palette, 1));
    let is_one_sample = colours != Colours::Rgb && global == Some(true);
    let mut canvas = Canvas::new(rows, columns);
    let mut frames = 0_u32;
    while let Some(frame) = decoder.read_next_frame().map_err(failed)? {
        frames += 1;
        if frames > MAX_FRAMES || u64::from(frames) * bytes > MAX_FRAMES_BYTES {
            return Err(PixelError::codec(GIF, "it has more or larger frames than are unpacked"));
        }
        let pixels = canvas.draw(frame);
        if is_one_sample && !is_grey(&pixels, 1) {
            return Err(PixelError::codec(GIF, "some of its frames are grey and others are not"));
        }
        take(if is_one_sample { packed(pixels, 3, 1) } else { pixels })?;
    }
    if frames == 0 {
        return Err(PixelError::codec(GIF, "it has no picture"));
    }
    Ok(Description { frames, ..described(rows, columns, if is_one_sample { 1 } else { 3 }, 8) })
}

/// What a GIF has drawn so far: each of its pictures is a change of it.
struct Canvas {
    columns: usize,
    rgb: Vec<u8>,
}

impl Canvas {
    fn new(rows: u16, columns: u16) -> Self {
        let columns = usize::from(columns);
        Self { columns, rgb: vec![0; usize::from(rows) * columns * 3] }
    }

    /// Draws a picture, and gives what is to be seen then.
    fn draw(&mut self, frame: &gif::Frame<'_>) -> Vec<u8> {
        let before = (frame.dispose == DisposalMethod::Previous).then(|| self.rgb.clone());
        self.put(frame, |pixel| match *pixel {
            [red, green, blue, alpha] if alpha != 0 => Some([red, green, blue]),
            _ => None,
        });
        let seen = self.rgb.clone();
        match (frame.dispose, before) {
            (DisposalMethod::Previous, Some(before)) => self.rgb = before,
            (DisposalMethod::Background, _) => self.put(frame, |_| Some([0; 3])),
            _ => {}
        }
        seen
    }

    fn put(&mut self, frame: &gif::Frame<'_>, colour: impl Fn(&[u8; 4]) -> Option<[u8; 3]>) {
        let (left, top, width) = (usize::from(frame.left), usize::from(frame.top), usize::from(frame.width));
        if width == 0 {
            return;
        }
        for (index, pixel) in frame.buffer.as_chunks::<4>().0.iter().enumerate() {
            let (column, row) = (left + index % width, top + index / width);
            let at = (row * self.columns + column) * 3;
            let place = if column < self.columns { self.rgb.get_mut(at..at + 3) } else { None };
            if let (Some(place), Some(colour)) = (place, colour(pixel)) {
                place.copy_from_slice(&colour);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;

    fn all(
        media_type: &str,
        coded: &[u8],
        colours: Colours,
    ) -> Result<(Description, Vec<Vec<u8>>), PixelError> {
        let mut frames = Vec::new();
        let description = unpack(media_type, coded, colours, |frame| {
            frames.push(frame);
            Ok(())
        })?;
        Ok((description, frames))
    }

    fn png_of(columns: u32, rows: u32, kind: ColorType, depth: BitDepth, pixels: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, columns, rows);
        encoder.set_color(kind);
        encoder.set_depth(depth);
        if kind == ColorType::Indexed {
            encoder.set_palette(vec![0, 0, 0, 9, 8, 7]);
            encoder.set_trns(vec![255, 0]);
        }
        encoder.write_header().unwrap().write_image_data(pixels).unwrap();
        out
    }

    fn gif_of(columns: u16, rows: u16, palette: &[u8], frames: &[gif::Frame<'_>]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut encoder = gif::Encoder::new(&mut out, columns, rows, palette).unwrap();
        frames.iter().for_each(|frame| encoder.write_frame(frame).unwrap());
        drop(encoder);
        out
    }

    fn picture(columns: u16, rows: u16, indices: &'static [u8]) -> gif::Frame<'static> {
        gif::Frame { width: columns, height: rows, buffer: Cow::Borrowed(indices), ..gif::Frame::default() }
    }

    #[test]
    fn a_png_is_unpacked_into_samples_as_it_has_them_but_for_transparency() {
        for (kind, depth, pixels, samples, bits, expected) in [
            (ColorType::Grayscale, BitDepth::Eight, &[1, 2][..], 1, 8, &[1, 2][..]),
            (ColorType::Grayscale, BitDepth::Sixteen, &[1, 2, 3, 4], 1, 16, &[2, 1, 4, 3]),
            (ColorType::GrayscaleAlpha, BitDepth::Eight, &[1, 0, 2, 255], 1, 8, &[1, 2]),
            (ColorType::Rgb, BitDepth::Eight, &[1, 2, 3, 4, 5, 6], 3, 8, &[1, 2, 3, 4, 5, 6]),
            (ColorType::Rgba, BitDepth::Eight, &[1, 2, 3, 0, 4, 5, 6, 9], 3, 8, &[1, 2, 3, 4, 5, 6]),
            (ColorType::Indexed, BitDepth::One, &[0b0100_0000], 3, 8, &[0, 0, 0, 9, 8, 7]),
        ] {
            let png = png_of(2, 1, kind, depth, pixels);
            let (description, frames) = all("image/png", &png, Colours::AsTheyAre).unwrap();
            assert_eq!(description, described(1, 2, samples, bits), "{kind:?} {depth:?}");
            assert_eq!(frames, [expected.to_vec()], "{kind:?} {depth:?}");
        }
    }

    #[test]
    fn colours_are_as_many_as_are_asked_for() {
        let grey = png_of(2, 1, ColorType::Grayscale, BitDepth::Eight, &[1, 2]);
        assert_eq!(all("image/png", &grey, Colours::Rgb).unwrap().1, [vec![1, 1, 1, 2, 2, 2]]);
        let colour = png_of(1, 1, ColorType::Rgb, BitDepth::Eight, &[7, 7, 7]);
        assert_eq!(all("image/png", &colour, Colours::Grey).unwrap().1, [vec![7]]);
        let colour = png_of(1, 1, ColorType::Rgb, BitDepth::Eight, &[7, 7, 8]);
        assert_eq!(all("image/png", &colour, Colours::Grey).unwrap().0.samples, 3);
    }

    #[test]
    fn a_gif_of_one_picture_is_one_frame() {
        let colours = [0, 0, 0, 9, 8, 7];
        let gif = gif_of(2, 1, &colours, &[picture(2, 1, &[0, 1])]);
        let (description, frames) = all("image/gif", &gif, Colours::AsTheyAre).unwrap();
        assert_eq!((description, frames), (described(1, 2, 3, 8), vec![vec![0, 0, 0, 9, 8, 7]]));
        let gif = gif_of(2, 1, &[1, 1, 1, 2, 2, 2], &[picture(2, 1, &[0, 1])]);
        let (description, frames) = all("image/gif", &gif, Colours::AsTheyAre).unwrap();
        assert_eq!((description, frames), (described(1, 2, 1, 8), vec![vec![1, 2]]));
        assert_eq!(all("image/gif", &gif, Colours::Rgb).unwrap().1, [vec![1, 1, 1, 2, 2, 2]]);
    }

    #[test]
    fn a_gif_that_moves_is_a_frame_for_each_of_its_pictures_drawn_over_those_before() {
        let palette = [1, 1, 1, 2, 2, 2, 3, 3, 3];
        let whole = picture(2, 1, &[0, 1]);
        let change = gif::Frame { left: 1, ..picture(1, 1, &[2]) };
        let gone = gif::Frame { dispose: DisposalMethod::Previous, ..picture(1, 1, &[2]) };
        let emptied = gif::Frame { dispose: DisposalMethod::Background, ..picture(2, 1, &[2, 2]) };
        let clear = gif::Frame { transparent: Some(0), ..picture(2, 1, &[0, 1]) };
        let gif = gif_of(2, 1, &palette, &[whole, change, gone, clear.clone(), emptied, clear]);
        let (description, frames) = all("image/gif", &gif, Colours::AsTheyAre).unwrap();
        assert_eq!(description.frames, 6);
        assert_eq!(frames, [[1, 2], [1, 3], [3, 3], [1, 2], [3, 3], [0, 2]].map(|frame| frame.to_vec()));
    }

    #[test]
    fn what_is_no_picture_or_too_large_is_refused() {
        for media_type in ["image/png", "image/gif", "image/webp"] {
            assert!(all(media_type, b"no picture", Colours::AsTheyAre).is_err());
        }
        let whole = png_of(2, 1, ColorType::Grayscale, BitDepth::Eight, &[1, 2]);
        assert!(all("image/png", &whole[..whole.len() / 2], Colours::AsTheyAre).is_err());
        // A picture that says of itself that it is larger than a frame may be.
        let mut header = b"\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR\0\0\xFF\xFF\0\0\xFF\xFF\x08\0\0\0\0".to_vec();
        let mut checksum = flate2::Crc::new();
        checksum.update(&header[12..]);
        header.extend(checksum.sum().to_be_bytes());
        header.extend(b"\0\0\0\0IDAT\x35\xAF\x06\x1E");
        let error = all("image/png", &header, Colours::AsTheyAre).unwrap_err();
        assert!(matches!(error, PixelError::FrameTooLarge { .. } | PixelError::Codec { .. }), "{error}");
        let gif = b"GIF89a\xFF\xFF\xFF\xFF\0\0\0,\0\0\0\0\xFF\xFF\xFF\xFF\0";
        assert!(matches!(all("image/gif", gif, Colours::AsTheyAre), Err(PixelError::FrameTooLarge { .. })));
    }

    proptest! {
        #[test]
        fn any_bytes_are_unpacked_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = all("image/png", &[&b"\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR"[..], &bytes].concat(), Colours::AsTheyAre);
            let _ = all("image/gif", &[&b"GIF89a\x08\0\x08\0"[..], &bytes].concat(), Colours::Rgb);
        }
    }
}
