//! Legal holds: studies of which nothing is removed, whoever asks, until somebody takes the hold away.

use causeway_core::Uid;
use jiff::Timestamp;
use serde::Serialize;

use crate::Catalog;
use crate::audit;
use crate::delivery::moment;
use crate::engine::{Connection, Durability, OptionalExtension, Row};
use crate::error::Error;
use crate::instances::uid;

/// A study on hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hold {
    /// Study Instance UID.
    pub study: Uid,
    /// Why, for administrators.
    pub reason: String,
    /// Who placed it.
    pub who: String,
    /// When.
    pub at: Timestamp,
    /// Instances of the study that are kept.
    pub instances: u64,
    /// Instances that were removed before and whose bytes stay for as long as it holds.
    pub removed: u64,
}

/// What came of something that takes instances away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removing<T> {
    /// It is done.
    Done(T),
    /// A study is on hold, and nothing was done.
    Held(Hold),
}

impl Catalog {
    /// Places a study on hold, or changes the reason; gives how it stands.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_hold(&self, study: Uid, reason: String, who: &str) -> Result<Option<Hold>, Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO hold (study, reason, who, at) VALUES (?1, ?2, ?3, ?4)
                         ON CONFLICT (study) DO UPDATE SET reason = excluded.reason, who = excluded.who,
                         at = excluded.at",
                    )?
                    .execute((study.as_str(), reason, who.as_str(), now))?;
                audit::append(connection, now, &who, "hold-put", study.as_str())?;
                of(connection, study.as_str())
            })
            .await
    }

    /// Takes the hold of a study away; says whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_hold(&self, study: Uid, who: &str) -> Result<bool, Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| {
                let removed = connection
                    .prepare_cached("DELETE FROM hold WHERE study = ?1")?
                    .execute([study.as_str()])?;
                if removed > 0 {
                    audit::append(connection, now, &who, "hold-remove", study.as_str())?;
                }
                Ok(removed > 0)
            })
            .await
    }

    /// Studies on hold, from beyond the study `after` on, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn holds(&self, after: String, limit: u32) -> Result<Vec<Hold>, Error> {
        self.engine
            .read(move |connection| {
                let sql = format!("{SELECT} WHERE hold.study > ?1 ORDER BY hold.study LIMIT ?2");
                let mut statement = connection.prepare_cached(&sql)?;
                let mut rows = statement.query((after, limit))?;
                let mut holds = Vec::new();
                while let Some(row) = rows.next()? {
                    holds.push(hold(&row)?);
                }
                Ok(holds)
            })
            .await
    }
}

const SELECT: &str = "SELECT hold.study, hold.reason, hold.who, hold.at,
    coalesce((SELECT instance_count FROM study WHERE study.uid = hold.study), 0),
    (SELECT count(*) FROM removed WHERE removed.study = hold.study AND removed.state < 2) FROM hold";

/// The hold of a study, if there is one.
pub(crate) fn of(connection: &Connection, study: &str) -> Result<Option<Hold>, Error> {
    let sql = format!("{SELECT} WHERE hold.study = ?1");
    connection.prepare_cached(&sql)?.query_row([study], |row| Ok(hold(row))).optional()?.transpose()
}

/// Whether the study of an instance is on hold.
pub(crate) fn holds_instance(connection: &Connection, instance: i64) -> Result<bool, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT 1 FROM hold JOIN study ON study.uid = hold.study JOIN series ON series.study = study.id
         JOIN instance ON instance.series = series.id WHERE instance.id = ?1",
    )?;
    Ok(statement.exists([instance])?)
}

fn hold(row: &Row<'_>) -> Result<Hold, Error> {
    let count = |index| u64::try_from(row.get::<i64>(index)?).map_err(|_| Error::Corrupt("a count"));
    Ok(Hold {
        study: uid(row, 0)?,
        reason: row.get(1)?,
        who: row.get(2)?,
        at: moment(row.get(3)?),
        instances: count(4)?,
        removed: count(5)?,
    })
}
