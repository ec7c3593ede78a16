//! Webhooks as rows: who is told of events, how far it has taken them, and how it fares.

use causeway_core::{EventKind, RemoteName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Catalog;
use crate::audit;
use crate::delivery::moment;
use crate::engine::{Durability, Row};
use crate::error::Error;
use crate::events;

/// Someone who is told of events over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookRecord {
    /// What an administrator calls it.
    pub name: RemoteName,
    /// Where events are posted.
    pub url: String,
    /// What is signed with, in hexadecimal digits.
    pub secret: String,
    /// Of which kinds; none: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<EventKind>,
}

/// How a webhook fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Who it is.
    pub record: WebhookRecord,
    /// The last event that it took.
    pub after: i64,
    /// Failures in a row.
    pub failures: u32,
    /// When it is told next.
    pub next_at: Timestamp,
    /// What it answered last.
    pub words: Option<String>,
    /// When that was.
    pub changed_at: Timestamp,
}

/// From where on a webhook is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Since {
    /// What happens from now on; a known one goes on where it is.
    #[default]
    Now,
    /// Everything that is known.
    Beginning,
}

impl Catalog {
    /// Adds a webhook, or changes the one of its name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_webhook(&self, record: WebhookRecord, since: Since, who: &str) -> Result<(), Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        let document = serde_json::to_string(&record).map_err(|_| Error::Corrupt("a webhook"))?;
        self.engine
            .write(Durability::Synced, move |connection| {
                let after = match since {
                    Since::Now => events::last(connection)?,
                    Since::Beginning => 0,
                };
                connection
                    .prepare_cached(
                        "INSERT INTO webhook (name, document, after, failures, next_at, changed_at)
                         VALUES (?1, ?2, ?3, 0, ?4, ?4)
                         ON CONFLICT (name) DO UPDATE SET document = excluded.document, failures = 0,
                         next_at = excluded.next_at, after = CASE WHEN ?5 <> 0 THEN 0 ELSE webhook.after END",
                    )?
                    .execute((record.name.as_str(), document, after, now, since == Since::Beginning))?;
                audit::append(connection, now, &who, "webhook-put", record.name.as_str())
            })
            .await
    }

    /// Removes a webhook; says whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_webhook(&self, name: RemoteName, who: &str) -> Result<bool, Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| {
                let removed = connection
                    .prepare_cached("DELETE FROM webhook WHERE name = ?1")?
                    .execute([name.as_str()])?;
                if removed > 0 {
                    audit::append(connection, now, &who, "webhook-remove", name.as_str())?;
                }
                Ok(removed > 0)
            })
            .await
    }

    /// All webhooks, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn webhooks(&self) -> Result<Vec<Webhook>, Error> {
        self.engine
            .read(|connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT document, after, failures, next_at, words, changed_at FROM webhook ORDER BY name",
                )?;
                let mut rows = statement.query([])?;
                let mut webhooks = Vec::new();
                while let Some(row) = &rows.next()? {
                    webhooks.push(webhook(row)?);
                }
                Ok(webhooks)
            })
            .await
    }

    /// Writes how far a webhook has taken events, or that it failed: it is told next at `next_at`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn webhook_told(
        &self,
        name: RemoteName,
        after: i64,
        failures: u32,
        next_at: Timestamp,
        words: String,
    ) -> Result<(), Error> {
        let now = self.now_ms();
        // What a crash takes back it is told once more.
        self.engine
            .write(Durability::Replayable, move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE webhook SET after = max(after, ?2), failures = ?3, next_at = ?4, words = ?5,
                         changed_at = ?6 WHERE name = ?1",
                    )?
                    .execute((name.as_str(), after, failures, next_at.as_millisecond(), words, now))?;
                Ok(())
            })
            .await
    }
}

fn webhook(row: &Row<'_>) -> Result<Webhook, Error> {
    let record: WebhookRecord =
        serde_json::from_str(&row.get::<String>(0)?).map_err(|_| Error::Corrupt("a webhook"))?;
    Ok(Webhook {
        record,
        after: row.get(1)?,
        failures: row.get(2)?,
        next_at: moment(row.get(3)?),
        words: row.get(4)?,
        changed_at: moment(row.get(5)?),
    })
}
