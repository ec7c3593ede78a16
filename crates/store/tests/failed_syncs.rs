//! A sync that fails is the last that is asked of what it was for: the kernel may have dropped what it could not write,
//! says so once, and calls the next sync a success.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use causeway_core::{Digest, ExpectedObject, ObjectKey};
use causeway_store::disk::{Act, Witness, watch};
use causeway_store::{Config, Error, ObjectsConfig, Store};
use futures_util::TryStreamExt as _;
use tempfile::TempDir;

/// What a test knows and says of a folder.
#[derive(Default)]
struct Told {
    /// Syncs of these fail.
    failing: Option<&'static str>,
    /// What was done, in words.
    acts: Vec<String>,
}

static FOLDERS: Mutex<BTreeMap<PathBuf, Arc<Mutex<Told>>>> = Mutex::new(BTreeMap::new());

struct Watching;

impl Watching {
    /// What an act is called, and what is known of the folder that it is in.
    fn known(act: Act<'_>) -> Option<(String, Arc<Mutex<Told>>)> {
        let (word, path) = match act {
            Act::Sync(path) => ("sync", path),
            Act::SyncFolder(path) => ("sync folder", path),
            Act::Rename { to, .. } => ("rename", to),
            Act::Remove(path) => ("remove", path),
            Act::Create(_) | Act::Write(_) | Act::MakeFolder(_) => return None,
        };
        let folders = FOLDERS.lock().unwrap();
        let (root, told) = path.ancestors().find_map(|root| folders.get_key_value(root))?;
        Some((format!("{word} {}", path.strip_prefix(root).unwrap().display()), Arc::clone(told)))
    }
}

impl Witness for Watching {
    fn before(&self, act: Act<'_>) -> io::Result<()> {
        let Some((words, told)) = Self::known(act) else { return Ok(()) };
        let mut told = told.lock().unwrap();
        let is_sync = matches!(act, Act::Sync(_) | Act::SyncFolder(_));
        if !is_sync || !told.failing.is_some_and(|name| matches(name, &words)) {
            return Ok(());
        }
        told.acts.push(format!("{words} failed"));
        Err(io::ErrorKind::Other.into())
    }

    fn after(&self, act: Act<'_>) {
        if let Some((words, told)) = Self::known(act) {
            told.lock().unwrap().acts.push(words);
        }
    }
}

/// A name that ends so, or one in that folder when that is one.
fn matches(name: &str, words: &str) -> bool {
    if name.ends_with('/') { words.contains(&format!(" {name}")) } else { words.ends_with(name) }
}

struct Subject {
    folder: TempDir,
    store: Store,
    told: Arc<Mutex<Told>>,
}

impl Subject {
    async fn new() -> Self {
        watch(Box::new(Watching));
        let folder = tempfile::tempdir().unwrap();
        let told = Arc::<Mutex<Told>>::default();
        FOLDERS.lock().unwrap().insert(folder.path().to_owned(), Arc::clone(&told));
        let store = Store::open(Config {
            spool: folder.path().join("spool"),
            objects: ObjectsConfig::Local(folder.path().join("objects")),
        });
        let store = store.await.unwrap();
        told.lock().unwrap().acts.clear();
        Self { folder, store, told }
    }

    fn fail(&self, end: Option<&'static str>) {
        self.told.lock().unwrap().failing = end;
    }

    fn acts(&self) -> Vec<String> {
        std::mem::take(&mut self.told.lock().unwrap().acts)
    }

    async fn keep(&self) -> (ObjectKey, Result<(), Error>) {
        let key = self.store.new_key();
        let mut staging = self.store.stage(key.clone(), 4);
        staging.write(Bytes::from_static(b"body")).await.unwrap();
        (key, staging.commit(Bytes::from_static(b"head")).await)
    }

    async fn spooled(&self) -> Vec<ObjectKey> {
        self.store.spooled().try_collect().await.unwrap()
    }
}

/// A folder takes any: its files are renamed, and verified at a pace of their own.
fn expected(key: &ObjectKey) -> ExpectedObject {
    ExpectedObject { object: key.clone(), object_bytes: 8, digest_from: 4, digest: Digest([0; 32]) }
}

fn place(root: &Path, key: &ObjectKey) -> PathBuf {
    let text = key.as_str();
    root.join("objects").join(&text[..5]).join(&text[5..8]).join(text)
}

#[tokio::test]
async fn a_file_whose_sync_failed_goes_and_is_not_synced_again() {
    let subject = Subject::new().await;
    subject.fail(Some(".part"));
    let (key, kept) = subject.keep().await;
    assert!(matches!(kept, Err(Error::Disk { .. })));
    assert_eq!(subject.acts(), [format!("sync spool/{key}.part failed"), format!("remove spool/{key}.part")]);
    assert_eq!(subject.spooled().await, []);
    subject.fail(None);
    let (next, kept) = subject.keep().await;
    kept.unwrap();
    assert_eq!(subject.spooled().await, [next]);
}

#[tokio::test]
async fn a_name_whose_sync_failed_goes() {
    let subject = Subject::new().await;
    subject.fail(Some("spool"));
    // The file itself is synced: its name is longer.
    let (key, kept) = subject.keep().await;
    assert!(matches!(kept, Err(Error::Disk { .. })));
    assert_eq!(subject.spooled().await, []);
    assert!(matches!(subject.store.open_blob(&key).await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn what_settled_where_the_sync_failed_is_not_called_settled_before_it_was_moved_again() {
    let subject = Subject::new().await;
    let (key, kept) = subject.keep().await;
    kept.unwrap();
    // The folders are there, so that what fails is the sync of the name alone.
    std::fs::create_dir_all(place(subject.folder.path(), &key).parent().unwrap()).unwrap();
    subject.fail(Some("objects/"));
    assert!(subject.store.settle(vec![expected(&key)]).await.is_err());
    assert!(subject.store.open_blob(&key).await.is_ok());
    subject.acts();
    subject.fail(None);
    let settlement = subject.store.settle(vec![expected(&key)]).await.unwrap();
    assert_eq!(settlement.settled, std::slice::from_ref(&key));
    let acts = subject.acts();
    let moved = acts.iter().position(|act| act.starts_with("rename objects/"));
    let synced = acts.iter().position(|act| act.starts_with("sync folder objects/"));
    assert!(moved.is_some() && moved < synced, "{acts:?}");
    assert!(place(subject.folder.path(), &key).is_file());
}
