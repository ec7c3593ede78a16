//! A sheet: the DICOM JSON of many instances of one series, compressed together, since they say nearly the same. Pure.
//!
//! Unpacked, it is one entry after the other: the length of the object's key in a byte, the key, the length of the
//! JSON in four bytes, the JSON. BulkDataURIs begin behind the service's root.

use std::io::{self, Read as _, Write as _};
use std::ops::Range;

use bytes::Bytes;
use causeway_core::ObjectKey;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

/// How sheets are written at present. Others are not read, and make room for new ones.
pub(super) const FORM: u32 = 1;
/// Most bytes of a sheet, unpacked.
pub(super) const MAX_SHEET_BYTES: usize = 8 * 1024 * 1024;
/// Longest JSON that has a place in a sheet, in bytes.
pub(super) const MAX_ENTRY_BYTES: usize = 1024 * 1024;

/// What is wrong with a sheet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SheetError {
    #[error("it cannot be unpacked: {0}")]
    Packed(String),
    #[error("it is longer than any")]
    TooLong,
    #[error("an entry is broken")]
    Entry,
}

/// A sheet, unpacked.
#[derive(Debug, Clone, Default)]
pub(super) struct Sheet {
    entries: Vec<(ObjectKey, Bytes)>,
    bytes: usize,
}

impl Sheet {
    /// Puts an entry, unless it or the sheet would be too long: then it is given back.
    pub(super) fn put(&mut self, object: ObjectKey, json: Bytes) -> Result<(), (ObjectKey, Bytes)> {
        let bytes = self.bytes + weight(&object, &json);
        if bytes > MAX_SHEET_BYTES || json.len() > MAX_ENTRY_BYTES {
            return Err((object, json));
        }
        self.bytes = bytes;
        self.entries.push((object, json));
        Ok(())
    }

    /// Takes in what another holds, where there is room for all of it.
    pub(super) fn take_in(&mut self, other: Self) -> Result<(), Self> {
        if self.bytes + other.bytes > MAX_SHEET_BYTES {
            return Err(other);
        }
        self.bytes += other.bytes;
        self.entries.extend(other.entries);
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Of which objects it tells.
    pub(super) fn objects(&self) -> impl Iterator<Item = &ObjectKey> {
        self.entries.iter().map(|(object, _)| object)
    }

    /// Its entries.
    pub(super) fn into_parts(self) -> impl Iterator<Item = (ObjectKey, Bytes)> {
        self.entries.into_iter()
    }

    /// The sheet, packed.
    pub(super) fn write(&self) -> io::Result<Vec<u8>> {
        let mut packer = ZlibEncoder::new(Vec::new(), Compression::fast());
        for (object, json) in &self.entries {
            let key = object.as_str().as_bytes();
            packer.write_all(&[u8::try_from(key.len()).map_err(io::Error::other)?])?;
            packer.write_all(key)?;
            packer.write_all(&u32::try_from(json.len()).map_err(io::Error::other)?.to_le_bytes())?;
            packer.write_all(json)?;
        }
        packer.finish()
    }

    /// Unpacks what [`Self::write`] made.
    pub(super) fn read(packed: &[u8]) -> Result<Self, SheetError> {
        let mut bytes = Vec::new();
        let limit = MAX_SHEET_BYTES as u64 + 1;
        let read = ZlibDecoder::new(packed).take(limit).read_to_end(&mut bytes);
        read.map_err(|error| SheetError::Packed(error.to_string()))?;
        if bytes.len() > MAX_SHEET_BYTES {
            return Err(SheetError::TooLong);
        }
        let mut sheet = Self { entries: Vec::new(), bytes: bytes.len() };
        let bytes = Bytes::from(bytes);
        let mut at = 0;
        while at < bytes.len() {
            let (object, json) = entry(&bytes, at).ok_or(SheetError::Entry)?;
            at = json.end;
            sheet.entries.push((object, bytes.slice(json)));
        }
        Ok(sheet)
    }
}

/// Bytes of an entry.
fn weight(object: &ObjectKey, json: &Bytes) -> usize {
    1 + object.as_str().len() + 4 + json.len()
}

/// The entry that begins at `at`: its object, and where its JSON is.
fn entry(bytes: &Bytes, at: usize) -> Option<(ObjectKey, Range<usize>)> {
    let (length, rest) = bytes.get(at..)?.split_first()?;
    let (key, rest) = rest.split_at_checked((*length).into())?;
    let object = ObjectKey::parse(std::str::from_utf8(key).ok()?).ok()?;
    let (length, _) = rest.split_first_chunk()?;
    let start = at + 1 + key.len() + 4;
    let end = start.checked_add(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    (end <= bytes.len()).then_some((object, start..end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn object(number: usize) -> ObjectKey {
        ObjectKey::parse(&format!("{number:032x}")).unwrap()
    }

    fn sheet(parts: &[Vec<u8>]) -> Sheet {
        let mut sheet = Sheet::default();
        for (number, json) in parts.iter().enumerate() {
            sheet.put(object(number), Bytes::from(json.clone())).unwrap();
        }
        sheet
    }

    #[test]
    fn what_does_not_fit_is_given_back() {
        let mut sheet = Sheet::default();
        let long = Bytes::from(vec![b' '; MAX_ENTRY_BYTES]);
        assert!(sheet.put(object(0), Bytes::from(vec![b' '; MAX_ENTRY_BYTES + 1])).is_err());
        let fit = (0..).take_while(|number| sheet.put(object(*number), long.clone()).is_ok()).count();
        assert_eq!(fit, MAX_SHEET_BYTES / (MAX_ENTRY_BYTES + 37));
        let other = sheet.clone();
        assert!(sheet.take_in(other).is_err());
        assert_eq!(Sheet::read(&sheet.write().unwrap()).unwrap().objects().count(), fit);
    }

    #[test]
    fn a_bomb_is_no_sheet() {
        let mut packer = ZlibEncoder::new(Vec::new(), Compression::best());
        packer.write_all(&vec![0; MAX_SHEET_BYTES + 1]).unwrap();
        assert_eq!(Sheet::read(&packer.finish().unwrap()).unwrap_err(), SheetError::TooLong);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..9)) {
            let sheet = sheet(&parts);
            let read = Sheet::read(&sheet.write().unwrap()).unwrap();
            prop_assert_eq!(read.bytes, sheet.bytes);
            prop_assert_eq!(read.entries, sheet.entries);
        }

        #[test]
        fn any_bytes_are_a_sheet_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Sheet::read(&bytes);
            let mut packer = ZlibEncoder::new(Vec::new(), Compression::fast());
            packer.write_all(&bytes).unwrap();
            let _ = Sheet::read(&packer.finish().unwrap());
        }
    }
}
