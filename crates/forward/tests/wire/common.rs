//! A forwarder with an archive on a folder that goes away, and the words that its tests share.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use causeway_archive::{Announced, Archive, Body, BodyError};
use causeway_catalog::Catalog;
use causeway_core::remote::{DicomWebAddress, DimseAddress};
use causeway_core::transfer_syntax::{IMPLICIT_VR_LITTLE_ENDIAN, Layout};
use causeway_core::{
    AeTitle, Class, Door, Envelope, Principal, Remote, RemoteName, SystemClock, Trigger, Uid,
};
use causeway_dataset::transcode::Transcoder;
use causeway_forward::delivery::{Filter, JobRow, JobState};
use causeway_forward::{Config, Forwarder, RouteRecord, Router};
use causeway_store::{ObjectsConfig, Store};
use causeway_testkit::sample::{Modality, Sample, Study};
use causeway_tls::Tls;
use jiff::Timestamp;
use tempfile::TempDir;

pub(crate) struct Subject {
    pub(crate) folder: TempDir,
    pub(crate) archive: Archive,
    pub(crate) forwarder: Forwarder,
}

/// Short patience, so that a test sees its end.
pub(crate) fn config() -> Config {
    Config { response_seconds: 1, connect_seconds: 2, linger_seconds: 1, ..Config::default() }
}

impl Subject {
    /// Nothing is sent before [`Subject::run`].
    pub(crate) async fn new(config: Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(causeway_store::Config {
            spool: folder.path().join("spool"),
            objects: ObjectsConfig::Local(folder.path().join("objects")),
        });
        let clock = Arc::new(SystemClock);
        let catalog = Catalog::open(&folder.path().join("catalog.db"), clock.clone()).await.unwrap();
        let router = Arc::new(Router::load(catalog.clone()).await.unwrap());
        let (store, settings) = (store.await.unwrap(), causeway_archive::Config::default());
        let archive =
            Archive::open(store, catalog.clone(), clock.clone(), router.clone(), settings).await.unwrap();
        let ae_title = AeTitle::parse("SUBJECT").unwrap();
        let tls = Tls::open(causeway_tls::Config::default(), clock.clone()).unwrap();
        let forwarder = Forwarder::new(archive.clone(), catalog, router, clock, ae_title, tls, config);
        Self { folder, archive, forwarder }
    }

    /// Knows a remote, and sends it all that comes in.
    pub(crate) async fn send_all_to(&self, remote: Remote) {
        let name = remote.name.clone();
        self.archive.put_remote(&Principal::local(), remote).await.unwrap();
        let route = RouteRecord::plain(name.clone(), "true", name, Trigger::Instance);
        self.forwarder.put_route(&Principal::local(), route).await.unwrap();
    }

    pub(crate) fn run(&self) {
        let forwarder = self.forwarder.clone();
        tokio::spawn(async move { forwarder.run_until(std::future::pending()).await });
    }

    pub(crate) async fn ingest(&self, sample: &Sample) {
        self.ingest_as(sample, &sample.transfer_syntax, sample.data_set()).await;
    }

    /// Ingests a sample in implicit VR, which is laid out anew for the web.
    pub(crate) async fn ingest_implicit(&self, sample: &Sample) {
        let mut transcoder = Transcoder::new(Layout::ExplicitLittleEndian, Layout::ImplicitLittleEndian);
        let mut implicit = transcoder.feed(sample.data_set()).unwrap().to_vec();
        implicit.extend_from_slice(&transcoder.finish().unwrap());
        let transfer_syntax = Uid::parse(IMPLICIT_VR_LITTLE_ENDIAN).unwrap();
        self.ingest_as(sample, &transfer_syntax, &implicit).await;
    }

    async fn ingest_as(&self, sample: &Sample, transfer_syntax: &Uid, data_set: &[u8]) {
        let envelope = Envelope {
            door: Door::Dimse,
            received_at: Timestamp::UNIX_EPOCH,
            calling_ae: None,
            remote: None,
            source_address: None,
            came_back: None,
            via: causeway_core::Via::default(),
        };
        let announced = Announced {
            sop_class: Some(sample.sop_class.clone()),
            sop_instance: Some(sample.ids.instance.clone()),
            transfer_syntax: transfer_syntax.clone(),
        };
        let mut body = Whole(Some(Bytes::copy_from_slice(data_set)));
        self.archive.ingest(&Principal::local(), envelope, announced, &mut body, None).await.unwrap();
    }

    /// Spoils what is in the spool, as a bad disk does: the pixels claim to be longer than they are. It is noticed
    /// when the end of the data set is reached, where it is laid out anew.
    pub(crate) fn damage_spool(&self, transfer_syntax: &str) {
        let length_at = if transfer_syntax == IMPLICIT_VR_LITTLE_ENDIAN { 4 } else { 8 };
        let mut pending = vec![self.folder.path().join("spool")];
        while let Some(folder) = pending.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    pending.push(entry.path());
                    continue;
                }
                let mut bytes = std::fs::read(entry.path()).unwrap();
                let pixels = bytes.windows(4).position(|at| at == [0xE0, 0x7F, 0x10, 0x00]);
                if let Some(pixels) = pixels {
                    let length = pixels + length_at..pixels + length_at + 4;
                    bytes[length].copy_from_slice(&0x7FFF_FFF0_u32.to_le_bytes());
                    // In place: the file may be open.
                    std::fs::write(entry.path(), bytes).unwrap();
                }
            }
        }
    }

    pub(crate) async fn jobs(&self) -> Vec<JobRow> {
        let filter = Filter { limit: 1000, ..Filter::default() };
        self.forwarder.jobs(&Principal::local(), filter).await.unwrap()
    }

    pub(crate) async fn job(&self, sample: &Sample) -> JobRow {
        let mut jobs = self.jobs().await.into_iter();
        jobs.find(|job| job.instance.as_ref() == Some(&sample.ids.instance)).unwrap()
    }

    /// Waits until the jobs are so; fails after `patience`.
    pub(crate) async fn until(&self, patience: Duration, are_so: impl Fn(&[JobRow]) -> bool) {
        let waited = tokio::time::timeout(patience, async {
            while !are_so(&self.jobs().await) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        if waited.await.is_err() {
            panic!("the jobs are not so yet: {:#?}", self.jobs().await);
        }
    }

    /// Why the only destination is left alone, if it is.
    /// Sends the others of three, of which the first was damaged here: they arrive, it waits, and the destination is
    /// not blamed.
    pub(crate) async fn sends_all_but_the_first(&self, samples: &[Sample]) {
        for sample in &samples[1..] {
            self.ingest(sample).await;
        }
        self.run();
        self.until(Duration::from_secs(10), |jobs| count(jobs, JobState::Delivered) == 2).await;
        let damaged = self.job(&samples[0]).await;
        assert_eq!((damaged.state, damaged.attempts), (JobState::Waiting, 1));
        assert_eq!(damaged.last.unwrap().class, Some(Class::Bug));
        assert_eq!(self.held_because().await, None);
    }

    pub(crate) async fn held_because(&self) -> Option<String> {
        let report = self.forwarder.report(&Principal::local()).await.unwrap();
        report.into_iter().find_map(|destination| destination.because)
    }
}

/// How many of the jobs are in `state`.
pub(crate) fn count(jobs: &[JobRow], state: JobState) -> usize {
    jobs.iter().filter(|job| job.state == state).count()
}

pub(crate) fn samples(seed: u64, edge: u16, instances: u32) -> Vec<Sample> {
    Study::new(seed, Modality::Mr, 1, instances).with_edge(edge).instances().collect()
}

fn remote(name: &str) -> Remote {
    Remote::named(name.parse::<RemoteName>().unwrap())
}

pub(crate) fn web(name: &str, port: u16) -> Remote {
    let dicomweb = DicomWebAddress { url: format!("http://127.0.0.1:{port}"), token_file: None };
    Remote { dicomweb: Some(dicomweb), ..remote(name) }
}

pub(crate) fn dimse(name: &str, port: u16) -> Remote {
    let ae_title = AeTitle::parse("PEER").unwrap();
    let dimse = DimseAddress { ae_title, host: Some("127.0.0.1".to_owned()), port: Some(port), tls: false };
    Remote { dimse: Some(dimse), ..remote(name) }
}

struct Whole(Option<Bytes>);

impl Body for Whole {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        Ok(self.0.take())
    }
}
