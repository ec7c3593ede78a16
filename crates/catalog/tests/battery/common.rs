//! Makers of records and the small words that the tests of the catalog share.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use causeway_catalog::{Catalog, Inserted, OnConflict, Removing, Server};
use causeway_core::keeping::{Age, Reason, Removal};
use causeway_core::query::{Key, Matching, Returned};
use causeway_core::{
    Attributes, Digest, Door, Element, Envelope, Identifiers, InstanceRecord, Level, ManualClock, ObjectKey,
    PatientKey, PlannedDelivery, Query, Selection, Sight, StoredInstance, Tag, Uid, Vr,
};
use causeway_testkit::database::Database;
use jiff::Timestamp;
use tempfile::TempDir;

/// CT Image Storage.
pub(crate) const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
/// MR Image Storage.
pub(crate) const MR: &str = "1.2.840.10008.5.1.4.1.1.4";
/// Explicit VR Little Endian.
pub(crate) const EXPLICIT: &str = "1.2.840.10008.1.2.1";

/// Where a subject has its catalog.
enum Home {
    File(TempDir),
    Server(Box<Server>),
}

impl Home {
    fn make() -> Self {
        if crate::ON_A_SERVER {
            Self::Server(Box::new(server()))
        } else {
            Self::File(tempfile::tempdir().unwrap())
        }
    }

    async fn open(&self, clock: &Arc<ManualClock>) -> Catalog {
        match self {
            Self::File(folder) => {
                Catalog::open(&folder.path().join("catalog.db"), clock.clone()).await.unwrap()
            }
            Self::Server(server) => Catalog::connect(*server.clone(), clock.clone()).await.unwrap(),
        }
    }
}

/// An empty database. On a machine without PostgreSQL there is nothing that could be tested.
fn server() -> Server {
    let Some(database) = Database::fresh().unwrap() else {
        std::process::exit(0);
    };
    Server::parse(&database.url()).unwrap()
}

pub(crate) struct Subject {
    home: Home,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) catalog: Catalog,
}

impl Subject {
    pub(crate) async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_second(1_700_000_000).unwrap()));
        let home = Home::make();
        let catalog = home.open(&clock).await;
        Self { home, clock, catalog }
    }

    pub(crate) async fn reopened(self) -> Self {
        let Self { home, clock, catalog } = self;
        drop(catalog);
        let catalog = home.open(&clock).await;
        Self { home, clock, catalog }
    }

    pub(crate) async fn insert(&self, record: InstanceRecord) -> Inserted {
        self.catalog.insert(record, Vec::new(), OnConflict::KeepFirst).await.unwrap()
    }

    pub(crate) async fn insert_with(
        &self,
        record: InstanceRecord,
        deliveries: Vec<PlannedDelivery>,
    ) -> Inserted {
        self.catalog.insert(record, deliveries, OnConflict::KeepFirst).await.unwrap()
    }

    pub(crate) async fn replace(&self, record: InstanceRecord) -> Inserted {
        self.catalog.insert(record, Vec::new(), OnConflict::Replace).await.unwrap()
    }

    /// Removes; nothing is on hold.
    pub(crate) async fn delete(
        &self,
        selection: Selection,
        sight: Sight,
        removal: Removal,
    ) -> Vec<StoredInstance> {
        match self.catalog.delete(selection, sight, removal).await.unwrap() {
            Removing::Done(removed) => removed,
            Removing::Held(hold) => panic!("{hold:?}"),
        }
    }

    pub(crate) async fn search(&self, query: Query) -> Vec<Attributes> {
        let mut answers = self.catalog.search(query).await.unwrap();
        let mut all = Vec::new();
        while let Some(answer) = answers.next().await.unwrap() {
            all.push(answer);
        }
        all
    }

    /// The answers to `query`, and how many there are behind its limit, counting up to `up_to`.
    pub(crate) async fn page(&self, query: Query, up_to: u64) -> (Vec<Attributes>, u64) {
        let mut answers = self.catalog.search(query).await.unwrap();
        let mut page = Vec::new();
        while let Some(answer) = answers.next().await.unwrap() {
            page.push(answer);
        }
        (page, answers.behind(up_to).await.unwrap())
    }

    /// The values of `tag` in the answers to `query`, in their order.
    pub(crate) async fn found(&self, query: Query, tag: Tag) -> Vec<String> {
        self.search(query).await.iter().map(|answer| text(answer, tag)).collect()
    }
}

/// A removal without grace.
pub(crate) fn asked(who: &str) -> Removal {
    Removal { who: who.to_owned(), reason: Reason::Asked, grace: Age::ZERO }
}

/// The first value at `tag`, or nothing.
pub(crate) fn text(attributes: &Attributes, tag: Tag) -> String {
    attributes.first(tag).unwrap_or_default().to_owned()
}

/// All values at `tag`.
pub(crate) fn values(attributes: &Attributes, tag: Tag) -> Vec<String> {
    attributes.get(tag).map(Element::values).unwrap_or_default().to_vec()
}

pub(crate) fn uid(text: &str) -> Uid {
    Uid::parse(text).unwrap()
}

/// A fresh key.
pub(crate) fn object() -> ObjectKey {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    ObjectKey::parse(&format!("{:032x}", NEXT.fetch_add(1, Ordering::Relaxed))).unwrap()
}

/// A record of `1.2.<study>`, `1.2.<study>.<series>`, `1.2.<study>.<series>.<instance>`, whose digest follows
/// from its UIDs.
pub(crate) fn record(study: u32, series: u32, instance: u32) -> InstanceRecord {
    let ids = Identifiers {
        study: uid(&format!("1.2.{study}")),
        series: uid(&format!("1.2.{study}.{series}")),
        instance: uid(&format!("1.2.{study}.{series}.{instance}")),
    };
    let mut digest = [0; 32];
    for (place, number) in digest.chunks_exact_mut(4).zip([study, series, instance]) {
        place.copy_from_slice(&number.to_be_bytes());
    }
    let patient = PatientKey { id: format!("P{study}"), issuer: String::new() };
    let mut attributes = Attributes::new();
    attributes.put_text(Tag::PATIENT_ID, Vr::LO, &patient.id);
    attributes.put_text(Tag::PATIENT_NAME, Vr::PN, format!("Doe^John{study}"));
    attributes.put_text(Tag::STUDY_INSTANCE_UID, Vr::UI, ids.study.as_str());
    attributes.put_text(Tag::SERIES_INSTANCE_UID, Vr::UI, ids.series.as_str());
    attributes.put_text(Tag::SOP_INSTANCE_UID, Vr::UI, ids.instance.as_str());
    attributes.put_text(Tag::SOP_CLASS_UID, Vr::UI, CT);
    attributes.put_text(Tag::MODALITY, Vr::CS, "CT");
    attributes.put_text(Tag::ACCESSION_NUMBER, Vr::SH, format!("A{study}"));
    attributes.put_text(Tag::STUDY_DATE, Vr::DA, "20240131");
    attributes.put_text(Tag::STUDY_TIME, Vr::TM, "101500");
    attributes.put_text(Tag::SERIES_NUMBER, Vr::IS, series.to_string());
    attributes.put_text(Tag::INSTANCE_NUMBER, Vr::IS, instance.to_string());
    InstanceRecord {
        patient,
        ids,
        sop_class: uid(CT),
        transfer_syntax: uid(EXPLICIT),
        object: object(),
        object_bytes: 1000,
        data_set_offset: 400,
        digest: Digest(digest),
        envelope: Envelope {
            door: Door::Dimse,
            received_at: Timestamp::from_second(1_700_000_000).unwrap(),
            calling_ae: None,
            remote: None,
            source_address: None,
            came_back: None,
            via: causeway_core::Via::default(),
        },
        attributes,
    }
}

pub(crate) trait With {
    /// The same with another value of `tag`; without the attribute when the value is empty.
    fn with(self, tag: Tag, vr: Vr, value: &str) -> Self;
    fn of_patient(self, id: &str, issuer: &str) -> Self;
    fn of_class(self, sop_class: &str, modality: &str) -> Self;
    /// The same UIDs, other bytes, another object.
    fn with_other_bytes(self) -> Self;
    /// The same UIDs and bytes, another object: sent once more.
    fn again(self) -> Self;
}

impl With for InstanceRecord {
    fn with(mut self, tag: Tag, vr: Vr, value: &str) -> Self {
        if value.is_empty() {
            self.attributes.remove(tag);
        } else {
            let values = value.split('\\').map(str::to_owned).collect();
            self.attributes.put(tag, Element::text(vr, values));
        }
        self
    }

    fn of_patient(mut self, id: &str, issuer: &str) -> Self {
        self.patient = PatientKey { id: id.to_owned(), issuer: issuer.to_owned() };
        self.with(Tag::PATIENT_ID, Vr::LO, id).with(Tag::ISSUER_OF_PATIENT_ID, Vr::LO, issuer)
    }

    fn of_class(mut self, sop_class: &str, modality: &str) -> Self {
        self.sop_class = uid(sop_class);
        self.with(Tag::SOP_CLASS_UID, Vr::UI, sop_class).with(Tag::MODALITY, Vr::CS, modality)
    }

    fn with_other_bytes(mut self) -> Self {
        self.digest.0[31] = self.digest.0[31].wrapping_add(1);
        self.again()
    }

    fn again(mut self) -> Self {
        self.object = object();
        self
    }
}

/// A key as a door makes it.
pub(crate) fn key(tag: Tag, vr: Vr, text: &str) -> Key {
    Key { tag, vr, matching: Matching::parse(vr, text).unwrap() }
}

/// A query with one key.
pub(crate) fn ask(level: Level, tag: Tag, vr: Vr, text: &str) -> Query {
    Query::all(level).with(key(tag, vr, text))
}

/// The same query, showing `tags` only.
pub(crate) fn showing(query: Query, tags: &[Tag]) -> Query {
    Query { returned: Returned::Only(tags.to_vec()), ..query }
}

/// The objects alone.
pub(crate) fn names(objects: &[causeway_core::ExpectedObject]) -> Vec<ObjectKey> {
    objects.iter().map(|expected| expected.object.clone()).collect()
}
