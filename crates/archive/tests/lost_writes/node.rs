//! An archive on a folder, and what can be seen of it from outside.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use causeway_archive::{Announced, Archive, Config, Dispatcher, Wanted};
use causeway_catalog::delivery::{Filter, JobState};
use causeway_catalog::{Catalog, Commit};
use causeway_core::{
    Clock, Envelope, InstanceRecord, Level, PlannedDelivery, Principal, Query, Selection, Tag, Trigger,
};
use causeway_store::{ObjectsConfig, Store};
use causeway_testkit::sample::Sample;
use jiff::Timestamp;
use tempfile::TempDir;

use crate::common;

/// Instances that a story is about, and versions of each: the same UIDs, other bytes.
pub(crate) const ITEMS: usize = 3;
pub(crate) const VERSIONS: usize = 2;
/// More than a story makes.
const JOBS_MAX: u32 = 1000;

/// Openings of a new catalog until its log is in its file, and looks at it after each.
const OPENINGS_MAX: usize = 50;
const LOOKS: usize = 40;

/// A clock that goes on by a millisecond whenever it is looked at, so that no two moments are one.
struct Ticking;

static TICKS: AtomicI64 = AtomicI64::new(1_700_000_000_000);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(TICKS.fetch_add(1, Ordering::Relaxed)).unwrap()
    }
}

/// Sends everything to one place.
struct All;

impl Dispatcher for All {
    fn plan(&self, _: &InstanceRecord) -> Vec<PlannedDelivery> {
        let name = |text: &str| text.parse().unwrap();
        vec![PlannedDelivery::plain(name("all"), name("reader"), Trigger::Instance)]
    }
    fn nudge(&self) {}
}

/// What a story is about.
pub(crate) struct Items {
    pub(crate) samples: Vec<Sample>,
    /// By item and version.
    pub(crate) data_sets: Vec<[Vec<u8>; VERSIONS]>,
}

impl Items {
    pub(crate) fn new() -> Self {
        let samples = common::study(1, ITEMS as u32);
        let data_sets = samples.iter().map(|sample| {
            let first = sample.data_set().to_vec();
            let mut second = first.clone();
            *second.last_mut().unwrap() ^= 1;
            [first, second]
        });
        Self { data_sets: data_sets.collect(), samples }
    }

    pub(crate) fn announced(&self, item: usize) -> Announced {
        common::announced(&self.samples[item])
    }

    pub(crate) fn selection(&self, item: usize) -> Selection {
        let ids = self.samples[item].ids.clone();
        Selection::instance(ids.study, ids.series, ids.instance)
    }
}

pub(crate) fn envelope() -> Envelope {
    common::envelope()
}

/// A folder in memory, where the machine has such.
pub(crate) fn folder() -> TempDir {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() }.unwrap()
}

/// An open archive and its catalog.
pub(crate) struct Node {
    pub(crate) archive: Archive,
    catalog: Catalog,
    next_commit: Arc<Mutex<Commit>>,
}

impl Node {
    pub(crate) async fn open(root: &Path) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(Ticking);
        let store = Store::open(causeway_store::Config {
            spool: root.join("spool"),
            objects: ObjectsConfig::Local(root.join("objects")),
        });
        let catalog = Catalog::open(&root.join("catalog.db"), Arc::clone(&clock)).await.unwrap();
        let next_commit = Arc::new(Mutex::new(Commit::Done));
        let of_catalog = Arc::clone(&next_commit);
        catalog.watch_commits(move || take(&of_catalog));
        let store = store.await.unwrap();
        let archive = Archive::open(store, catalog.clone(), clock, Arc::new(All), Config::default()).await;
        Self { archive: archive.unwrap(), catalog, next_commit }
    }

    /// What becomes of the next commit.
    pub(crate) fn let_next_commit_be(&self, fate: Commit) {
        *self.next_commit.lock().unwrap_or_else(PoisonError::into_inner) = fate;
    }

    /// Whether the last that was said was for a commit; one that has not come is done, if it comes.
    pub(crate) fn was_commit_met(&self) -> bool {
        take(&self.next_commit) == Commit::Done
    }

    /// Which version of each item is here: searched, read, and to be delivered, which must agree.
    pub(crate) async fn seen(&self, items: &Items) -> Result<[Option<usize>; ITEMS], String> {
        let found = self.found().await?;
        let due = self.due().await?;
        let mut seen = [None; ITEMS];
        for (item, version) in seen.iter_mut().enumerate() {
            let uid = items.samples[item].ids.instance.as_str();
            *version = self.version(items, item).await?;
            let times = |uids: &[String]| uids.iter().filter(|one| *one == uid).count();
            let wanted = usize::from(version.is_some());
            if (times(&found), times(&due)) != (wanted, wanted) {
                return Err(format!(
                    "item {item} is read as {version:?}, found {} times and due {} times",
                    times(&found),
                    times(&due)
                ));
            }
        }
        Ok(seen)
    }

    async fn version(&self, items: &Items, item: usize) -> Result<Option<usize>, String> {
        let local = Principal::local();
        let selected = self.archive.select(&local, &items.selection(item)).await.map_err(words)?;
        let Some(instance) = selected.first() else { return Ok(None) };
        let opened = self.archive.open_instance(instance, &Wanted::Stored).await;
        let mut object = opened.map_err(|error| format!("item {item} has a row and no bytes: {error}"))?;
        let mut bytes = Vec::new();
        while let Some(chunk) = object.chunk().await.map_err(words)? {
            bytes.extend_from_slice(&chunk);
        }
        let version = items.data_sets[item].iter().position(|data_set| *data_set == bytes);
        version.map(Some).ok_or_else(|| format!("item {item} is here in part"))
    }

    async fn found(&self) -> Result<Vec<String>, String> {
        let query = Query::all(Level::Instance);
        let mut answers = self.archive.search(&Principal::local(), query).await.map_err(words)?;
        let mut uids = Vec::new();
        while let Some(answer) = answers.next().await.map_err(words)? {
            uids.push(common::text(&answer, Tag::SOP_INSTANCE_UID).to_owned());
        }
        Ok(uids)
    }

    /// Those that are to be delivered.
    async fn due(&self) -> Result<Vec<String>, String> {
        let filter =
            Filter { remote: None, state: Some(JobState::Waiting), study: None, after: 0, limit: JOBS_MAX };
        let jobs = self.catalog.jobs(filter).await.map_err(words)?;
        Ok(jobs.into_iter().filter_map(|job| Some(job.instance?.to_string())).collect())
    }

    /// One round of settling.
    pub(crate) async fn settle(&self) {
        self.archive.settle_until(std::future::ready(())).await;
    }
}

fn take(fate: &Mutex<Commit>) -> Commit {
    std::mem::replace(&mut *fate.lock().unwrap_or_else(PoisonError::into_inner), Commit::Done)
}

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The bytes of a catalog that has nothing in it.
pub(crate) async fn new_catalog() -> Vec<u8> {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    if let Some(bytes) = BYTES.get() {
        return bytes.clone();
    }
    let folder = folder();
    // The last connection that closes moves the log into the file, unless it is one that only reads.
    let log = folder.path().join("catalog.db-wal");
    for attempt in 0.. {
        assert!(attempt < OPENINGS_MAX, "the log is never moved into the file");
        drop(Node::open(folder.path()).await);
        for _ in 0..LOOKS {
            if log.exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        if !log.exists() {
            break;
        }
    }
    let bytes = std::fs::read(folder.path().join("catalog.db")).unwrap();
    BYTES.get_or_init(|| bytes).clone()
}
