//! What a database answers when it does not do what it is asked.

use causeway_core::Class;

use super::{postgres, sqlite};

/// A failure of the database. Its words never hold a value from a row.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// SQLite said no.
    #[error(transparent)]
    Sqlite(#[from] sqlite::Refusal),
    /// PostgreSQL said no, or nothing at all.
    #[error(transparent)]
    Postgres(postgres::Refusal),
    /// There is no row where one was asked for.
    #[error("there is no such row")]
    NoRow,
    /// A row holds another type than what is read from it.
    #[error("column {0} holds something else than expected")]
    Column(usize),
    /// An insert was to write one row, and did not.
    #[error("{0} rows were written in place of one")]
    NotOne(usize),
    /// The transaction of which this was a part failed.
    #[error("the transaction failed")]
    Transaction,
}

impl Failure {
    /// What it calls for.
    pub(crate) fn class(&self) -> Class {
        match self {
            Self::Sqlite(refusal) => refusal.class(),
            Self::Postgres(refusal) => refusal.class(),
            Self::NoRow | Self::Column(_) | Self::NotOne(_) | Self::Transaction => Class::Bug,
        }
    }

    /// The same failure for one more caller.
    pub(super) fn again(&self) -> Self {
        match self {
            Self::Sqlite(refusal) => refusal.again().map_or(Self::Transaction, Self::Sqlite),
            Self::Postgres(refusal) => Self::Postgres(refusal.clone()),
            Self::NoRow | Self::Column(_) | Self::NotOne(_) | Self::Transaction => Self::Transaction,
        }
    }
}

/// For reads that may find nothing.
pub(crate) trait OptionalExtension<T> {
    /// Makes of a row that is not there `None`.
    fn optional(self) -> Result<Option<T>, Failure>;
}

impl<T> OptionalExtension<T> for Result<T, Failure> {
    fn optional(self) -> Result<Option<T>, Failure> {
        match self {
            Ok(found) => Ok(Some(found)),
            Err(Failure::NoRow) => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}
