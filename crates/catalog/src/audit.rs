//! The audit trail: who did what to what, when. Subjects are UIDs and names, never a patient's.

use jiff::Timestamp;

use crate::Catalog;
use crate::engine::Connection;
use crate::error::Error;

/// One line of the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// When.
    pub at: Timestamp,
    /// A principal's name.
    pub who: String,
    /// A verb: `store`, `delete`, `remote-put` …
    pub what: String,
    /// A UID or a name.
    pub subject: String,
}

/// Adds a line within the caller's transaction.
pub(crate) fn append(
    connection: &Connection,
    at: i64,
    who: &str,
    what: &str,
    subject: &str,
) -> Result<(), Error> {
    connection
        .prepare_cached("INSERT INTO audit (at, who, what, subject) VALUES (?1, ?2, ?3, ?4)")?
        .send((at, who, what, subject))?;
    Ok(())
}

/// Adds the line of a change of settings that nodes hold in memory, and lets the others that share the catalog see that
/// there was one.
pub(crate) fn change(
    connection: &Connection,
    at: i64,
    who: &str,
    what: &str,
    subject: &str,
) -> Result<(), Error> {
    append(connection, at, who, what, subject)?;
    connection.prepare_cached("UPDATE settings SET changes = changes + 1")?.execute([])?;
    Ok(())
}

impl Catalog {
    /// How often settings were changed that nodes hold in memory: remotes, routes, tokens, transforms, links.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn changes(&self) -> Result<i64, Error> {
        self.engine
            .read(|connection| {
                let mut statement = connection.prepare_cached("SELECT changes FROM settings")?;
                Ok(statement.query_row([], |row| row.get(0))?)
            })
            .await
    }

    /// The newest lines, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit(&self, limit: u32) -> Result<Vec<AuditRow>, Error> {
        self.engine
            .read(move |connection| {
                let mut statement = connection
                    .prepare_cached("SELECT at, who, what, subject FROM audit ORDER BY id DESC LIMIT ?1")?;
                let rows = statement.query_map([limit], |row| {
                    Ok(AuditRow {
                        at: Timestamp::from_millisecond(row.get(0)?).unwrap_or_default(),
                        who: row.get(1)?,
                        what: row.get(2)?,
                        subject: row.get(3)?,
                    })
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }
}
