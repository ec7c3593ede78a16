//! C-STORE by a peer that leaves after each byte: an instance is there when its last byte came, whole, and else there
//! is nothing of it; and whoever calls next is served.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use causeway_archive::dispatch::NoDispatcher;
use causeway_archive::{Archive, Wanted};
use causeway_catalog::Catalog;
use causeway_core::{AeTitle, Principal, Selection, SystemClock};
use causeway_scp::{Config, Listeners, serve};
use causeway_store::{ObjectsConfig, Store};
use causeway_testkit::peer::command::store_rq;
use causeway_testkit::peer::pdu::{self, LAST_OF_COMMAND, LAST_OF_DATA_SET};
use causeway_testkit::peer::{Cut, Peer, Step, sent_bytes};
use causeway_testkit::sample::{Modality, Sample, Study};
use causeway_tls::Tls;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const CONTEXT: u8 = 1;
/// Bytes of a data set in one PDU.
const FRAGMENT_BYTES: usize = 16_000;
/// How often one looks whether what is ending has ended.
const LOOKS: usize = 500;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
/// More samples than there are bytes to cut at.
const SAMPLES: u32 = 6_000;

/// A node's archive with its DIMSE door open.
struct Node {
    folder: TempDir,
    archive: Archive,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    door: JoinHandle<()>,
}

impl Node {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(causeway_store::Config {
            spool: folder.path().join("spool"),
            objects: ObjectsConfig::Local(folder.path().join("objects")),
        });
        let catalog = Catalog::open(&folder.path().join("catalog.db"), Arc::new(SystemClock)).await.unwrap();
        let archive = Archive::open(
            store.await.unwrap(),
            catalog,
            Arc::new(SystemClock),
            Arc::new(NoDispatcher),
            causeway_archive::Config::default(),
        );
        let archive = archive.await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let title = AeTitle::parse("CAUSEWAY").unwrap();
        let listeners = Listeners { plain: listener, secure: None };
        let tls = Tls::open(causeway_tls::Config::default(), Arc::new(SystemClock)).unwrap();
        let door = tokio::spawn(serve(listeners, archive.clone(), title, tls, Config::default(), async {
            let _ = stopped.await;
        }));
        Self { folder, archive, address, stop, door }
    }

    /// Plays `script` up to `cut` and leaves, by a reset or by closing both directions.
    async fn cut(&self, script: &[Step], cut: Cut, leave: Leave) {
        let mut peer = Peer::call(self.address).await.unwrap();
        peer.play_until(script, cut).await.unwrap();
        if leave == Leave::Reset {
            peer.reset().unwrap();
        }
    }

    /// What is kept of a sample: its data set.
    async fn kept(&self, sample: &Sample) -> Option<Vec<u8>> {
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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leave {
    Close,
    Reset,
}

/// Files below a folder, by name.
fn files(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            files(&entry.path(), found);
        } else if name != "lock" && !name.starts_with('.') {
            found.insert(name);
        }
    }
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Association, C-STORE of `sample`, release.
fn exchange(sample: &Sample) -> Vec<Step> {
    let (class, syntax) = (sample.sop_class.as_str(), sample.transfer_syntax.as_str());
    let request = pdu::associate_rq("SCRIPTED", 1, &pdu::proposed_context(CONTEXT, class, syntax));
    let command = store_rq(1, class, sample.ids.instance.as_str());
    let mut script = vec![
        Step::Send(request),
        Step::Hear(pdu::ASSOCIATE_AC),
        Step::Send(pdu::p_data(CONTEXT, LAST_OF_COMMAND, &command)),
    ];
    let count = sample.data_set().len().div_ceil(FRAGMENT_BYTES);
    script.extend(sample.data_set().chunks(FRAGMENT_BYTES).zip(1..).map(|(fragment, number)| {
        let control = if number == count { LAST_OF_DATA_SET } else { 0 };
        Step::Send(pdu::p_data(CONTEXT, control, fragment))
    }));
    script.extend([
        Step::Hear(pdu::P_DATA),
        Step::Send(pdu::RELEASE_RQ.to_vec()),
        Step::Hear(pdu::RELEASE_RP[0]),
    ]);
    script
}

/// After how many bytes sent the instance is whole.
fn whole_at(script: &[Step]) -> usize {
    sent_bytes(script) - pdu::RELEASE_RQ.len()
}

/// A cut of the exchange of one sample, and whether the instance must be there after it; none: it may be.
struct Played {
    sample: Sample,
    story: String,
    due: Option<bool>,
}

impl Node {
    async fn play_sent(&self, sample: Sample, sent: usize, leave: Leave) -> Played {
        let script = exchange(&sample);
        let story = format!("{leave:?} after {sent} of {} bytes", sent_bytes(&script));
        self.cut(&script, Cut::Sent(sent), leave).await;
        let whole = sent >= whole_at(&script);
        // A reset may overtake what was sent.
        let due = if whole && leave == Leave::Reset { None } else { Some(whole) };
        Played { sample, story, due }
    }

    async fn play_heard(&self, sample: Sample, heard: usize, acceptance: usize) -> Played {
        let script = exchange(&sample);
        self.cut(&script, Cut::Heard(heard), Leave::Close).await;
        let story = format!("a close after {heard} bytes heard");
        Played { sample, story, due: Some(heard >= acceptance) }
    }

    /// Serves one more, stops, and holds what is kept against what was played.
    async fn check(self, played: &[Played], another: &Sample) {
        let mut peer = Peer::call(self.address).await.unwrap();
        peer.play(&exchange(another)).await.unwrap();
        drop(peer);
        let Self { stop, door, .. } = self;
        stop.send(()).unwrap();
        door.await.unwrap();
        let node = Self { stop: oneshot::channel().0, door: tokio::spawn(async {}), ..self };
        assert_eq!(node.kept(another).await.as_deref(), Some(another.data_set()));
        let mut kept_objects = 1;
        for Played { sample, story, due } in played {
            let kept = node.kept(sample).await;
            assert!(due.is_none_or(|due| kept.is_some() == due), "{story}: kept: {}", kept.is_some());
            if let Some(kept) = kept {
                assert!(kept == sample.data_set(), "{story}: other bytes are kept than were sent");
                kept_objects += 1;
            }
        }
        // Spool first: what is settled in between is then seen in one of the two.
        let mut names = BTreeSet::new();
        files(&node.folder.path().join("spool"), &mut names);
        files(&node.folder.path().join("objects"), &mut names);
        assert_eq!(names.len(), kept_objects, "something is left of what did not come whole");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_leaves_at_any_byte_leaves_a_whole_instance_or_nothing() {
    let node = Node::start().await;
    let study = Study::new(7, Modality::Mr, 1, SAMPLES).with_edge(2);
    let mut samples = study.instances();
    let (first, another) = (samples.next().unwrap(), samples.next().unwrap());
    // The second play is of the same instance: sent again, it is Success again.
    let mut peer = Peer::call(node.address).await.unwrap();
    let heard_bytes = peer.play(&exchange(&first)).await.unwrap();
    let mut peer = Peer::call(node.address).await.unwrap();
    let acceptance = peer.play(&exchange(&first)[..2]).await.unwrap();
    drop(peer);
    let before = open_files();
    let mut played = vec![Played { sample: first, story: "whole".to_owned(), due: Some(true) }];
    for leave in [Leave::Close, Leave::Reset] {
        // Lengths differ between samples by the digits of a UID: each is cut by its own.
        for sent in 0.. {
            let sample = samples.next().unwrap();
            let total = sent_bytes(&exchange(&sample));
            if sent > total {
                break;
            }
            played.push(node.play_sent(sample, sent, leave).await);
        }
    }
    for heard in 0..=heard_bytes {
        played.push(node.play_heard(samples.next().unwrap(), heard, acceptance).await);
    }
    // The last ones may still be ending.
    for _ in 0..LOOKS {
        if open_files() > before {
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }
    assert!(open_files() <= before, "{} files are open, {before} were", open_files());
    node.check(&played, &another).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_instance_of_which_a_part_came_leaves_nothing_in_the_spool() {
    let node = Node::start().await;
    let study = Study::new(8, Modality::Ct, 1, 100).with_edge(512);
    let mut samples = study.instances();
    let another = samples.next().unwrap();
    let mut played = Vec::new();
    let command = exchange(&another)[..3].iter().map(|step| sent_bytes(std::slice::from_ref(step))).sum();
    let whole: usize = whole_at(&exchange(&another));
    let starts =
        [command, command + 6, command + 12, command + FRAGMENT_BYTES, command + FRAGMENT_BYTES + 12];
    for leave in [Leave::Close, Leave::Reset] {
        for sent in starts.into_iter().chain([whole / 3, whole / 2, whole - 12, whole - 1, whole]) {
            played.push(node.play_sent(samples.next().unwrap(), sent, leave).await);
        }
    }
    node.check(&played, &another).await;
}
