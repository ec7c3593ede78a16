//! Members: who shares a catalog, whose spool has what, whose turn it is.

use std::time::Duration;

use super::common::{Subject, names, record};
use causeway_catalog::Introduction;

fn introduction(uid: &str) -> Introduction {
    Introduction { uid: uid.to_owned(), name: format!("node {uid}"), address: None }
}

#[tokio::test]
async fn the_only_member_has_whatever_has_not_settled_under_whatever_number() {
    let subject = Subject::new().await;
    if subject.catalog.is_shared() {
        return;
    }
    let [before, settled, after] = [1, 2, 3].map(|instance| record(1, 1, instance));
    subject.insert(before.clone()).await;
    subject.insert(settled.clone()).await;
    subject.catalog.mark_settled(vec![settled.object]).await.unwrap();
    let secret = subject.catalog.join(introduction("a"), [7; 32]).await.unwrap();
    assert_eq!(secret, [7; 32]);
    subject.insert(after.clone()).await;
    let both = vec![before.object, after.object];
    assert_eq!(names(&subject.catalog.unsettled(10, 0).await.unwrap()), both);
    // Its spool was made anew: the catalog is still a file that nobody else has.
    let subject = subject.reopened().await;
    assert_eq!(subject.catalog.join(introduction("b"), [8; 32]).await.unwrap(), [7; 32], "the first is kept");
    assert_eq!(names(&subject.catalog.unsettled(10, 0).await.unwrap()), both);
    let members = subject.catalog.members().await.unwrap();
    let told: Vec<_> =
        members.iter().map(|it| (it.introduction.uid.as_str(), it.unsettled, it.is_self)).collect();
    assert_eq!(told, [("b", 2, true)]);
    assert_eq!(subject.catalog.spooled_by(both[0].clone()).await.unwrap(), None, "it is in this one's own");
}

#[tokio::test]
async fn a_turn_is_held_longer_by_whoever_has_it() {
    let subject = Subject::new().await;
    subject.catalog.join(introduction("a"), [7; 32]).await.unwrap();
    let tasks = || vec!["one".to_owned(), "other".to_owned()];
    for _ in 0..2 {
        let taken = subject.catalog.take_turns(tasks(), Duration::from_secs(20)).await.unwrap();
        assert_eq!(taken, [true, true]);
    }
    subject.catalog.give_up_turns(tasks()).await.unwrap();
}

#[tokio::test]
async fn changes_of_settings_are_counted_and_nothing_else_is() {
    let subject = Subject::new().await;
    let before = subject.catalog.changes().await.unwrap();
    subject.insert(record(1, 1, 1)).await;
    assert_eq!(subject.catalog.changes().await.unwrap(), before);
    let remote = causeway_core::Remote::named("reader".parse().unwrap());
    subject.catalog.put_remote(remote.clone(), "admin").await.unwrap();
    assert_eq!(subject.catalog.changes().await.unwrap(), before + 1);
    subject.catalog.remove_remote(remote.name, "admin").await.unwrap();
    assert_eq!(subject.catalog.changes().await.unwrap(), before + 2);
}
