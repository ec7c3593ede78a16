//! PostgreSQL that goes away while many write: what was answered with success is there afterwards, what was not may be
//! done again, and nobody but those who were under way notices.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use causeway_catalog::{Catalog, Inserted, OnConflict, Server};
use causeway_core::{Class, Level, ManualClock, Query, Selection, Sight, Tag};
use causeway_testkit::database::{Cluster, Database};
use causeway_testkit::line::{Line, Terms};
use jiff::Timestamp;
use tokio::task::JoinSet;

use crate::battery::common::{record, uid};

/// Who write at once, a study each.
const WRITERS: u32 = 8;

async fn connect(url: &str) -> Catalog {
    let clock = Arc::new(ManualClock::at(Timestamp::from_second(1_700_000_000).unwrap()));
    Catalog::connect(Server::parse(url).unwrap(), clock).await.unwrap()
}

/// How often what was under way was lost, and how much is kept.
#[derive(Debug, Default)]
struct Tally {
    lost: AtomicU32,
    kept: [AtomicU32; WRITERS as usize],
}

/// Sends the instances of a study one after another, each until it is kept, until told to stop; at least one after that.
async fn send(catalog: Catalog, study: u32, tally: Arc<Tally>, is_over: Arc<AtomicBool>) {
    for number in 1.. {
        let last = is_over.load(Ordering::Relaxed);
        let instance = record(study, 1, number);
        loop {
            match catalog.insert(instance.clone(), Vec::new(), OnConflict::KeepFirst).await {
                // Of one whose commit was not heard of it is not known whether it is here.
                Ok(Inserted::New | Inserted::Known) => break,
                Ok(other) => panic!("{other:?}"),
                Err(error) => {
                    assert_eq!(error.class(), Class::Transient, "{error}");
                    tally.lost.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
        tally.kept[study as usize].store(number, Ordering::Relaxed);
        if last {
            return;
        }
    }
}

/// Has many write while `trouble` is made, then holds what is there against what was answered.
async fn write_through(catalog: &Catalog, trouble: impl Future<Output = ()>) -> Arc<Tally> {
    let (tally, is_over) = (Arc::new(Tally::default()), Arc::new(AtomicBool::new(false)));
    let mut writers = JoinSet::new();
    for study in 0..WRITERS {
        writers.spawn(send(catalog.clone(), study, Arc::clone(&tally), Arc::clone(&is_over)));
    }
    tokio::select! {
        () = trouble => {}
        Some(ended) = writers.join_next() => panic!("a writer ended: {ended:?}"),
    }
    is_over.store(true, Ordering::Relaxed);
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    for (study, kept) in (0..WRITERS).zip(&tally.kept) {
        let kept = kept.load(Ordering::Relaxed) as usize;
        let selection = Selection::study(uid(&format!("1.2.{study}")));
        assert_eq!(catalog.instances(selection, Sight::Everything).await.unwrap().len(), kept);
    }
    let mut studies = catalog.search(Query::all(Level::Study)).await.unwrap();
    while let Some(study) = studies.next().await.unwrap() {
        let text = |tag| study.first(tag).unwrap_or_default().to_owned();
        let number: usize = text(Tag::STUDY_INSTANCE_UID).rsplit('.').next().unwrap().parse().unwrap();
        let counted = text(Tag::NUMBER_OF_STUDY_RELATED_INSTANCES);
        assert_eq!(counted, tally.kept[number].load(Ordering::Relaxed).to_string());
    }
    tally
}

/// Until so many are kept in all.
async fn until_kept(catalog: &Catalog, count: u64) {
    loop {
        let known = catalog.last_event().await.is_ok_and(|last| last >= i64::try_from(count).unwrap());
        if known {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_is_cut_loses_nothing_that_was_answered() {
    let Some(database) = Database::fresh().unwrap() else { return };
    let line = Line::open(SocketAddr::from(([127, 0, 0, 1], 0)), database.address, Terms::default()).unwrap();
    let catalog = connect(&database.url_by(line.address())).await;
    let tally = write_through(&catalog, async {
        for cut in 1..=10 {
            until_kept(&catalog, cut * 40).await;
            line.cut();
        }
    })
    .await;
    assert!(tally.lost.load(Ordering::Relaxed) > 0, "nothing was under way when the line was cut");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_crashes_loses_nothing_that_was_answered() {
    let folder = tempfile::tempdir().unwrap();
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let Some(cluster) = Cluster::start(&folder.path().join("cluster"), listen).unwrap() else {
        return;
    };
    let catalog = connect(&cluster.database().unwrap().url()).await;
    let cluster = Arc::new(cluster);
    let tally = write_through(&catalog, async {
        for crash in 1..=3 {
            until_kept(&catalog, crash * 100).await;
            let cluster = Arc::clone(&cluster);
            let (crashed, is_over) = tokio::sync::oneshot::channel();
            std::thread::spawn(move || crashed.send(cluster.crash()));
            is_over.await.unwrap().unwrap();
        }
    })
    .await;
    assert!(tally.lost.load(Ordering::Relaxed) > 0, "nothing was under way when the server crashed");
}

#[tokio::test]
async fn a_read_on_a_line_that_was_cut_is_made_again_and_so_is_the_first_write() {
    let Some(database) = Database::fresh().unwrap() else { return };
    let line = Line::open(SocketAddr::from(([127, 0, 0, 1], 0)), database.address, Terms::default()).unwrap();
    let catalog = connect(&database.url_by(line.address())).await;
    for number in 1..=6 {
        catalog.insert(record(1, 1, number), Vec::new(), OnConflict::KeepFirst).await.unwrap();
        // Each reader has a connection by then, and each is cut.
        for _ in 0..4 {
            let mut found = catalog.search(Query::all(Level::Instance)).await.unwrap();
            assert!(found.next().await.unwrap().is_some());
        }
        line.cut();
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_a_failure_at_once_that_passes_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let Some(cluster) = Cluster::start(&folder.path().join("cluster"), listen).unwrap() else {
        return;
    };
    let catalog = connect(&cluster.database().unwrap().url()).await;
    cluster.stop().unwrap();
    let refused = catalog.insert(record(1, 1, 1), Vec::new(), OnConflict::KeepFirst).await.unwrap_err();
    assert_eq!(refused.class(), Class::Transient);
    assert!(refused.to_string().contains("PostgreSQL"), "{refused}");
    let unread = catalog.last_event().await.unwrap_err();
    assert_eq!(unread.class(), Class::Transient);
    cluster.resume().unwrap();
    while catalog.insert(record(1, 1, 1), Vec::new(), OnConflict::KeepFirst).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(catalog.last_event().await.unwrap(), 1);
}
