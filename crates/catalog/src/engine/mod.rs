//! The database engine: one writer thread, a few reader threads. Every room file above hands over a closure and never
//! opens a connection; what such a closure may do is in `connection.rs`, and which database it does it to it never
//! learns.

mod connection;
mod failure;
mod fill;
mod migrations;
mod readers;
mod sqlite;
mod values;
mod writer;

use std::path::Path;

use crate::error::Error;
pub(crate) use connection::{Connection, Row};
pub use failure::Failure;
pub(crate) use failure::OptionalExtension;
pub(crate) use migrations::check_version;
use readers::Readers;
#[cfg(test)]
pub(crate) use sqlite::in_memory;
pub(crate) use values::{Params, ToSql, Value, ValueRef, params_from_iter};
use writer::Writer;

/// Whether a commit waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// It does not: a replay of the spool can write it again.
    Replayable,
    /// It does.
    Synced,
}

/// Opens a file beside whatever node has it, to copy it.
pub(crate) fn beside(path: &Path) -> Result<Connection, Error> {
    Ok(sqlite::Connection::beside(path)?)
}

/// The engine.
pub(crate) struct Engine {
    writer: Writer,
    readers: Readers,
}

impl Engine {
    pub(crate) async fn open(path: &Path) -> Result<Self, Error> {
        let writer = Writer::start(sqlite::Connection::to_write(path)?)?;
        // The first write makes the file and its tables, before any reader looks.
        writer.run(Durability::Synced, |_| Ok(())).await?;
        Ok(Self { readers: Readers::start(|| sqlite::Connection::to_read(path))?, writer })
    }

    /// Whether other nodes may be at the same database.
    pub(crate) const fn is_shared(&self) -> bool {
        false
    }

    /// Runs `job` in the writer's transaction; answers after its commit. When `job` fails, nothing of it stays.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        durability: Durability,
        job: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.writer.run(durability, job).await
    }

    /// Runs `job` on a connection that only reads.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.readers.run(job).await
    }

    /// A synced commit of one small row takes the whole log to disk, all earlier commits with it.
    pub(crate) async fn sync(&self) -> Result<(), Error> {
        self.write(Durability::Synced, |connection| {
            connection.prepare_cached("UPDATE synced SET times = times + 1")?.execute([])?;
            Ok(())
        })
        .await
    }
}
