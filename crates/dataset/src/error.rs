//! Why bytes are no data set that can be read.

use causeway_core::limits::{MAX_FILE_META_BYTES, MAX_SEQUENCE_DEPTH};
use causeway_core::{Class, Tag};

/// What is wrong with a data set. Offsets are bytes from the start of the data set, after inflating.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A length says more than its parent has left.
    #[error("{tag} at offset {offset} claims {length} bytes where {left} are left")]
    TooLong {
        /// The element or item.
        tag: Tag,
        /// Where its header begins.
        offset: u64,
        /// Its length field.
        length: u32,
        /// Bytes that its parent has left.
        left: u64,
    },
    /// Sequences nest deeper than is read.
    #[error("sequences nest deeper than {MAX_SEQUENCE_DEPTH} levels at offset {offset}")]
    TooDeep {
        /// Where the sequence begins.
        offset: u64,
    },
    /// Something other than an item where only an item can stand (PS3.5 §7.5).
    #[error("{tag} at offset {offset} stands where an item is due")]
    NotAnItem {
        /// What stands there.
        tag: Tag,
        /// Where.
        offset: u64,
    },
    /// An item where an element is due.
    #[error("{tag} at offset {offset} stands outside of any sequence")]
    Misplaced {
        /// What stands there.
        tag: Tag,
        /// Where.
        offset: u64,
    },
    /// An undefined length where the VR allows none (PS3.5 §7.1.2).
    #[error("{tag} at offset {offset} has an undefined length, which its VR does not allow")]
    UndefinedLength {
        /// The element.
        tag: Tag,
        /// Where its header begins.
        offset: u64,
    },
    /// The bytes end in the middle.
    #[error("the data set ends in the middle of an element, after {offset} bytes")]
    CutShort {
        /// How many bytes there were.
        offset: u64,
    },
    /// The deflated bytes are none (PS3.5 §A.5).
    #[error("the deflated data set cannot be inflated")]
    Inflate,
    /// The deflated bytes inflate to more than is read.
    #[error("the deflated data set inflates to more than {limit} bytes")]
    InflatesTooFar {
        /// The bound.
        limit: u64,
    },
    /// No DICOM file, nor a data set that shows how it is laid out (PS3.10 §7).
    #[error("this is no DICOM file")]
    NotDicom,
    /// The File Meta Information does not end.
    #[error("the File Meta Information is longer than {MAX_FILE_META_BYTES} bytes")]
    FileMetaTooLong,
    /// The File Meta Information is broken.
    #[error("the File Meta Information is broken: {0}")]
    FileMeta(&'static str),
    /// What is to be written does not fit the length it must have.
    #[error("the File Meta Information takes {needed} bytes, {wanted} were asked for")]
    DoesNotFit {
        /// Bytes it takes at least.
        needed: usize,
        /// Bytes it must have.
        wanted: usize,
    },
    /// A query's identifier, or the like, is larger than is read.
    #[error("the identifier is longer than {limit_bytes} bytes")]
    IdentifierTooLong {
        /// The bound.
        limit_bytes: usize,
    },
    /// What is told of a data set would be larger than is made.
    #[error("the metadata take more than {limit} bytes as JSON or XML")]
    MetadataTooLong {
        /// The bound.
        limit: usize,
    },
    /// The transcoder does not make this of that.
    #[error("the data set cannot be laid out in that transfer syntax: {0}")]
    CannotRelay(&'static str),
    /// A value that is to be changed is longer than is held.
    #[error("{tag} is longer than {limit} bytes, and would have to be changed")]
    TooLongToChange {
        /// The element.
        tag: Tag,
        /// The bound.
        limit: u32,
    },
    /// The pixels cannot be decoded.
    #[error("the pixel data cannot be decoded: {0}")]
    Pixels(#[from] crate::pixels::PixelError),
    /// Icons are no icons.
    #[error("the data set has more than {limit} bytes of coded icons")]
    IconsTooLong {
        /// The bound.
        limit: usize,
    },
}

impl Error {
    /// What it calls for.
    #[must_use]
    pub const fn class(&self) -> Class {
        match self {
            Self::DoesNotFit { .. } => Class::Bug,
            Self::CannotRelay(_) => Class::Caller,
            _ => Class::Peer,
        }
    }
}
