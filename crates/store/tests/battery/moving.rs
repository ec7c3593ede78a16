//! From one place to another, whichever the two are.

use causeway_core::ObjectKey;
use causeway_store::{Config, Copied, Error, Known, Store};

use crate::subject::{HEADER, Subject, body, expected, get, put, settle};

/// What is moved: nothing, little, and more than is written or uploaded in one piece.
const SIZES: [usize; 3] = [0, 33_000, 9_000_000];

/// Each backend as the old place and as the new one.
fn pairs() -> Vec<(Subject, Subject)> {
    let news = [Subject::local, Subject::memory, Subject::sealed];
    news.into_iter().flat_map(|new| Subject::all().into_iter().map(move |old| (old, new()))).collect()
}

/// An object that settled in the old place, in a store that has settled.
async fn settled(old: &Subject, bytes: usize) -> (ObjectKey, Known) {
    let store = old.open().await;
    let body = body(bytes);
    let key = put(&store, &body).await;
    assert!(settle(&store, &key, &body).await);
    (key.clone(), Known::from(expected(&key, &body)))
}

/// The new place, with the old one beside it.
async fn beside(new: &Subject, old: &Subject) -> Store {
    let config = Config { spool: new.folder.path().join("spool"), objects: new.objects.clone() };
    Store::open_beside(config, Some(old.objects.clone())).await.unwrap()
}

#[tokio::test]
async fn what_is_in_the_old_place_is_read_copied_once_and_read_from_the_new_one_alone() {
    for (old, new) in pairs() {
        for bytes in SIZES {
            let whole = [HEADER, &body(bytes)].concat();
            let (key, known) = settled(&old, bytes).await;
            let store = beside(&new, &old).await;
            assert!(get(&store, &key).await == whole, "{bytes} bytes, in the old place");
            assert_eq!(store.copy_over(known.clone(), false).await.unwrap(), Copied::Now);
            assert_eq!(store.copy_over(known.clone(), false).await.unwrap(), Copied::Before);
            assert_eq!(store.copy_over(known.clone(), true).await.unwrap(), Copied::Now);
            assert!(store.remove_old(&known).await.unwrap());
            drop(store);
            assert!(get(&new.open().await, &key).await == whole, "{bytes} bytes, in the new place");
            let left = old.open().await.open_blob(&key).await;
            assert!(matches!(left, Err(Error::NotFound(_))));
        }
    }
}

#[tokio::test]
async fn what_is_not_in_the_new_place_is_never_removed_from_the_old_one() {
    for (old, new) in pairs() {
        let (key, known) = settled(&old, 1_000).await;
        let store = beside(&new, &old).await;
        assert!(!store.remove_old(&known).await.unwrap());
        assert!(get(&store, &key).await == [HEADER, &body(1_000)].concat());
    }
}

#[tokio::test]
async fn what_is_not_what_came_is_not_copied_and_leaves_nothing() {
    for (old, new) in pairs() {
        let (key, known) = settled(&old, 1_000).await;
        let store = beside(&new, &old).await;
        let longer = Known { object_bytes: known.object_bytes + 1, ..known.clone() };
        let other = Known { digest: Some((0, expected(&key, b"other").digest)), ..known.clone() };
        for wrong in [longer, other] {
            let refused = store.copy_over(wrong, false).await;
            assert!(matches!(refused, Err(Error::DamagedOld { .. })), "{refused:?}");
            assert!(!store.remove_old(&known).await.unwrap());
        }
    }
}

#[tokio::test]
async fn what_is_deleted_is_in_neither_place_and_is_not_copied() {
    for (old, new) in pairs() {
        let (key, known) = settled(&old, 1_000).await;
        let store = beside(&new, &old).await;
        store.delete(&key).await.unwrap();
        assert!(matches!(store.open_blob(&key).await, Err(Error::NotFound(_))));
        assert_eq!(store.copy_over(known, false).await.unwrap(), Copied::Gone);
    }
}

#[tokio::test]
async fn two_places_are_apart_unless_they_are_one() {
    for (old, new) in pairs() {
        drop(old.open().await);
        assert!(beside(&new, &old).await.are_apart().await.unwrap());
    }
    for one in Subject::all() {
        drop(one.open().await);
        assert!(!beside(&one, &one).await.are_apart().await.unwrap());
    }
}
