//! An archive on a folder that goes away, and the small words that its tests share.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(dead_code, reason = "each test file is a crate of its own and uses what it needs")]

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use causeway_archive::dispatch::NoDispatcher;
use causeway_archive::{
    Accepted, Announced, Archive, Body, BodyError, Config, Dispatcher, IngestError, Wanted,
};
use causeway_catalog::Catalog;
use causeway_core::{
    Attributes, Class, Door, Envelope, Level, Principal, Query, Selection, SystemClock, Tag,
};
use causeway_store::{ObjectsConfig, Store};
use causeway_testkit::sample::{Modality, Sample, Study};
use jiff::Timestamp;
use tempfile::TempDir;

pub(crate) struct Subject {
    pub(crate) folder: TempDir,
    pub(crate) archive: Archive,
}

pub(crate) async fn open(folder: &Path, config: Config, dispatcher: Arc<dyn Dispatcher>) -> Archive {
    let store = Store::open(causeway_store::Config {
        spool: folder.join("spool"),
        objects: ObjectsConfig::Local(folder.join("objects")),
    });
    let catalog = Catalog::open(&folder.join("catalog.db"), Arc::new(SystemClock)).await.unwrap();
    Archive::open(store.await.unwrap(), catalog, Arc::new(SystemClock), dispatcher, config).await.unwrap()
}

impl Subject {
    pub(crate) async fn new() -> Self {
        Self::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let archive = open(folder.path(), config, Arc::new(NoDispatcher)).await;
        Self { folder, archive }
    }

    /// As after a crash: nothing is told to end, the files stay. `lose_catalog`: as when its log was not on disk.
    pub(crate) async fn restarted(self, lose_catalog: bool) -> Self {
        let Self { folder, archive } = self;
        drop(archive);
        if lose_catalog {
            for name in ["catalog.db", "catalog.db-wal", "catalog.db-shm"] {
                let _ = std::fs::remove_file(folder.path().join(name));
            }
        }
        // The spool's lock goes with the threads that held the last handle of the old store.
        let archive = loop {
            let path = folder.path().to_owned();
            match tokio::spawn(async move { open(&path, Config::default(), Arc::new(NoDispatcher)).await })
                .await
            {
                Ok(archive) => break archive,
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            }
        };
        Self { folder, archive }
    }

    pub(crate) async fn ingest(&self, sample: &Sample) -> Result<Accepted, IngestError> {
        self.ingest_body(sample, &mut Pieces::of(sample.data_set())).await
    }

    pub(crate) async fn ingest_body(
        &self,
        sample: &Sample,
        body: &mut Pieces,
    ) -> Result<Accepted, IngestError> {
        self.archive.ingest(&Principal::local(), envelope(), announced(sample), body, None).await
    }

    pub(crate) async fn read_back(&self, sample: &Sample) -> Option<Vec<u8>> {
        let ids = sample.ids.clone();
        let selection = Selection::instance(ids.study, ids.series, ids.instance);
        let found = self.archive.select(&Principal::local(), &selection).await.unwrap();
        let mut object = self.archive.open_instance(found.first()?, &Wanted::Stored).await.unwrap();
        let mut bytes = Vec::new();
        while let Some(chunk) = object.chunk().await.unwrap() {
            bytes.extend_from_slice(&chunk);
        }
        Some(bytes)
    }

    pub(crate) async fn search(&self, level: Level) -> Vec<Attributes> {
        let mut answers = self.archive.search(&Principal::local(), Query::all(level)).await.unwrap();
        let mut all = Vec::new();
        while let Some(answer) = answers.next().await.unwrap() {
            all.push(answer);
        }
        all
    }

    /// Has what is spooled move to its place.
    pub(crate) async fn settle(&self) {
        let mut bell = self.archive.commitment_bell();
        bell.mark_unchanged();
        // It settles at once, and rings.
        tokio::select! {
            () = self.archive.settle_until(std::future::pending()) => {}
            rung = bell.changed() => rung.unwrap(),
        }
    }

    /// Files in a folder of the node, by name.
    pub(crate) fn files(&self, folder: &str) -> Vec<String> {
        let mut pending = vec![self.folder.path().join(folder)];
        let mut files = Vec::new();
        while let Some(folder) = pending.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    pending.push(entry.path());
                } else if entry.file_name() != "lock" && !entry.file_name().to_string_lossy().starts_with('.')
                {
                    files.push(entry.file_name().to_string_lossy().into_owned());
                }
            }
        }
        files
    }
}

/// A study of small images.
pub(crate) fn study(seed: u64, instances: u32) -> Vec<Sample> {
    Study::new(seed, Modality::Mr, 1, instances).with_edge(16).instances().collect()
}

pub(crate) fn envelope() -> Envelope {
    Envelope {
        door: Door::Dimse,
        received_at: Timestamp::UNIX_EPOCH,
        calling_ae: None,
        remote: None,
        source_address: None,
        came_back: None,
        via: causeway_core::Via::default(),
    }
}

pub(crate) fn announced(sample: &Sample) -> Announced {
    Announced {
        sop_class: Some(sample.sop_class.clone()),
        sop_instance: Some(sample.ids.instance.clone()),
        transfer_syntax: sample.transfer_syntax.clone(),
    }
}

/// Seconds since 1970 as a study's first attribute tells nothing; the description does.
pub(crate) fn text(attributes: &Attributes, tag: Tag) -> &str {
    attributes.first(tag).unwrap_or_default()
}

/// A body in pieces, which may break off.
pub(crate) struct Pieces {
    pieces: Vec<Bytes>,
    breaks_off: bool,
}

impl Pieces {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut pieces: Vec<Bytes> = bytes.chunks(1000).map(Bytes::copy_from_slice).collect();
        pieces.reverse();
        Self { pieces, breaks_off: false }
    }

    /// The first `bytes` bytes, then the far side is gone.
    pub(crate) fn broken(bytes: &[u8]) -> Self {
        Self { breaks_off: true, ..Self::of(bytes) }
    }
}

impl Body for Pieces {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        match self.pieces.pop() {
            Some(piece) => Ok(Some(piece)),
            None if self.breaks_off => {
                Err(BodyError { words: "the peer is gone".to_owned(), class: Class::Transient })
            }
            None => Ok(None),
        }
    }
}
