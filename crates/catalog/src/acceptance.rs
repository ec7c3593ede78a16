//! What remotes were found to take: by SOP class and transfer syntax, as they said when they were sent to.

use causeway_core::{RemoteName, Uid};
use jiff::Timestamp;
use serde::Serialize;

use crate::Catalog;
use crate::engine::{Connection, Durability};
use crate::error::Error;

/// Most that is kept of one remote; what is heard beyond it is not kept.
pub const MAX_ACCEPTANCES: usize = 2000;

/// What a remote said of one presentation context (PS3.8 §9.3.3.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Acceptance {
    /// The SOP class.
    pub sop_class: Uid,
    /// The transfer syntax.
    pub transfer_syntax: Uid,
    /// Whether it took it.
    pub taken: bool,
    /// When it last said so.
    pub at: Timestamp,
}

impl Catalog {
    /// What `remote` was found to take and to refuse, by SOP class.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn acceptances(&self, remote: RemoteName) -> Result<Vec<Acceptance>, Error> {
        self.engine
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT sop_class, transfer_syntax, taken, at FROM acceptance WHERE remote = ?1
                     ORDER BY sop_class, transfer_syntax",
                )?;
                let mut rows = statement.query([remote.as_str()])?;
                let uid = |text: String| Uid::parse(&text).map_err(|_| Error::Corrupt("an acceptance"));
                let mut found = Vec::new();
                while let Some(row) = rows.next()? {
                    found.push(Acceptance {
                        sop_class: uid(row.get(0)?)?,
                        transfer_syntax: uid(row.get(1)?)?,
                        taken: row.get(2)?,
                        at: Timestamp::from_millisecond(row.get(3)?).unwrap_or_default(),
                    });
                }
                Ok(found)
            })
            .await
    }

    /// Remembers what `remote` said of pairs of SOP class and transfer syntax: whether it takes each. Nothing is
    /// remembered of a remote that is not registered.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn learn(&self, remote: RemoteName, said: Vec<(Uid, Uid, bool)>) -> Result<(), Error> {
        let now = self.now_ms();
        // What is lost is heard again with the next association.
        self.engine
            .write(Durability::Replayable, move |connection| {
                let mut room = room(connection, &remote)?;
                let mut update = connection.prepare_cached(
                    "UPDATE acceptance SET taken = ?4, at = ?5
                     WHERE remote = ?1 AND sop_class = ?2 AND transfer_syntax = ?3",
                )?;
                let mut insert = connection.prepare_cached(
                    "INSERT INTO acceptance (remote, sop_class, transfer_syntax, taken, at)
                     SELECT ?1, ?2, ?3, ?4, ?5 WHERE EXISTS (SELECT 1 FROM remote WHERE name = ?1)",
                )?;
                for (sop_class, transfer_syntax, taken) in &said {
                    let row = (remote.as_str(), sop_class.as_str(), transfer_syntax.as_str(), taken, now);
                    if update.execute(row)? == 0 && room > 0 {
                        room -= insert.execute(row)?;
                    }
                }
                Ok(())
            })
            .await
    }
}

/// How many more may be kept of `remote`.
fn room(connection: &Connection, remote: &RemoteName) -> Result<usize, Error> {
    let kept: usize = connection
        .prepare_cached("SELECT count(*) FROM acceptance WHERE remote = ?1")?
        .query_row([remote.as_str()], |row| row.get(0))?;
    Ok(MAX_ACCEPTANCES.saturating_sub(kept))
}

/// Forgets what a remote takes: it is another one, or may be.
pub(crate) fn forget(connection: &Connection, remote: &RemoteName) -> Result<(), Error> {
    connection.prepare_cached("DELETE FROM acceptance WHERE remote = ?1")?.execute([remote.as_str()])?;
    Ok(())
}
