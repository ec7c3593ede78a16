//! What can go wrong in the catalog, sorted by remedy. The words never hold a value from a row.

use causeway_core::Class;

use crate::engine::Failure;

/// A failure of the catalog.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database said no.
    #[error("the database failed: {0}")]
    Database(#[from] Failure),
    /// A row that this version did not write, or that was damaged.
    #[error("a row of the catalog cannot be read: {0}")]
    Corrupt(&'static str),
    /// The file was written by a newer version.
    #[error("the catalog is of version {found}, this program knows up to {known}; use a newer program")]
    Newer {
        /// Version of the file.
        found: i64,
        /// Version of this program.
        known: i64,
    },
    /// The tables are those of an older version, and are to be read as they are.
    #[error(
        "the catalog is of version {found}, this program reads {known}; start a node of this program on it, or use the \
             program that its nodes are of"
    )]
    Older {
        /// Version of the tables.
        found: i64,
        /// Version of this program.
        known: i64,
    },
    /// Something is moved to where a catalog is that was used.
    #[error("there is a catalog that was used; name an empty database")]
    InUse,
    /// A thread could not be started or a folder made.
    #[error("the catalog could not be opened: {0}")]
    Open(#[from] std::io::Error),
    /// The catalog is shutting down.
    #[error("the catalog is closed")]
    Closed,
}

impl Error {
    /// What it calls for.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Database(failure) => failure.class(),
            Self::Open(_) | Self::Closed => Class::Transient,
            Self::Newer { .. } | Self::Older { .. } | Self::InUse => Class::Caller,
            Self::Corrupt(_) => Class::Bug,
        }
    }
}
