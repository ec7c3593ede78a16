//! A server that is there, is not there, or will not have us: what is said of it.

use std::net::SocketAddr;

use causeway_core::Class;
use causeway_store::settings::{Place, Settings};
use causeway_store::{Config, ObjectsConfig, Probe, Store};
use causeway_testkit::bucket::{Bucket, Key};
use tempfile::TempDir;

use super::{LONG, body, put, read};

struct Server {
    folder: TempDir,
    bucket: Option<Bucket>,
    address: SocketAddr,
}

impl Server {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bucket = serve(&folder, "127.0.0.1:0".parse().unwrap());
        Self { address: bucket.address(), folder, bucket: Some(bucket) }
    }

    /// A store that is reached as `bucket`, with this secret.
    async fn store(&self, bucket: &str, id: &str, secret: &str) -> Store {
        let text = format!(
            "url = \"s3://{bucket}\"\nendpoint = \"http://{}\"\naccess_key_id = \"{id}\"\nsecret_access_key = \
             \"{secret}\"",
            self.address
        );
        let settings: Settings = toml::from_str(&text).unwrap();
        let Ok(Place::Bucket(place)) = settings.place("/unused".into(), &|_| None) else {
            unreachable!("a folder")
        };
        let spool = self.folder.path().join(format!("spool-{bucket}-{id}-{secret}"));
        let config =
            Config { spool, objects: ObjectsConfig::Remote(place.open().unwrap().with_longest_batch(LONG)) };
        Store::open(config).await.unwrap()
    }
}

fn serve(folder: &TempDir, listen: SocketAddr) -> Bucket {
    let key = Key { id: "id".to_owned(), secret: "secret".to_owned() };
    Bucket::open(listen, &folder.path().join("buckets"), "images", Some(key)).unwrap()
}

fn wrong(probe: Probe) -> String {
    let Probe::Wrong(words) = probe else { unreachable!("{probe:?}") };
    assert!(!words.contains("confidential"), "{words}");
    words
}

#[tokio::test]
async fn a_wrong_bucket_and_a_wrong_key_are_told_apart_from_a_store_that_is_away() {
    let mut server = Server::new();
    assert_eq!(server.store("images", "id", "secret").await.probe().await, Probe::Well);
    let words = wrong(server.store("pictures", "id", "secret").await.probe().await);
    assert!(words.contains("s3://pictures") && words.contains("correct [store] url"), "{words}");
    let words = wrong(server.store("images", "id", "confidential").await.probe().await);
    assert!(words.contains("secret_access_key"), "{words}");
    let words = wrong(server.store("images", "di", "confidential").await.probe().await);
    assert!(words.contains("correct"), "{words}");
    server.bucket.take().unwrap().close().await;
    let store = server.store("images", "id", "secret-of-one-away").await;
    let Probe::Away(words) = store.probe().await else { unreachable!() };
    assert!(words.contains("s3://images"), "{words}");
}

#[tokio::test]
async fn a_server_that_goes_and_comes_back_at_any_length_loses_nothing() {
    let mut server = Server::new();
    let store = server.store("images", "id", "secret").await;
    let (small, large) = (put(&store, &body(1000)).await, put(&store, &body(20_000_000)).await);
    server.bucket.take().unwrap().close().await;
    let settlement = store.settle(vec![small.clone(), large.clone()]).await.unwrap();
    assert_eq!((settlement.settled.len(), settlement.failed.len()), (0, 2));
    assert!(settlement.failed.iter().all(|(_, error)| error.class() == Class::Transient), "{settlement:?}");
    assert_eq!(read(&store, &large).await.unwrap(), body(20_000_000), "from the spool");
    server.bucket = Some(serve(&server.folder, server.address));
    let settlement = store.settle(vec![small.clone(), large.clone()]).await.unwrap();
    assert_eq!(settlement.settled.len(), 2, "{settlement:?}");
    assert_eq!(read(&store, &small).await.unwrap(), body(1000));
    server.bucket.take().unwrap().close().await;
    let error = read(&store, &small).await.unwrap_err();
    assert_eq!(error.class(), Class::Transient, "{error}");
}
