//! Metadata: prepared behind ingest, the same as when they are read from the objects, gone with what they tell of.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use causeway_catalog::Catalog;
use causeway_core::{Principal, Selection, StoredInstance, SystemClock, Uid};
use causeway_testkit::sample::Sample;
use common::{Subject, study};

const BASE: &str = "http://h/dicom-web";

/// Settles everything, and prepares it.
async fn settle_and_prepare(node: &Subject) {
    node.settle().await;
    node.archive.prepare_waiting().await;
}

/// Takes the bytes of all instances away.
fn remove_objects(node: &Subject) {
    for folder in ["spool", "objects"] {
        std::fs::remove_dir_all(node.folder.path().join(folder)).unwrap();
    }
}

/// How many sheets tell of the series of a sample.
async fn sheets(node: &Subject, sample: &Sample) -> usize {
    let catalog = Catalog::open(&node.folder.path().join("catalog.db"), Arc::new(SystemClock)).await.unwrap();
    catalog.sheets(sample.ids.study.clone(), sample.ids.series.clone(), 1).await.unwrap().len()
}

async fn selected(node: &Subject, series: &Uid) -> Vec<StoredInstance> {
    let selection = Selection { series: vec![series.clone()], ..Selection::default() };
    node.archive.select(&Principal::local(), &selection).await.unwrap()
}

async fn ingested(node: &Subject, samples: &[Sample]) -> Uid {
    for sample in samples {
        node.ingest(sample).await.unwrap();
    }
    samples.first().unwrap().ids.series.clone()
}

#[tokio::test]
async fn what_was_prepared_is_what_is_read_and_no_object_is_read_for_it() {
    let node = Subject::new().await;
    let series = ingested(&node, &study(1, 20)).await;
    let instances = selected(&node, &series).await;
    let read = node.archive.series_metadata(&instances, "http://other/dicom-web").await.unwrap();
    settle_and_prepare(&node).await;
    remove_objects(&node);
    let prepared = node.archive.series_metadata(&instances, BASE).await.unwrap();
    let read = String::from_utf8(read.to_vec()).unwrap().replace("http://other/dicom-web", BASE);
    assert!(read.contains("BulkDataURI") && read.contains(&format!("{BASE}/studies/")));
    assert_eq!(prepared, read);
    let some = node.archive.series_metadata(&instances[5..15], BASE).await.unwrap();
    assert!(read.contains(std::str::from_utf8(&some).unwrap()));
}

#[tokio::test]
async fn what_comes_later_is_prepared_beside_what_was() {
    let node = Subject::new().await;
    let samples = study(2, 12);
    for sample in &samples {
        node.ingest(sample).await.unwrap();
        settle_and_prepare(&node).await;
    }
    let instances = selected(&node, &samples[0].ids.series).await;
    remove_objects(&node);
    let prepared = node.archive.series_metadata(&instances, BASE).await.unwrap();
    let array: Vec<serde_json::Value> =
        serde_json::from_str(&format!("[{}]", std::str::from_utf8(&prepared).unwrap())).unwrap();
    assert_eq!(array.len(), 12);
    assert!(sheets(&node, &samples[0]).await <= 4, "those that come one by one are gathered");
}

#[tokio::test]
async fn what_was_missed_is_prepared_when_it_is_asked_for() {
    let node = Subject::new().await;
    let series = ingested(&node, &study(3, 10)).await;
    let instances = selected(&node, &series).await;
    let read = node.archive.series_metadata(&instances, BASE).await.unwrap();
    node.archive.prepare_waiting().await;
    remove_objects(&node);
    let prepared = node.archive.series_metadata(&instances, "http://other/dicom-web").await.unwrap();
    assert_eq!(prepared.len(), read.len() + "other".len() * 10 - 10);
}

#[tokio::test]
async fn what_was_deleted_leaves_nothing_prepared() {
    let node = Subject::new().await;
    let samples = study(4, 10);
    let series = ingested(&node, &samples).await;
    settle_and_prepare(&node).await;
    assert!(sheets(&node, &samples[0]).await > 0);
    let gone = Selection { instances: vec![samples[3].ids.instance.clone()], ..Selection::default() };
    node.archive.delete(&Principal::local(), &gone).await.unwrap();
    assert_eq!(sheets(&node, &samples[0]).await, 0);
    let instances = selected(&node, &series).await;
    let told = node.archive.series_metadata(&instances, BASE).await.unwrap();
    assert!(!String::from_utf8(told.to_vec()).unwrap().contains(samples[3].ids.instance.as_str()));
}
