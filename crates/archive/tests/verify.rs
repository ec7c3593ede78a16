//! Verification, and what becomes of what it finds: bytes that come again take the place of those that are lacking, also when
//! the node dies in between; a catalog made anew tells what the lost one told.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::PathBuf;

use causeway_archive::{Fate, Finding, FindingKind, Mends, VerificationState};
use causeway_core::{Level, Principal};
use common::{Subject, study};

/// Bytes that are read in a second here: all at once.
const FAST: u64 = 1 << 30;

async fn verified(subject: &Subject, mends: Mends) -> Vec<Finding> {
    let (archive, principal) = (&subject.archive, Principal::local());
    archive.begin_verification(&principal, mends, FAST).await.unwrap().unwrap();
    let ended = async {
        loop {
            // What a remote is asked for is asked for by nobody here.
            if let Some((verification, finding)) = archive.next_to_mend().await.unwrap() {
                archive.tried_to_mend(verification, &finding, "nobody was asked".to_owned()).await.unwrap();
            }
            let now = archive.verification(&principal).await.unwrap().unwrap();
            if now.state != VerificationState::UnderWay {
                return now.state;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let state = tokio::select! {
        () = archive.verify_until(std::future::pending()) => unreachable!(),
        state = ended => state,
    };
    assert_eq!(state, VerificationState::Done);
    archive.findings(&principal, String::new()).await.unwrap()
}

/// The files of settled objects.
fn settled(subject: &Subject) -> Vec<PathBuf> {
    let mut pending = vec![subject.folder.path().join("objects")];
    let mut found = Vec::new();
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() { pending.push(entry) } else { found.push(entry) }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_damaged_is_found_and_its_bytes_are_taken_when_they_come_again() {
    let subject = Subject::new().await;
    let samples = study(1, 3);
    for sample in &samples {
        subject.ingest(sample).await.unwrap();
    }
    subject.settle().await;
    assert_eq!(verified(&subject, Mends::Nothing).await, []);
    let path = settled(&subject).remove(0);
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let found = verified(&subject, Mends::WhatItCan).await;
    assert_eq!((found.len(), found[0].kind, found[0].fate), (1, FindingKind::Damaged, Fate::Left));
    let ids = found[0].ids.clone().unwrap();
    let sample = samples.iter().find(|sample| sample.ids == ids).unwrap();
    assert_ne!(subject.read_back(sample).await.unwrap(), sample.data_set());
    subject.ingest(sample).await.unwrap();
    assert_eq!(subject.read_back(sample).await.unwrap(), sample.data_set());
    let aside = subject.folder.path().join("spool/aside").join(path.file_name().unwrap());
    assert_eq!(std::fs::read(aside).unwrap(), bytes, "the damaged file is kept");
    subject.settle().await;
    assert_eq!(verified(&subject, Mends::Nothing).await, []);
    // A repeat of what is as it should be changes nothing.
    let before = subject.files("objects");
    subject.ingest(sample).await.unwrap();
    assert_eq!(subject.files("objects"), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_came_again_just_before_a_crash_take_the_place_at_the_replay() {
    let subject = Subject::new().await;
    let sample = study(2, 1).remove(0);
    subject.ingest(&sample).await.unwrap();
    subject.settle().await;
    let path = settled(&subject).remove(0);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(verified(&subject, Mends::Nothing).await[0].kind, FindingKind::Lost);
    // In the spool under a name of its own, and nothing of it in the catalog.
    let spooled = subject.folder.path().join("spool/0193520a7b3c7def8123456789abcdef");
    std::fs::write(spooled, &bytes).unwrap();
    let subject = subject.restarted(false).await;
    subject.archive.replay().await.unwrap();
    assert_eq!(subject.read_back(&sample).await.unwrap(), sample.data_set());
    assert_eq!(
        subject.archive.findings(&Principal::local(), String::new()).await.unwrap()[0].fate,
        Fate::Mended
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_made_anew_tells_what_the_lost_one_told() {
    let subject = Subject::new().await;
    let samples = [study(3, 4), study(4, 2)].concat();
    for sample in &samples {
        subject.ingest(sample).await.unwrap();
    }
    subject.settle().await;
    let before = subject.search(Level::Instance).await;
    let subject = subject.restarted(true).await;
    assert_eq!(subject.search(Level::Instance).await, []);
    let rebuilt = subject.archive.rebuild(|_| {}).await.unwrap();
    assert_eq!((rebuilt.recorded, rebuilt.unreadable), (6, 0));
    assert_eq!(subject.search(Level::Instance).await, before);
    assert_eq!(verified(&subject, Mends::Nothing).await, []);
    assert_eq!(subject.archive.rebuild(|_| {}).await.unwrap(), rebuilt, "once more, to the same effect");
}
