//! How a request's body came to its end before it was whole, or beyond what is taken.

use crate::body::BrokenOff;
use crate::multipart::read::MultipartError;

use super::described::{MAX_BULK_PARTS, MAX_METADATA_BYTES};
use super::flight::MAX_INSTANCES;
use super::zipped::{MAX_MEMBERS, MAX_RATIO};

/// How a body came to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    /// The bytes stopped.
    #[error(transparent)]
    Off(#[from] BrokenOff),
    /// They are no multipart body.
    #[error("the multipart body is malformed: {0}")]
    Framing(#[from] MultipartError),
    /// They are no archive.
    #[error("the body is no zip archive that can be read: {0}")]
    NoArchive(String),
    /// More than [`MAX_INSTANCES`].
    #[error("a request holds at most {MAX_INSTANCES} instances")]
    TooMany,
    /// More than [`MAX_METADATA_BYTES`].
    #[error("the metadata of a request are at most {MAX_METADATA_BYTES} bytes")]
    MetadataTooLong,
    /// More than [`MAX_BULK_PARTS`].
    #[error("a request holds at most {MAX_BULK_PARTS} parts of bulk data")]
    TooManyParts,
    /// More than [`MAX_MEMBERS`].
    #[error("an archive holds at most {MAX_MEMBERS} members")]
    TooManyMembers,
    /// More than [`MAX_RATIO`].
    #[error("an archive unpacks to at most {MAX_RATIO} times its own size")]
    Bomb,
    /// What had to be put aside could not be.
    #[error("the node could not put the request aside")]
    NotPutAside(causeway_core::Class),
}

impl Broken {
    /// Whether it is more than is taken.
    pub(super) const fn is_too_large(&self) -> bool {
        match self {
            Self::TooMany
            | Self::MetadataTooLong
            | Self::TooManyParts
            | Self::TooManyMembers
            | Self::Bomb => true,
            Self::Off(_) | Self::Framing(_) | Self::NoArchive(_) | Self::NotPutAside(_) => false,
        }
    }
}
