//! An element whose value is elsewhere: how it is written once the value is there (PS3.5 §7.1.2, §A.4).

use causeway_core::{Tag, Vr};

use super::ComposeError;
use crate::transcode::put_explicit_header;

/// Longest value of a defined, even length (PS3.5 §7.1.1), in bytes.
pub const MAX_VALUE_BYTES: u64 = 0xFFFF_FFFE;
const UNDEFINED_LENGTH: u32 = u32::MAX;
/// Ends encapsulated pixel data.
pub const SEQUENCE_END: [u8; 8] = [0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0];

/// Where in the bytes of a data set an element is to be put, header and all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Bytes of the data set before it.
    pub at: usize,
    /// The element.
    pub tag: Tag,
    /// Its value representation.
    pub vr: Vr,
    /// Whether it is in an item of a sequence.
    pub is_nested: bool,
    /// Where its value is said to be (BulkDataURI).
    pub uri: String,
}

impl Gap {
    /// Whether compressed pixel data may be put here (PS3.5 §A.4).
    #[must_use]
    pub fn is_pixel_data(&self) -> bool {
        !self.is_nested && self.tag == Tag::PIXEL_DATA
    }
}

/// What stands before a value of `bytes` bytes; [`padding`] stands behind it.
///
/// # Errors
/// When it is too long for a data set.
pub fn begin_value(gap: &Gap, bytes: u64) -> Result<Vec<u8>, ComposeError> {
    let even = bytes.saturating_add(bytes % 2);
    let length = u32::try_from(even)
        .ok()
        .filter(|length| u64::from(*length) <= MAX_VALUE_BYTES)
        .ok_or(ComposeError::ValueTooLong(gap.tag))?;
    let mut out = Vec::new();
    put_explicit_header(gap.tag, gap.vr, length, &mut out);
    Ok(out)
}

/// What makes a value of `bytes` bytes even.
#[must_use]
pub fn padding(vr: Vr, bytes: u64) -> &'static [u8] {
    match (bytes.is_multiple_of(2), vr.is_text() && vr != Vr::UI) {
        (true, _) => b"",
        (false, true) => b" ",
        (false, false) => b"\0",
    }
}

/// What stands before encapsulated pixel data: their header, and an offset table that tells nothing. They end with
/// [`SEQUENCE_END`].
#[must_use]
pub fn begin_fragments(gap: &Gap) -> Vec<u8> {
    let mut out = Vec::new();
    put_explicit_header(gap.tag, Vr::OB, UNDEFINED_LENGTH, &mut out);
    put_item(0, &mut out);
    out
}

/// What stands before a fragment of `bytes` bytes.
///
/// # Errors
/// When it is too long for one.
pub fn begin_fragment(gap: &Gap, bytes: u64) -> Result<Vec<u8>, ComposeError> {
    let even = bytes.saturating_add(bytes % 2);
    let length = u32::try_from(even).ok().filter(|length| u64::from(*length) <= MAX_VALUE_BYTES);
    let mut out = Vec::new();
    put_item(length.ok_or(ComposeError::ValueTooLong(gap.tag))?, &mut out);
    Ok(out)
}

fn put_item(length: u32, out: &mut Vec<u8>) {
    out.extend(Tag::ITEM.group().to_le_bytes());
    out.extend(Tag::ITEM.element().to_le_bytes());
    out.extend(length.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(vr: Vr) -> Gap {
        Gap { at: 0, tag: Tag::PIXEL_DATA, vr, is_nested: false, uri: String::new() }
    }

    #[test]
    fn a_value_is_as_long_as_a_data_set_can_hold_and_no_longer() {
        let length = |bytes| begin_value(&gap(Vr::OW), bytes).map(|header| header[8..].to_vec());
        assert_eq!(length(3), Ok(vec![4, 0, 0, 0]));
        assert_eq!(length(MAX_VALUE_BYTES), Ok(vec![0xFE, 0xFF, 0xFF, 0xFF]));
        assert_eq!(length(MAX_VALUE_BYTES + 1), Err(ComposeError::ValueTooLong(Tag::PIXEL_DATA)));
        assert!(begin_fragment(&gap(Vr::OB), MAX_VALUE_BYTES).is_ok());
        assert!(begin_fragment(&gap(Vr::OB), MAX_VALUE_BYTES + 1).is_err());
    }

    #[test]
    fn only_odd_values_are_padded() {
        assert_eq!(padding(Vr::OB, 2), b"");
        assert_eq!(padding(Vr::OB, 1), b"\0");
        assert_eq!(padding(Vr::UT, 1), b" ");
        assert_eq!(padding(Vr::UI, 1), b"\0");
    }

    #[test]
    fn fragments_begin_with_an_empty_offset_table() {
        let expected = b"\xE0\x7F\x10\x00OB\0\0\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\0\0\0\0";
        assert_eq!(begin_fragments(&gap(Vr::OW)), expected);
    }
}
