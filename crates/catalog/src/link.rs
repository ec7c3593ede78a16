//! Links as rows: who this node is, whom it invited, and the keys of those that were paired. Of what others show only
//! the SHA-256 is kept.

use std::collections::BTreeMap;

use causeway_core::link::LinkAddress;
use causeway_core::{Digest, NodeId, Permission, Remote, RemoteName, Uid};
use jiff::Timestamp;

use crate::Catalog;
use crate::audit;
use crate::engine::{Connection, Durability, OptionalExtension};
use crate::error::Error;
use crate::instances::{json, uid};

/// An invitation, as far as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteRecord {
    /// What the invited node will be called.
    pub name: RemoteName,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// The node that took it up.
    pub used_by: Option<NodeId>,
}

/// What came of a secret that a node showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redeemed {
    /// It is paired, under this name.
    Paired(RemoteName),
    /// There is no such invitation; it may have been revoked.
    Unknown,
    /// Its time is over.
    Expired,
    /// It was good once, and another took it up.
    Used,
}

/// What an instance that is kept has for bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Digest of its data set.
    pub digest: Digest,
    /// When it came.
    pub received_at: Timestamp,
}

impl Catalog {
    /// Who this node is: `drawn`, if it did not know before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn node_id(&self, drawn: NodeId) -> Result<NodeId, Error> {
        self.engine
            .write(Durability::Synced, move |connection| {
                connection
                    .prepare_cached("INSERT INTO node (one, id) VALUES (1, ?1) ON CONFLICT DO NOTHING")?
                    .execute([drawn.as_str()])?;
                let id: String =
                    connection.prepare_cached("SELECT id FROM node")?.query_row([], |row| row.get(0))?;
                node(&id)
            })
            .await
    }

    /// Keeps an invitation, in place of an older one for the same name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_invite(
        &self,
        name: RemoteName,
        sha256: [u8; 32],
        expires_at: Timestamp,
        who: &str,
    ) -> Result<(), Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO link_invite (name, sha256, created_at, expires_at) VALUES (?1, ?2, ?3, ?4)
                         ON CONFLICT (name) DO UPDATE SET sha256 = excluded.sha256, created_at = excluded.created_at,
                         expires_at = excluded.expires_at, used_by = NULL, token = NULL",
                    )?
                    .execute((name.as_str(), sha256, now, expires_at.as_millisecond()))?;
                audit::append(connection, now, &who, "link-invite", name.as_str())
            })
            .await
    }

    /// All invitations by name, those that were taken up or ran out among them.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn invites(&self) -> Result<Vec<InviteRecord>, Error> {
        self.engine
            .read(|connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT name, created_at, expires_at, used_by FROM link_invite ORDER BY name",
                )?;
                let mut rows = statement.query([])?;
                let mut found = Vec::new();
                while let Some(row) = rows.next()? {
                    found.push(InviteRecord {
                        name: remote(&row.get::<String>(0)?)?,
                        created_at: moment(row.get(1)?)?,
                        expires_at: moment(row.get(2)?)?,
                        used_by: row.get::<Option<String>>(3)?.map(|id| node(&id)).transpose()?,
                    });
                }
                Ok(found)
            })
            .await
    }

    /// Revokes an invitation; says whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_invite(&self, name: RemoteName, who: &str) -> Result<bool, Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| {
                let removed = connection
                    .prepare_cached("DELETE FROM link_invite WHERE name = ?1")?
                    .execute([name.as_str()])?;
                if removed > 0 {
                    audit::append(connection, now, &who, "link-revoke", name.as_str())?;
                }
                Ok(removed > 0)
            })
            .await
    }

    /// Takes up the invitation with this secret for `node`, which will show `token` from then on (both as SHA-256):
    /// the remote and its key are there when this returns. The same node with the same token is answered the same
    /// again, as long as the invitation is good.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn redeem(&self, secret: [u8; 32], node: NodeId, token: [u8; 32]) -> Result<Redeemed, Error> {
        let now = self.now_ms();
        self.engine
            .write(Durability::Synced, move |connection| redeem(connection, secret, &node, token, now))
            .await
    }

    /// Keeps a remote that was paired, and what we show it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_paired(&self, remote: Remote, token: String, who: &str) -> Result<(), Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| {
                put_remote(connection, &remote)?;
                connection
                    .prepare_cached(
                        "INSERT INTO link_secret (remote, token) VALUES (?1, ?2)
                         ON CONFLICT (remote) DO UPDATE SET token = excluded.token",
                    )?
                    .execute((remote.name.as_str(), token))?;
                audit::change(connection, now, &who, "link-accept", remote.name.as_str())
            })
            .await
    }

    /// What each paired remote shows, as its SHA-256.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn link_tokens(&self) -> Result<Vec<(RemoteName, [u8; 32])>, Error> {
        self.engine
            .read(|connection| {
                let mut statement = connection.prepare_cached("SELECT remote, sha256 FROM link_token")?;
                let mut rows = statement.query([])?;
                let mut found = Vec::new();
                while let Some(row) = rows.next()? {
                    found.push((remote(&row.get::<String>(0)?)?, row.get(1)?));
                }
                Ok(found)
            })
            .await
    }

    /// What we show `remote`, if it was paired.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn link_secret(&self, remote: RemoteName) -> Result<Option<String>, Error> {
        self.engine
            .read(move |connection| {
                let mut statement =
                    connection.prepare_cached("SELECT token FROM link_secret WHERE remote = ?1")?;
                Ok(statement.query_row([remote.as_str()], |row| row.get(0)).optional()?)
            })
            .await
    }

    /// What those of these instances that are kept have for bytes.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn held(&self, instances: Vec<Uid>) -> Result<BTreeMap<Uid, Held>, Error> {
        self.engine
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT uid, digest, received_at FROM instance
                     WHERE uid IN (SELECT value FROM json_each(?1))",
                )?;
                let mut rows = statement.query([json(&instances)])?;
                let mut held = BTreeMap::new();
                while let Some(row) = &rows.next()? {
                    let received_at = moment(row.get(2)?)?;
                    held.insert(uid(row, 0)?, Held { digest: Digest(row.get(1)?), received_at });
                }
                Ok(held)
            })
            .await
    }
}

/// Forgets the keys of a remote that is removed.
pub(crate) fn forget(connection: &Connection, remote: &RemoteName) -> Result<(), Error> {
    for statement in [
        "DELETE FROM link_token WHERE remote = ?1",
        "DELETE FROM link_secret WHERE remote = ?1",
        // There is nobody to be told of them any more.
        "DELETE FROM link_sent WHERE remote = ?1 AND acknowledged_at IS NULL",
    ] {
        connection.prepare_cached(statement)?.execute([remote.as_str()])?;
    }
    Ok(())
}

fn redeem(
    connection: &Connection,
    secret: [u8; 32],
    node: &NodeId,
    token: [u8; 32],
    now: i64,
) -> Result<Redeemed, Error> {
    type Row = (String, i64, Option<String>, Option<[u8; 32]>);
    let found: Option<Row> = connection
        .prepare_cached("SELECT name, expires_at, used_by, token FROM link_invite WHERE sha256 = ?1")?
        .query_row([secret], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    let Some((name, expires_at, used_by, known)) = found else { return Ok(Redeemed::Unknown) };
    let name = remote(&name)?;
    if let Some(used_by) = used_by {
        let is_same = used_by == node.as_str() && known == Some(token) && now < expires_at;
        return Ok(if is_same { Redeemed::Paired(name) } else { Redeemed::Used });
    }
    if now >= expires_at {
        return Ok(Redeemed::Expired);
    }
    connection
        .prepare_cached("UPDATE link_invite SET used_by = ?2, token = ?3 WHERE name = ?1")?
        .execute((name.as_str(), node.as_str(), token))?;
    let document: Option<String> = connection
        .prepare_cached("SELECT document FROM remote WHERE name = ?1")?
        .query_row([name.as_str()], |row| row.get(0))
        .optional()?;
    let known = document.map(|document| serde_json::from_str(&document)).transpose();
    let mut remote = known.map_err(|_| Error::Corrupt("a remote"))?.unwrap_or_else(|| Remote {
        allow: std::iter::once(Permission::Store).collect(),
        ..Remote::named(name.clone())
    });
    // Where each invited the other, it is called too.
    let known = remote.link.take().filter(|link| link.node == *node);
    remote.link = known.or_else(|| Some(LinkAddress { node: node.clone(), url: None, certificate: None }));
    put_remote(connection, &remote)?;
    connection
        .prepare_cached(
            "INSERT INTO link_token (remote, sha256) VALUES (?1, ?2)
             ON CONFLICT (remote) DO UPDATE SET sha256 = excluded.sha256",
        )?
        .execute((name.as_str(), token))?;
    audit::change(connection, now, node.as_str(), "link-pair", name.as_str())?;
    Ok(Redeemed::Paired(name))
}

fn put_remote(connection: &Connection, remote: &Remote) -> Result<(), Error> {
    let document = serde_json::to_string(remote).map_err(|_| Error::Corrupt("a remote"))?;
    connection
        .prepare_cached(
            "INSERT INTO remote (name, document) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET document = excluded.document",
        )?
        .execute((remote.name.as_str(), document))?;
    Ok(())
}

fn node(text: &str) -> Result<NodeId, Error> {
    text.parse().map_err(|_| Error::Corrupt("a node's id"))
}

fn remote(text: &str) -> Result<RemoteName, Error> {
    text.parse().map_err(|_| Error::Corrupt("a name"))
}

fn moment(milliseconds: i64) -> Result<Timestamp, Error> {
    Timestamp::from_millisecond(milliseconds).map_err(|_| Error::Corrupt("a moment"))
}
