//! Routes as rows: a name, a place in the order, a document. What a condition means is not known here.

use causeway_core::{RemoteName, Trigger};
use serde::{Deserialize, Serialize};

use crate::Catalog;
use crate::audit;
use crate::engine::Durability;
use crate::error::Error;

/// A route: which instances go to which remote, when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteRecord {
    /// What an administrator calls it.
    pub name: RemoteName,
    /// The condition, in CEL.
    pub when: String,
    /// Where to.
    pub to: RemoteName,
    /// When.
    pub trigger: Trigger,
}

impl Catalog {
    /// All routes in the order in which they were first added.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn routes(&self) -> Result<Vec<RouteRecord>, Error> {
        self.engine
            .read(|connection| {
                let mut statement =
                    connection.prepare_cached("SELECT document FROM route ORDER BY position")?;
                let documents = statement.query_map([], |row| row.get::<_, String>(0))?;
                documents
                    .map(|document| serde_json::from_str(&document?).map_err(|_| Error::Corrupt("a route")))
                    .collect()
            })
            .await
    }

    /// Adds a route, or changes the one of this name, which keeps its place.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_route(&self, route: RouteRecord, who: &str) -> Result<(), Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        let document = serde_json::to_string(&route).map_err(|_| Error::Corrupt("a route"))?;
        self.engine
            .write(Durability::Synced, move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO route (name, position, document)
                         VALUES (?1, (SELECT coalesce(max(position), 0) + 1 FROM route), ?2)
                         ON CONFLICT (name) DO UPDATE SET document = excluded.document",
                    )?
                    .execute((route.name.as_str(), document))?;
                audit::append(connection, now, &who, "route-put", route.name.as_str())
            })
            .await
    }

    /// Removes a route; says whether there was one. What it caught before is still delivered.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_route(&self, name: RemoteName, who: &str) -> Result<bool, Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| {
                let removed = connection
                    .prepare_cached("DELETE FROM route WHERE name = ?1")?
                    .execute([name.as_str()])?;
                if removed > 0 {
                    audit::append(connection, now, &who, "route-remove", name.as_str())?;
                }
                Ok(removed > 0)
            })
            .await
    }
}
