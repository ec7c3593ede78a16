//! What can go wrong with a blob, sorted by remedy.

use std::io;
use std::path::Path;

use causeway_core::{Class, ObjectKey};

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
    #[error("the object store failed: {0}")]
    ObjectStore(#[from] object_store::Error),
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
            Self::ObjectStore(_) | Self::Length { .. } | Self::Closed => Class::Transient,
            Self::Header { .. } => Class::Bug,
            Self::InUse(_) => Class::Caller,
        }
    }
}
