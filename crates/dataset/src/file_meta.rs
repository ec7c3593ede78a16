//! File Meta Information (PS3.10 §7.1).
use bytes::Bytes;
use causeway_core::{AeTitle, Envelope, Uid};

use crate::Error;

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMeta {
    /// Media Storage SOP Class UID (0002,0002).
    pub sop_class: Uid,
    /// Media Storage SOP Instance UID (0002,0003).
    pub sop_instance: Uid,
    /// Transfer Syntax UID (0002,0010).
    pub transfer_syntax: Uid,
    /// Receiving Application Entity Title (0002,0018).
    pub receiving_ae: Option<AeTitle>,
    /// How the object came; kept in Private Information (0002,0102).
    pub envelope: Option<Envelope>,
}

/// Preamble, prefix and group 2.
#[must_use]
pub fn write(meta: &FileMeta) -> Vec<u8> {
    let _ = meta;
    Vec::new()
}

/// The same, made exactly `len` bytes long by padding the private information.
///
/// # Errors
/// When it does not fit in `len`, or `len` is odd.
pub fn write_padded(meta: &FileMeta, len: usize) -> Result<Vec<u8>, Error> {
    let _ = (meta, len);
    Ok(Vec::new())
}

/// What group 2 said, or what the data set shows where there is no group 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadMeta {
    /// Media Storage SOP Class UID (0002,0002).
    pub sop_class: Option<Uid>,
    /// Media Storage SOP Instance UID (0002,0003).
    pub sop_instance: Option<Uid>,
    /// Transfer Syntax UID (0002,0010), or the plain one that the data set is seen to be in.
    pub transfer_syntax: Uid,
    /// The envelope, where it is a file of ours.
    pub envelope: Option<Envelope>,
}

/// A file's beginning, read.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// What it said.
    pub meta: ReadMeta,
    /// Where the data set begins, in bytes from the start of the file.
    pub data_set_offset: u64,
    /// The bytes of the data set that were fed already.
    pub rest: Bytes,
}

/// How far a feed came.
#[derive(Debug, Clone)]
pub enum Step {
    /// More bytes are needed.
    More,
    /// The File Meta Information is complete.
    Done(Parsed),
}

/// Reads the beginning of a file as it arrives.
#[derive(Debug, Default)]
pub struct Part10Reader {}

impl Part10Reader {
    /// A reader at the start of a file.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// When this is no DICOM file.
    pub fn feed(&mut self, bytes: Bytes) -> Result<Step, Error> {
        drop(bytes);
        Ok(Step::More)
    }

    /// No more bytes come.
    ///
    /// # Errors
    /// When this is no DICOM file.
    pub fn finish(self) -> Result<Parsed, Error> {
        Err(Error::NotDicom)
    }
}
