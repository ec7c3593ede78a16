//! Frames and bulk data of instances that were taken, on real files.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::num::NonZeroU32;

use causeway_archive::{BulkData, Frames, RetrieveError};
use causeway_core::{Principal, Selection, StoredInstance};
use causeway_testkit::sample::Sample;
use common::{Subject, study};

const FIRST: NonZeroU32 = NonZeroU32::MIN;

async fn kept(subject: &Subject, sample: &Sample) -> StoredInstance {
    subject.ingest(sample).await.unwrap();
    let ids = sample.ids.clone();
    let selection = Selection::instance(ids.study, ids.series, ids.instance);
    subject.archive.select(&Principal::local(), &selection).await.unwrap().remove(0)
}

async fn frames(subject: &Subject, instance: &StoredInstance) -> Frames {
    subject.archive.frames(instance).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_frame_is_the_end_of_the_data_set_asked_for_once_or_again() {
    let subject = Subject::new().await;
    let sample = &study(1, 1)[0];
    let instance = kept(&subject, sample).await;
    for _ in 0..2 {
        let mut frames = frames(&subject, &instance).await;
        assert_eq!((frames.count(), frames.is_encapsulated()), (1, false));
        let frame = frames.stored(FIRST).await.unwrap();
        assert_eq!(frame.len() as u64, frames.sample_bytes());
        assert!(sample.data_set().ends_with(&frame));
        assert_eq!(frames.samples(FIRST).await.unwrap(), frame);
    }
}

#[tokio::test]
async fn a_frame_that_is_not_there_is_refused() {
    let subject = Subject::new().await;
    let instance = kept(&subject, &study(1, 1)[0]).await;
    let mut frames = frames(&subject, &instance).await;
    let second = frames.stored(NonZeroU32::new(2).unwrap()).await;
    assert!(matches!(second, Err(RetrieveError::Frames(_))));
    assert!(frames.stored(FIRST).await.is_ok());
}

#[tokio::test]
async fn an_opened_frame_stays_readable_while_its_instance_is_deleted() {
    let subject = Subject::new().await;
    let sample = &study(1, 1)[0];
    let instance = kept(&subject, sample).await;
    let mut frames = frames(&subject, &instance).await;
    let ids = sample.ids.clone();
    let selection = Selection::instance(ids.study, ids.series, ids.instance);
    subject.archive.delete(&Principal::local(), &selection).await.unwrap();
    assert!(frames.stored(FIRST).await.is_ok());
    assert!(matches!(subject.archive.frames(&instance).await, Err(RetrieveError::Store(_))));
}

#[tokio::test]
async fn a_value_is_given_whole_or_in_part() {
    let subject = Subject::new().await;
    let sample = &study(1, 1)[0];
    let instance = kept(&subject, sample).await;
    let expected = frames(&subject, &instance).await.stored(FIRST).await.unwrap();
    for part in [0..expected.len(), 3..10, expected.len() - 1..expected.len() + 5] {
        let found = subject.archive.bulk_data(&instance, "7FE00010".parse().unwrap()).await.unwrap();
        let Some(BulkData::Value(mut value)) = found else { panic!("the pixel data are a value") };
        value.narrow(part.start as u64..part.end as u64);
        let mut bytes = Vec::new();
        while let Some(chunk) = value.chunk().await.unwrap() {
            bytes.extend_from_slice(&chunk);
        }
        assert_eq!(bytes, expected[part.start..part.end.min(expected.len())]);
    }
    let absent = subject.archive.bulk_data(&instance, "7FE00009".parse().unwrap()).await.unwrap();
    assert!(absent.is_none());
}
