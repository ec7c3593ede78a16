//! The book of incidents: what was refused to whom, how often, and what would change it; for `causeway doctor`.
//!
//! Doors and workers note what happens; the book keeps one record for the same thing. What is new is held in memory and
//! added to the catalog now and then, so that a peer that is refused without end costs no more than one that is refused
//! once. Nodes that share a catalog share the book.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use causeway_core::incident::Peer;
use causeway_core::{Incident, IncidentKind, IncidentRecord, Permission, Principal};
use jiff::Timestamp;

use crate::error::SearchError;
use crate::{Archive, access};

/// Most records kept; of more the one that happened longest ago is forgotten.
pub const MAX_RECORDS: usize = KEPT as usize;
const KEPT: u32 = 1000;
/// How often what is new is written.
const PAUSE_BETWEEN_WRITES: Duration = Duration::from_secs(2);
/// Longest text of a record, in characters.
const MAX_TEXT_CHARS: usize = 512;

/// What makes two incidents the same thing.
type Thing = (IncidentKind, Peer, String);

/// What was noted since it was last written.
#[derive(Debug, Default)]
pub(crate) struct Book {
    unwritten: Mutex<BTreeMap<Thing, IncidentRecord>>,
    /// Held while some is written, which is in neither place then.
    writing: tokio::sync::Mutex<()>,
}

impl Book {
    fn unwritten(&self) -> std::sync::MutexGuard<'_, BTreeMap<Thing, IncidentRecord>> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, incident: Incident, now: Timestamp) {
        let Incident { kind, peer, subject, words, remedy } = incident;
        let (subject, words, remedy) = (cut(subject), cut(words), remedy.map(cut));
        let (first_at, last_at, count) = (now, now, 1);
        self.put_back(vec![IncidentRecord { kind, peer, subject, words, remedy, count, first_at, last_at }]);
    }

    /// Keeps records until they are written.
    fn put_back(&self, records: Vec<IncidentRecord>) {
        let mut unwritten = self.unwritten();
        for record in records {
            add(&mut unwritten, record);
        }
        while unwritten.len() > MAX_RECORDS {
            let oldest = unwritten.values().min_by_key(|record| record.last_at).map(thing);
            let Some(oldest) = oldest else { return };
            unwritten.remove(&oldest);
        }
    }

    /// What is to be written; it is to be put back where that fails.
    fn take_unwritten(&self) -> Vec<IncidentRecord> {
        std::mem::take(&mut *self.unwritten()).into_values().collect()
    }

    /// The records, those that are `written` among them, the latest first.
    fn list(&self, written: Vec<IncidentRecord>) -> Vec<IncidentRecord> {
        let mut all = self.unwritten().clone();
        for record in written {
            add(&mut all, record);
        }
        let mut records: Vec<_> = all.into_values().collect();
        records.sort_by_key(|record| std::cmp::Reverse(record.last_at));
        records.truncate(MAX_RECORDS);
        records
    }
}

fn add(records: &mut BTreeMap<Thing, IncidentRecord>, record: IncidentRecord) {
    match records.entry(thing(&record)) {
        Entry::Occupied(mut there) => there.get_mut().add(record),
        Entry::Vacant(place) => drop(place.insert(record)),
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
    /// When the caller is no administrator, or the catalog fails.
    pub async fn incidents(&self, principal: &Principal) -> Result<Vec<IncidentRecord>, SearchError> {
        access::allow(principal, Permission::Admin)?;
        let _writing = self.inner.incidents.writing.lock().await;
        let written = self.inner.catalog.incidents(KEPT).await?;
        Ok(self.inner.incidents.list(written))
    }

    /// Forgets what was refused so far.
    ///
    /// # Errors
    /// When the caller is no administrator, or the catalog fails.
    pub async fn forget_incidents(&self, principal: &Principal) -> Result<(), SearchError> {
        access::allow(principal, Permission::Admin)?;
        self.inner.incidents.take_unwritten();
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
            let _writing = self.inner.incidents.writing.lock().await;
            let records = self.inner.incidents.take_unwritten();
            if !records.is_empty()
                && let Err(error) = self.inner.catalog.add_incidents(records.clone(), KEPT).await
            {
                tracing::warn!(%error, "refusals could not be written down; they are known until the node stops");
                self.inner.incidents.put_back(records);
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
        let [record] = &book.list(Vec::new())[..] else { panic!() };
        assert_eq!((record.count, record.words.as_str()), (2, "second"));
        assert_eq!((record.first_at, record.last_at), (at(1), at(9)));
        assert_eq!(book.take_unwritten().len(), 1);
        assert!(book.take_unwritten().is_empty());
    }

    #[test]
    fn what_is_written_and_what_is_not_is_one_record() {
        let book = Book::default();
        book.note(incident(1, "earlier"), at(3));
        let written = book.take_unwritten();
        book.note(incident(1, "later"), at(9));
        let [record] = &book.list(written.clone())[..] else { panic!() };
        assert_eq!((record.count, record.words.as_str(), record.first_at), (2, "later", at(3)));
        // It could not be written.
        book.put_back(written);
        let [record] = &book.list(Vec::new())[..] else { panic!() };
        assert_eq!((record.count, record.words.as_str(), record.first_at), (2, "later", at(3)));
    }

    #[test]
    fn of_more_than_the_book_holds_the_oldest_is_forgotten() {
        let book = Book::default();
        for peer in 0..=u32::try_from(MAX_RECORDS).unwrap() {
            book.note(incident(peer, ""), at(i64::from(peer)));
        }
        let records = book.list(Vec::new());
        assert_eq!(records.len(), MAX_RECORDS);
        assert!(records.iter().all(|record| record.last_at > at(0)));
        assert_eq!(book.take_unwritten().len(), MAX_RECORDS);
    }

    #[test]
    fn a_text_is_kept_up_to_its_bound() {
        for (length, kept) in [(511, 511), (512, 512), (513, 512)] {
            let book = Book::default();
            book.note(incident(1, &"x".repeat(length)), at(1));
            assert_eq!(book.list(Vec::new())[0].words.len(), kept);
        }
    }
}
