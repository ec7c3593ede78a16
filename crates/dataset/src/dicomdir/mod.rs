//! The directory of a File-set that holds one study (PS3.3 Annex F, PS3.10 §8): the file DICOMDIR.
//!
//! Lives here: [`StudyDirectory`], which is told of file after file and written when all are known; in `keys`, what is
//! gathered of a file on its way; in `records`, which record a SOP class has and what stands in it. Nothing is kept of a
//! file but its record. Never here: where the files are.

mod keys;
mod records;

use causeway_core::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, Layout};
use causeway_core::{Attributes, Element, Identifiers, Tag, Uid, Vr};

pub use keys::KeyReader;
use records::Record;

use crate::file_meta::{self, FileMeta};
use crate::{dictionary, identifier};

/// Media Storage Directory Storage (PS3.4 §I.4).
const SOP_CLASS: &str = "1.2.840.10008.1.3.10";
/// What File-set ID (0004,1130) says.
const FILE_SET_ID: &[u8] = b"CAUSEWAY";
/// Components that a File ID may have (PS3.10 §8.2).
pub const MAX_FILE_ID_COMPONENTS: usize = 8;

/// Bytes of what every record begins with: the item, Offset of the Next Directory Record, Record In-use Flag, Offset of
/// Referenced Lower-Level Directory Entity.
const RECORD_HEAD_BYTES: u64 = 8 + 12 + 10 + 12;
/// Record In-use Flag of a record that is in use (PS3.3 §F.3.2.2).
const IN_USE: u16 = 0xFFFF;

/// Why there can be no directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// Offsets in it are numbers of four bytes.
    #[error("the directory of the File-set would be longer than 4 GiB")]
    TooLong,
}

/// A file of the File-set.
#[derive(Debug, Clone)]
pub struct File<'a> {
    /// Which instance it is.
    pub ids: &'a Identifiers,
    /// SOP Class UID.
    pub sop_class: &'a Uid,
    /// Transfer syntax that it is in.
    pub transfer_syntax: &'a Uid,
    /// Its File ID: up to [`MAX_FILE_ID_COMPONENTS`], each of up to eight upper case letters, digits and underscores.
    pub file_id: &'a [String],
}

/// The directory, as it grows.
#[derive(Debug)]
pub struct StudyDirectory {
    file_set: Uid,
    /// The records of the patient and the study.
    top: Option<[Vec<u8>; 2]>,
    series: Vec<Series>,
}

/// A series: its record, and those of its files. A record is kept without what it begins with, which is written when
/// all offsets are known.
#[derive(Debug)]
struct Series {
    uid: Uid,
    record: Vec<u8>,
    files: Vec<Vec<u8>>,
}

impl StudyDirectory {
    /// The directory of a File-set that is called `file_set`.
    #[must_use]
    pub const fn new(file_set: Uid) -> Self {
        Self { file_set, top: None, series: Vec::new() }
    }

    /// Adds a file, `keys` being what a [`KeyReader`] gathered of it. The files of a series come one after another.
    pub fn add(&mut self, file: &File<'_>, keys: &Attributes) {
        let mut keys = keys.clone();
        keys.put_text(Tag::STUDY_INSTANCE_UID, Vr::UI, file.ids.study.as_str());
        keys.put_text(Tag::SERIES_INSTANCE_UID, Vr::UI, file.ids.series.as_str());
        let plain = |record: &Record| body(record, &[], &keys);
        if self.top.is_none() {
            self.top = Some([plain(&records::PATIENT), plain(&records::STUDY)]);
        }
        if self.series.last().is_none_or(|series| series.uid != file.ids.series) {
            let (uid, record) = (file.ids.series.clone(), plain(&records::SERIES));
            self.series.push(Series { uid, record, files: Vec::new() });
        }
        if let Some(series) = self.series.last_mut() {
            series.files.push(body(records::of(file.sop_class), &reference(file), &keys));
        }
    }

    /// The file DICOMDIR.
    ///
    /// # Errors
    /// When offsets in it would not fit in four bytes.
    pub fn finish(self) -> Result<Vec<u8>, DirectoryError> {
        let mut out = self.file_meta();
        put(Tag::new(0x0004, 0x1130), Vr::CS, FILE_SET_ID, &mut out);
        let series_bytes = |series: &Series| -> u64 {
            bytes(&series.record) + series.files.iter().map(|file| bytes(file)).sum::<u64>()
        };
        let all: u64 = self.top.iter().flatten().map(|record| bytes(record)).sum::<u64>()
            + self.series.iter().map(series_bytes).sum::<u64>();
        // Twelve bytes each for the offsets of the first and the last record and the header of the sequence, ten for
        // the consistency flag.
        let first = out.len() as u64 + 12 + 12 + 10 + 12;
        offset(first + all)?;
        let root = if self.top.is_some() { first } else { 0 };
        put(Tag::new(0x0004, 0x1200), Vr::UL, &offset(root)?.to_le_bytes(), &mut out);
        put(Tag::new(0x0004, 0x1202), Vr::UL, &offset(root)?.to_le_bytes(), &mut out);
        put(Tag::new(0x0004, 0x1212), Vr::US, &0_u16.to_le_bytes(), &mut out);
        out.extend([0x04, 0x00, 0x20, 0x12, b'S', b'Q', 0, 0]);
        out.extend(offset(all)?.to_le_bytes());
        let Some([patient, study]) = &self.top else { return Ok(out) };
        let mut at = first;
        // A patient and a study: each has nothing beside it, and what comes behind it below it.
        for record in [patient, study] {
            at += bytes(record);
            put_record(record, 0, offset(at)?, &mut out);
        }
        for (index, series) in self.series.iter().enumerate() {
            let lower = at + bytes(&series.record);
            at += series_bytes(series);
            let next = if index + 1 < self.series.len() { at } else { 0 };
            put_record(&series.record, offset(next)?, offset(lower)?, &mut out);
            put_files(&series.files, lower, &mut out)?;
        }
        Ok(out)
    }

    fn file_meta(&self) -> Vec<u8> {
        let parsed = |text| Uid::parse(text).unwrap_or_else(|_| self.file_set.clone());
        file_meta::write(&FileMeta {
            sop_class: parsed(SOP_CLASS),
            sop_instance: self.file_set.clone(),
            transfer_syntax: parsed(EXPLICIT_VR_LITTLE_ENDIAN),
            receiving_ae: None,
            envelope: None,
        })
    }
}

/// Bytes of a whole record.
const fn bytes(record: &[u8]) -> u64 {
    RECORD_HEAD_BYTES + record.len() as u64
}

fn offset(at: u64) -> Result<u32, DirectoryError> {
    u32::try_from(at).map_err(|_| DirectoryError::TooLong)
}

/// The records of the files of a series, the first of which begins at `at`.
fn put_files(files: &[Vec<u8>], mut at: u64, out: &mut Vec<u8>) -> Result<(), DirectoryError> {
    for (index, record) in files.iter().enumerate() {
        at += bytes(record);
        let next = if index + 1 < files.len() { at } else { 0 };
        put_record(record, offset(next)?, 0, out);
    }
    Ok(())
}

fn put_record(record: &[u8], next: u32, lower: u32, out: &mut Vec<u8>) {
    let length = u32::try_from(bytes(record) - 8).unwrap_or(u32::MAX);
    out.extend([0xFE, 0xFF, 0x00, 0xE0]);
    out.extend(length.to_le_bytes());
    put(Tag::new(0x0004, 0x1400), Vr::UL, &next.to_le_bytes(), out);
    put(Tag::new(0x0004, 0x1410), Vr::US, &IN_USE.to_le_bytes(), out);
    put(Tag::new(0x0004, 0x1420), Vr::UL, &lower.to_le_bytes(), out);
    out.extend_from_slice(record);
}

/// A record from its type on: where the file is, then the keys, in the order of their tags.
fn body(record: &Record, reference: &[u8], keys: &Attributes) -> Vec<u8> {
    let mut out = Vec::new();
    put(Tag::new(0x0004, 0x1430), Vr::CS, record.name.as_bytes(), &mut out);
    out.extend_from_slice(reference);
    let mut wanted = Attributes::new();
    for (tags, is_needed) in [(record.needed, true), (record.if_there, false)] {
        for tag in tags {
            let empty = || Element::empty(dictionary::vr_of(*tag).unwrap_or(Vr::UN));
            match keys.get(*tag) {
                Some(element) => wanted.put(*tag, element.clone()),
                None if is_needed => wanted.put(*tag, empty()),
                None => {}
            }
        }
    }
    out.extend(identifier::encode(&wanted, Layout::ExplicitLittleEndian));
    out
}

/// Where the file is, and what it holds.
fn reference(file: &File<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    put(Tag::new(0x0004, 0x1500), Vr::CS, file.file_id.join("\\").as_bytes(), &mut out);
    put(Tag::new(0x0004, 0x1510), Vr::UI, file.sop_class.as_str().as_bytes(), &mut out);
    put(Tag::new(0x0004, 0x1511), Vr::UI, file.ids.instance.as_str().as_bytes(), &mut out);
    put(Tag::new(0x0004, 0x1512), Vr::UI, file.transfer_syntax.as_str().as_bytes(), &mut out);
    out
}

/// Writes a short element.
fn put(tag: Tag, vr: Vr, value: &[u8], out: &mut Vec<u8>) {
    out.extend(tag.group().to_le_bytes());
    out.extend(tag.element().to_le_bytes());
    out.extend(vr.as_str().bytes());
    let length = value.len() + value.len() % 2;
    out.extend(u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes());
    out.extend_from_slice(value);
    if value.len() % 2 == 1 {
        out.push(if vr == Vr::UI { 0 } else { b' ' });
    }
}

#[cfg(test)]
mod tests;
