//! Remotes as rows: a name and a document.

use causeway_core::{Remote, RemoteName};

use crate::Catalog;
use crate::acceptance;
use crate::audit;
use crate::engine::Durability;
use crate::error::Error;
use crate::link;

impl Catalog {
    /// All remotes by name.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn remotes(&self) -> Result<Vec<Remote>, Error> {
        self.engine
            .read(|connection| {
                let mut statement = connection.prepare_cached("SELECT document FROM remote ORDER BY name")?;
                let documents = statement.query_map([], |row| row.get::<String>(0))?;
                documents
                    .map(|document| serde_json::from_str(&document?).map_err(|_| Error::Corrupt("a remote")))
                    .collect()
            })
            .await
    }

    /// Adds a remote, or changes the one of this name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_remote(&self, remote: Remote, who: &str) -> Result<(), Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        let document = serde_json::to_string(&remote).map_err(|_| Error::Corrupt("a remote"))?;
        self.engine
            .write(Durability::Synced, move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO remote (name, document) VALUES (?1, ?2)
                         ON CONFLICT (name) DO UPDATE SET document = excluded.document",
                    )?
                    .execute((remote.name.as_str(), document))?;
                acceptance::forget(connection, &remote.name)?;
                audit::change(connection, now, &who, "remote-put", remote.name.as_str())
            })
            .await
    }

    /// Removes a remote; says whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_remote(&self, name: RemoteName, who: &str) -> Result<bool, Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| {
                let removed = connection
                    .prepare_cached("DELETE FROM remote WHERE name = ?1")?
                    .execute([name.as_str()])?;
                acceptance::forget(connection, &name)?;
                if removed > 0 {
                    link::forget(connection, &name)?;
                    audit::change(connection, now, &who, "remote-remove", name.as_str())?;
                }
                Ok(removed > 0)
            })
            .await
    }
}
