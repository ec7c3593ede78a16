//! The database engine: one writer thread, a few reader threads. Every room file above hands over a closure and never
//! opens a connection; what such a closure may do is in `connection.rs` and `statement.rs`, and which database it does
//! it to it never learns.

mod commits;
mod connection;
mod failure;
mod fill;
mod migrations;
mod numbers;
mod postgres;
mod readers;
mod sqlite;
mod statement;
mod values;
mod writer;

use std::path::Path;

use crate::error::Error;
pub use commits::Commit;
use commits::Witness;
pub(crate) use connection::{Connection, Numbered};
pub use failure::Failure;
pub(crate) use failure::OptionalExtension;
pub(crate) use migrations::check_version;
pub use postgres::{Server, ServerError};
use readers::Readers;
#[cfg(test)]
pub(crate) use sqlite::in_memory;
pub(crate) use statement::{Asked, Row};
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

/// An empty catalog of SQLite, in memory.
#[cfg(test)]
pub(crate) fn empty() -> Connection {
    let connection = in_memory();
    migrations::migrate(&connection).unwrap();
    connection
}

/// A connection that writes and one that reads, to an empty catalog on a server; none on a machine without PostgreSQL.
#[cfg(test)]
pub(crate) fn on_a_server() -> Option<(Connection, Connection)> {
    let database = causeway_testkit::database::Database::fresh().unwrap()?;
    let server = Server::parse(&database.url()).unwrap();
    Some((postgres::Connection::to_write(&server).unwrap(), postgres::Connection::to_read(&server).unwrap()))
}

/// Opens a file, brought up to date, for a command that does nothing else.
pub(crate) fn of_file(path: &Path) -> Result<Connection, Error> {
    sqlite::Connection::to_write(path)
}

/// Opens a database on a server, with its tables, for a command that does nothing else.
pub(crate) fn of_server(server: &Server) -> Result<Connection, Error> {
    postgres::Connection::to_write(server)
}

/// Calls a database on a server whose tables are as this program makes them, to read all of it.
pub(crate) fn beside_on_server(server: &Server) -> Result<Connection, Error> {
    postgres::Connection::to_copy(server)
}

/// Opens a file beside whatever node has it, to copy it.
pub(crate) fn beside(path: &Path) -> Result<Connection, Error> {
    Ok(sqlite::Connection::beside(path)?)
}

/// The engine.
pub(crate) struct Engine {
    writer: Writer,
    readers: Readers,
    /// Whether other nodes may be at the same database.
    is_shared: bool,
}

impl Engine {
    /// Opens a file.
    pub(crate) async fn open(path: &Path) -> Result<Self, Error> {
        let path = path.to_owned();
        let of_writer = path.clone();
        // The writer makes the file and its tables, before any reader looks.
        let writer = Writer::start(move || sqlite::Connection::to_write(&of_writer)).await?;
        let readers = Readers::start(move || sqlite::Connection::to_read(&path)).await?;
        Ok(Self { writer, readers, is_shared: false })
    }

    /// Opens a database on a server.
    pub(crate) async fn connect(server: Server) -> Result<Self, Error> {
        let of_writer = server.clone();
        let writer = Writer::start(move || postgres::Connection::to_write(&of_writer)).await?;
        let readers = Readers::start(move || postgres::Connection::to_read(&server)).await?;
        Ok(Self { writer, readers, is_shared: true })
    }

    /// Whether other nodes may be at the same database.
    pub(crate) const fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Who decides what becomes of commits.
    pub(crate) const fn witness(&self) -> &Witness {
        self.writer.witness()
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

    /// Returns when all earlier commits are on disk.
    pub(crate) async fn sync(&self) -> Result<(), Error> {
        self.write(Durability::Synced, |connection| Ok(connection.note_sync()?)).await
    }
}
