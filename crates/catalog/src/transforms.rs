//! Transforms as rows, and the secrets of their projects. What a transform means is not known here.

use causeway_core::{RemoteName, Transform};

use crate::Catalog;
use crate::audit;
use crate::engine::{Durability, OptionalExtension};
use crate::error::Error;

/// A secret of a project.
pub type ProjectSecret = [u8; 32];

impl Catalog {
    /// All transforms by name, each with the secret of its project.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn transforms(&self) -> Result<Vec<(Transform, ProjectSecret)>, Error> {
        self.engine
            .read(|connection| {
                let mut statement =
                    connection.prepare_cached("SELECT document FROM transform ORDER BY name")?;
                let documents = statement.query_map([], |row| row.get::<String>(0))?;
                let mut secrets = connection.prepare_cached("SELECT secret FROM project WHERE name = ?1")?;
                documents
                    .map(|document| {
                        let transform: Transform =
                            serde_json::from_str(&document?).map_err(|_| Error::Corrupt("a transform"))?;
                        let secret = secrets
                            .query_row([transform.project().as_str()], |row| row.get(0))
                            .optional()?
                            .ok_or(Error::Corrupt("a transform without the secret of its project"))?;
                        Ok((transform, secret))
                    })
                    .collect()
            })
            .await
    }

    /// Adds a transform, or changes the one of this name. Its project gets `fresh` as its secret, unless it has one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_transform(
        &self,
        transform: Transform,
        fresh: ProjectSecret,
        who: &str,
    ) -> Result<(), Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        let document = serde_json::to_string(&transform).map_err(|_| Error::Corrupt("a transform"))?;
        self.engine
            .write(Durability::Synced, move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO project (name, secret) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                    )?
                    .execute((transform.project().as_str(), fresh))?;
                connection
                    .prepare_cached(
                        "INSERT INTO transform (name, document) VALUES (?1, ?2)
                         ON CONFLICT (name) DO UPDATE SET document = excluded.document",
                    )?
                    .execute((transform.name.as_str(), document))?;
                audit::change(connection, now, &who, "transform-put", transform.name.as_str())
            })
            .await
    }

    /// Removes a transform; says whether there was one. The secret of its project stays.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_transform(&self, name: RemoteName, who: &str) -> Result<bool, Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| {
                let removed = connection
                    .prepare_cached("DELETE FROM transform WHERE name = ?1")?
                    .execute([name.as_str()])?;
                if removed > 0 {
                    audit::change(connection, now, &who, "transform-remove", name.as_str())?;
                }
                Ok(removed > 0)
            })
            .await
    }

    /// The secret of a project.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn project_secret(&self, project: RemoteName) -> Result<Option<ProjectSecret>, Error> {
        self.engine
            .read(move |connection| {
                let mut statement =
                    connection.prepare_cached("SELECT secret FROM project WHERE name = ?1")?;
                Ok(statement.query_row([project.as_str()], |row| row.get(0)).optional()?)
            })
            .await
    }
}
