//! What can go wrong with a blob, sorted by remedy.

use std::io;
use std::path::Path;
use std::time::Duration;

use causeway_core::{Class, ObjectKey};

use crate::sealed::Fault;
use crate::words;

/// How stores say that the whole bucket is not there, which is no matter of one object.
const NO_BUCKET: [&str; 3] = ["NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted"];

/// A failure of the store. Its words name the operation, never a patient.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such blob.
    #[error("object {0} is not in the store")]
    NotFound(ObjectKey),
    /// The disk failed or is full.
    #[error("{operation} failed: {source}")]
    Disk {
        /// What was being done, and to what.
        operation: String,
        /// What the system said.
        source: io::Error,
    },
    /// What is left of a disk is kept for the node's own writing.
    #[error("no room is left on the disk")]
    NoRoom,
    /// The object store failed.
    #[error("the object store failed: {}", words::of(.0))]
    ObjectStore(object_store::Error),
    /// What is there is not opened.
    #[error("the object cannot be read: {0}")]
    Sealed(Fault),
    /// It said nothing.
    #[error("the object store did not answer within {} s", .0.as_secs())]
    NoAnswer(Duration),
    /// A spooled object is not what came. It stays where it is, and settles nowhere.
    #[error("object {key} in the spool is damaged: {words}; it stays there")]
    Damaged {
        /// Which object.
        key: ObjectKey,
        /// How it is seen.
        words: String,
    },
    /// An object that is to be moved is not what came. It stays where it is, and goes nowhere.
    #[error("object {key} is damaged: {words}; it stays where it is")]
    DamagedOld {
        /// Which object.
        key: ObjectKey,
        /// How it is seen.
        words: String,
    },
    /// A settled object is not as long as the spooled one.
    #[error("object {key} has {found} bytes in the object store, {expected} were sent")]
    Length {
        /// Which object.
        key: ObjectKey,
        /// Bytes spooled.
        expected: u64,
        /// Bytes found.
        found: u64,
    },
    /// The caller broke the contract of a staging.
    #[error("the header has {found} bytes, {expected} were set aside")]
    Header {
        /// Bytes set aside.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// There is something where nothing may be.
    #[error("{0} is not empty: name an empty bucket, or a prefix below which there is nothing")]
    NotEmpty(String),
    /// Another process has the spool open.
    #[error("the spool {0} is in use by another process; stop it, or choose another [node] data")]
    InUse(String),
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
}

impl Error {
    /// A failed operation on a path.
    pub(crate) fn disk(operation: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let operation = format!("{operation} {}", path.file_name().unwrap_or_default().to_string_lossy());
        move |source| Self::Disk { operation, source }
    }

    /// A file that was opened cannot be read.
    pub(crate) fn reading(source: io::Error) -> Self {
        Self::Disk { operation: "reading".to_owned(), source }
    }

    /// What an object store says of one object.
    pub(crate) fn of_object(key: &ObjectKey, error: object_store::Error) -> Self {
        let is_of_bucket = words::code(&error).is_some_and(|code| NO_BUCKET.contains(&code.as_str()));
        match error {
            object_store::Error::NotFound { .. } if !is_of_bucket => Self::NotFound(key.clone()),
            error => error.into(),
        }
    }

    /// Whether the object store is to blame, and not the one object.
    #[must_use]
    pub const fn is_of_object_store(&self) -> bool {
        matches!(self, Self::ObjectStore(_) | Self::NoAnswer(_) | Self::Length { .. })
    }

    /// Whether it tells of the one object that was read, so that others can be read all the same.
    #[must_use]
    pub const fn is_of_one_object(&self) -> bool {
        matches!(self, Self::Disk { .. } | Self::Sealed(_))
    }

    /// Whether the object is there and only the settings keep it from being read: it must not be taken for damaged.
    #[must_use]
    pub const fn is_of_settings(&self) -> bool {
        matches!(self, Self::Sealed(fault) if fault.is_of_settings())
    }

    /// Whether the bytes of the one object are not what they were, so that no key and no patience has it read.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Length { .. }
                | Self::Damaged { .. }
                | Self::Sealed(Fault::Lost(_) | Fault::Changed(_) | Fault::Form(_))
        )
    }

    /// What it calls for.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::NotFound(_) => Class::Caller,
            Self::NoRoom => Class::Exhausted,
            Self::Disk { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::OutOfMemory => {
                    Class::Exhausted
                }
                _ => Class::Transient,
            },
            Self::ObjectStore(_) | Self::NoAnswer(_) | Self::Length { .. } | Self::Closed => Class::Transient,
            // It is there, and is read as soon as its key is.
            Self::Sealed(Fault::NoKey(_)) => Class::Transient,
            Self::Header { .. } | Self::Damaged { .. } | Self::DamagedOld { .. } | Self::Sealed(_) => {
                Class::Bug
            }
            Self::InUse(_) | Self::NotEmpty(_) => Class::Caller,
        }
    }
}

impl From<object_store::Error> for Error {
    fn from(error: object_store::Error) -> Self {
        match Fault::of(&error) {
            Some(fault) => Self::Sealed(fault.clone()),
            None => Self::ObjectStore(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_the_whole_bucket_is_gone_is_not_taken_for_an_object_that_is_not_there() {
        let key = crate::layout::new_key();
        let not_found = |code: &str| object_store::Error::NotFound {
            path: "x".to_owned(),
            source: format!("status code: 404 Not Found: <Error><Code>{code}</Code></Error>").into(),
        };
        assert!(matches!(Error::of_object(&key, not_found("NoSuchKey")), Error::NotFound(_)));
        for code in NO_BUCKET {
            let error = Error::of_object(&key, not_found(code));
            assert_eq!(error.class(), Class::Transient);
            assert!(error.to_string().contains(code), "{error}");
        }
    }
}
