//! A copy of the catalog as it stood at one moment, taken while nodes write on, and read apart from any of them. It is a file
//! of SQLite, wherever the catalog is: a server's rows are read in one transaction and held against what was written.
//!
//! All of it blocks: it belongs to commands that do nothing else, never to a node that serves.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use causeway_core::keeping::{Age, Reason, Removal};
use causeway_core::{Digest, ObjectKey};
use jiff::Timestamp;

use crate::copying::copy_all;
use crate::delete;
use crate::engine::{self, Connection, Durability, OptionalExtension, Row, Server};
use crate::error::Error;
use crate::instances::{INSTANCE_TABLES, STORED_COLUMNS, object_key, stored};
use crate::members::{Introduction, MemberSecret};

/// What is counted of a catalog, by the table that it stands in.
const COUNTED: [&str; 10] =
    ["patient", "study", "series", "instance", "removed", "remote", "route", "token", "delivery", "audit"];

/// Who takes out of a copy what was deleted since, as the trail names it.
const TAKES_OUT: &str = "backup";

/// Where a catalog is that nodes may be at.
#[derive(Debug, Clone)]
pub enum Origin {
    /// A file of this machine.
    File(PathBuf),
    /// A database on a server.
    Server(Box<Server>),
}

impl Origin {
    /// Which of these objects are still of an instance that is kept, or of one that was removed and can be brought back.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn still_known(&self, objects: &[ObjectKey]) -> Result<Vec<ObjectKey>, Error> {
        let connection = match self {
            Self::File(path) => engine::beside(path)?,
            Self::Server(server) => engine::beside_on_server(server)?,
        };
        let mut statement = connection.prepare_cached(
            "SELECT 1 FROM instance WHERE object = ?1 UNION ALL SELECT 1 FROM removed WHERE object = ?1 AND state < 2",
        )?;
        let mut known = Vec::new();
        for object in objects {
            if statement.exists([object.as_str()])? {
                known.push(object.clone());
            }
        }
        Ok(known)
    }
}

/// An object that a copy tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownObject {
    /// Its name.
    pub object: ObjectKey,
    /// How long it is.
    pub object_bytes: u64,
    /// What its data set is known by, and where that begins; none: it is of what was removed, of which no more is known.
    pub data_set: Option<(u64, Digest)>,
    /// Whose spool alone may have it.
    pub spooled_by: SpooledBy,
}

/// Which member's spool alone may have an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpooledBy {
    /// None: it has settled.
    Nobody,
    /// This one's.
    Member(Introduction),
    /// That of any of them: it is not remembered of what was removed.
    Anybody,
}

/// A copy, open for reading. Nobody else has it.
pub struct Snapshot {
    connection: Connection,
}

impl Snapshot {
    /// Copies the catalog `from`, which nodes may have open, to the file `to`, where nothing may be, and opens it. What was
    /// committed before is in it; it is on disk when this returns.
    ///
    /// # Errors
    /// When `from` is no catalog of this version, or the copy cannot be written.
    pub fn take(from: &Origin, to: &Path) -> Result<Self, Error> {
        match from {
            Origin::File(from) => {
                let connection = engine::beside(from)?;
                engine::check_version(&connection)?;
                connection.prepare_cached("VACUUM INTO ?1")?.execute([to.to_string_lossy().as_ref()])?;
            }
            Origin::Server(server) => copy_from_server(server, to)?,
        }
        File::open(to)?.sync_all()?;
        Self::open(to)
    }

    /// Opens a copy that was taken.
    ///
    /// # Errors
    /// When it is no catalog, is damaged, or was written by a newer version.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let connection = engine::beside(path)?;
        engine::check_version(&connection)?;
        let said: String =
            connection.prepare_cached("PRAGMA quick_check(1)")?.query_row([], |row| row.get(0))?;
        if said != "ok" {
            return Err(Error::Corrupt("the database does not pass its own check"));
        }
        Ok(Self { connection })
    }

    /// The version of its tables.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn version(&self) -> Result<i64, Error> {
        Ok(self.connection.prepare_cached("PRAGMA user_version")?.query_row([], |row| row.get(0))?)
    }

    /// How many rows there are of each kind.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn counts(&self) -> Result<BTreeMap<String, u64>, Error> {
        let mut counts = BTreeMap::new();
        for table in COUNTED {
            if self.has(table)? {
                let sql = format!("SELECT count(*) FROM {table}");
                let count: i64 = self.connection.prepare_cached(&sql)?.query_row([], |row| row.get(0))?;
                counts.insert(table.to_owned(), u64::try_from(count).unwrap_or_default());
            }
        }
        Ok(counts)
    }

    /// By which the members know one another; none: there were never any.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn member_secret(&self) -> Result<Option<MemberSecret>, Error> {
        if !self.has("settings")? {
            return Ok(None);
        }
        let mut statement = self.connection.prepare_cached("SELECT secret FROM settings")?;
        Ok(statement.query_row([], |row| row.get(0)).optional()?.flatten())
    }

    /// The nodes that shared the catalog, or that it was of.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn members(&self) -> Result<Vec<Introduction>, Error> {
        if !self.has("member")? {
            return Ok(Vec::new());
        }
        let mut statement =
            self.connection.prepare_cached("SELECT uid, name, address FROM member ORDER BY id")?;
        let introduced =
            |row: &Row<'_>| Ok(Introduction { uid: row.get(0)?, name: row.get(1)?, address: row.get(2)? });
        Ok(statement.query_map([], introduced)?.collect::<Result<_, _>>()?)
    }

    /// Objects of instances in the order in which they came, from beyond the number `after` on, each with its number, at most
    /// `limit`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn kept(&self, after: i64, limit: u32) -> Result<Vec<(i64, KnownObject)>, Error> {
        // A copy that an older program took knows no members.
        let (spool, join) = if self.has("member")? {
            (
                "member.uid, member.name, member.address",
                "LEFT JOIN member ON member.id = instance.spool AND settled = 0",
            )
        } else {
            ("NULL, NULL, NULL", "")
        };
        self.listed(
            &format!(
                "SELECT instance.id, object, object_bytes, data_set_offset, digest, {spool} FROM instance {join}
                 WHERE instance.id > ?1 ORDER BY instance.id LIMIT ?2"
            ),
            after,
            limit,
        )
    }

    /// The same for objects of what was removed and can be brought back.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn removed(&self, after: i64, limit: u32) -> Result<Vec<(i64, KnownObject)>, Error> {
        if !self.has("removed")? {
            return Ok(Vec::new());
        }
        self.listed(
            "SELECT rowid, object, object_bytes, NULL, NULL, NULL, NULL, NULL FROM removed
             WHERE rowid > ?1 AND state < 2 ORDER BY rowid LIMIT ?2",
            after,
            limit,
        )
    }

    fn listed(&self, sql: &str, after: i64, limit: u32) -> Result<Vec<(i64, KnownObject)>, Error> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query((after, limit))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push((row.get(0)?, known(&row)?));
        }
        Ok(found)
    }

    fn has(&self, table: &str) -> Result<bool, Error> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1")?;
        Ok(statement.exists([table])?)
    }
}

fn known(row: &Row<'_>) -> Result<KnownObject, Error> {
    let (offset, digest): (Option<u64>, Option<[u8; 32]>) = (row.get(3)?, row.get(4)?);
    let data_set = offset.zip(digest.map(Digest));
    let spooled_by = match (row.get(5)?, data_set) {
        (Some(uid), _) => SpooledBy::Member(Introduction { uid, name: row.get(6)?, address: row.get(7)? }),
        (None, Some(_)) => SpooledBy::Nobody,
        (None, None) => SpooledBy::Anybody,
    };
    Ok(KnownObject {
        object: object_key(&row.get::<String>(1)?)?,
        object_bytes: u64::try_from(row.get::<i64>(2)?).map_err(|_| Error::Corrupt("a length"))?,
        data_set,
        spooled_by,
    })
}

/// Reads all rows of a server as they are at one moment.
fn copy_from_server(from: &Server, to: &Path) -> Result<(), Error> {
    let (source, target) = (engine::beside_on_server(from)?, engine::of_file(to)?);
    // One file, whole by itself, as the other way of copying makes it.
    target.execute_batch("PRAGMA journal_mode = DELETE")?;
    target.begin(Durability::Synced)?;
    let seen = source.snapshot()?;
    copy_all(&target, &seen, &target, &mut |_| {})?;
    Ok(target.control("COMMIT")?)
}

/// Takes what was deleted for good since a copy was taken out of it: nobody has its bytes. Nobody else has the copy.
///
/// # Errors
/// When it cannot be opened or written.
pub fn take_out(copy: &Path, objects: &[ObjectKey], now: Timestamp) -> Result<(), Error> {
    let by_object = format!("SELECT {STORED_COLUMNS} FROM {INSTANCE_TABLES} WHERE instance.object = ?1");
    let removal = Removal { who: TAKES_OUT.to_owned(), reason: Reason::Asked, grace: Age::ZERO };
    change(copy, |connection| {
        for object in objects {
            let found = connection
                .prepare_cached(&by_object)?
                .query_row([object.as_str()], |row| Ok(stored(row).map(|it| (row.get(10), it))))
                .optional()?;
            if let Some((id, instance)) = found.transpose()? {
                delete::remove(connection, &[(id?, instance)], &removal, now.as_millisecond())?;
            }
            connection.prepare_cached("DELETE FROM removed WHERE object = ?1")?.execute([object.as_str()])?;
        }
        Ok(())
    })
}

/// Makes of a copy, which nobody else has, what a node can begin with that has none of the spools which the catalog tells of:
/// all objects have settled, none of them has a mark that it was removed beside it yet, and there is no member.
///
/// # Errors
/// When it cannot be opened or written.
pub fn settle_all(copy: &Path) -> Result<(), Error> {
    change(copy, |connection| {
        for sql in [
            "UPDATE instance SET settled = 1 WHERE settled = 0",
            "UPDATE removed SET state = 0 WHERE state = 1",
            "DELETE FROM member",
            "DELETE FROM turn",
        ] {
            connection.prepare_cached(sql)?.execute([])?;
        }
        Ok(())
    })
}

/// Changes a copy, which is one file again after that.
fn change(copy: &Path, job: impl FnOnce(&Connection) -> Result<(), Error>) -> Result<(), Error> {
    let connection = engine::of_file(copy)?;
    connection.begin(Durability::Synced)?;
    job(&connection)?;
    connection.control("COMMIT")?;
    // A node makes its log anew.
    Ok(connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE")?)
}
