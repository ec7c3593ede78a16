//! What one frame of an image looks like (PS3.3 §C.7.6.3, PS3.5 §8.1.1), and the attributes that say so.

use causeway_core::Tag;

use super::PixelError;

/// Most bytes of one frame, coded or decoded: an image of 11,500 × 11,500 pixels of 16 bits.
pub const MAX_FRAME_BYTES: u64 = 256 * 1024 * 1024;
/// Longest value that is read of an attribute that describes pixels, in bytes.
const MAX_VALUE_BYTES: usize = 64;
/// Most samples of one pixel: colour with a fourth channel.
const MAX_SAMPLES: u16 = 4;

/// Samples per Pixel.
const SAMPLES_PER_PIXEL: Tag = Tag::new(0x0028, 0x0002);
/// Photometric Interpretation.
pub(crate) const PHOTOMETRIC_INTERPRETATION: Tag = Tag::new(0x0028, 0x0004);
/// Planar Configuration.
pub(crate) const PLANAR_CONFIGURATION: Tag = Tag::new(0x0028, 0x0006);
/// Pixel Representation.
const PIXEL_REPRESENTATION: Tag = Tag::new(0x0028, 0x0103);

/// How the samples of a pixel stand to one another (PS3.3 §C.7.6.3.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planar {
    /// The samples of a pixel together, pixel after pixel.
    ByPixel,
    /// One plane of samples after the other.
    ByPlane,
}

impl Planar {
    /// The value of Planar Configuration.
    #[must_use]
    pub const fn value(self) -> u16 {
        match self {
            Self::ByPixel => 0,
            Self::ByPlane => 1,
        }
    }
}

/// What the numbers of samples are (PS3.3 §C.7.6.3.1.1, Pixel Representation).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Representation {
    /// Never below zero.
    Unsigned,
    /// Two's complement.
    Signed,
}

/// What one frame looks like. Its sizes have been checked: a frame is no longer than [`MAX_FRAME_BYTES`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Rows.
    pub rows: u16,
    /// Columns.
    pub columns: u16,
    /// Samples per Pixel.
    pub samples: u16,
    /// Bits Allocated: 1, or a multiple of 8.
    pub bits_allocated: u16,
    /// Pixel Representation.
    pub representation: Representation,
    /// Planar Configuration, where it is said.
    pub planar: Option<Planar>,
    /// Photometric Interpretation.
    pub photometric: String,
    /// Number of Frames.
    pub frames: u32,
}

impl Shape {
    /// Pixels of one frame.
    #[must_use]
    pub const fn pixels(&self) -> usize {
        self.rows as usize * self.columns as usize
    }

    /// Bytes of one sample; 0 where samples are single bits.
    #[must_use]
    pub const fn sample_bytes(&self) -> usize {
        self.bits_allocated as usize / 8
    }

    /// Bits of one frame.
    pub(crate) const fn frame_bits(&self) -> u64 {
        self.rows as u64 * self.columns as u64 * self.samples as u64 * self.bits_allocated as u64
    }

    /// Bytes of one decoded frame.
    #[must_use]
    pub const fn frame_bytes(&self) -> u64 {
        self.frame_bits().div_ceil(8)
    }

    /// Whether the data set calls the pixels luminance and chrominance of any kind.
    #[must_use]
    pub fn is_ybr(&self) -> bool {
        self.photometric.starts_with("YBR")
    }

    fn check(self) -> Result<Self, PixelError> {
        let unfit = |attribute, value: u16| PixelError::Unfit { attribute, value: value.into() };
        for (attribute, value) in [("Rows", self.rows), ("Columns", self.columns)] {
            if value == 0 {
                return Err(unfit(attribute, 0));
            }
        }
        if self.samples == 0 || self.samples > MAX_SAMPLES {
            return Err(unfit("Samples per Pixel", self.samples));
        }
        if !matches!(self.bits_allocated, 1 | 8 | 16 | 32 | 64) {
            return Err(unfit("Bits Allocated", self.bits_allocated));
        }
        if self.frames == 0 {
            return Err(unfit("Number of Frames", 0));
        }
        if self.frame_bytes() > MAX_FRAME_BYTES {
            return Err(PixelError::FrameTooLarge { bytes: self.frame_bytes() });
        }
        Ok(self)
    }

    /// The same, for frames that are to follow one another in whole bytes.
    fn check_bytes(self) -> Result<Self, PixelError> {
        if self.frames > 1 && !self.frame_bits().is_multiple_of(8) {
            // Frames of single bits follow one another without padding (PS3.5 §8.1.1).
            let value = self.bits_allocated.into();
            return Err(PixelError::Unfit { attribute: "Bits Allocated", value });
        }
        Ok(self)
    }
}

/// What is read on the way to pixel data, of the data set or of an item.
#[derive(Debug, Clone, Default)]
pub(crate) struct PixelAttributes {
    rows: Option<u16>,
    columns: Option<u16>,
    samples: Option<u16>,
    bits_allocated: Option<u16>,
    representation: Option<u16>,
    planar: Option<u16>,
    photometric: Option<String>,
    frames: Option<u32>,
}

impl PixelAttributes {
    /// Whether the value of `tag`, `length` bytes long, has to be noted.
    pub(crate) fn wants(tag: Tag, length: u32) -> bool {
        let tags = [
            Tag::ROWS,
            Tag::COLUMNS,
            SAMPLES_PER_PIXEL,
            Tag::BITS_ALLOCATED,
            PIXEL_REPRESENTATION,
            PLANAR_CONFIGURATION,
            PHOTOMETRIC_INTERPRETATION,
            Tag::NUMBER_OF_FRAMES,
        ];
        length as usize <= MAX_VALUE_BYTES && tags.contains(&tag)
    }

    /// Takes note of a value. Encapsulated pixel data stand in little endian only (PS3.5 §A.4).
    pub(crate) fn note(&mut self, tag: Tag, value: &[u8]) {
        let number = value.first_chunk().map(|bytes| u16::from_le_bytes(*bytes));
        let text = || String::from_utf8_lossy(value).trim_matches([' ', '\0']).to_owned();
        match tag {
            Tag::ROWS => self.rows = number,
            Tag::COLUMNS => self.columns = number,
            SAMPLES_PER_PIXEL => self.samples = number,
            Tag::BITS_ALLOCATED => self.bits_allocated = number,
            PIXEL_REPRESENTATION => self.representation = number,
            PLANAR_CONFIGURATION => self.planar = number,
            PHOTOMETRIC_INTERPRETATION => self.photometric = Some(text()),
            Tag::NUMBER_OF_FRAMES => self.frames = text().parse().ok(),
            _ => {}
        }
    }

    /// The shape that these attributes make, of frames that follow one another in whole bytes. Samples per Pixel and
    /// Number of Frames may be left out, and are 1.
    pub(crate) fn shape(&self) -> Result<Shape, PixelError> {
        self.shape_of_each()?.check_bytes()
    }

    /// The shape that these attributes make, of frames that are given one by one.
    pub(crate) fn shape_of_each(&self) -> Result<Shape, PixelError> {
        let need = |value: Option<u16>, attribute| value.ok_or(PixelError::Missing(attribute));
        Shape {
            rows: need(self.rows, "Rows")?,
            columns: need(self.columns, "Columns")?,
            samples: self.samples.unwrap_or(1),
            bits_allocated: need(self.bits_allocated, "Bits Allocated")?,
            representation: match self.representation {
                Some(1) => Representation::Signed,
                _ => Representation::Unsigned,
            },
            planar: self.planar.map(|value| if value == 1 { Planar::ByPlane } else { Planar::ByPixel }),
            photometric: self.photometric.clone().unwrap_or_default(),
            frames: self.frames.unwrap_or(1),
        }
        .check()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A shape of one frame.
    pub(crate) fn shape(rows: u16, columns: u16, samples: u16, bits_allocated: u16) -> Shape {
        Shape {
            rows,
            columns,
            samples,
            bits_allocated,
            representation: Representation::Unsigned,
            planar: (samples > 1).then_some(Planar::ByPixel),
            photometric: if samples > 1 { "RGB" } else { "MONOCHROME2" }.to_owned(),
            frames: 1,
        }
    }

    #[test]
    fn a_frame_is_bounded_at_below_and_above() {
        // 16384 × 16384 bytes are the bound itself.
        assert!(shape(16384, 16384, 1, 8).check().is_ok());
        assert!(shape(16384, 16383, 1, 8).check().is_ok());
        let above = shape(16385, 16384, 1, 8).check();
        assert_eq!(above, Err(PixelError::FrameTooLarge { bytes: 16385 * 16384 }));
        assert!(shape(65535, 65535, 4, 64).check().is_err());
    }

    #[test]
    fn what_makes_no_image_is_refused() {
        for bad in [shape(0, 1, 1, 8), shape(1, 0, 1, 8), shape(1, 1, 0, 8), shape(1, 1, 5, 8)] {
            assert!(matches!(bad.check(), Err(PixelError::Unfit { .. })));
        }
        assert!(shape(1, 1, 1, 12).check().is_err());
        let bits = |frames| Shape { frames, ..shape(3, 3, 1, 1) }.check().and_then(Shape::check_bytes);
        assert!(bits(1).is_ok() && bits(2).is_err() && bits(0).is_err());
    }

    #[test]
    fn attributes_make_a_shape() {
        let mut attributes = PixelAttributes::default();
        assert_eq!(attributes.shape(), Err(PixelError::Missing("Rows")));
        for (tag, value) in [
            (Tag::ROWS, b"\x02\0".as_slice()),
            (Tag::COLUMNS, b"\x03\0"),
            (Tag::BITS_ALLOCATED, b"\x10\0"),
            (PIXEL_REPRESENTATION, b"\x01\0"),
            (PHOTOMETRIC_INTERPRETATION, b"MONOCHROME2 "),
            (Tag::NUMBER_OF_FRAMES, b"7 "),
        ] {
            assert!(PixelAttributes::wants(tag, 12) && !PixelAttributes::wants(tag, 65));
            attributes.note(tag, value);
        }
        let shape = attributes.shape().unwrap();
        assert_eq!((shape.frame_bytes(), shape.frames, shape.photometric.as_str()), (12, 7, "MONOCHROME2"));
        assert_eq!((shape.representation, shape.planar), (Representation::Signed, None));
    }
}
