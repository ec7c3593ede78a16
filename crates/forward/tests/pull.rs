//! Fetching by C-GET from servers that others wrote: DCMTK's dcmqrscp and Orthanc. Skipped where they are not installed.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and a skipped one says so"
)]

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use causeway_archive::ingest::OneChunk;
use causeway_archive::{Archive, Wanted};
use causeway_catalog::Catalog;
use causeway_core::remote::DimseAddress;
use causeway_core::{
    AeTitle, Door, Envelope, Permission, Principal, Remote, Selection, Status, SystemClock, Uid,
};
use causeway_forward::visit::{Retrieval, RetrieveEnd, RetrieveLine, Told, VisitError, Way, With};
use causeway_forward::{Config, Forwarder, Router};
use causeway_store::{ObjectsConfig, Store};
use causeway_testkit::sample::{Modality, Sample, Study};
use causeway_tls::Tls;
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

const INSTANCES: u64 = 12;

/// A node without a door.
struct Node {
    archive: Archive,
    forwarder: Forwarder,
    _folder: TempDir,
}

async fn node() -> Node {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(causeway_store::Config {
        spool: folder.path().join("spool"),
        objects: ObjectsConfig::Local(folder.path().join("objects")),
    });
    let clock = Arc::new(SystemClock);
    let catalog = Catalog::open(&folder.path().join("catalog.db"), clock.clone()).await.unwrap();
    let router = Arc::new(Router::load(catalog.clone()).await.unwrap());
    let settings = causeway_archive::Config::default();
    let (store, shared) = (store.await.unwrap(), clock.clone());
    let archive = Archive::open(store, catalog.clone(), shared, router.clone(), settings).await.unwrap();
    let title = AeTitle::parse("SUBJECT").unwrap();
    let tls = Tls::open(causeway_tls::Config::default(), clock.clone()).unwrap();
    let forwarder = Forwarder::new(archive.clone(), catalog, router, clock, title, tls, Config::default());
    Node { archive, forwarder, _folder: folder }
}

/// A server that others wrote, with a study in it.
struct Source {
    remote: Remote,
    study: Study,
    samples: Vec<Sample>,
    _server: Child,
    _folder: TempDir,
}

fn installed(name: &str) -> bool {
    let on_path = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()));
    let found = on_path || Path::new("/usr/sbin").join(name).is_file();
    if !found {
        eprintln!("skipped: {name} is not installed");
    }
    found
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn quiet(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("TCP_NODELAY", "1").kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Starts what `start` makes of a folder and a port, waits until it listens, and stores a study there.
async fn source(ae_title: &str, start: impl Fn(&Path, u16) -> Command) -> Source {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let server = start(folder.path(), port).spawn().unwrap();
    for _ in 0..600 {
        if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let study = Study::new(71, Modality::Ct, 2, 6).with_edge(64);
    let files = folder.path().join("files");
    study.write_to(&files).unwrap();
    let stored = quiet("storescu")
        .args(["--call", ae_title, "--scan-directories", "127.0.0.1", &port.to_string()])
        .arg(&files)
        .status();
    assert!(stored.await.unwrap().success(), "the study could not be stored in {ae_title}");
    let dimse = DimseAddress {
        ae_title: AeTitle::parse(ae_title).unwrap(),
        host: Some("127.0.0.1".to_owned()),
        port: Some(port),
        tls: false,
    };
    let remote = Remote { dimse: Some(dimse), ..Remote::named("source".parse().unwrap()) };
    let samples = study.instances().collect();
    Source { remote, study, samples, _server: server, _folder: folder }
}

async fn dcmqrscp() -> Option<Source> {
    if !installed("dcmqrscp") || !installed("storescu") {
        return None;
    }
    let start = |folder: &Path, port: u16| {
        let database = folder.join("database");
        std::fs::create_dir(&database).unwrap();
        let settings = format!(
            "NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\nHostTable BEGIN\nHostTable END\n\
             VendorTable BEGIN\nVendorTable END\nAETable BEGIN\nQRSCP {} RW (200, 1024mb) ANY\nAETable END\n",
            database.display()
        );
        let file = folder.join("dcmqrscp.cfg");
        std::fs::write(&file, settings).unwrap();
        let mut command = quiet("dcmqrscp");
        command.arg("--config").arg(file);
        command
    };
    Some(source("QRSCP", start).await)
}

async fn orthanc() -> Option<Source> {
    if !installed("Orthanc") || !installed("storescu") {
        return None;
    }
    let start = |folder: &Path, port: u16| {
        let settings = format!(
            r#"{{"StorageDirectory": "{0}", "IndexDirectory": "{0}", "DicomAet": "ORTHANC", "DicomPort": {port},
            "DicomCheckCalledAet": false, "DicomAlwaysAllowStore": true, "DicomAlwaysAllowGet": true, "DicomAlwaysAllowFind": true,
            "HttpServerEnabled": false}}"#,
            folder.join("storage").display()
        );
        let file = folder.join("orthanc.json");
        std::fs::write(&file, settings).unwrap();
        let program = if Path::new("/usr/sbin/Orthanc").exists() { "/usr/sbin/Orthanc" } else { "Orthanc" };
        let mut command = quiet(program);
        command.arg(file);
        command
    };
    Some(source("ORTHANC", start).await)
}

/// What fetches the study.
fn whole(source: &Source) -> Retrieval {
    Retrieval { study: source.study.uid().clone(), series: None, instance: None, with: With::Get }
}

/// How fetching it ended.
async fn fetch(node: &Node, source: &Source) -> RetrieveEnd {
    let name = source.remote.name.clone();
    let principal = Principal::local();
    node.archive.put_remote(&principal, source.remote.clone()).await.unwrap();
    let mut visit = node.forwarder.retrieve(&principal, &name, whole(source), 11112).unwrap();
    loop {
        if let RetrieveLine::End(end) = visit.next().await.unwrap() {
            return *end;
        }
    }
}

/// Everything is here, byte for byte.
async fn assert_whole(archive: &Archive, source: &Source) {
    let selection = Selection::study(source.study.uid().clone());
    let found = archive.select(&Principal::local(), &selection).await.unwrap();
    assert_eq!(found.len(), source.samples.len());
    for sample in &source.samples {
        let instance = found.iter().find(|it| it.ids.instance == sample.ids.instance).unwrap();
        let wanted = Wanted::OneOf(vec![sample.transfer_syntax.clone()]);
        let mut object = archive.open_instance(instance, &wanted).await.unwrap();
        let mut bytes = Vec::new();
        while let Some(chunk) = object.chunk().await.unwrap() {
            bytes.extend_from_slice(&chunk);
        }
        assert!(bytes == sample.data_set(), "{}", sample.ids.instance);
    }
}

async fn fetches_whole(source: Source) {
    let node = node().await;
    // Twice: what is here already is Success once more.
    for _ in 0..2 {
        let end = fetch(&node, &source).await;
        assert!(end.is_well && end.way == Some(Way::Get), "{end:?}");
        assert_eq!((end.counts.kept, end.counts.refused, end.here), (INSTANCES, 0, INSTANCES));
        assert_eq!(end.counts.listed, Some(INSTANCES));
        assert_eq!(end.counts.completed.map(u64::from), Some(INSTANCES));
    }
    assert_whole(&node.archive, &source).await;
}

#[tokio::test]
async fn a_study_of_dcmqrscp_is_fetched_whole() {
    let Some(source) = dcmqrscp().await else { return };
    fetches_whole(source).await;
}

#[tokio::test]
async fn a_study_of_orthanc_is_fetched_whole() {
    let Some(source) = orthanc().await else { return };
    fetches_whole(source).await;
}

#[tokio::test]
async fn what_is_not_taken_in_is_refused_and_told() {
    let Some(source) = dcmqrscp().await else { return };
    let node = node().await;
    // The same instance with other bytes was here before.
    let sample = source.samples.first().unwrap();
    let mut other = sample.file.clone();
    *other.last_mut().unwrap() ^= 1;
    let envelope = Envelope {
        door: Door::Web,
        received_at: Timestamp::UNIX_EPOCH,
        calling_ae: None,
        remote: None,
        source_address: None,
        came_back: None,
        via: causeway_core::Via::default(),
    };
    let mut body = OneChunk::new(Bytes::from(other));
    node.archive.ingest_file(&Principal::local(), envelope, &mut body, None).await.unwrap();
    let end = fetch(&node, &source).await;
    assert_eq!((end.counts.kept, end.counts.refused), (INSTANCES - 1, 1));
    assert!(!end.is_well && end.status != Some(Told(Status::SUCCESS)), "{end:?}");
}

#[tokio::test]
async fn when_nobody_listens_the_remote_is_asked_to_stop_and_what_came_by_then_stays() {
    let Some(source) = dcmqrscp().await else { return };
    let node = node().await;
    let principal = Principal::local();
    node.archive.put_remote(&principal, source.remote.clone()).await.unwrap();
    let name = source.remote.name.clone();
    let mut visit = node.forwarder.retrieve(&principal, &name, whole(&source), 11112).unwrap();
    let kept = |line: &RetrieveLine| matches!(line, RetrieveLine::Progress(counts) if counts.kept > 0);
    while !kept(&visit.next().await.unwrap()) {}
    drop(visit);
    // It ends when told to, after the visit has taken leave.
    node.forwarder.run_until(std::future::ready(())).await;
    let selection = Selection::study(source.study.uid().clone());
    let found = node.archive.select(&principal, &selection).await.unwrap().len() as u64;
    assert!((1..INSTANCES).contains(&found), "{found}");
}

#[tokio::test]
async fn a_caller_that_is_no_administrator_and_a_remote_that_is_none_are_refused() {
    let node = node().await;
    let (nobody, name) = (
        Principal {
            name: "nobody".to_owned(),
            permissions: [Permission::Store].into_iter().collect(),
            ..Principal::local()
        },
        "source".parse().unwrap(),
    );
    let study = Uid::parse("1.2.3").unwrap();
    let wanted = Retrieval { study, series: None, instance: None, with: With::Any };
    let refused = node.forwarder.retrieve(&nobody, &name, wanted.clone(), 1);
    assert!(matches!(refused, Err(VisitError::Access(_))));
    let unknown = node.forwarder.retrieve(&Principal::local(), &name, wanted, 1);
    assert!(matches!(unknown, Err(VisitError::NoRemote(_))));
}
