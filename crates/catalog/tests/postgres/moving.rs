//! A catalog that moves from a file to a server: it is the same there, and goes on as it did.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use causeway_catalog::{Catalog, Error, Inserted, OnConflict, Server, move_to_server};
use causeway_core::{Level, PlannedDelivery, Query, Remote, SystemClock, Tag, Trigger, Vr};
use causeway_testkit::database::Database;

use crate::battery::common::{record, uid};

fn planned() -> PlannedDelivery {
    PlannedDelivery::plain("all".parse().unwrap(), "reader".parse().unwrap(), Trigger::Instance)
}

async fn answers(catalog: &Catalog, level: Level) -> Vec<String> {
    let mut answers = catalog.search(Query::all(level)).await.unwrap();
    let mut all = Vec::new();
    while let Some(answer) = answers.next().await.unwrap() {
        all.push(answer.to_json());
    }
    all
}

#[tokio::test]
async fn all_of_it_is_there_and_no_number_is_given_twice() {
    let Some(database) = Database::fresh().unwrap() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("catalog.db");
    let server = Server::parse(&database.url()).unwrap();
    let before = Catalog::open(&file, Arc::new(SystemClock)).await.unwrap();
    before.put_remote(Remote::named("reader".parse().unwrap()), "admin").await.unwrap();
    for study in 1..=3 {
        for instance in 1..=5 {
            let mut kept = record(study, 1, instance);
            kept.attributes.put_text(Tag::ACCESSION_NUMBER, Vr::SH, "Ä\0B");
            before.insert(kept, vec![planned()], OnConflict::KeepFirst).await.unwrap();
        }
    }
    let last = before.last_event().await.unwrap();
    let mut known = Vec::new();
    for level in [Level::Patient, Level::Study, Level::Series, Level::Instance] {
        known.push(answers(&before, level).await);
    }
    drop(before);

    let (from, to) = (file.clone(), server.clone());
    let moved = std::thread::spawn(move || move_to_server(&from, &to, &mut |_| {})).join().unwrap().unwrap();
    let rows = |table: &str| moved.iter().find(|it| it.table == table).unwrap().sum.rows;
    assert_eq!((rows("study"), rows("instance"), rows("job"), rows("settings")), (3, 15, 15, 1));

    let after = Catalog::connect(server.clone(), Arc::new(SystemClock)).await.unwrap();
    for (level, known) in
        [Level::Patient, Level::Study, Level::Series, Level::Instance].into_iter().zip(known)
    {
        assert_eq!(answers(&after, level).await, known);
    }
    assert_eq!(after.last_event().await.unwrap(), last);
    assert_eq!(after.remotes().await.unwrap().len(), 1);
    let again = after.insert(record(1, 1, 6), vec![planned()], OnConflict::KeepFirst).await.unwrap();
    assert_eq!(again, Inserted::New);
    assert!(after.last_event().await.unwrap() > last);
    let selection = causeway_core::Selection::study(uid("1.2.1"));
    let kept = after.instances(selection, causeway_core::Sight::Everything).await.unwrap();
    assert_eq!(kept.len(), 6);

    let refused = std::thread::spawn(move || move_to_server(&file, &server, &mut |_| {})).join().unwrap();
    assert!(matches!(refused, Err(Error::InUse)));
}
