//! Two nodes at one database: each has its own spool, one at a time has a turn, and both write.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use causeway_catalog::{Catalog, Inserted, Introduction, OnConflict, Server};
use causeway_core::{Level, ManualClock, Query};
use causeway_testkit::database::Database;
use jiff::Timestamp;

use crate::battery::common::{names, record};

fn introduction(uid: &str) -> Introduction {
    Introduction { uid: uid.to_owned(), name: format!("node {uid}"), address: None }
}

/// Two that are members, and their clock.
async fn two() -> Option<(Catalog, Catalog, Arc<ManualClock>)> {
    let database = Database::fresh().unwrap()?;
    let clock = Arc::new(ManualClock::at(Timestamp::from_second(1_700_000_000).unwrap()));
    let server = Server::parse(&database.url()).unwrap();
    let a = Catalog::connect(server.clone(), clock.clone()).await.unwrap();
    let b = Catalog::connect(server, clock.clone()).await.unwrap();
    let secret = a.join(introduction("a"), [7; 32]).await.unwrap();
    assert_eq!(b.join(introduction("b"), [8; 32]).await.unwrap(), secret, "the first is that of all");
    Some((a, b, clock))
}

#[tokio::test]
async fn each_has_what_it_took_in_itself_and_knows_of_the_other() {
    let Some((a, b, _)) = two().await else { return };
    let (of_a, of_b) = (record(1, 1, 1), record(1, 1, 2));
    assert_eq!(a.insert(of_a.clone(), Vec::new(), OnConflict::KeepFirst).await.unwrap(), Inserted::New);
    assert_eq!(b.insert(of_b.clone(), Vec::new(), OnConflict::KeepFirst).await.unwrap(), Inserted::New);
    assert_eq!(b.insert(of_a.clone(), Vec::new(), OnConflict::KeepFirst).await.unwrap(), Inserted::Known);
    assert_eq!(names(&a.unsettled(10, 0).await.unwrap()), std::slice::from_ref(&of_a.object));
    assert_eq!(names(&b.unsettled(10, 0).await.unwrap()), [of_b.object]);
    let holder = b.spooled_by(of_a.object.clone()).await.unwrap();
    assert_eq!(holder.map(|it| it.uid), Some("a".to_owned()));
    assert_eq!(a.spooled_by(of_a.object).await.unwrap(), None);
}

#[tokio::test]
async fn a_turn_is_one_members_until_it_lapses() {
    let Some((a, b, clock)) = two().await else { return };
    let task = || vec!["verification".to_owned()];
    let lease = Duration::from_secs(20);
    assert_eq!(a.take_turns(task(), lease).await.unwrap(), [true]);
    assert_eq!(b.take_turns(task(), lease).await.unwrap(), [false]);
    clock.advance(Duration::from_secs(21));
    assert_eq!(b.take_turns(task(), lease).await.unwrap(), [true]);
    assert_eq!(a.take_turns(task(), lease).await.unwrap(), [false]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_take_in_the_same_study_at_once_and_nothing_is_counted_twice_or_not_at_all() {
    let Some((a, b, _)) = two().await else { return };
    let take_in = |catalog: Catalog, instances: std::ops::Range<u32>| async move {
        for instance in instances {
            catalog.insert(record(1, 1, instance), Vec::new(), OnConflict::KeepFirst).await.unwrap();
        }
    };
    let tasks = [(a.clone(), 1..60), (b.clone(), 1..60), (a.clone(), 60..120), (b, 60..120)];
    let tasks = tasks.map(|(catalog, instances)| tokio::spawn(take_in(catalog, instances)));
    for task in tasks {
        task.await.unwrap();
    }
    let mut studies = a.search(Query::all(Level::Study)).await.unwrap();
    let study = studies.next().await.unwrap().unwrap();
    assert_eq!(study.first(causeway_core::Tag::NUMBER_OF_STUDY_RELATED_INSTANCES), Some("119"));
    assert!(studies.next().await.unwrap().is_none());
}
