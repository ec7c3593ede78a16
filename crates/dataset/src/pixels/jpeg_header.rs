//! The marker segments before the first scan of a JPEG or JPEG-LS stream (ISO 10918-1 Annex B, ISO 14495-1
//! Annex C): what they say is held against the data set before any decoder sees the stream.

use super::PixelError;
use super::shape::Shape;

/// Most marker segments that are walked before the first scan.
const MAX_SEGMENTS: usize = 1024;

/// Start of a frame of JPEG-LS.
pub(super) const SOF55: u8 = 0xF7;
const SOI: u8 = 0xD8;
const SOS: u8 = 0xDA;
const LSE: u8 = 0xF8;
const DRI: u8 = 0xDD;
const APP0: u8 = 0xE0;
const APP8: u8 = 0xE8;
const APP14: u8 = 0xEE;

/// One component of the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Component {
    /// Its identifier.
    pub(super) id: u8,
    /// Its sampling factors, across and down.
    pub(super) sampling: (u8, u8),
}

/// What stands before the first scan.
#[derive(Debug, Default)]
pub(super) struct Header {
    /// Which kind of frame: the last byte of its marker.
    pub(super) frame: u8,
    pub(super) precision: u8,
    pub(super) rows: u16,
    pub(super) columns: u16,
    pub(super) components: Vec<Component>,
    pub(super) has_jfif: bool,
    /// The colour transform that Adobe's segment names.
    pub(super) adobe: Option<u8>,
    /// Values of LSE segments (JPEG-LS coding parameters).
    pub(super) presets: Vec<Vec<u8>>,
    /// Whether the stream restarts, or transforms its colours in a way of its own.
    pub(super) has_oddities: bool,
    /// Where the first scan's segment begins, at its length.
    pub(super) scan_at: usize,
}

impl Header {
    /// Reads up to the first scan.
    pub(super) fn read(codec: &'static str, coded: &[u8]) -> Result<Self, PixelError> {
        let broken = |words| PixelError::codec(codec, words);
        let mut header = Self::default();
        // Some writers put bytes FF before the first marker (PS3.5 §A.4, note).
        let start = coded.iter().position(|byte| *byte != 0xFF).unwrap_or_default();
        if start == 0 || coded.get(start) != Some(&SOI) {
            return Err(broken("the stream does not begin with its start marker"));
        }
        let mut at = start + 1;
        for _ in 0..MAX_SEGMENTS {
            let (marker, value) =
                next(coded, at).ok_or_else(|| broken("the stream ends before its first scan"))?;
            match marker {
                SOS => {
                    header.scan_at = value;
                    return header.checked(codec);
                }
                // Markers that stand alone.
                0x01 | 0xD0..=0xD7 => at = value,
                _ => {
                    let segment =
                        segment(coded, value).ok_or_else(|| broken("a segment ends beyond the stream"))?;
                    header.note(marker, segment).ok_or_else(|| broken("the frame header is cut short"))?;
                    at = value + 2 + segment.len();
                }
            }
        }
        Err(broken("there are too many segments before the first scan"))
    }

    fn note(&mut self, marker: u8, segment: &[u8]) -> Option<()> {
        match marker {
            // Every start of frame, but DHT, JPG and DAC, which share their range.
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF | SOF55 => {
                let (fixed, components) = segment.split_first_chunk::<6>()?;
                let [precision, rows_high, rows_low, columns_high, columns_low, count] = *fixed;
                self.frame = marker;
                self.precision = precision;
                self.rows = u16::from_be_bytes([rows_high, rows_low]);
                self.columns = u16::from_be_bytes([columns_high, columns_low]);
                let components = components.as_chunks::<3>().0.iter().take(count.into());
                self.components = components
                    .map(|[id, sampling, _]| Component { id: *id, sampling: (sampling >> 4, sampling & 15) })
                    .collect();
                (self.components.len() == usize::from(count)).then_some(())?;
            }
            LSE => self.presets.push(segment.to_vec()),
            APP0 => self.has_jfif |= segment.starts_with(b"JFIF"),
            APP14 if segment.starts_with(b"Adobe") => self.adobe = segment.get(11).copied(),
            APP8 => {
                self.has_oddities |=
                    segment.starts_with(b"mrfx") && segment.get(4).is_some_and(|byte| *byte != 0);
            }
            DRI => self.has_oddities |= segment.iter().any(|byte| *byte != 0),
            _ => {}
        }
        Some(())
    }

    fn checked(self, codec: &'static str) -> Result<Self, PixelError> {
        if self.components.is_empty() {
            return Err(PixelError::codec(codec, "the stream has no frame header"));
        }
        Ok(self)
    }

    /// Holds the frame against what the data set says of it.
    pub(super) fn fits(&self, shape: &Shape) -> Result<(), PixelError> {
        let pairs = [
            ("rows:", u64::from(self.rows), u64::from(shape.rows)),
            ("columns:", u64::from(self.columns), u64::from(shape.columns)),
            ("samples per pixel:", self.components.len() as u64, u64::from(shape.samples)),
        ];
        match pairs.into_iter().find(|(_, found, said)| found != said) {
            Some((what, found, said)) => Err(PixelError::Differs { what, found, said }),
            None => Ok(()),
        }
    }
}

/// The next marker at or behind `at`, and where what follows it begins.
fn next(coded: &[u8], at: usize) -> Option<(u8, usize)> {
    let rest = coded.get(at..)?;
    (rest.first() == Some(&0xFF)).then_some(())?;
    let fill = rest.iter().position(|byte| *byte != 0xFF)?;
    Some((*rest.get(fill)?, at + fill + 1))
}

/// The value of the segment whose length stands at `at`.
pub(super) fn segment(coded: &[u8], at: usize) -> Option<&[u8]> {
    let length = coded.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))?;
    coded.get(at + 2..at.checked_add(usize::from(length))?)
}

#[cfg(test)]
mod tests {
    use super::super::shape::tests::shape;
    use super::*;

    const STREAM: &[u8] = &[
        0xFF, 0xD8, 0xFF, 0xE0, 0, 6, b'J', b'F', b'I', b'F', 0xFF, 0xFF, 0xC0, 0, 11, 8, 0, 2, 0, 3, 1, 1,
        0x21, 0, 0xFF, 0xDA, 0, 3, 9,
    ];

    #[test]
    fn the_frame_header_is_found() {
        let header = Header::read("JPEG", STREAM).unwrap();
        assert_eq!((header.frame, header.precision, header.rows, header.columns), (0xC0, 8, 2, 3));
        assert_eq!(header.components, [Component { id: 1, sampling: (2, 1) }]);
        assert!(header.has_jfif && header.adobe.is_none() && !header.has_oddities);
        assert_eq!(segment(STREAM, header.scan_at), Some([9].as_slice()));
        assert!(header.fits(&shape(2, 3, 1, 8)).is_ok());
        for other in [shape(3, 3, 1, 8), shape(2, 2, 1, 8), shape(2, 3, 3, 8)] {
            assert!(matches!(header.fits(&other), Err(PixelError::Differs { .. })));
        }
    }

    #[test]
    fn a_stream_cut_short_anywhere_is_refused() {
        for end in 0..STREAM.len() - 3 {
            assert!(Header::read("JPEG", &STREAM[..end]).is_err(), "{end}");
        }
        assert!(Header::read("JPEG", &[0xFF, 0xD8, 0xFF, 0xDA, 0, 2]).is_err());
    }

    #[test]
    fn segments_before_the_scan_are_bounded() {
        let with = |comments: usize| {
            let comments = [0xFF, 0xFE, 0, 2].repeat(comments);
            Header::read("JPEG", &[&STREAM[..2], &comments, &STREAM[2..]].concat())
        };
        // Three of its own.
        assert!(with(MAX_SEGMENTS - 3).is_ok());
        assert!(with(MAX_SEGMENTS - 2).is_err());
    }
}
