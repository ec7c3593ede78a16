//! Rules as rows.

use causeway_core::RemoteName;
use causeway_core::keeping::retention::Rule;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Catalog;
use crate::audit;
use crate::delivery::{moment, name};
use crate::engine::{Connection, Durability};
use crate::error::Error;

/// A rule, and whether it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RetentionRule {
    /// What an administrator calls it.
    pub name: RemoteName,
    /// What it says.
    #[serde(flatten)]
    pub rule: Rule,
    /// Whether studies go by it.
    pub standing: Standing,
    /// When it was last changed.
    pub changed_at: Timestamp,
}

/// Whether studies go by a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// They do not: it is only previewed.
    #[default]
    Disabled,
    /// They do.
    Enabled,
}

impl Standing {
    /// Whether studies go.
    #[must_use]
    pub const fn is_enabled(self) -> bool {
        matches!(self, Self::Enabled)
    }
}

impl Catalog {
    /// Adds a rule, or changes the one of its name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_rule(&self, rule: RetentionRule, who: &str) -> Result<(), Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        let document = serde_json::to_string(&rule.rule).map_err(|_| Error::Corrupt("a retention rule"))?;
        self.engine
            .write(Durability::Synced, move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO retention (name, document, enabled, changed_at) VALUES (?1, ?2, ?3, ?4)
                         ON CONFLICT (name) DO UPDATE SET document = excluded.document, enabled = excluded.enabled,
                         changed_at = excluded.changed_at",
                    )?
                    .execute((rule.name.as_str(), document, rule.standing.is_enabled(), now))?;
                audit::append(connection, now, &who, "retention-put", rule.name.as_str())
            })
            .await
    }

    /// Has a rule be kept, or not; says whether there is one of this name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn enable_rule(&self, name: RemoteName, standing: Standing, who: &str) -> Result<bool, Error> {
        let sql = "UPDATE retention SET enabled = ?2, changed_at = ?3 WHERE name = ?1";
        let verb = match standing {
            Standing::Enabled => "retention-enable",
            Standing::Disabled => "retention-disable",
        };
        let (now, who) = (self.now_ms(), who.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| {
                let changed =
                    connection.prepare_cached(sql)?.execute((name.as_str(), standing.is_enabled(), now))?;
                noted(connection, changed, now, &who, verb, &name)
            })
            .await
    }

    /// Removes a rule; says whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_rule(&self, name: RemoteName, who: &str) -> Result<bool, Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| {
                let removed = connection
                    .prepare_cached("DELETE FROM retention WHERE name = ?1")?
                    .execute([name.as_str()])?;
                noted(connection, removed, now, &who, "retention-remove", &name)
            })
            .await
    }

    /// All rules, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rules(&self) -> Result<Vec<RetentionRule>, Error> {
        self.engine
            .read(|connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT name, document, enabled, changed_at FROM retention ORDER BY name",
                )?;
                let mut rows = statement.query([])?;
                let mut rules = Vec::new();
                while let Some(row) = rows.next()? {
                    let rule = serde_json::from_str(&row.get::<String>(1)?);
                    rules.push(RetentionRule {
                        name: name(&row.get::<String>(0)?)?,
                        rule: rule.map_err(|_| Error::Corrupt("a retention rule"))?,
                        standing: if row.get(2)? { Standing::Enabled } else { Standing::Disabled },
                        changed_at: moment(row.get(3)?),
                    });
                }
                Ok(rules)
            })
            .await
    }
}

/// A line in the trail, where something was changed.
fn noted(
    connection: &Connection,
    changed: usize,
    now: i64,
    who: &str,
    verb: &str,
    name: &RemoteName,
) -> Result<bool, Error> {
    if changed > 0 {
        audit::append(connection, now, who, verb, name.as_str())?;
    }
    Ok(changed > 0)
}
