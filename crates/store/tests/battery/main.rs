//! What every backend must do, through the public face only.

#![expect(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test fails by panicking")]

mod moving;
mod subject;

use bytes::Bytes;
use causeway_core::{Class, ObjectKey};
use causeway_store::staging::MAX_HELD_BODY_BYTES;
use causeway_store::{Config, Error, Store};
use futures_util::StreamExt;
use subject::{HEADER, Subject, body, expected, get, put, settle};

#[tokio::test]
async fn what_was_committed_is_read_back_before_and_after_settling() {
    for subject in Subject::all() {
        let store = subject.open().await;
        for bytes in
            [0, 1, 33_000, MAX_HELD_BODY_BYTES - 1, MAX_HELD_BODY_BYTES, MAX_HELD_BODY_BYTES + 1, 20_000_000]
        {
            let body = body(bytes);
            let whole = [HEADER, &body].concat();
            let key = put(&store, &body).await;
            assert!(get(&store, &key).await == whole, "{bytes} bytes, spooled");
            assert!(settle(&store, &key, &body).await);
            assert!(get(&store, &key).await == whole, "{bytes} bytes, settled");
            assert!(settle(&store, &key, &body).await, "settling twice is once");
            let blob = store.open_known(&key, whole.len() as u64).await.unwrap();
            let middle = blob.read(10..30).await.unwrap();
            assert_eq!(middle, whole.get(10..30.min(whole.len())).unwrap());
        }
    }
}

#[tokio::test]
async fn an_open_blob_is_readable_while_it_settles_and_goes() {
    let subject = &Subject::local();
    let store = subject.open().await;
    let key = put(&store, &body(3_000_000)).await;
    let blob = store.open_blob(&key).await.unwrap();
    assert!(settle(&store, &key, &body(3_000_000)).await);
    store.delete(&key).await.unwrap();
    assert_eq!(blob.read(16..3_000_016).await.unwrap(), body(3_000_000));
}

#[tokio::test]
async fn nothing_is_visible_before_the_commit_and_nothing_stays_without_one() {
    for subject in Subject::all() {
        let store = subject.open().await;
        for bytes in [10, MAX_HELD_BODY_BYTES * 2] {
            let key = store.new_key();
            let mut staging = store.stage(key.clone(), HEADER.len());
            staging.write(Bytes::from(body(bytes))).await.unwrap();
            assert!(matches!(store.open_blob(&key).await, Err(Error::NotFound(_))));
            drop(staging);
        }
        let left: Vec<_> = std::fs::read_dir(subject.folder.path().join("spool"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| name != ".lock" && name != ".id" && name != "doomed")
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[tokio::test]
async fn the_spool_lists_what_has_not_settled_and_the_sweep_takes_halves() {
    for subject in Subject::all() {
        let store = subject.open().await;
        let mut keys = Vec::new();
        for _ in 0..5 {
            keys.push(put(&store, b"body").await);
        }
        for key in keys.drain(..2) {
            assert!(settle(&store, &key, b"body").await);
        }
        let half = subject.folder.path().join("spool").join("0193520a7b3c7def8123456789abcdef.part");
        std::fs::write(&half, b"half").unwrap();
        assert_eq!(store.sweep(10).await.unwrap().removed, 1);
        assert!(!half.exists());
        let mut listed: Vec<ObjectKey> = store.spooled().map(Result::unwrap).collect().await;
        listed.sort();
        assert_eq!(listed, keys);
    }
}

#[tokio::test]
async fn what_was_deleted_is_gone_and_deleting_again_is_no_error() {
    for subject in Subject::all() {
        let store = subject.open().await;
        let (spooled, settled) = (put(&store, b"a").await, put(&store, b"b").await);
        assert!(settle(&store, &settled, b"b").await);
        for key in [&spooled, &settled, &spooled] {
            store.delete(key).await.unwrap();
            assert!(matches!(store.open_blob(key).await, Err(Error::NotFound(_))));
        }
        assert!(!settle(&store, &spooled, b"a").await);
    }
}

#[tokio::test]
async fn a_header_of_another_length_is_refused() {
    let subject = &Subject::local();
    let store = subject.open().await;
    let staging = store.stage(store.new_key(), HEADER.len());
    let error = staging.commit(Bytes::from_static(b"short")).await.unwrap_err();
    assert_eq!(error.class(), Class::Bug);
}

#[tokio::test]
async fn a_spool_is_open_in_one_place_only() {
    let subject = &Subject::local();
    let _store = subject.open().await;
    let config = Config { spool: subject.folder.path().join("spool"), objects: subject.objects.clone() };
    assert!(matches!(Store::open(config).await, Err(Error::InUse(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_stagings_beyond_the_memory_bound_all_finish() {
    let subject = &Subject::local();
    let store = subject.open().await;
    let body = Bytes::from(body(3_000_000));
    // 40 bodies of 3 MB want 120 MB, more than may be held: some go to their files early, none waits for ever.
    let tasks: Vec<_> = (0..40)
        .map(|_| {
            let (store, body) = (store.clone(), body.clone());
            tokio::spawn(async move {
                let key = store.new_key();
                let mut staging = store.stage(key.clone(), HEADER.len());
                for start in (0..body.len()).step_by(500_000) {
                    staging.write(body.slice(start..start + 500_000)).await.unwrap();
                    tokio::task::yield_now().await;
                }
                staging.commit(Bytes::from_static(HEADER)).await.unwrap();
                key
            })
        })
        .collect();
    for task in tasks {
        let key = task.await.unwrap();
        assert_eq!(store.open_blob(&key).await.unwrap().bytes(), 3_000_016);
    }
}

/// All that has settled, in the order of the walk, and the positions that it had.
async fn walked(store: &Store, from: &str) -> (Vec<ObjectKey>, Vec<String>) {
    let (mut objects, mut positions, mut position) = (Vec::new(), Vec::new(), from.to_owned());
    while let Some(found) = store.settled_after(&position).await.unwrap() {
        objects.extend(found.objects);
        position.clone_from(&found.position);
        positions.push(found.position);
    }
    (objects, positions)
}

#[tokio::test]
async fn what_has_settled_is_walked_in_order_and_from_any_position_on() {
    for subject in Subject::all() {
        let store = subject.open().await;
        assert_eq!(walked(&store, "").await.0, []);
        let mut keys = Vec::new();
        for (outer, inner) in [("01935", "20a"), ("01935", "20b"), ("01936", "000"), ("01936", "001")] {
            for last in ["1", "2"] {
                let key = ObjectKey::parse(&format!("{outer}{inner}7b3c7def8123456789abcde{last}")).unwrap();
                let staging = store.stage(key.clone(), HEADER.len());
                staging.commit(Bytes::from_static(HEADER)).await.unwrap();
                keys.push(key);
            }
        }
        assert_eq!(walked(&store, "").await.0, [], "what is in the spool has not settled");
        let settlement = store.settle(keys.iter().map(|key| expected(key, b"")).collect()).await.unwrap();
        assert_eq!(settlement.settled.len(), keys.len(), "{settlement:?}");
        let (objects, positions) = walked(&store, "").await;
        assert_eq!(objects, keys);
        for position in positions {
            let rest = walked(&store, &position).await.0;
            assert!(keys.ends_with(&rest) && rest.len() < keys.len(), "{position}");
        }
    }
}

#[tokio::test]
async fn what_is_put_aside_is_not_read_any_more_nor_walked() {
    for subject in Subject::all() {
        let store = subject.open().await;
        let key = put(&store, &body(10)).await;
        assert!(settle(&store, &key, &body(10)).await);
        assert!(store.put_aside(&key).await.unwrap());
        assert!(matches!(store.open_blob(&key).await, Err(Error::NotFound(_))));
        assert!(!store.put_aside(&key).await.unwrap(), "it is gone from there");
        assert_eq!(walked(&store, "").await.0, []);
    }
}

#[tokio::test]
async fn what_is_put_aside_is_not_read_any_more_and_never_overwritten() {
    let subject = Subject::local();
    let store = subject.open().await;
    let key = put(&store, &body(10)).await;
    assert!(settle(&store, &key, &body(10)).await);
    assert!(store.put_aside(&key).await.unwrap());
    assert!(matches!(store.open_blob(&key).await, Err(Error::NotFound(_))));
    assert!(!store.put_aside(&key).await.unwrap(), "it is gone from there");
    let staging = store.stage(key.clone(), HEADER.len());
    staging.commit(Bytes::from_static(HEADER)).await.unwrap();
    assert!(store.put_aside(&key).await.unwrap());
    let aside = subject.folder.path().join("spool/aside");
    let mut lengths: Vec<u64> =
        std::fs::read_dir(aside).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [HEADER.len() as u64, HEADER.len() as u64 + 10]);
    assert_eq!(walked(&store, "").await.0, []);
}

#[tokio::test]
async fn marks_of_what_was_removed_are_told_and_taken_away_and_are_no_objects() {
    for subject in Subject::all() {
        let store = subject.open().await;
        assert!(store.marked_removed().await.unwrap().is_empty());
        let (first, second) = (put(&store, b"one").await, put(&store, b"two").await);
        assert!(settle(&store, &first, b"one").await && settle(&store, &second, b"two").await);
        let mark = |text: &'static str| Bytes::from_static(text.as_bytes());
        let both = vec![(second.clone(), mark("2")), (first.clone(), mark("1"))];
        store.mark_removed(both).await.unwrap();
        store.mark_removed(vec![(first.clone(), mark("again"))]).await.unwrap();
        assert_eq!(store.marked_removed().await.unwrap(), [first.clone(), second.clone()]);
        assert_eq!(store.removal_mark(&first).await.unwrap(), Some(mark("again")));
        let (mut position, mut walked) = (String::new(), Vec::new());
        while let Some(settled) = store.settled_after(&position).await.unwrap() {
            walked.extend(settled.objects);
            position = settled.position;
        }
        assert_eq!(walked, [first.clone(), second.clone()], "a mark is no object");
        let too_long = Bytes::from(vec![b' '; 4097]);
        store.mark_removed(vec![(second.clone(), too_long)]).await.unwrap();
        assert_eq!(store.removal_mark(&second).await.unwrap(), None);
        store.unmark_removed(vec![first.clone(), second.clone()]).await.unwrap();
        store.unmark_removed(vec![first.clone()]).await.unwrap();
        assert!(store.marked_removed().await.unwrap().is_empty());
        assert_eq!(store.removal_mark(&first).await.unwrap(), None);
        assert_eq!(get(&store, &first).await, [HEADER, b"one"].concat());
    }
}
