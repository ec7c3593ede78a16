//! Members: the nodes that share this catalog, and what one of them at a time does. A catalog that is a file has one.
//!
//! A member is known by the uid of its spool. Its number stands with every instance that only its spool has.

use std::time::Duration;

use jiff::Timestamp;

use crate::Catalog;
use crate::delivery::{millis, moment};
use crate::engine::{Connection, Durability, OptionalExtension};
use crate::error::Error;

/// How a node comes to share the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introduction {
    /// Of its spool.
    pub uid: String,
    /// What people call it.
    pub name: String,
    /// Where the other members read what has not settled: the beginning of a URL. None: nowhere.
    pub address: Option<String>,
}

/// A node that shares the catalog, or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// What it said of itself.
    pub introduction: Introduction,
    /// When it last said that it is there.
    pub seen_at: Timestamp,
    /// Instances that only its spool has.
    pub unsettled: u64,
    /// Whether it is the one that was asked.
    pub is_self: bool,
}

/// By which members know one another.
pub type MemberSecret = [u8; 32];

impl Catalog {
    /// Whether other nodes may share this catalog.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.engine.is_shared()
    }

    /// Has this node share the catalog: what it takes in from now on is in its spool until it has settled. Gives the secret
    /// of all members: `drawn`, if it is the first. A catalog that is not shared has this member and no other, and its spool
    /// has whatever has not settled.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn join(&self, who: Introduction, drawn: MemberSecret) -> Result<MemberSecret, Error> {
        let (now, is_shared) = (self.now_ms(), self.is_shared());
        let (number, secret) = self
            .engine
            .write(Durability::Synced, move |connection| join(connection, &who, drawn, is_shared, now))
            .await?;
        self.spool.store(number, std::sync::atomic::Ordering::Release);
        Ok(secret)
    }

    /// Says that this member is there.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn greet(&self) -> Result<(), Error> {
        let (now, me) = (self.now_ms(), self.spool());
        self.engine
            .write(Durability::Replayable, move |connection| {
                connection
                    .prepare_cached("UPDATE member SET seen_at = ?2 WHERE id = ?1")?
                    .execute((me, now))?;
                Ok(())
            })
            .await
    }

    /// All members, in the order in which they came.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn members(&self) -> Result<Vec<Member>, Error> {
        let me = self.spool();
        self.engine
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT id, uid, name, address, seen_at,
                     (SELECT count(*) FROM instance WHERE spool = member.id AND settled = 0)
                     FROM member ORDER BY id",
                )?;
                let rows = statement.query_map([], |row| {
                    Ok(Member {
                        is_self: row.get::<i64>(0)? == me,
                        introduction: Introduction {
                            uid: row.get(1)?,
                            name: row.get(2)?,
                            address: row.get(3)?,
                        },
                        seen_at: moment(row.get(4)?),
                        unsettled: row.get(5)?,
                    })
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// The other member whose spool has an object that has not settled; none: it has settled, is in this one's, or is
    /// unknown.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn spooled_by(&self, object: causeway_core::ObjectKey) -> Result<Option<Introduction>, Error> {
        let me = self.spool();
        self.engine
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT member.uid, member.name, member.address FROM instance JOIN member ON member.id = instance.spool
                     WHERE instance.object = ?1 AND instance.settled = 0 AND member.id <> ?2",
                )?;
                let found = statement.query_row((object.as_str(), me), |row| {
                    Ok(Introduction { uid: row.get(0)?, name: row.get(1)?, address: row.get(2)? })
                });
                Ok(found.optional()?)
            })
            .await
    }

    /// Takes the turns at tasks that are nobody's, and holds longer those that are this member's: until `lease` from now.
    /// Says of each whether it is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_turns(&self, tasks: Vec<String>, lease: Duration) -> Result<Vec<bool>, Error> {
        let (now, me) = (self.now_ms(), self.spool());
        let until = now.saturating_add(millis(lease));
        self.engine
            .write(Durability::Replayable, move |connection| {
                let mut statement = connection.prepare_cached(
                    "INSERT INTO turn (task, member, until) VALUES (?1, ?2, ?3)
                     ON CONFLICT (task) DO UPDATE SET member = excluded.member, until = excluded.until
                     WHERE turn.member = excluded.member OR turn.until <= ?4",
                )?;
                tasks.iter().map(|task| Ok(statement.execute((task, me, until, now))? > 0)).collect()
            })
            .await
    }

    /// Lets go of turns of this member: the others need not wait for their end.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn give_up_turns(&self, tasks: Vec<String>) -> Result<(), Error> {
        let me = self.spool();
        self.engine
            .write(Durability::Replayable, move |connection| {
                let mut statement =
                    connection.prepare_cached("DELETE FROM turn WHERE task = ?1 AND member = ?2")?;
                tasks.iter().try_for_each(|task| statement.execute((task, me)).map(drop))?;
                Ok(())
            })
            .await
    }

    /// The number of this member.
    pub(crate) fn spool(&self) -> i64 {
        self.spool.load(std::sync::atomic::Ordering::Acquire)
    }
}

fn join(
    connection: &Connection,
    who: &Introduction,
    drawn: MemberSecret,
    is_shared: bool,
    now: i64,
) -> Result<(i64, MemberSecret), Error> {
    let known: Option<i64> = connection
        .prepare_cached("SELECT id FROM member WHERE uid = ?1")?
        .query_row([&who.uid], |row| row.get(0))
        .optional()?;
    let number = match known {
        Some(number) => {
            connection
                .prepare_cached("UPDATE member SET name = ?2, address = ?3, seen_at = ?4 WHERE id = ?1")?
                .execute((number, &who.name, &who.address, now))?;
            number
        }
        None => connection
            .prepare_cached("INSERT INTO member (uid, name, address, seen_at) VALUES (?1, ?2, ?3, ?4)")?
            .insert((&who.uid, &who.name, &who.address, now))?,
    };
    if !is_shared {
        connection.prepare_cached("DELETE FROM member WHERE id <> ?1")?.execute([number])?;
        connection
            .prepare_cached("UPDATE instance SET spool = ?1 WHERE settled = 0 AND spool <> ?1")?
            .execute([number])?;
    }
    // Whatever it did before it began anew it does not do any more.
    connection.prepare_cached("DELETE FROM turn WHERE member = ?1")?.execute([number])?;
    connection.prepare_cached("UPDATE settings SET secret = ?1 WHERE secret IS NULL")?.execute([drawn])?;
    let secret = connection.prepare_cached("SELECT secret FROM settings")?.query_row([], |row| row.get(0))?;
    Ok((number, secret))
}
