//! After a crash: what was acknowledged is there, from the spool alone if need be, and nothing is there twice.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use causeway_archive::replay::Replayed;
use causeway_archive::{Config, Dispatcher};
use causeway_catalog::Catalog;
use causeway_catalog::delivery::{Claim, Lane};
use causeway_core::{InstanceRecord, Level, PlannedDelivery, SystemClock, Trigger};
use common::{Subject, open, study};

#[tokio::test]
async fn a_restart_finds_everything_and_writes_nothing_twice() {
    let subject = Subject::new().await;
    let samples = study(1, 4);
    for sample in &samples {
        subject.ingest(sample).await.unwrap();
    }
    let subject = subject.restarted(false).await;
    let replayed = subject.archive.replay().await.unwrap();
    assert_eq!(replayed, Replayed { known: 4, ..Replayed::default() });
    for sample in &samples {
        assert_eq!(subject.read_back(sample).await.unwrap(), sample.data_set());
    }
}

#[tokio::test]
async fn a_catalog_that_was_not_on_disk_is_written_again_from_the_spool() {
    let subject = Subject::new().await;
    let samples = study(1, 4);
    for sample in &samples {
        subject.ingest(sample).await.unwrap();
    }
    let before = subject.search(Level::Instance).await;
    let subject = subject.restarted(true).await;
    assert!(subject.search(Level::Instance).await.is_empty());
    let replayed = subject.archive.replay().await.unwrap();
    assert_eq!(replayed, Replayed { recorded: 4, ..Replayed::default() });
    let mut after = subject.search(Level::Instance).await;
    after.sort_by_key(|attributes| attributes.to_json());
    let mut before = before;
    before.sort_by_key(|attributes| attributes.to_json());
    assert_eq!(after, before, "the record is the one that was made first");
    for sample in &samples {
        assert_eq!(subject.read_back(sample).await.unwrap(), sample.data_set());
    }
}

#[tokio::test]
async fn half_a_file_is_swept_and_never_shown() {
    let subject = Subject::new().await;
    let sample = &study(1, 1)[0];
    subject.ingest(sample).await.unwrap();
    let name = subject.files("spool").remove(0);
    let spool = subject.folder.path().join("spool");
    let half = &sample.file[..sample.file.len() / 2];
    std::fs::write(spool.join(format!("{}.part", name.replace('0', "f"))), half).unwrap();
    let subject = subject.restarted(false).await;
    subject.archive.replay().await.unwrap();
    assert_eq!(subject.files("spool"), [name]);
    assert_eq!(subject.search(Level::Instance).await.len(), 1);
}

#[tokio::test]
async fn a_spooled_file_that_cannot_be_read_is_left_and_stops_nobody() {
    let subject = Subject::new().await;
    let samples = study(1, 1);
    subject.ingest(&samples[0]).await.unwrap();
    let spool = subject.folder.path().join("spool");
    std::fs::write(spool.join("f".repeat(32)), b"not one of ours").unwrap();
    let subject = subject.restarted(true).await;
    let replayed = subject.archive.replay().await.unwrap();
    assert_eq!((replayed.recorded, replayed.unreadable), (1, 1));
    assert_eq!(subject.files("spool").len(), 2);
}

#[tokio::test]
async fn settling_moves_what_is_recorded_and_a_restart_in_between_changes_nothing() {
    let subject = Subject::new().await;
    let samples = study(1, 5);
    for sample in &samples {
        subject.ingest(sample).await.unwrap();
    }
    let settler = subject.archive.clone();
    let task = tokio::spawn(async move { settler.settle_until(std::future::pending()).await });
    while !subject.files("spool").is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    task.abort();
    let _ = task.await;
    assert_eq!(subject.files("objects").len(), 5);
    let subject = subject.restarted(false).await;
    assert_eq!(subject.archive.replay().await.unwrap(), Replayed::default());
    for sample in &samples {
        assert_eq!(subject.read_back(sample).await.unwrap(), sample.data_set());
    }
}

/// Sends everything to one place.
struct All;

impl Dispatcher for All {
    fn plan(&self, _: &InstanceRecord) -> Vec<PlannedDelivery> {
        let name = |text: &str| text.parse().unwrap();
        vec![PlannedDelivery::plain(name("all"), name("reader"), Trigger::Instance)]
    }
    fn nudge(&self) {}
}

#[tokio::test]
async fn a_replay_writes_the_deliveries_again_and_a_repeat_makes_none() {
    let folder = tempfile::tempdir().unwrap();
    let archive = open(folder.path(), Config::default(), Arc::new(All)).await;
    let subject = Subject { folder, archive };
    let sample = &study(1, 1)[0];
    subject.ingest(sample).await.unwrap();
    subject.ingest(sample).await.unwrap();
    subject.archive.replay().await.unwrap();
    let catalog =
        Catalog::open(&subject.folder.path().join("catalog.db"), Arc::new(SystemClock)).await.unwrap();
    let claim = Claim {
        remote: "reader".parse().unwrap(),
        owner: "w".to_owned(),
        lease: Duration::from_secs(60),
        limit: 10,
        lane: Lane::All,
        closed: Vec::new(),
    };
    let claimed = catalog.claim(claim).await;
    assert_eq!(claimed.unwrap().len(), 1);
}

#[tokio::test]
async fn what_was_refused_never_takes_the_place_of_what_was_acknowledged() {
    let subject = Subject::new().await;
    let sample = &study(1, 1)[0];
    subject.ingest(sample).await.unwrap();
    // The refused one's file as it was before it was removed, which a crash may undo.
    let first = subject.files("spool").remove(0);
    let spool = subject.folder.path().join("spool");
    let mut other = std::fs::read(spool.join(&first)).unwrap();
    let last = other.len() - 1;
    other[last] ^= 1;
    std::fs::write(spool.join("f".repeat(32)), other).unwrap();
    let subject = subject.restarted(true).await;
    let replayed = subject.archive.replay().await.unwrap();
    assert_eq!((replayed.recorded, replayed.conflicting), (1, 1));
    assert_eq!(subject.read_back(sample).await.unwrap(), sample.data_set());
    assert_eq!(subject.files("spool").len(), 2, "neither is thrown away");
}

#[tokio::test]
async fn what_was_deleted_does_not_come_back_with_its_file() {
    let subject = Subject::new().await;
    let sample = &study(1, 1)[0];
    subject.ingest(sample).await.unwrap();
    let name = subject.files("spool").remove(0);
    let path = subject.folder.path().join("spool").join(&name);
    let file = std::fs::read(&path).unwrap();
    let selection = causeway_core::Selection::study(sample.ids.study.clone());
    subject.archive.delete(&causeway_core::Principal::local(), &selection).await.unwrap();
    std::fs::write(&path, file).unwrap();
    let subject = subject.restarted(false).await;
    let replayed = subject.archive.replay().await.unwrap();
    assert_eq!(replayed, Replayed { outlived: 1, ..Replayed::default() });
    assert!(subject.search(Level::Instance).await.is_empty());
    assert_eq!(subject.files("spool"), Vec::<String>::new());
}

#[tokio::test]
async fn an_object_that_will_not_settle_holds_up_no_other() {
    let subject = Subject::new().await;
    let samples = study(1, 3);
    subject.ingest(&samples[0]).await.unwrap();
    let lost = subject.files("spool").remove(0);
    std::fs::remove_file(subject.folder.path().join("spool").join(lost)).unwrap();
    for sample in &samples[1..] {
        subject.ingest(sample).await.unwrap();
    }
    let settler = subject.archive.clone();
    let task = tokio::spawn(async move { settler.settle_until(std::future::pending()).await });
    while subject.files("objects").len() < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    task.abort();
}

#[tokio::test]
async fn an_object_that_was_cut_is_not_given_out_as_if_it_were_whole() {
    let subject = Subject::new().await;
    let sample = &study(1, 1)[0];
    subject.ingest(sample).await.unwrap();
    let path = subject.folder.path().join("spool").join(subject.files("spool").remove(0));
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(sample.file.len() as u64 / 2).unwrap();
    let ids = sample.ids.clone();
    let selection = causeway_core::Selection::instance(ids.study, ids.series, ids.instance);
    let local = causeway_core::Principal::local();
    let found = subject.archive.select(&local, &selection).await.unwrap();
    let opened = subject.archive.open_instance(&found[0], &causeway_archive::Wanted::Stored).await;
    assert!(matches!(opened, Err(causeway_archive::RetrieveError::Unreadable(_))));
}
