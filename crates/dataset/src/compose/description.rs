//! What a data set says of its pixels, and what it leaves to be told by the compressed stream: the Image Pixel
//! Description Macro (PS3.3 §C.7.6.3, PS3.18 §10.5.2), which metadata may omit. Pure.

use std::collections::BTreeMap;

use causeway_core::{Tag, Vr};

use super::{Builder, Gap};
use crate::pixels::{Planar, Representation};
use crate::transcode::put_explicit_header;

const SAMPLES_PER_PIXEL: Tag = Tag::new(0x0028, 0x0002);
const PHOTOMETRIC_INTERPRETATION: Tag = Tag::new(0x0028, 0x0004);
const PLANAR_CONFIGURATION: Tag = Tag::new(0x0028, 0x0006);
const NUMBER_OF_FRAMES: Tag = Tag::new(0x0028, 0x0008);
const ROWS: Tag = Tag::new(0x0028, 0x0010);
const COLUMNS: Tag = Tag::new(0x0028, 0x0011);
const BITS_ALLOCATED: Tag = Tag::new(0x0028, 0x0100);
const BITS_STORED: Tag = Tag::new(0x0028, 0x0101);
const HIGH_BIT: Tag = Tag::new(0x0028, 0x0102);
const PIXEL_REPRESENTATION: Tag = Tag::new(0x0028, 0x0103);

/// The attributes, in order; those that every image has, and two that some have.
pub(super) const ATTRIBUTES: [Tag; 10] = [
    SAMPLES_PER_PIXEL,
    PHOTOMETRIC_INTERPRETATION,
    PLANAR_CONFIGURATION,
    NUMBER_OF_FRAMES,
    ROWS,
    COLUMNS,
    BITS_ALLOCATED,
    BITS_STORED,
    HIGH_BIT,
    PIXEL_REPRESENTATION,
];

/// What pixels look like, as their stream tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Rows.
    pub rows: u16,
    /// Columns.
    pub columns: u16,
    /// Samples per Pixel.
    pub samples: u16,
    /// Photometric Interpretation.
    pub photometric: &'static str,
    /// Bits Stored. Bits Allocated is the next whole number of bytes of 1 or 2, High Bit one less.
    pub bits_stored: u16,
    /// Pixel Representation.
    pub representation: Representation,
    /// Number of Frames.
    pub frames: u32,
}

impl Description {
    /// Bits Allocated.
    #[must_use]
    pub const fn bits_allocated(&self) -> u16 {
        if self.bits_stored <= 8 { 8 } else { 16 }
    }

    /// The value field of an attribute; none where the image has no such attribute.
    fn value(&self, tag: Tag) -> Option<(Vr, Vec<u8>)> {
        let number = match tag {
            PHOTOMETRIC_INTERPRETATION => return Some((Vr::CS, self.photometric.into())),
            NUMBER_OF_FRAMES => {
                return (self.frames > 1).then(|| (Vr::IS, self.frames.to_string().into_bytes()));
            }
            PLANAR_CONFIGURATION if self.samples == 1 => return None,
            PLANAR_CONFIGURATION => Planar::ByPixel.value(),
            SAMPLES_PER_PIXEL => self.samples,
            ROWS => self.rows,
            COLUMNS => self.columns,
            BITS_ALLOCATED => self.bits_allocated(),
            BITS_STORED => self.bits_stored,
            HIGH_BIT => self.bits_stored.saturating_sub(1),
            PIXEL_REPRESENTATION => u16::from(self.representation == Representation::Signed),
            _ => return None,
        };
        Some((Vr::US, number.to_le_bytes().to_vec()))
    }

    /// The element that goes into a gap of the macro, where it has one.
    #[must_use]
    pub fn element(&self, gap: &Gap) -> Option<Vec<u8>> {
        let (vr, mut value) = self.value(gap.tag)?;
        if !value.len().is_multiple_of(2) {
            value.push(b' ');
        }
        let mut out = Vec::new();
        put_explicit_header(gap.tag, vr, u32::try_from(value.len()).ok()?, &mut out);
        out.extend(value);
        Some(out)
    }
}

/// What metadata say of pixels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// Value fields, as they were laid out.
    pub(super) values: BTreeMap<Tag, Vec<u8>>,
    /// Where the attributes would be that they leave out, where there are pixels elsewhere.
    pub missing: Vec<Gap>,
}

impl Told {
    /// An attribute that every image has and this one has not, if there is any.
    #[must_use]
    pub fn lacks(&self) -> Option<Tag> {
        let is_needed = |gap: &&Gap| !matches!(gap.tag, PLANAR_CONFIGURATION | NUMBER_OF_FRAMES);
        self.missing.iter().find(is_needed).map(|gap| gap.tag)
    }

    /// Whether a single sample per pixel is spoken of.
    #[must_use]
    pub fn is_grey(&self) -> Option<bool> {
        self.values.get(&SAMPLES_PER_PIXEL).map(|value| value.as_slice() == [1, 0])
    }

    /// An attribute that says something else than pixels that were decoded, if there is any.
    #[must_use]
    pub fn contradicts(&self, description: &Description) -> Option<Tag> {
        let differs = |(tag, value): (&Tag, &Vec<u8>)| {
            let Some((_, expected)) = description.value(*tag) else {
                // One frame may be said, or not.
                return *tag == NUMBER_OF_FRAMES && trimmed(value) != b"1";
            };
            match *tag {
                // Fewer bits than the stream has, and signs, are for the data set to say.
                BITS_STORED | HIGH_BIT | PIXEL_REPRESENTATION => false,
                PHOTOMETRIC_INTERPRETATION if description.samples == 1 => {
                    !matches!(trimmed(value), b"MONOCHROME1" | b"MONOCHROME2")
                }
                _ => trimmed(value) != expected.as_slice(),
            }
        };
        self.values.iter().find(|entry| differs(*entry)).map(|(tag, _)| *tag)
    }
}

fn trimmed(value: &[u8]) -> &[u8] {
    value.trim_ascii_end()
}

impl Builder {
    /// Notes what is said of pixels.
    pub(super) fn note_pixels(&mut self, tag: Tag, value: &[u8]) {
        /// Longer values say nothing of pixels.
        const MAX_VALUE_BYTES: usize = 64;
        if ATTRIBUTES.contains(&tag) {
            let value = value.get(..value.len().min(MAX_VALUE_BYTES)).unwrap_or_default();
            self.told.values.insert(tag, value.to_vec());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey() -> Description {
        let representation = Representation::Unsigned;
        let photometric = "MONOCHROME2";
        Description {
            rows: 2,
            columns: 3,
            samples: 1,
            photometric,
            bits_stored: 12,
            representation,
            frames: 1,
        }
    }

    fn told(values: &[(Tag, &[u8])]) -> Told {
        let values = values.iter().map(|(tag, value)| (*tag, value.to_vec())).collect();
        Told { values, missing: Vec::new() }
    }

    fn gap(tag: Tag) -> Gap {
        Gap { at: 0, tag, vr: Vr::UN, is_nested: false, uri: String::new() }
    }

    #[test]
    fn attributes_are_written_as_data_sets_have_them() {
        let element = |tag| grey().element(&gap(tag));
        assert_eq!(element(ROWS).unwrap(), b"\x28\x00\x10\x00US\x02\x00\x02\x00");
        assert_eq!(element(BITS_ALLOCATED).unwrap(), b"\x28\x00\x00\x01US\x02\x00\x10\x00");
        assert_eq!(element(HIGH_BIT).unwrap(), b"\x28\x00\x02\x01US\x02\x00\x0B\x00");
        assert_eq!(element(PHOTOMETRIC_INTERPRETATION).unwrap(), b"\x28\x00\x04\x00CS\x0C\x00MONOCHROME2 ");
        assert_eq!((element(PLANAR_CONFIGURATION), element(NUMBER_OF_FRAMES)), (None, None));
        let film = Description { frames: 7, samples: 3, photometric: "RGB", bits_stored: 8, ..grey() };
        assert_eq!(film.element(&gap(NUMBER_OF_FRAMES)).unwrap(), b"\x28\x00\x08\x00IS\x02\x007 ");
        assert_eq!(film.element(&gap(PLANAR_CONFIGURATION)).unwrap(), b"\x28\x00\x06\x00US\x02\x00\x00\x00");
        assert_eq!(film.element(&gap(BITS_ALLOCATED)).unwrap()[8..], [8, 0]);
    }

    #[test]
    fn what_is_told_otherwise_contradicts() {
        assert_eq!(told(&[]).contradicts(&grey()), None);
        for agreeing in [
            (ROWS, &b"\x02\x00"[..]),
            (BITS_STORED, b"\x0A\x00"),
            (PIXEL_REPRESENTATION, b"\x01\x00"),
            (PHOTOMETRIC_INTERPRETATION, b"MONOCHROME1"),
            (NUMBER_OF_FRAMES, b"1 "),
        ] {
            assert_eq!(told(&[agreeing]).contradicts(&grey()), None, "{agreeing:?}");
        }
        for other in [
            (ROWS, &b"\x03\x00"[..]),
            (SAMPLES_PER_PIXEL, b"\x03\x00"),
            (BITS_ALLOCATED, b"\x08\x00"),
            (PHOTOMETRIC_INTERPRETATION, b"RGB"),
            (NUMBER_OF_FRAMES, b"2"),
        ] {
            assert_eq!(told(&[other]).contradicts(&grey()), Some(other.0));
        }
    }

    #[test]
    fn what_only_some_images_have_is_not_lacking() {
        let missing =
            |tags: &[Tag]| Told { missing: tags.iter().copied().map(gap).collect(), ..Told::default() };
        assert_eq!(missing(&[PLANAR_CONFIGURATION, NUMBER_OF_FRAMES]).lacks(), None);
        assert_eq!(missing(&[NUMBER_OF_FRAMES, BITS_STORED]).lacks(), Some(BITS_STORED));
    }
}
