//! The ZIP format (APPNOTE.TXT 6.3, PS3.12 Annex V), written from front to back without looking back. Pure.
//!
//! Nothing is compressed, since pixel data seldom get smaller and CPU is dearer than bytes: each entry is DEFLATE of
//! blocks that are stored as they are. Entries of the method "stored" would do the same five bytes cheaper for each block,
//! but who reads from the front cannot tell where one ends whose length stands behind it (`java.util.zip` refuses it), and
//! the length of what is decoded on the way is not known before. Sizes beyond 4 GiB and more than 65,534 entries are told
//! in Zip64.

use flate2::Crc;

/// What fields of four and of two bytes say when the truth is in the Zip64 one.
const IN_ZIP64: u32 = u32::MAX;
const IN_ZIP64_SHORT: u16 = u16::MAX;
/// Versions that a reader has to have: of DEFLATE, of Zip64.
const VERSION_DEFLATE: u16 = 20;
const VERSION_ZIP64: u16 = 45;
/// Bit 3: sizes and checksum stand behind the data.
const SIZES_BEHIND: u16 = 1 << 3;
const METHOD_DEFLATE: u16 = 8;
/// The first of January 1980: a time of the entry would make the same files another archive each time.
const NO_TIME: u16 = 0;
const NO_DATE: u16 = 0x0021;
/// Header ID of the Zip64 extra field.
const EXTRA_ZIP64: u16 = 0x0001;
/// Most bytes of a block that is stored (RFC 1951 §3.2.4).
const MAX_BLOCK_BYTES: usize = 0xFFFF;
/// An entry that is known to be at least this long gets fields of eight bytes: 4 GiB, less what stands around blocks.
const WIDE_FROM_BYTES: u64 = 0xFFFF_0000;

/// An archive that is being written.
#[derive(Debug, Default)]
pub(super) struct Archive {
    /// Bytes written so far.
    at: u64,
    entries: Vec<Entry>,
    open: Option<Open>,
}

/// An entry that is complete.
#[derive(Debug)]
struct Entry {
    name: String,
    offset: u64,
    crc: u32,
    compressed: u64,
    plain: u64,
}

/// The entry that is being written.
#[derive(Debug)]
struct Open {
    name: String,
    offset: u64,
    crc: Crc,
    compressed: u64,
    plain: u64,
    is_wide: bool,
}

impl Archive {
    /// Begins an entry, of `bytes` where that is known. What is given has to be sent.
    pub(super) fn begin(&mut self, name: String, bytes: Option<u64>, out: &mut Vec<u8>) {
        let start = out.len();
        let is_wide = bytes.is_some_and(|bytes| bytes >= WIDE_FROM_BYTES);
        let version = if is_wide { VERSION_ZIP64 } else { VERSION_DEFLATE };
        out.extend(b"PK\x03\x04");
        for field in [version, SIZES_BEHIND, METHOD_DEFLATE, NO_TIME, NO_DATE] {
            out.extend(field.to_le_bytes());
        }
        let size = if is_wide { IN_ZIP64 } else { 0 };
        for field in [0, size, size] {
            out.extend(field.to_le_bytes());
        }
        out.extend(short(name.len()).to_le_bytes());
        out.extend((if is_wide { 20_u16 } else { 0 }).to_le_bytes());
        out.extend(name.bytes());
        if is_wide {
            put_extra(&[0, 0], out);
        }
        self.open = Some(Open { name, offset: self.at, crc: Crc::new(), compressed: 0, plain: 0, is_wide });
        self.at += (out.len() - start) as u64;
    }

    /// The next bytes of the entry.
    pub(super) fn data(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let Some(open) = &mut self.open else { return };
        let start = out.len();
        out.reserve(bytes.len() + 5 * bytes.len().div_ceil(MAX_BLOCK_BYTES));
        for block in bytes.chunks(MAX_BLOCK_BYTES) {
            put_block(0, block, out);
        }
        open.crc.update(bytes);
        open.plain += bytes.len() as u64;
        open.compressed += (out.len() - start) as u64;
        self.at += (out.len() - start) as u64;
    }

    /// Ends the entry.
    pub(super) fn end(&mut self, out: &mut Vec<u8>) {
        let Some(mut open) = self.open.take() else { return };
        let start = out.len();
        put_block(1, &[], out);
        open.compressed += (out.len() - start) as u64;
        out.extend(b"PK\x07\x08");
        out.extend(open.crc.sum().to_le_bytes());
        let is_wide = open.is_wide || open.compressed.max(open.plain) >= IN_ZIP64.into();
        for size in [open.compressed, open.plain] {
            if is_wide {
                out.extend(size.to_le_bytes());
            } else {
                out.extend(narrow(size).to_le_bytes());
            }
        }
        self.at += (out.len() - start) as u64;
        let Open { name, offset, crc, compressed, plain, .. } = open;
        self.entries.push(Entry { name, offset, crc: crc.sum(), compressed, plain });
    }

    /// What stands behind the last entry: the central directory.
    pub(super) fn finish(self, out: &mut Vec<u8>) {
        let start = out.len();
        self.entries.iter().for_each(|entry| entry.put(out));
        let (count, bytes) = (self.entries.len() as u64, (out.len() - start) as u64);
        let behind = self.at + bytes;
        let is_wide = count >= IN_ZIP64_SHORT.into() || self.at.max(bytes) >= IN_ZIP64.into();
        if is_wide {
            out.extend(b"PK\x06\x06");
            out.extend(44_u64.to_le_bytes());
            out.extend([VERSION_ZIP64.to_le_bytes(), VERSION_ZIP64.to_le_bytes()].as_flattened());
            out.extend([0; 8]);
            for field in [count, count, bytes, self.at] {
                out.extend(field.to_le_bytes());
            }
            out.extend(b"PK\x06\x07\0\0\0\0");
            out.extend(behind.to_le_bytes());
            out.extend(1_u32.to_le_bytes());
        }
        out.extend(b"PK\x05\x06\0\0\0\0");
        let count = u16::try_from(count).unwrap_or(IN_ZIP64_SHORT);
        out.extend([count.to_le_bytes(), count.to_le_bytes()].as_flattened());
        out.extend(narrow(bytes).to_le_bytes());
        out.extend(narrow(self.at).to_le_bytes());
        out.extend([0, 0]);
    }
}

impl Entry {
    /// Its header in the central directory.
    fn put(&self, out: &mut Vec<u8>) {
        let sizes = [self.plain, self.compressed, self.offset];
        let wide: Vec<u64> = sizes.into_iter().filter(|size| *size >= IN_ZIP64.into()).collect();
        let version = if wide.is_empty() { VERSION_DEFLATE } else { VERSION_ZIP64 };
        let extra = if wide.is_empty() { 0 } else { 4 + 8 * wide.len() };
        out.extend(b"PK\x01\x02");
        for field in [version, version, SIZES_BEHIND, METHOD_DEFLATE, NO_TIME, NO_DATE] {
            out.extend(field.to_le_bytes());
        }
        out.extend(self.crc.to_le_bytes());
        out.extend(narrow(self.compressed).to_le_bytes());
        out.extend(narrow(self.plain).to_le_bytes());
        out.extend(short(self.name.len()).to_le_bytes());
        out.extend(short(extra).to_le_bytes());
        // No comment, the first disk, no attributes.
        out.extend([0; 10]);
        out.extend(narrow(self.offset).to_le_bytes());
        out.extend(self.name.bytes());
        if !wide.is_empty() {
            put_extra(&wide, out);
        }
    }
}

fn put_extra(fields: &[u64], out: &mut Vec<u8>) {
    out.extend(EXTRA_ZIP64.to_le_bytes());
    out.extend(short(8 * fields.len()).to_le_bytes());
    fields.iter().for_each(|field| out.extend(field.to_le_bytes()));
}

/// A block that is stored as it is; `last` is 1 for the last one, else 0.
fn put_block(last: u8, bytes: &[u8], out: &mut Vec<u8>) {
    let length = short(bytes.len());
    out.push(last);
    out.extend(length.to_le_bytes());
    out.extend((!length).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn narrow(size: u64) -> u32 {
    u32::try_from(size).unwrap_or(IN_ZIP64)
}

fn short(size: usize) -> u16 {
    u16::try_from(size).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read as _};

    use proptest::prelude::*;

    use super::*;

    fn packed(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let (mut archive, mut out) = (Archive::default(), Vec::new());
        for (name, bytes) in files {
            archive.begin((*name).to_owned(), Some(bytes.len() as u64), &mut out);
            bytes.chunks(100_000).for_each(|chunk| archive.data(chunk, &mut out));
            archive.end(&mut out);
        }
        archive.finish(&mut out);
        out
    }

    fn unpacked(packed: &[u8]) -> Vec<(String, Vec<u8>)> {
        let mut archive = zip::ZipArchive::new(Cursor::new(packed)).unwrap();
        let count = archive.len();
        let read = |index| {
            let mut entry = archive.by_index(index).unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (entry.name().unwrap().into_owned(), bytes)
        };
        (0..count).map(read).collect()
    }

    #[test]
    fn blocks_at_below_and_above_their_bound_are_read_back() {
        for length in [0, 1, MAX_BLOCK_BYTES - 1, MAX_BLOCK_BYTES, MAX_BLOCK_BYTES + 1, 300_000] {
            let bytes: Vec<u8> = (0..=250_u8).cycle().take(length).collect();
            let packed = packed(&[("A", bytes.clone()), ("DICOM/B", vec![7; 3])]);
            assert!(packed.len() < length + 400, "nothing grows much");
            let expected = vec![("A".to_owned(), bytes), ("DICOM/B".to_owned(), vec![7; 3])];
            assert_eq!(unpacked(&packed), expected, "{length}");
        }
    }

    #[test]
    fn an_archive_of_nothing_is_one() {
        assert!(unpacked(&packed(&[])).is_empty());
    }

    #[test]
    fn more_entries_than_fit_in_two_bytes_are_all_there() {
        for count in [65_534, 65_535, 65_536] {
            let (mut archive, mut out) = (Archive::default(), Vec::new());
            for number in 0..count {
                archive.begin(format!("{number}"), Some(0), &mut out);
                archive.end(&mut out);
            }
            archive.finish(&mut out);
            let is_wide = out.windows(4).any(|window| window == b"PK\x06\x06");
            assert_eq!(is_wide, count > 65_534, "{count}");
            assert_eq!(zip::ZipArchive::new(Cursor::new(&out)).unwrap().len(), count);
        }
    }

    #[test]
    fn an_entry_beyond_four_gibibytes_is_told_in_eight_bytes() {
        let mut out = Vec::new();
        Entry { name: "A".into(), offset: 5_000_000_000, crc: 1, compressed: 4_294_967_294, plain: 3 }
            .put(&mut out);
        assert_eq!(out[42..46], [0xFF; 4], "the offset");
        assert_eq!(out[20..24], 4_294_967_294_u32.to_le_bytes());
        assert_eq!(out[47..59], [&[1, 0, 8, 0][..], &5_000_000_000_u64.to_le_bytes()].concat());
        let mut archive = Archive::default();
        let mut head = Vec::new();
        archive.begin("A".into(), Some(WIDE_FROM_BYTES), &mut head);
        let mut end = Vec::new();
        archive.end(&mut end);
        assert_eq!((head.len(), end.len()), (30 + 1 + 20, 5 + 24));
        archive.begin("B".into(), Some(WIDE_FROM_BYTES - 1), &mut head);
        end.clear();
        archive.end(&mut end);
        assert_eq!(end.len(), 5 + 16);
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(files in proptest::collection::vec(
            ("[A-Z]{1,8}", proptest::collection::vec(any::<u8>(), 0..200)), 0..5))
        {
            let files: Vec<(String, Vec<u8>)> = files
                .into_iter()
                .enumerate()
                .map(|(index, (name, bytes))| (format!("{name}{index}"), bytes))
                .collect();
            let borrowed: Vec<(&str, Vec<u8>)> =
                files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
            prop_assert_eq!(unpacked(&packed(&borrowed)), files);
        }
    }
}
