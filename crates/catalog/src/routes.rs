//! Routes as rows: a name, a place in the order, a document. What a condition means is not known here.

use causeway_core::{Late, Priority, RemoteName, Schedule, Trigger};
use serde::{Deserialize, Serialize};

use crate::Catalog;
use crate::audit;
use crate::engine::Durability;
use crate::error::Error;

/// A route: which instances go to which remotes, when, and before what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteRecord {
    /// What an administrator calls it.
    pub name: RemoteName,
    /// The condition, in CEL.
    pub when: String,
    /// Where to: each of them.
    #[serde(deserialize_with = "one_or_more")]
    pub to: Vec<RemoteName>,
    /// When.
    pub trigger: Trigger,
    /// What it goes before.
    #[serde(default, skip_serializing_if = "is_default")]
    pub priority: Priority,
    /// Whether later routes are asked of what this one takes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub then: Then,
    /// Whether it is asked of everything, or only of what no other takes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub role: Role,
    /// When it sends; outside of that it keeps what it has.
    #[serde(default, skip_serializing_if = "Schedule::is_always")]
    pub schedule: Schedule,
    /// How long it keeps back what is ready, in seconds.
    #[serde(default, skip_serializing_if = "is_default")]
    pub delay_seconds: u32,
    /// What it does with what comes after the study or series was sent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub late: Late,
    /// How it makes sure that a study or series is complete.
    #[serde(default, skip_serializing_if = "is_default")]
    pub completeness: Completeness,
    /// Which earlier studies of the patient it sends along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priors: Option<Priors>,
}

/// Which earlier studies of a patient are sent along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Priors {
    /// The latest ones, so many at most.
    pub most: u32,
    /// Not older than so many years before the study; none: of any age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub years: Option<u32>,
    /// What they have in common with it; nothing: they are the same patient's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub same: Vec<Alike>,
}

/// What an earlier study has in common with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alike {
    /// One of its modalities.
    Modality,
    /// One of the body parts that its series name.
    BodyPart,
}

/// Whether later routes are asked of what a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Then {
    /// They are.
    #[default]
    Continue,
    /// They are not.
    Stop,
}

/// Of what a route is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Of everything.
    #[default]
    Ordinary,
    /// Of what no ordinary route takes.
    Fallback,
}

/// How a route makes sure that a study or series is complete before it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Completeness {
    /// Who is asked what there is.
    pub ask: Ask,
    /// How long what is not here yet is waited for, in seconds from when the first came.
    pub wait_seconds: u32,
}

/// How long what is not here yet is waited for when nothing else is said.
pub const DEFAULT_WAIT_SECONDS: u32 = 15 * 60;

impl Default for Completeness {
    fn default() -> Self {
        Self { ask: Ask::default(), wait_seconds: DEFAULT_WAIT_SECONDS }
    }
}

/// Who is asked what there is of a study.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ask {
    /// The remote that sent its first instance, where it can be called.
    #[default]
    Sender,
    /// Nobody: it goes when it has been quiet, unless a manifest says what is missing.
    Nobody,
    /// This one.
    Remote(RemoteName),
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// One name, or a list of some.
fn one_or_more<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<RemoteName>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMore {
        One(RemoteName),
        More(Vec<RemoteName>),
    }
    Ok(match OneOrMore::deserialize(deserializer)? {
        OneOrMore::One(name) => vec![name],
        OneOrMore::More(names) => names,
    })
}

impl RouteRecord {
    /// A route that does nothing but send what it catches.
    #[must_use]
    pub fn plain(name: RemoteName, when: impl Into<String>, to: RemoteName, trigger: Trigger) -> Self {
        Self {
            name,
            when: when.into(),
            to: vec![to],
            trigger,
            priority: Priority::default(),
            then: Then::default(),
            role: Role::default(),
            schedule: Schedule::default(),
            delay_seconds: 0,
            late: Late::default(),
            completeness: Completeness::default(),
            priors: None,
        }
    }
}

/// Where in the order a route is put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// Before all others.
    First,
    /// After all others.
    Last,
    /// Right before this one.
    Before(RemoteName),
}

impl Catalog {
    /// All routes in their order: that in which they were first added, but for those that were moved.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn routes(&self) -> Result<Vec<RouteRecord>, Error> {
        self.engine
            .read(|connection| {
                let mut statement =
                    connection.prepare_cached("SELECT document FROM route ORDER BY position")?;
                let documents = statement.query_map([], |row| row.get::<String>(0))?;
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
                audit::change(connection, now, &who, "route-put", route.name.as_str())
            })
            .await
    }

    /// Moves a route to another place in the order; says whether it, and the one that it is put before, are there.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn move_route(&self, name: RemoteName, place: Place, who: &str) -> Result<bool, Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| {
                let mut order: Vec<String> = connection
                    .prepare_cached("SELECT name FROM route ORDER BY position")?
                    .query_map([], |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
                let Some(from) = order.iter().position(|known| known == name.as_str()) else {
                    return Ok(false);
                };
                let moved = order.remove(from);
                let to = match &place {
                    Place::First => Some(0),
                    Place::Last => Some(order.len()),
                    Place::Before(other) => order.iter().position(|known| known == other.as_str()),
                };
                let Some(to) = to else { return Ok(false) };
                order.insert(to, moved);
                let mut put = connection.prepare_cached("UPDATE route SET position = ?2 WHERE name = ?1")?;
                for (position, name) in order.iter().enumerate() {
                    put.execute((name, position + 1))?;
                }
                audit::change(connection, now, &who, "route-move", name.as_str())?;
                Ok(true)
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
                    audit::change(connection, now, &who, "route-remove", name.as_str())?;
                }
                Ok(removed > 0)
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_of_one_remote_is_read_and_what_is_not_said_is_not_written() {
        let document =
            r#"{"name":"r","when":"true","to":"reader","trigger":{"on":"study","quiet_seconds":60}}"#;
        let route: RouteRecord = serde_json::from_str(document).unwrap();
        let name = |text: &str| text.parse().unwrap();
        let trigger = Trigger::Study { quiet_seconds: 60 };
        assert_eq!(route, RouteRecord::plain(name("r"), "true", name("reader"), trigger));
        let written = serde_json::to_string(&route).unwrap();
        assert_eq!(written, document.replace("\"reader\"", "[\"reader\"]"));
        assert_eq!(serde_json::from_str::<RouteRecord>(&written).unwrap(), route);
        assert!(serde_json::from_str::<RouteRecord>(&document.replace("when", "whenn")).is_err());
    }
}
