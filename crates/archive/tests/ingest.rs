//! Taking in and reading back, on real files and a real catalog: what is acknowledged is whole, what is not leaves
//! nothing.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use causeway_archive::{Acknowledge, Config, Duplicate, IngestError, Outcome};
use causeway_core::{Level, Permission, Principal, Selection, Status, Tag, Uid};
use common::{Pieces, Subject, announced, envelope, study, text};

#[tokio::test]
async fn what_was_taken_is_found_and_comes_back_byte_for_byte() {
    let subject = Subject::new().await;
    let samples = study(1, 3);
    for sample in &samples {
        assert_eq!(subject.ingest(sample).await.unwrap().outcome, Outcome::New);
        assert_eq!(subject.read_back(sample).await.unwrap(), sample.data_set());
    }
    let found = subject.search(Level::Study).await;
    assert_eq!(found.len(), 1);
    assert_eq!(text(&found[0], Tag::NUMBER_OF_STUDY_RELATED_INSTANCES), "3");
    assert_eq!(subject.archive.counters().taken, 3);
}

#[tokio::test]
async fn the_same_again_is_fine_and_kept_once() {
    let subject = Subject::new().await;
    let sample = &study(1, 1)[0];
    subject.ingest(sample).await.unwrap();
    assert_eq!(subject.ingest(sample).await.unwrap().outcome, Outcome::SameBytes);
    assert_eq!(subject.files("spool").len() + subject.files("objects").len(), 1);
}

fn other_bytes(sample: &causeway_testkit::sample::Sample) -> Vec<u8> {
    let mut bytes = sample.data_set().to_vec();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    bytes
}

#[tokio::test]
async fn other_bytes_under_the_same_uid_are_refused_and_the_first_stay() {
    let subject = Subject::new().await;
    let sample = &study(1, 1)[0];
    subject.ingest(sample).await.unwrap();
    let error = subject.ingest_body(sample, &mut Pieces::of(&other_bytes(sample))).await.unwrap_err();
    assert!(matches!(error, IngestError::Conflict(_)));
    assert_eq!((error.store_status(), error.failure_reason()), (Status::CONFLICTING_DUPLICATE, 0x0111));
    assert_eq!(subject.read_back(sample).await.unwrap(), sample.data_set());
    assert_eq!(subject.files("spool").len() + subject.files("objects").len(), 1);
}

#[tokio::test]
async fn other_bytes_take_the_place_where_that_is_set() {
    let subject = Subject::with(Config { duplicate: Duplicate::Replace, ..Config::default() }).await;
    let sample = &study(1, 1)[0];
    subject.ingest(sample).await.unwrap();
    let other = other_bytes(sample);
    let accepted = subject.ingest_body(sample, &mut Pieces::of(&other)).await.unwrap();
    assert_eq!(accepted.outcome, Outcome::Replaced);
    assert_eq!(subject.read_back(sample).await.unwrap(), other);
    assert_eq!(subject.files("spool").len() + subject.files("objects").len(), 1);
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_nothing() {
    let subject = Subject::new().await;
    let sample = &study(1, 1)[0];
    let half = sample.data_set().len() / 2;
    for bytes in [0, 10, half, sample.data_set().len()] {
        let mut body = Pieces::broken(&sample.data_set()[..bytes]);
        assert!(matches!(subject.ingest_body(sample, &mut body).await, Err(IngestError::Body(_))));
    }
    assert!(subject.search(Level::Instance).await.is_empty());
    assert_eq!(subject.files("spool"), Vec::<String>::new());
    assert_eq!(subject.archive.counters().refused, 4);
}

#[tokio::test]
async fn a_data_set_that_ends_early_is_not_taken_for_whole() {
    let subject = Subject::new().await;
    let sample = &study(1, 1)[0];
    let bytes = sample.data_set();
    let mut body = Pieces::of(&bytes[..bytes.len() - 1]);
    let error = subject.ingest_body(sample, &mut body).await.unwrap_err();
    assert!(matches!(error, IngestError::Unreadable(_)), "{error}");
    assert!(subject.read_back(sample).await.is_none());
}

#[tokio::test]
async fn what_was_announced_must_be_what_came() {
    let subject = Subject::new().await;
    let samples = study(1, 2);
    let mut wrong = announced(&samples[0]);
    wrong.sop_instance = Some(samples[1].ids.instance.clone());
    let mut body = Pieces::of(samples[0].data_set());
    let local = Principal::local();
    let taken = subject.archive.ingest(&local, envelope(), wrong, &mut body, None).await;
    let error = taken.unwrap_err();
    assert!(matches!(error, IngestError::Mismatch { .. }));
    assert_eq!(error.store_status(), Status::DATA_SET_DOES_NOT_MATCH);

    let other: Uid = Uid::parse("1.2.3").unwrap();
    let mut body = Pieces::of(samples[0].data_set());
    let taken =
        subject.archive.ingest(&local, envelope(), announced(&samples[0]), &mut body, Some(&other)).await;
    assert!(matches!(taken.unwrap_err(), IngestError::OtherStudy { .. }));
    assert!(subject.search(Level::Instance).await.is_empty());
}

#[tokio::test]
async fn nobody_stores_reads_or_deletes_without_leave() {
    let subject = Subject::new().await;
    let sample = &study(1, 1)[0];
    subject.ingest(sample).await.unwrap();
    let nobody = Principal {
        name: "nobody".to_owned(),
        permissions: [Permission::Query].into_iter().collect(),
        ..Principal::local()
    };
    let mut body = Pieces::of(sample.data_set());
    let taken = subject.archive.ingest(&nobody, envelope(), announced(sample), &mut body, None).await;
    assert_eq!(taken.unwrap_err().store_status(), Status::NOT_AUTHORIZED);
    let selection = Selection::study(sample.ids.study.clone());
    assert!(subject.archive.select(&nobody, &selection).await.is_err());
    assert!(subject.archive.delete(&nobody, &selection).await.is_err());
    assert!(subject.archive.search(&nobody, causeway_core::Query::all(Level::Study)).await.is_ok());
}

#[tokio::test]
async fn what_is_deleted_is_gone_with_its_bytes_and_known_to_be_gone() {
    let subject = Subject::new().await;
    let samples = study(1, 2);
    for sample in &samples {
        subject.ingest(sample).await.unwrap();
    }
    let local = Principal::local();
    let selection = Selection::study(samples[0].ids.study.clone());
    assert!(!subject.archive.was_deleted(&local, &selection).await.unwrap());
    subject.archive.delete(&local, &selection).await.unwrap();
    assert!(subject.read_back(&samples[0]).await.is_none());
    assert!(subject.archive.was_deleted(&local, &selection).await.unwrap());
    assert_eq!(subject.files("spool").len() + subject.files("objects").len(), 0);
}

#[tokio::test]
async fn an_answer_that_waits_for_the_store_is_given_when_it_is_there() {
    let subject = Subject::with(Config { acknowledge: Acknowledge::Store, ..Config::default() }).await;
    let sample = &study(1, 1)[0];
    subject.ingest(sample).await.unwrap();
    assert_eq!((subject.files("spool").len(), subject.files("objects").len()), (0, 1));
    assert_eq!(subject.read_back(sample).await.unwrap(), sample.data_set());
}
