//! A catalog that moves from a file to a server, or is copied from there to a file: it is the same there, and goes on as it
//! did.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use causeway_catalog::{
    Catalog, Error, Inserted, Introduction, OnConflict, Origin, Server, Snapshot, SpooledBy, move_to_server,
    settle_all,
};
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

#[tokio::test]
async fn a_copy_of_a_server_is_a_file_with_all_of_it_that_goes_on_here_and_there() {
    let (Some(database), Some(second)) = (Database::fresh().unwrap(), Database::fresh().unwrap()) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (file, again) = (folder.path().join("copy.db"), folder.path().join("again.db"));
    let server = Server::parse(&database.url()).unwrap();
    let before = Catalog::connect(server.clone(), Arc::new(SystemClock)).await.unwrap();
    let who = Introduction { uid: "a".repeat(32), name: "first".to_owned(), address: None };
    let secret = before.join(who.clone(), [7; 32]).await.unwrap();
    before.put_remote(Remote::named("reader".parse().unwrap()), "admin").await.unwrap();
    for instance in 1..=7 {
        let kept = record(1, 1, instance);
        let object = kept.object.clone();
        before.insert(kept, vec![planned()], OnConflict::KeepFirst).await.unwrap();
        if instance > 4 {
            before.mark_settled(vec![object]).await.unwrap();
        }
    }
    let known = answers(&before, Level::Instance).await;

    let (origin, to) = (Origin::Server(Box::new(server)), file.clone());
    let taken = std::thread::spawn(move || {
        let copy = Snapshot::take(&origin, &to).unwrap();
        let objects: Vec<_> = copy.kept(0, 100).unwrap().into_iter().map(|(_, it)| it).collect();
        let names: Vec<_> = objects.iter().map(|it| it.object.clone()).collect();
        assert_eq!(origin.still_known(&names).unwrap(), names);
        (copy.counts().unwrap(), copy.member_secret().unwrap(), objects)
    });
    let (counts, found, objects) = taken.join().unwrap();
    assert_eq!((counts["instance"], counts["study"], counts["remote"]), (7, 1, 1));
    assert_eq!(found, Some(secret));
    let spooled: Vec<_> = objects.iter().map(|it| it.spooled_by.clone()).collect();
    assert_eq!(spooled, [vec![SpooledBy::Member(who); 4], vec![SpooledBy::Nobody; 3]].concat());
    // Nothing lies beside it, without which it would not be whole.
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(names, ["copy.db"]);

    std::fs::copy(&file, &again).unwrap();
    let to = Server::parse(&second.url()).unwrap();
    let moved = to.clone();
    std::thread::spawn(move || {
        settle_all(&file).unwrap();
        move_to_server(&file, &moved, &mut |_| {}).unwrap();
    })
    .join()
    .unwrap();
    let on_server = Catalog::connect(to, Arc::new(SystemClock)).await.unwrap();
    assert_eq!(on_server.members().await.unwrap(), []);
    let in_file = Catalog::open(&again, Arc::new(SystemClock)).await.unwrap();
    for other in [on_server, in_file] {
        assert_eq!(answers(&other, Level::Instance).await, known);
        assert_eq!(other.last_event().await.unwrap(), before.last_event().await.unwrap());
        let more = other.insert(record(1, 1, 8), vec![planned()], OnConflict::KeepFirst).await.unwrap();
        assert_eq!(more, Inserted::New);
    }
}

#[tokio::test]
async fn what_is_no_catalog_of_this_version_is_not_copied() {
    let Some(database) = Database::fresh().unwrap() else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = Server::parse(&database.url()).unwrap();
    let take = || {
        let (origin, to) = (Origin::Server(Box::new(server.clone())), folder.path().join("copy.db"));
        std::thread::spawn(move || Snapshot::take(&origin, &to).map(drop)).join().unwrap()
    };
    assert!(matches!(take(), Err(Error::Corrupt(_))));
    drop(Catalog::connect(server.clone(), Arc::new(SystemClock)).await.unwrap());
    database.run("UPDATE schema_version SET version = version - 1").unwrap();
    assert!(matches!(take(), Err(Error::Older { found, known }) if found == known - 1));
    database.run("UPDATE schema_version SET version = version + 2").unwrap();
    assert!(matches!(take(), Err(Error::Newer { found, known }) if found == known + 1));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
