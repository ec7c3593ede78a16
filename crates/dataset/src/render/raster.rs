//! A picture of 8 bits for each channel, and its coding as JPEG, PNG or GIF (PS3.18 §8.7.4).

use std::borrow::Cow;

use libjpeg_turbo_rs::{Encoder, PixelFormat, Subsampling};

use super::RenderError;

/// The quality of lossy coding that is as good as can be.
const BEST: u8 = 100;
/// From this quality on chrominance is not halved.
const FULL_CHROMINANCE: u8 = 90;
/// How much care is taken in choosing the colours of a GIF: 1 to 30, 1 is most.
const GIF_SPEED: i32 = 10;

/// What a pixel has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channels {
    Grey,
    Rgb,
}

/// How good lossy coding is, from 1 to 100 (PS3.18 §8.3.5.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Quality(u8);

impl Quality {
    /// Where none is asked for.
    pub const DEFAULT: Self = Self(90);

    /// A quality; `None` below 1 and above 100.
    #[must_use]
    pub fn new(quality: u32) -> Option<Self> {
        u8::try_from(quality).ok().filter(|quality| (1..=BEST).contains(quality)).map(Self)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// How a picture is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// `image/jpeg`: baseline.
    Jpeg(Quality),
    /// `image/png`.
    Png,
    /// `image/gif`: of 256 colours.
    Gif,
    /// A part of a moving `image/gif`, whose parts follow one another and at whose end the byte 3B stands.
    Film(FilmPart),
}

/// Which part of a film.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FilmPart {
    /// The first, with what says that it is a GIF and begins again at its end.
    First,
    /// Any other.
    Later,
}

/// What goes with a picture.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Extras<'a> {
    /// A profile of red, green and blue.
    pub(super) profile: Option<&'a [u8]>,
    /// How long it is shown, in hundredths of a second.
    pub(super) hundredths: u16,
}

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raster {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) channels: Channels,
    pub(super) bytes: Vec<u8>,
}

impl Raster {
    /// Samples of a pixel.
    pub(super) const fn channels(&self) -> usize {
        match self.channels {
            Channels::Grey => 1,
            Channels::Rgb => 3,
        }
    }

    /// Turns left to right, or up to down, or both.
    pub(super) fn turn(&mut self, across: bool, down: bool) {
        let channels = self.channels();
        let row = self.width as usize * channels;
        if across && row > 0 {
            for row in self.bytes.chunks_mut(row) {
                row.reverse();
                // The samples of a pixel keep their order.
                row.chunks_mut(channels).for_each(<[u8]>::reverse);
            }
        }
        if down && row > 0 {
            self.bytes = self.bytes.chunks(row).rev().flatten().copied().collect();
        }
    }

    /// Fills a square of `side` pixels whose left upper corner is there, as far as it lies in the picture.
    pub(super) fn fill(&mut self, (x, y): (u32, u32), side: u32, shade: u8) {
        let channels = self.channels();
        let (left, right) = (x.min(self.width), x.saturating_add(side).min(self.width));
        for row in y..y.saturating_add(side).min(self.height) {
            let at = |x: u32| (row as usize * self.width as usize + x as usize) * channels;
            if let Some(pixels) = self.bytes.get_mut(at(left)..at(right)) {
                pixels.fill(shade);
            }
        }
    }

    /// The coded picture.
    pub(super) fn encode(&self, coding: Coding, extras: &Extras<'_>) -> Result<Vec<u8>, RenderError> {
        let colour;
        // A profile of red, green and blue says nothing of grey.
        let raster = if extras.profile.is_some() && self.channels == Channels::Grey {
            colour = self.coloured();
            &colour
        } else {
            self
        };
        match coding {
            Coding::Jpeg(quality) => raster.jpeg(quality, extras.profile),
            Coding::Png => raster.png(extras.profile),
            Coding::Gif => self.gif(None),
            Coding::Film(part) => self.gif(Some((part, extras.hundredths))),
        }
    }

    /// The same in red, green and blue.
    pub(super) fn coloured(&self) -> Self {
        if self.channels == Channels::Rgb {
            return self.clone();
        }
        let bytes = self.bytes.iter().flat_map(|grey| [*grey; 3]).collect();
        Self { channels: Channels::Rgb, bytes, ..*self }
    }

    fn jpeg(&self, quality: Quality, profile: Option<&[u8]>) -> Result<Vec<u8>, RenderError> {
        let format = match self.channels {
            Channels::Grey => PixelFormat::Grayscale,
            Channels::Rgb => PixelFormat::Rgb,
        };
        let encoder = Encoder::new(&self.bytes, self.width as usize, self.height as usize, format)
            .quality(quality.0)
            .force_baseline(true);
        let encoder = match self.channels {
            Channels::Grey => encoder,
            Channels::Rgb if quality.0 >= FULL_CHROMINANCE => encoder.subsampling(Subsampling::S444),
            Channels::Rgb => encoder.subsampling(Subsampling::S420),
        };
        let encoder = match profile {
            Some(profile) => encoder.icc_profile(profile),
            None => encoder,
        };
        encoder.encode().map_err(|error| failed("JPEG", &error))
    }

    fn png(&self, profile: Option<&[u8]>) -> Result<Vec<u8>, RenderError> {
        let mut out = Vec::with_capacity(self.bytes.len() / 2);
        let mut info = png::Info::with_size(self.width, self.height);
        info.icc_profile = profile.map(Cow::Borrowed);
        let mut encoder = png::Encoder::with_info(&mut out, info).map_err(|error| failed("PNG", &error))?;
        encoder.set_color(match self.channels {
            Channels::Grey => png::ColorType::Grayscale,
            Channels::Rgb => png::ColorType::Rgb,
        });
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        let written = encoder.write_header().and_then(|mut writer| {
            writer.write_image_data(&self.bytes)?;
            writer.finish()
        });
        written.map_err(|error| failed("PNG", &error))?;
        Ok(out)
    }

    fn gif(&self, film: Option<(FilmPart, u16)>) -> Result<Vec<u8>, RenderError> {
        let side = |side: u32| u16::try_from(side).map_err(|error| failed("GIF", &error));
        let (width, height) = (side(self.width)?, side(self.height)?);
        let (palette, mut frame): (Vec<u8>, _) = match self.channels {
            Channels::Grey => {
                let greys = (0..=u8::MAX).flat_map(|grey| [grey; 3]).collect();
                let buffer = Cow::Borrowed(self.bytes.as_slice());
                (greys, gif::Frame { width, height, buffer, ..gif::Frame::default() })
            }
            Channels::Rgb => (Vec::new(), gif::Frame::from_rgb_speed(width, height, &self.bytes, GIF_SPEED)),
        };
        let mut out = Vec::with_capacity(self.bytes.len() / 2);
        let mut encoder =
            gif::Encoder::new(&mut out, width, height, &palette).map_err(|error| failed("GIF", &error))?;
        let head_bytes = encoder.get_ref().len();
        let written = match film {
            None => Ok(()),
            Some((part, hundredths)) => {
                frame.delay = hundredths;
                let loops = (part == FilmPart::First).then(|| encoder.set_repeat(gif::Repeat::Infinite));
                loops.unwrap_or(Ok(()))
            }
        };
        written.and_then(|()| encoder.write_frame(&frame)).map_err(|error| failed("GIF", &error))?;
        // What marks the end is written when the encoder goes.
        drop(encoder);
        if let Some((part, _)) = film {
            out.pop();
            if part == FilmPart::Later {
                out.drain(..head_bytes.min(out.len()));
            }
        }
        Ok(out)
    }
}

fn failed(coding: &str, error: &dyn std::fmt::Display) -> RenderError {
    RenderError::NotRendered(format!("a picture that cannot be coded as {coding}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qualities_are_bounded_at_below_and_above() {
        for (quality, is_fine) in [(0, false), (1, true), (100, true), (101, false), (256, false)] {
            assert_eq!(Quality::new(quality).is_some(), is_fine, "{quality}");
        }
    }

    #[test]
    fn pixels_are_turned_and_their_samples_are_not() {
        let source = Raster { width: 2, height: 2, channels: Channels::Rgb, bytes: (1..=12).collect() };
        let turned = |across, down| {
            let mut raster = source.clone();
            raster.turn(across, down);
            raster.bytes
        };
        assert_eq!(turned(true, false), [4, 5, 6, 1, 2, 3, 10, 11, 12, 7, 8, 9]);
        assert_eq!(turned(false, true), [7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn every_coding_writes_its_signature() {
        for channels in [Channels::Grey, Channels::Rgb] {
            let bytes = (0..=255).cycle().take(if channels == Channels::Grey { 6 } else { 18 }).collect();
            let raster = Raster { width: 3, height: 2, channels, bytes };
            for (coding, signature) in [
                (Coding::Jpeg(Quality::DEFAULT), &b"\xFF\xD8\xFF"[..]),
                (Coding::Jpeg(Quality(1)), b"\xFF\xD8\xFF"),
                (Coding::Png, b"\x89PNG\r\n"),
                (Coding::Gif, b"GIF89a"),
            ] {
                assert!(
                    raster.encode(coding, &Extras::default()).unwrap().starts_with(signature),
                    "{coding:?}"
                );
            }
        }
    }

    #[test]
    fn the_parts_of_a_film_make_one_file() {
        for channels in [Channels::Grey, Channels::Rgb] {
            let samples = if channels == Channels::Rgb { 3 } else { 1 };
            let raster = |shade| Raster { width: 3, height: 2, channels, bytes: vec![shade; 6 * samples] };
            let part = |shade, part, hundredths| {
                let extras = Extras { profile: None, hundredths };
                raster(shade).encode(Coding::Film(part), &extras).unwrap()
            };
            let mut film = part(0, FilmPart::First, 7);
            film.extend(part(90, FilmPart::Later, 12));
            film.extend(part(255, FilmPart::Later, 4));
            film.push(0x3B);
            let mut options = gif::DecodeOptions::new();
            options.set_color_output(gif::ColorOutput::RGBA);
            let mut decoder = options.read_info(film.as_slice()).unwrap();
            let mut found = Vec::new();
            while let Some(frame) = decoder.read_next_frame().unwrap() {
                found.push((frame.delay, frame.buffer[0]));
            }
            assert_eq!(found, [(7, 0), (12, 90), (4, 255)]);
            assert_eq!(decoder.repeat(), gif::Repeat::Infinite);
        }
    }

    #[test]
    fn squares_are_filled_as_far_as_they_lie_in_the_picture() {
        let mut raster = Raster { width: 4, height: 3, channels: Channels::Grey, bytes: vec![0; 12] };
        raster.fill((2, 1), 9, 1);
        assert_eq!(raster.bytes, [0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1]);
        raster.fill((4, 3), 2, 9);
        raster.fill((u32::MAX, u32::MAX), u32::MAX, 9);
        assert_eq!(raster.bytes.iter().filter(|byte| **byte == 9).count(), 0);
    }
}
