//! Object stores that fail: what is acknowledged stays in the spool until it is whole in the store, what is deleted leaves
//! nothing there, and what is not what came is not called good.

#![expect(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test fails by panicking")]

mod faulty;
mod served;

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use bytes::Bytes;
use causeway_core::{Class, Digest, ExpectedObject, ObjectKey};
use causeway_store::{Config, Error, ObjectsConfig, Remote, Settlement, Store};
use faulty::Faulty;
use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{Attribute, ObjectStore, ObjectStoreExt as _};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

const HEADER: &[u8] = b"0123456789abcdef";
/// One that goes in one request, and one that goes in parts.
const LENGTHS: [usize; 2] = [100_000, 30_000_000];

/// Enough for anything.
const LONG: Duration = Duration::from_secs(120);

struct Subject {
    folder: TempDir,
    behind: Arc<Faulty>,
    store: Store,
}

impl Subject {
    async fn new() -> Self {
        Self::with(LONG).await
    }

    /// One that waits so long for a batch.
    async fn with(longest_batch: Duration) -> Self {
        let (folder, behind) = (tempfile::tempdir().unwrap(), Faulty::new());
        let store = open(&folder, &behind, longest_batch).await.unwrap();
        Self { folder, behind, store }
    }

    /// As after a crash.
    async fn restarted(self) -> Self {
        let Self { folder, behind, store } = self;
        drop(store);
        // The lock goes with the threads that held the last handle.
        let store = loop {
            match open(&folder, &behind, LONG).await {
                Ok(store) => break store,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        Self { folder, behind, store }
    }

    fn is_spooled(&self, key: &ObjectKey) -> bool {
        self.folder.path().join("spool").join(key.as_str()).exists()
    }

    async fn names(&self) -> Vec<Path> {
        self.behind.inner.list(None).map_ok(|meta| meta.location).try_collect().await.unwrap()
    }

    async fn settle(&self, expected: &ExpectedObject) -> Settlement {
        self.store.settle(vec![expected.clone()]).await.unwrap()
    }
}

async fn open(folder: &TempDir, behind: &Arc<Faulty>, longest_batch: Duration) -> Result<Store, Error> {
    let remote = Remote::of(Arc::clone(behind) as Arc<dyn ObjectStore>);
    let objects = ObjectsConfig::Remote(remote.with_longest_batch(longest_batch));
    Store::open(Config { spool: folder.path().join("spool"), objects }).await
}

fn body(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|index| (index % 251) as u8).collect()
}

/// Puts one, and says what it must be.
async fn put(store: &Store, body: &[u8]) -> ExpectedObject {
    let object = store.new_key();
    let mut staging = store.stage(object.clone(), HEADER.len());
    for chunk in body.chunks(1_000_000) {
        staging.write(Bytes::copy_from_slice(chunk)).await.unwrap();
    }
    staging.commit(Bytes::from_static(HEADER)).await.unwrap();
    let digest = Digest(Sha256::digest(body).into());
    let header = HEADER.len() as u64;
    ExpectedObject { object, object_bytes: header + body.len() as u64, digest_from: header, digest }
}

async fn read(store: &Store, expected: &ExpectedObject) -> Result<Vec<u8>, Error> {
    let blob = store.open_known(&expected.object, expected.object_bytes).await?;
    let chunks: Vec<Bytes> = blob.stream(expected.digest_from..u64::MAX).try_collect().await?;
    Ok(chunks.concat())
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_the_spool_as_it_was_and_nothing_in_the_store() {
    for bytes in LENGTHS {
        let subject = Subject::new().await;
        let expected = put(&subject.store, &body(bytes)).await;
        let faults = &subject.behind.faults;
        faults.puts_fail.store(true, SeqCst);
        faults.parts.store(2, SeqCst);
        let settlement = subject.settle(&expected).await;
        assert!(settlement.settled.is_empty());
        let (key, error) = &settlement.failed[0];
        assert!(*key == expected.object && error.is_of_object_store(), "{error}");
        assert_eq!(error.class(), Class::Transient);
        assert!(subject.is_spooled(key));
        assert_eq!(subject.names().await, []);
        assert_eq!(faults.aborts.load(SeqCst), usize::from(bytes > 8_000_000), "no parts are left");
        assert_eq!(read(&subject.store, &expected).await.unwrap(), body(bytes));
        faults.puts_fail.store(false, SeqCst);
        faults.parts.store(0, SeqCst);
        assert_eq!(subject.settle(&expected).await.settled, std::slice::from_ref(key));
        assert!(!subject.is_spooled(key));
        assert_eq!(read(&subject.store, &expected).await.unwrap(), body(bytes));
    }
}

#[tokio::test]
async fn an_object_of_another_length_is_not_called_settled() {
    for bytes in LENGTHS {
        let subject = Subject::new().await;
        let expected = put(&subject.store, &body(bytes)).await;
        subject.behind.faults.lies.store(1, SeqCst);
        let settlement = subject.settle(&expected).await;
        assert!(matches!(&settlement.failed[0].1, Error::Length { .. }), "{settlement:?}");
        assert!(subject.is_spooled(&expected.object));
        subject.behind.faults.lies.store(0, SeqCst);
        assert_eq!(subject.settle(&expected).await.settled.len(), 1);
        subject.behind.faults.lies.store(1, SeqCst);
        assert!(matches!(read(&subject.store, &expected).await, Err(Error::Length { .. })));
    }
}

#[tokio::test]
async fn what_is_not_what_came_stays_in_the_spool_and_holds_up_no_other() {
    for bytes in LENGTHS {
        let subject = Subject::new().await;
        let damaged = put(&subject.store, &body(bytes)).await;
        let path = subject.folder.path().join("spool").join(damaged.object.as_str());
        let mut content = std::fs::read(&path).unwrap();
        *content.last_mut().unwrap() ^= 1;
        std::fs::write(&path, &content).unwrap();
        let short = put(&subject.store, &body(bytes)).await;
        let cut = subject.folder.path().join("spool").join(short.object.as_str());
        std::fs::write(&cut, &content[..100]).unwrap();
        let sound = put(&subject.store, &body(bytes)).await;
        let all = vec![damaged.clone(), short.clone(), sound.clone()];
        let settlement = subject.store.settle(all).await.unwrap();
        assert_eq!(settlement.settled, [sound.object]);
        assert_eq!(settlement.failed.len(), 2);
        for (key, error) in &settlement.failed {
            assert!(matches!(error, Error::Damaged { .. }) && !error.is_of_object_store(), "{error}");
            assert!(subject.is_spooled(key));
        }
        assert_eq!(subject.names().await.len(), 1);
    }
}

#[tokio::test]
async fn what_is_deleted_while_it_is_uploaded_leaves_nothing_behind() {
    for bytes in LENGTHS {
        let subject = Subject::new().await;
        let expected = put(&subject.store, &body(bytes)).await;
        subject.behind.faults.waits.store(true, SeqCst);
        let (store, of) = (subject.store.clone(), expected.clone());
        let upload = tokio::spawn(async move { store.settle(vec![of]).await.unwrap() });
        subject.behind.came.acquire().await.unwrap().forget();
        subject.store.delete(&expected.object).await.unwrap();
        assert!(matches!(subject.store.open_blob(&expected.object).await, Err(Error::NotFound(_))));
        subject.behind.leave.add_permits(1);
        let settlement = upload.await.unwrap();
        assert!(settlement.settled.is_empty() && settlement.failed.is_empty(), "{settlement:?}");
        assert_eq!(subject.names().await, []);
        assert!(!subject.store.remove_doomed().await.unwrap(), "nothing is left to be done");
    }
}

#[tokio::test]
async fn an_upload_goes_on_when_whoever_asked_for_it_goes_away() {
    let subject = Subject::new().await;
    let expected = put(&subject.store, &body(1000)).await;
    subject.behind.faults.waits.store(true, SeqCst);
    let (store, of) = (subject.store.clone(), expected.clone());
    let asking = tokio::spawn(async move { store.settle_now(of).await });
    subject.behind.came.acquire().await.unwrap().forget();
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    // The next to ask waits for the first, and does not upload anew.
    let next = subject.store.settle_now(expected.clone());
    tokio::pin!(next);
    assert!(futures_util::poll!(&mut next).is_pending());
    // Who settles many is not held up by it.
    assert_eq!(subject.settle(&expected).await.not_tried, 1);
    subject.behind.leave.add_permits(1);
    assert!(next.await.unwrap());
    assert_eq!(subject.behind.faults.puts.load(SeqCst), 1);
}

#[tokio::test]
async fn an_upload_that_takes_long_holds_up_no_other_and_is_told_later() {
    let subject = Subject::with(Duration::from_millis(200)).await;
    let (long, short) = (put(&subject.store, &body(1000)).await, put(&subject.store, &body(1000)).await);
    subject.behind.faults.waits.store(true, SeqCst);
    assert!(subject.settle(&long).await.settled.is_empty());
    subject.behind.came.acquire().await.unwrap().forget();
    subject.behind.faults.waits.store(false, SeqCst);
    loop {
        let settlement = subject.store.settle(vec![long.clone(), short.clone()]).await.unwrap();
        assert!(settlement.failed.is_empty() && settlement.not_tried > 0, "{settlement:?}");
        if settlement.settled == std::slice::from_ref(&short.object) {
            break;
        }
    }
    subject.behind.leave.add_permits(1);
    while subject.store.settle(Vec::new()).await.unwrap().settled != std::slice::from_ref(&long.object) {}
}

#[tokio::test]
async fn what_is_deleted_while_the_store_is_away_is_gone_at_once_and_from_the_store_when_it_is_back() {
    let subject = Subject::new().await;
    let expected = put(&subject.store, &body(1000)).await;
    assert_eq!(subject.settle(&expected).await.settled.len(), 1);
    subject.behind.faults.is_away.store(true, SeqCst);
    subject.store.delete(&expected.object).await.unwrap();
    assert!(subject.store.remove_doomed().await.is_err());
    let subject = subject.restarted().await;
    for opened in [
        subject.store.open_blob(&expected.object).await,
        subject.store.open_known(&expected.object, expected.object_bytes).await,
    ] {
        assert!(matches!(opened, Err(Error::NotFound(_))));
    }
    assert_eq!(subject.names().await.len(), 1);
    subject.behind.faults.is_away.store(false, SeqCst);
    assert!(subject.store.remove_doomed().await.unwrap());
    assert!(!subject.store.remove_doomed().await.unwrap());
    assert_eq!(subject.names().await, []);
}

#[tokio::test]
async fn of_a_batch_few_are_tried_when_the_store_is_away_and_all_are_settled_when_it_is_back() {
    let subject = Subject::new().await;
    let mut all = Vec::new();
    for _ in 0..100 {
        all.push(put(&subject.store, b"body").await);
    }
    subject.behind.faults.is_away.store(true, SeqCst);
    let settlement = subject.store.settle(all.clone()).await.unwrap();
    assert!(settlement.settled.is_empty() && settlement.failed.len() < 30, "{settlement:?}");
    assert_eq!(settlement.failed.len() + settlement.not_tried, 100);
    assert!(all.iter().all(|expected| subject.is_spooled(&expected.object)));
    subject.behind.faults.is_away.store(false, SeqCst);
    assert_eq!(subject.store.settle(all).await.unwrap().settled.len(), 100);
}

#[tokio::test]
async fn what_is_known_is_read_by_one_request_and_what_is_not_there_is_told_as_that() {
    let subject = Subject::new().await;
    let expected = put(&subject.store, &body(1000)).await;
    subject.settle(&expected).await;
    let (heads, gets) = (subject.behind.faults.heads.load(SeqCst), subject.behind.faults.gets.load(SeqCst));
    let blob = subject.store.open_known(&expected.object, expected.object_bytes).await.unwrap();
    assert_eq!(blob.read(26..36).await.unwrap(), body(1000)[10..20]);
    assert_eq!(subject.behind.faults.heads.load(SeqCst), heads);
    assert_eq!(subject.behind.faults.gets.load(SeqCst), gets + 1);
    subject.behind.faults.is_away.store(true, SeqCst);
    let error = blob.read(0..10).await.unwrap_err();
    assert_eq!(error.class(), Class::Transient, "{error}");
    assert!(blob.clone().begin(0..10).await.is_err(), "told before the first chunk");
    subject.behind.faults.is_away.store(false, SeqCst);
    subject.store.delete(&expected.object).await.unwrap();
    assert!(matches!(blob.read(0..10).await, Err(Error::NotFound(_))));
    assert!(matches!(blob.begin(0..10).await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn objects_say_what_they_are() {
    for bytes in LENGTHS {
        let subject = Subject::new().await;
        let expected = put(&subject.store, &body(bytes)).await;
        subject.settle(&expected).await;
        let found = subject.behind.inner.get(&subject.names().await[0]).await.unwrap();
        let media_type = found.attributes.get(&Attribute::ContentType).unwrap();
        assert_eq!(media_type.as_ref(), "application/dicom");
    }
}

#[tokio::test]
async fn a_walk_ends_where_the_store_begins_with_the_first_name_whatever_it_is_asked() {
    let subject = Subject::new().await;
    subject.behind.faults.begins_anew.store(true, SeqCst);
    let (first, second) = (put(&subject.store, b"one").await, put(&subject.store, b"two").await);
    for expected in [&first, &second] {
        assert_eq!(subject.settle(expected).await.settled, std::slice::from_ref(&expected.object));
    }
    let all = subject.store.settled_after("").await.unwrap().unwrap();
    assert_eq!(all.objects, [first.object, second.object.clone()]);
    assert_eq!(subject.store.settled_after(&all.position).await.unwrap(), None);
    let within = subject.names().await[0].to_string();
    assert_eq!(subject.store.settled_after(&within).await.unwrap().unwrap().objects, [second.object]);
}
