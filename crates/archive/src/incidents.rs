//! The book of incidents: what was refused to whom, how often, and what would change it; for `causeway doctor`.
//!
//! Doors and workers note what happens; the book keeps one record for the same thing. It is held in memory and
//! written to the catalog now and then, so that a peer that is refused without end costs no more than one that is
//! refused once.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use causeway_catalog::Catalog;
use causeway_core::incident::Peer;
use causeway_core::{Incident, IncidentKind, IncidentRecord, Permission, Principal};
use jiff::Timestamp;

use crate::error::SearchError;
use crate::{Archive, access};

/// Most records kept; of more the one that happened longest ago is forgotten.
pub const MAX_RECORDS: usize = 1000;
/// How often what is new is written.
const PAUSE_BETWEEN_WRITES: Duration = Duration::from_secs(2);
/// Longest text of a record, in characters.
const MAX_TEXT_CHARS: usize = 512;

/// What makes two incidents the same thing.
type Thing = (IncidentKind, Peer, String);

/// The book.
#[derive(Debug, Default)]
pub(crate) struct Book(Mutex<Pages>);

#[derive(Debug, Default)]
struct Pages {
    records: BTreeMap<Thing, IncidentRecord>,
    /// What was noted since it was last written.
    unwritten: Vec<Thing>,
}

impl Book {
    pub(crate) async fn load(catalog: &Catalog) -> Result<Self, causeway_catalog::Error> {
        let limit = u32::try_from(MAX_RECORDS).unwrap_or(u32::MAX);
        let records = catalog.incidents(limit).await?;
        let records = records.into_iter().map(|record| (thing(&record), record)).collect();
        Ok(Self(Mutex::new(Pages { records, unwritten: Vec::new() })))
    }

    fn pages(&self) -> std::sync::MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, incident: Incident, now: Timestamp) {
        let Incident { kind, peer, subject, words, remedy } = incident;
        let (subject, words) = (cut(subject), cut(words));
        let key = (kind, peer.clone(), subject.clone());
        let mut pages = self.pages();
        let pages = &mut *pages;
        let record = pages.records.entry(key.clone()).or_insert_with(|| IncidentRecord {
            kind,
            peer,
            subject,
            words: String::new(),
            remedy: None,
            count: 0,
            first_at: now,
            last_at: now,
        });
        record.words = words;
        record.remedy = remedy.map(cut);
        record.count = record.count.saturating_add(1);
        record.last_at = now;
        if !pages.unwritten.contains(&key) {
            pages.unwritten.push(key);
        }
        if pages.records.len() > MAX_RECORDS {
            let oldest = pages.records.values().min_by_key(|record| record.last_at).map(thing);
            if let Some(oldest) = oldest {
                pages.records.remove(&oldest);
                pages.unwritten.retain(|key| *key != oldest);
            }
        }
    }

    /// What is to be written; it counts as written from here on.
    fn take_unwritten(&self) -> Vec<IncidentRecord> {
        let mut pages = self.pages();
        let keys = std::mem::take(&mut pages.unwritten);
        keys.iter().filter_map(|key| pages.records.get(key).cloned()).collect()
    }

    /// The records, the latest first.
    fn list(&self) -> Vec<IncidentRecord> {
        let mut records: Vec<_> = self.pages().records.values().cloned().collect();
        records.sort_by_key(|record| std::cmp::Reverse(record.last_at));
        records
    }

    fn forget(&self) {
        *self.pages() = Pages::default();
    }
}

fn thing(record: &IncidentRecord) -> Thing {
    (record.kind, record.peer.clone(), record.subject.clone())
}

fn cut(text: String) -> String {
    if text.len() <= MAX_TEXT_CHARS { text } else { text.chars().take(MAX_TEXT_CHARS).collect() }
}

impl Archive {
    /// Notes what happened. Costs nothing that anyone would wait for.
    pub fn note(&self, incident: Incident) {
        self.inner.incidents.note(incident, self.inner.clock.now());
    }

    /// What was refused, the latest first.
    ///
    /// # Errors
    /// When the caller is no administrator.
    pub fn incidents(&self, principal: &Principal) -> Result<Vec<IncidentRecord>, SearchError> {
        access::allow(principal, Permission::Admin)?;
        Ok(self.inner.incidents.list())
    }

    /// Forgets what was refused so far.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn forget_incidents(&self, principal: &Principal) -> Result<(), SearchError> {
        access::allow(principal, Permission::Admin)?;
        self.inner.incidents.forget();
        Ok(self.inner.catalog.forget_incidents().await?)
    }

    /// Writes what is noted until `shutdown` completes, and once more then. One such task runs per node.
    pub async fn keep_incidents_until(&self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        loop {
            let is_over = tokio::select! {
                () = tokio::time::sleep(PAUSE_BETWEEN_WRITES) => false,
                () = &mut shutdown => true,
            };
            let records = self.inner.incidents.take_unwritten();
            let keep = u32::try_from(MAX_RECORDS).unwrap_or(u32::MAX);
            if !records.is_empty()
                && let Err(error) = self.inner.catalog.put_incidents(records, keep).await
            {
                tracing::warn!(%error, "refusals could not be written down; they are known until the node stops");
            }
            if is_over {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incident(peer: u32, words: &str) -> Incident {
        Incident {
            kind: IncidentKind::Rejected,
            peer: Peer { address: std::net::Ipv4Addr::from(peer).into(), ae_title: "PACS1".to_owned() },
            subject: "ARCHIVE".to_owned(),
            words: words.to_owned(),
            remedy: None,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_same_thing_is_one_record_that_counts() {
        let book = Book::default();
        book.note(incident(1, "first"), at(1));
        book.note(incident(1, "second"), at(9));
        let [record] = &book.list()[..] else { panic!() };
        assert_eq!((record.count, record.words.as_str()), (2, "second"));
        assert_eq!((record.first_at, record.last_at), (at(1), at(9)));
        assert_eq!(book.take_unwritten().len(), 1);
        assert!(book.take_unwritten().is_empty());
    }

    #[test]
    fn of_more_than_the_book_holds_the_oldest_is_forgotten() {
        let book = Book::default();
        for peer in 0..=u32::try_from(MAX_RECORDS).unwrap() {
            book.note(incident(peer, ""), at(i64::from(peer)));
        }
        let records = book.list();
        assert_eq!(records.len(), MAX_RECORDS);
        assert!(records.iter().all(|record| record.last_at > at(0)));
        assert_eq!(book.take_unwritten().len(), MAX_RECORDS);
    }

    #[test]
    fn a_text_is_kept_up_to_its_bound() {
        for (length, kept) in [(511, 511), (512, 512), (513, 512)] {
            let book = Book::default();
            book.note(incident(1, &"x".repeat(length)), at(1));
            assert_eq!(book.list()[0].words.len(), kept);
        }
    }
}
