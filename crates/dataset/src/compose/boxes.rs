//! Where the codestream is in a file of the JPEG 2000 family (ISO 15444-1 §I.4, which JPH and JPX share): DICOM holds
//! the codestream alone (PS3.5 §A.4.4), and the media type of the web is that of the file. Pure.

use std::ops::Range;

/// Most boxes that are walked over.
const MAX_BOXES: usize = 256;
/// Bytes that are enough for the header of a box.
pub const MAX_BOX_HEADER_BYTES: u64 = 16;
/// The box that every file begins with, and the letters of its type.
const SIGNATURE: &[u8] = b"\0\0\0\x0CjP  ";
const CODESTREAM: &[u8; 4] = b"jp2c";

/// Finds the codestream. Ask it what it [`wants`](Self::wants) and [`give`](Self::give) it that, until it wants nothing
/// more.
#[derive(Debug)]
pub struct CodestreamFinder {
    bytes: u64,
    at: Option<u64>,
    boxes: usize,
    found: Option<Range<u64>>,
}

impl CodestreamFinder {
    /// In `bytes` bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self { bytes, at: Some(0), boxes: 0, found: None }
    }

    /// The offset of bytes that are wanted, [`MAX_BOX_HEADER_BYTES`] of them where there are so many. None: all is known.
    #[must_use]
    pub const fn wants(&self) -> Option<u64> {
        self.at
    }

    /// Gives the bytes that were wanted.
    pub fn give(&mut self, header: &[u8]) {
        let Some(at) = self.at.take() else { return };
        if at == 0 && !header.starts_with(SIGNATURE) {
            // No file around it: all of it is the codestream.
            self.found = Some(0..self.bytes);
            return;
        }
        let Some((inside, kind)) = read(header, at, self.bytes) else { return };
        if kind == *CODESTREAM {
            self.found = Some(inside);
        } else if self.boxes < MAX_BOXES && inside.end < self.bytes {
            self.boxes += 1;
            self.at = Some(inside.end);
        }
    }

    /// Where the codestream is; none where the file has none that can be found.
    #[must_use]
    pub fn finish(self) -> Option<Range<u64>> {
        self.found.filter(|found| found.start < found.end)
    }
}

/// The inside of the box whose header stands at `at`, and its type.
fn read(header: &[u8], at: u64, bytes: u64) -> Option<(Range<u64>, [u8; 4])> {
    let (length, rest) = header.split_first_chunk::<4>()?;
    let (kind, rest) = rest.split_first_chunk::<4>()?;
    let (start, end) = match u64::from(u32::from_be_bytes(*length)) {
        // It goes on to the end.
        0 => (8, bytes),
        1 => (16, at.checked_add(u64::from_be_bytes(*rest.first_chunk()?))?),
        length => (8, at.checked_add(length)?),
    };
    let start = at.checked_add(start)?;
    (start <= end && end <= bytes).then_some((start..end, *kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn boxed(kind: &[u8; 4], inside: &[u8]) -> Vec<u8> {
        let length = u32::try_from(inside.len() + 8).unwrap();
        [&length.to_be_bytes()[..], kind, inside].concat()
    }

    fn find(file: &[u8]) -> Option<&[u8]> {
        let mut finder = CodestreamFinder::new(file.len() as u64);
        while let Some(at) = finder.wants() {
            let at = usize::try_from(at).unwrap();
            finder.give(&file[at..file.len().min(at + 16)]);
        }
        let found = finder.finish()?;
        Some(&file[usize::try_from(found.start).unwrap()..usize::try_from(found.end).unwrap()])
    }

    fn file(boxes: usize) -> Vec<u8> {
        let mut file = boxed(b"jP  ", b"\r\n\x87\n");
        file.extend(boxed(b"ftyp", b"jp2 \0\0\0\0jp2 ").repeat(boxes));
        file
    }

    #[test]
    fn a_codestream_by_itself_is_all_of_it() {
        assert_eq!(find(b"\xFF\x4F\xFF\x51 and so on"), Some(&b"\xFF\x4F\xFF\x51 and so on"[..]));
        assert_eq!(find(b""), None);
    }

    #[test]
    fn the_codestream_is_found_behind_other_boxes_however_its_length_is_told() {
        let plain = [file(2), boxed(b"jp2c", b"stream"), boxed(b"xml ", b"<a/>")].concat();
        let to_the_end = [&file(1)[..], b"\0\0\0\0jp2cstream"].concat();
        let long = [&file(1)[..], b"\0\0\0\x01jp2c\0\0\0\0\0\0\0\x16stream", &boxed(b"uuid", b"x")].concat();
        for file in [plain, to_the_end, long] {
            assert_eq!(find(&file), Some(&b"stream"[..]));
        }
    }

    #[test]
    fn a_file_without_a_codestream_or_with_a_box_beyond_its_end_has_none() {
        assert_eq!(find(&file(2)), None);
        assert_eq!(find(&[&file(1)[..], b"\0\0\0\x20jp2cshort"].concat()), None);
        assert_eq!(find(&[&file(1)[..], b"\0\0\0\x04jp2c"].concat()), None);
        assert_eq!(find(&[&file(1)[..], b"\0\0\0"].concat()), None);
    }

    #[test]
    fn boxes_are_bounded_at_below_and_above() {
        let with = |boxes| find(&[file(boxes), boxed(b"jp2c", b"stream")].concat()).is_some();
        // One of them is the signature.
        assert!(with(MAX_BOXES - 2) && with(MAX_BOXES - 1));
        assert!(!with(MAX_BOXES));
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_codestream_within_them_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let bytes = [&file(0)[..], &bytes].concat();
            prop_assert!(find(&bytes).is_none_or(|found| found.len() <= bytes.len()));
        }
    }
}
