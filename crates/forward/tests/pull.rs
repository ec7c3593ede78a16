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

use causeway_archive::dispatch::NoDispatcher;
use causeway_archive::{Archive, Wanted};
use causeway_catalog::Catalog;
use causeway_core::remote::DimseAddress;
use causeway_core::{
    AeTitle, Attributes, Principal, Remote, Selection, Status, SystemClock, Tag, Uid, Vr, sop_class,
};
use causeway_dimse::scu::Wish;
use causeway_scp::{Calling, Pull, Pulled, pull};
use causeway_store::{ObjectsConfig, Store};
use causeway_testkit::sample::{Modality, Sample, Study};
use causeway_tls::Security;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

const INSTANCES: u64 = 12;

/// A node without a door.
async fn archive(folder: &Path) -> Archive {
    let store = Store::open(causeway_store::Config {
        spool: folder.join("spool"),
        objects: ObjectsConfig::Local(folder.join("objects")),
    });
    let clock = Arc::new(SystemClock);
    let catalog = Catalog::open(&folder.join("catalog.db"), clock.clone()).await.unwrap();
    let settings = causeway_archive::Config::default();
    Archive::open(store.await.unwrap(), catalog, clock, Arc::new(NoDispatcher), settings).await.unwrap()
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
            "DicomCheckCalledAet": false, "DicomAlwaysAllowStore": true, "DicomAlwaysAllowGet": true,
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
fn whole(source: &Source) -> Pull {
    let mut keys = Attributes::default();
    keys.put_text(Tag::QUERY_RETRIEVE_LEVEL, Vr::CS, "STUDY");
    keys.put_text(Tag::STUDY_INSTANCE_UID, Vr::UI, source.study.uid().as_str());
    let sop_classes = source.samples.first().map(|sample| sample.sop_class.clone()).into_iter().collect();
    Pull { model: Uid::parse(sop_class::STUDY_ROOT_GET).unwrap(), keys, sop_classes }
}

async fn fetch(archive: &Archive, source: &Source, principal: &Principal, wish: Wish) -> Pulled {
    let title = AeTitle::parse("SUBJECT").unwrap();
    let calling = Calling { ae_title: &title, security: Security::PLAIN };
    pull(archive, principal, &source.remote, calling, &whole(source), |_| wish).await.unwrap()
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
    let folder = tempfile::tempdir().unwrap();
    let archive = archive(folder.path()).await;
    // Twice: what is here already is Success once more.
    for _ in 0..2 {
        let pulled = fetch(&archive, &source, &Principal::local(), Wish::More).await;
        assert_eq!(pulled.retrieved.status, Status::SUCCESS, "{pulled:?}");
        assert_eq!((pulled.kept, pulled.refused), (INSTANCES, 0));
        assert_eq!(pulled.retrieved.progress.completed.map(u64::from), Some(INSTANCES));
    }
    assert_whole(&archive, &source).await;
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
    let folder = tempfile::tempdir().unwrap();
    let nobody = Principal { name: "nobody".to_owned(), permissions: [].into_iter().collect() };
    let pulled = fetch(&archive(folder.path()).await, &source, &nobody, Wish::More).await;
    assert_eq!((pulled.kept, pulled.refused), (0, INSTANCES));
    assert_ne!(pulled.retrieved.status, Status::SUCCESS, "{pulled:?}");
}

#[tokio::test]
async fn a_wish_to_stop_is_heard_and_what_came_by_then_stays() {
    let Some(source) = dcmqrscp().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let archive = archive(folder.path()).await;
    let stopped = fetch(&archive, &source, &Principal::local(), Wish::Cancel).await;
    assert_eq!(stopped.retrieved.status, Status::CANCEL, "{stopped:?}");
    let found =
        archive.select(&Principal::local(), &Selection::study(source.study.uid().clone())).await.unwrap();
    assert_eq!(found.len() as u64, stopped.kept);
    assert!(stopped.kept < INSTANCES, "{stopped:?}");
}
