//! One move of objects at a time, whose steps add up over restarts and which knows what rows tell of each.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use causeway_catalog::{MoveCounts, MoveState, MoveStep, StoreMove, StoreRoute};
use causeway_core::keeping::Removal;
use causeway_core::{Selection, Sight};

use super::common::{Subject, asked, object, record, uid};

fn route() -> StoreRoute {
    StoreRoute { from: "file:///old".to_owned(), to: "s3://new".to_owned(), removes: true }
}

async fn begun(subject: &Subject) -> StoreMove {
    subject.catalog.begin_move(route(), "anna").await.unwrap().unwrap()
}

async fn latest(subject: &Subject) -> StoreMove {
    subject.catalog.store_move().await.unwrap().unwrap()
}

fn copied(count: u64) -> MoveStep {
    let counts = MoveCounts { copied: count, bytes: 10 * count, ..MoveCounts::default() };
    MoveStep { position: Some(object()), counts, ..MoveStep::default() }
}

#[tokio::test]
async fn there_is_one_at_a_time_and_it_goes_on_after_a_restart() {
    let subject = Subject::new().await;
    assert_eq!(subject.catalog.store_move().await.unwrap(), None);
    subject.insert(record(1, 1, 1)).await;
    let first = begun(&subject).await;
    assert_eq!((first.id, first.state, first.all_objects), (1, MoveState::UnderWay, 1));
    assert_eq!(subject.catalog.begin_move(route(), "otto").await.unwrap(), None);
    let subject = subject.reopened().await;
    assert_eq!(latest(&subject).await, first);
}

#[tokio::test]
async fn steps_add_up_until_the_last_one() {
    let subject = Subject::new().await;
    let id = begun(&subject).await.id;
    let damaged: Vec<_> = (0..70).map(|_| object()).collect();
    for _ in 0..2 {
        let step = MoveStep { damaged: damaged.clone(), ..copied(2) };
        let after = subject.catalog.moved(id, step.clone()).await.unwrap().unwrap();
        assert_eq!(after.position.as_deref(), step.position.as_ref().map(|key| key.as_str()));
        assert_eq!(after, latest(&subject).await);
    }
    let subject = subject.reopened().await;
    let end = MoveStep { position: None, is_end: true, ..copied(1) };
    let done = subject.catalog.moved(id, end).await.unwrap().unwrap();
    assert_eq!((done.state, done.counts.copied, done.counts.bytes), (MoveState::Done, 5, 50));
    assert_eq!(done.damaged_objects.len(), 100, "the rest is counted, not named");
    assert!(done.position.is_some(), "where it was is not forgotten");
    assert_eq!(subject.catalog.moved(id, copied(1)).await.unwrap(), None);
    assert_eq!(begun(&subject).await.id, id + 1);
}

#[tokio::test]
async fn one_that_was_stopped_takes_no_step_any_more() {
    let subject = Subject::new().await;
    assert!(!subject.catalog.stop_move("anna", "enough".to_owned()).await.unwrap());
    let id = begun(&subject).await.id;
    assert!(subject.catalog.stop_move("anna", "enough".to_owned()).await.unwrap());
    assert_eq!(subject.catalog.moved(id, copied(1)).await.unwrap(), None);
    let stopped = latest(&subject).await;
    assert_eq!((stopped.state, stopped.words.as_deref()), (MoveState::Stopped, Some("enough")));
    let next = begun(&subject).await;
    assert_eq!((next.id, next.counts, next.words), (id + 1, MoveCounts::default(), None));
    assert_eq!(subject.catalog.moved(id, copied(1)).await.unwrap(), None, "a step of the one before");
}

#[tokio::test]
async fn rows_tell_of_what_is_kept_and_of_what_can_be_brought_back() {
    let subject = Subject::new().await;
    let (kept, removed, deleted) = (record(1, 1, 1), record(2, 1, 1), record(3, 1, 1));
    for record in [&kept, &removed, &deleted] {
        subject.insert(record.clone()).await;
    }
    let grace = Removal { grace: "1h".parse().unwrap(), ..asked("anna") };
    subject.delete(Selection::study(uid("1.2.2")), Sight::Everything, grace).await;
    subject.delete(Selection::study(uid("1.2.3")), Sight::Everything, asked("anna")).await;
    let objects = [&kept, &removed, &deleted].map(|record| record.object.clone());
    let told = subject.catalog.told_objects(objects.into_iter().chain([object()]).collect()).await.unwrap();
    let told: Vec<_> = told.into_iter().map(|told| (told.object, told.object_bytes, told.data_set)).collect();
    let data_set = Some((u64::from(kept.data_set_offset), kept.digest));
    assert_eq!(
        told,
        [(kept.object, kept.object_bytes, data_set), (removed.object, removed.object_bytes, None)]
    );
}
