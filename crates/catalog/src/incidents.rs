//! Incidents as rows: one for the same thing with the same peer, with a document of what is known of it.

use causeway_core::IncidentRecord;

use crate::Catalog;
use crate::engine::{Connection, Durability, OptionalExtension};
use crate::error::Error;

impl Catalog {
    /// The newest records, newest first.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn incidents(&self, limit: u32) -> Result<Vec<IncidentRecord>, Error> {
        self.engine
            .read(move |connection| {
                let mut statement = connection
                    .prepare_cached("SELECT document FROM incident ORDER BY last_at DESC LIMIT ?1")?;
                let documents = statement.query_map([limit], |row| row.get::<String>(0))?;
                documents.map(|document| read(&document?)).collect()
            })
            .await
    }

    /// Adds `records` to those of the same things, and keeps the newest `keep` of all. Not synced.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add_incidents(&self, records: Vec<IncidentRecord>, keep: u32) -> Result<(), Error> {
        self.engine
            .write(Durability::Replayable, move |connection| {
                for record in records {
                    add(connection, record)?;
                }
                connection
                    .prepare_cached(
                        "DELETE FROM incident WHERE last_at < (SELECT last_at FROM incident
                         ORDER BY last_at DESC LIMIT 1 OFFSET ?1)",
                    )?
                    .execute([keep.saturating_sub(1)])?;
                Ok(())
            })
            .await
    }

    /// Forgets all of them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_incidents(&self) -> Result<(), Error> {
        self.engine
            .write(Durability::Replayable, |connection| {
                connection.prepare_cached("DELETE FROM incident")?.execute([])?;
                Ok(())
            })
            .await
    }
}

fn add(connection: &Connection, mut record: IncidentRecord) -> Result<(), Error> {
    let (kind, address) = (record.kind.as_str(), record.peer.address.to_string());
    let there: Option<String> = connection
        .prepare_cached(
            "SELECT document FROM incident WHERE kind = ?1 AND address = ?2 AND ae_title = ?3 AND subject = ?4",
        )?
        .query_row((kind, address.as_str(), &record.peer.ae_title, &record.subject), |row| row.get(0))
        .optional()?;
    if let Some(document) = there {
        record.add(read(&document)?);
    }
    let document = serde_json::to_string(&record).map_err(|_| Error::Corrupt("an incident"))?;
    connection
        .prepare_cached(
            "INSERT INTO incident (kind, address, ae_title, subject, last_at, document)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (kind, address, ae_title, subject)
             DO UPDATE SET last_at = excluded.last_at, document = excluded.document",
        )?
        .execute((
            kind,
            address.as_str(),
            &record.peer.ae_title,
            &record.subject,
            record.last_at.as_millisecond(),
            document,
        ))?;
    Ok(())
}

fn read(document: &str) -> Result<IncidentRecord, Error> {
    serde_json::from_str(document).map_err(|_| Error::Corrupt("an incident"))
}
