//! The backends, and what is done to each.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use causeway_core::{Digest, ExpectedObject, ObjectKey};
use causeway_store::sealed::file;
use causeway_store::settings::{Place, Settings};
use causeway_store::{Config, ObjectsConfig, Remote, Store};
use causeway_testkit::bucket::{Bucket, Key};
use futures_util::TryStreamExt;
use object_store::memory::InMemory;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// What each object begins with.
pub(crate) const HEADER: &[u8] = b"0123456789abcdef";

/// A backend, and where what is kept here is.
pub(crate) struct Subject {
    pub(crate) folder: TempDir,
    pub(crate) objects: ObjectsConfig,
    /// The server behind an object store, where it is one.
    _bucket: Option<Bucket>,
}

impl Subject {
    /// One of each backend: a folder, an object store in memory, and an S3 server, below a prefix, with and without
    /// sealed objects.
    pub(crate) fn all() -> Vec<Self> {
        vec![Self::local(), Self::memory(), Self::s3(""), Self::sealed()]
    }

    /// The S3 server, with objects that are sealed before they go there.
    pub(crate) fn sealed() -> Self {
        let keys = tempfile::tempdir().unwrap();
        let path = keys.path().join("keys");
        file::add(&path, None, file::Place::First, jiff::Timestamp::UNIX_EPOCH).unwrap();
        // They are read once; a file that is gone changes nothing.
        Self::s3(&format!("\n[encryption]\nkeys = \"{}\"", path.display()))
    }

    pub(crate) fn local() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let objects = ObjectsConfig::Local(folder.path().join("objects"));
        Self { folder, objects, _bucket: None }
    }

    pub(crate) fn memory() -> Self {
        let objects = ObjectsConfig::Remote(Remote::of(Arc::new(InMemory::new())));
        Self { folder: tempfile::tempdir().unwrap(), objects, _bucket: None }
    }

    fn s3(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = Key { id: "id".to_owned(), secret: "secret".to_owned() };
        let listen = "127.0.0.1:0".parse().unwrap();
        let bucket = Bucket::open(listen, &folder.path().join("buckets"), "images", Some(key)).unwrap();
        let text = format!(
            "url = \"s3://images/hospital/a\"\nendpoint = \"http://{}\"\naccess_key_id = \"id\"\n\
             secret_access_key = \"secret\"{more}",
            bucket.address()
        );
        let settings: Settings = toml::from_str(&text).unwrap();
        let Ok(Place::Bucket(place)) = settings.place("/unused".into(), &|_| None) else {
            unreachable!("a folder")
        };
        let remote = place.open().unwrap().with_longest_batch(Duration::from_secs(120));
        let objects = ObjectsConfig::Remote(remote);
        Self { folder, objects, _bucket: Some(bucket) }
    }

    pub(crate) async fn open(&self) -> Store {
        let config = Config { spool: self.folder.path().join("spool"), objects: self.objects.clone() };
        Store::open(config).await.unwrap()
    }
}

/// So many bytes.
pub(crate) fn body(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|index| (index % 251) as u8).collect()
}

/// Commits an object.
pub(crate) async fn put(store: &Store, body: &[u8]) -> ObjectKey {
    let key = store.new_key();
    let mut staging = store.stage(key.clone(), HEADER.len());
    for chunk in body.chunks(100_000) {
        staging.write(Bytes::copy_from_slice(chunk)).await.unwrap();
    }
    staging.commit(Bytes::from_static(HEADER)).await.unwrap();
    key
}

/// What the object that was put must be.
pub(crate) fn expected(key: &ObjectKey, body: &[u8]) -> ExpectedObject {
    let header = HEADER.len() as u64;
    let digest = Digest(Sha256::digest(body).into());
    let object_bytes = header + body.len() as u64;
    ExpectedObject { object: key.clone(), object_bytes, digest_from: header, digest }
}

/// Settles one; gives whether it is in its place now.
pub(crate) async fn settle(store: &Store, key: &ObjectKey, body: &[u8]) -> bool {
    let settlement = store.settle(vec![expected(key, body)]).await.unwrap();
    assert!(settlement.failed.is_empty(), "{settlement:?}");
    settlement.settled.contains(key)
}

/// All of an object.
pub(crate) async fn get(store: &Store, key: &ObjectKey) -> Vec<u8> {
    let blob = store.open_blob(key).await.unwrap();
    let bytes = blob.bytes();
    let chunks: Vec<Bytes> = blob.stream(0..bytes).try_collect().await.unwrap();
    chunks.concat()
}
