//! An archive whose objects settle in an object store that goes away and comes back.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use causeway_archive::dispatch::NoDispatcher;
use causeway_archive::{
    Acknowledge, Archive, Config, FindingKind, Mends, RetrieveError, VerificationState, Wanted,
};
use causeway_catalog::Catalog;
use causeway_core::{Class, Principal, Selection, SystemClock};
use causeway_store::settings::{Place, Settings};
use causeway_store::{ObjectsConfig, Store};
use causeway_testkit::bucket::{Bucket, Key};
use common::{Subject, study};
use tokio::task::JoinHandle;

struct Served {
    subject: Subject,
    bucket: Option<Bucket>,
    address: SocketAddr,
}

impl Served {
    async fn new(acknowledge: Acknowledge) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bucket = serve(folder.path(), "127.0.0.1:0".parse().unwrap());
        let address = bucket.address();
        let config = Config { acknowledge, ..Config::default() };
        let archive = open(folder.path(), address, config).await;
        Self { subject: Subject { folder, archive }, bucket: Some(bucket), address }
    }

    async fn goes(&mut self) {
        self.bucket.take().unwrap().close().await;
    }

    fn comes_back(&mut self) {
        self.bucket = Some(serve(self.subject.folder.path(), self.address));
    }

    /// Settles in the background.
    fn settler(&self) -> JoinHandle<()> {
        let archive = self.subject.archive.clone();
        tokio::spawn(async move { archive.settle_until(std::future::pending()).await })
    }

    /// Waits until so many objects wait in the spool, and the store is seen to be away or not.
    async fn until(&self, objects: u64, is_away: bool) {
        loop {
            let report = self.subject.archive.settling(&Principal::local()).await.unwrap();
            if report.objects == objects && report.away.is_some() == is_away {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

fn serve(folder: &Path, listen: SocketAddr) -> Bucket {
    let key = Key { id: "id".to_owned(), secret: "secret".to_owned() };
    Bucket::open(listen, &folder.join("buckets"), "images", Some(key)).unwrap()
}

async fn open(folder: &Path, address: SocketAddr, config: Config) -> Archive {
    let text = format!(
        "url = \"s3://images/a\"\nendpoint = \"http://{address}\"\naccess_key_id = \"id\"\nsecret_access_key = \"secret\""
    );
    let settings: Settings = toml::from_str(&text).unwrap();
    let Ok(Place::Bucket(place)) = settings.place("/unused".into(), &|_| None) else { unreachable!() };
    let objects = ObjectsConfig::Remote(place.open().unwrap());
    let store = Store::open(causeway_store::Config { spool: folder.join("spool"), objects }).await.unwrap();
    let catalog = Catalog::open(&folder.join("catalog.db"), Arc::new(SystemClock)).await.unwrap();
    Archive::open(store, catalog, Arc::new(SystemClock), Arc::new(NoDispatcher), config).await.unwrap()
}

#[tokio::test]
async fn what_comes_while_the_store_is_away_is_kept_read_and_settles_by_itself() {
    let mut served = Served::new(Acknowledge::Spool).await;
    let samples = study(1, 3);
    served.subject.ingest(&samples[0]).await.unwrap();
    let settler = served.settler();
    served.until(0, false).await;
    served.goes().await;
    served.subject.ingest(&samples[1]).await.unwrap();
    served.until(1, true).await;
    // What is said again is not in the way of anyone, and is removed without the store.
    served.subject.ingest(&samples[1]).await.unwrap();
    let whole = |index: usize| Some(samples[index].data_set().to_vec());
    assert_eq!(served.subject.read_back(&samples[1]).await, whole(1));
    let report = served.subject.archive.settling(&Principal::local()).await.unwrap();
    assert!(report.away.unwrap().because.contains("object store"));
    served.comes_back();
    served.until(0, false).await;
    assert_eq!(served.subject.read_back(&samples[0]).await, whole(0));
    assert_eq!(served.subject.read_back(&samples[1]).await, whole(1));
    settler.abort();
}

#[tokio::test]
async fn what_is_in_a_store_that_is_away_is_told_as_a_matter_of_time_before_anything_is_given() {
    let mut served = Served::new(Acknowledge::Store).await;
    let sample = &study(1, 1)[0];
    served.subject.ingest(sample).await.unwrap();
    served.goes().await;
    let ids = sample.ids.clone();
    let selection = Selection::instance(ids.study, ids.series, ids.instance);
    let archive = &served.subject.archive;
    let found = archive.select(&Principal::local(), &selection).await.unwrap();
    let opened = archive.open_instance(&found[0], &Wanted::Stored).await;
    let error: RetrieveError = opened.err().unwrap();
    assert_eq!(error.class(), Class::Transient, "{error}");
    let frames = archive.frames(&found[0]).await.err().unwrap();
    assert_eq!(frames.class(), Class::Transient, "{frames}");
    // It is deleted all the same, and gone.
    assert_eq!(archive.delete(&Principal::local(), &selection).await.unwrap(), 1);
    let mut other = study(1, 2);
    let refused = served.subject.ingest(&other.remove(1)).await.unwrap_err();
    assert_eq!(refused.class(), Class::Transient, "{refused}");
}

#[tokio::test]
async fn a_damaged_file_in_the_spool_is_told_and_others_settle() {
    let served = Served::new(Acknowledge::Spool).await;
    let samples = study(1, 2);
    served.subject.ingest(&samples[0]).await.unwrap();
    let name = served.subject.files("spool").into_iter().find(|name| name.len() == 32).unwrap();
    let path = served.subject.folder.path().join("spool").join(&name);
    let mut content = std::fs::read(&path).unwrap();
    *content.last_mut().unwrap() ^= 1;
    std::fs::write(&path, content).unwrap();
    served.subject.ingest(&samples[1]).await.unwrap();
    let settler = served.settler();
    served.until(1, false).await;
    let report = served.subject.archive.settling(&Principal::local()).await.unwrap();
    assert_eq!(report.damaged.iter().map(ToString::to_string).collect::<Vec<_>>(), [name]);
    assert!(path.exists());
    settler.abort();
}

#[tokio::test]
async fn the_catalog_is_made_anew_from_the_bucket_alone() {
    let served = Served::new(Acknowledge::Store).await;
    let samples = study(1, 3);
    for sample in &samples {
        served.subject.ingest(sample).await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let archive = open(folder.path(), served.address, Config::default()).await;
    let rebuilt = archive.rebuild(|_| ()).await.unwrap();
    assert_eq!((rebuilt.recorded, rebuilt.unreadable), (3, 0));
    let anew = Subject { folder, archive };
    for sample in &samples {
        assert_eq!(anew.read_back(sample).await.as_deref(), Some(sample.data_set()));
    }
}

#[tokio::test]
async fn what_is_damaged_or_lost_in_the_bucket_is_found() {
    let served = Served::new(Acknowledge::Store).await;
    for sample in study(1, 3) {
        served.subject.ingest(&sample).await.unwrap();
    }
    let root = served.subject.folder.path().join("buckets/images/a");
    let mut names = served.subject.files("buckets/images/a");
    names.retain(|name| name.len() == 32);
    names.sort();
    let path = |name: &str| root.join(&name[..5]).join(&name[5..8]).join(name);
    let mut content = std::fs::read(path(&names[0])).unwrap();
    *content.last_mut().unwrap() ^= 1;
    std::fs::write(path(&names[0]), content).unwrap();
    std::fs::remove_file(path(&names[1])).unwrap();
    let archive = &served.subject.archive;
    let local = Principal::local();
    archive.begin_verification(&local, Mends::Nothing, u64::MAX).await.unwrap().unwrap();
    let verifier = archive.clone();
    let task = tokio::spawn(async move { verifier.verify_until(std::future::pending()).await });
    while archive.verification(&local).await.unwrap().unwrap().state != VerificationState::Done {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    task.abort();
    let found = archive.findings(&local, String::new()).await.unwrap();
    let found: Vec<_> = found.iter().map(|it| (it.object.to_string(), it.kind)).collect();
    let expected = [(names[0].clone(), FindingKind::Damaged), (names[1].clone(), FindingKind::Lost)];
    assert_eq!(found, expected);
}
