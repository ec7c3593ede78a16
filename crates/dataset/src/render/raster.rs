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
    const fn channels(&self) -> usize {
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

    /// The coded picture.
    pub(super) fn encode(&self, coding: Coding) -> Result<Vec<u8>, RenderError> {
        match coding {
            Coding::Jpeg(quality) => self.jpeg(quality),
            Coding::Png => self.png(),
            Coding::Gif => self.gif(),
        }
    }

    fn jpeg(&self, quality: Quality) -> Result<Vec<u8>, RenderError> {
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
        encoder.encode().map_err(|error| failed("JPEG", &error))
    }

    fn png(&self) -> Result<Vec<u8>, RenderError> {
        let mut out = Vec::with_capacity(self.bytes.len() / 2);
        let mut encoder = png::Encoder::new(&mut out, self.width, self.height);
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

    fn gif(&self) -> Result<Vec<u8>, RenderError> {
        let side = |side: u32| u16::try_from(side).map_err(|error| failed("GIF", &error));
        let (width, height) = (side(self.width)?, side(self.height)?);
        let (palette, frame): (Vec<u8>, _) = match self.channels {
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
        encoder.write_frame(&frame).map_err(|error| failed("GIF", &error))?;
        drop(encoder);
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
                assert!(raster.encode(coding).unwrap().starts_with(signature), "{coding:?}");
            }
        }
    }
}
