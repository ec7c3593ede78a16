//! Beginnings that an earlier process left: instances over links that were on their way in when it ended. They wait for
//! their rest like those of this process (`arriving`), for a day at most.
//!
//! Found at the start, by the mark that each carries; bounded for each remote in number and in bytes. Nothing vouches for
//! what is in them but the digest of the whole, once it is whole.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use causeway_core::{Digest, RemoteName, Uid};
use causeway_store::{Begun, BlobStream};
use serde::{Deserialize, Serialize};

use super::arriving::{MAX_WAITING_BYTES, MAX_WAITING_INSTANCES};
use crate::ingest::HEADER_BYTES;
use crate::{Archive, StoreError};

/// How long after its last bytes a beginning is kept that an earlier process left.
pub const MAX_AGE: Duration = Duration::from_secs(24 * 3600);

/// What a beginning belongs to: whose it is, and which bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) from: RemoteName,
    pub(super) instance: Uid,
    pub(super) digest: Digest,
}

impl Key {
    /// What a file is marked with.
    pub(super) fn mark(&self) -> Option<Bytes> {
        serde_json::to_vec(self).ok().map(Bytes::from)
    }
}

/// Those that are left.
#[derive(Default)]
pub struct Beginnings(Mutex<HashMap<Key, Begun>>);

impl Beginnings {
    fn all(&self) -> MutexGuard<'_, HashMap<Key, Begun>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many bytes there are of it.
    pub(super) fn bytes(&self, key: &Key) -> u64 {
        self.all().get(key).map_or(0, |begun| begun.bytes)
    }

    pub(super) fn take(&self, key: &Key) -> Option<Begun> {
        self.all().remove(key)
    }
}

/// Those that are kept, and those that are not: too old, not readable, shorter than another of the same, or too many.
fn chosen(mut found: Vec<Begun>) -> (HashMap<Key, Begun>, Vec<Begun>) {
    found.sort_by_key(|begun| std::cmp::Reverse(begun.bytes));
    let (mut kept, mut rest): (HashMap<Key, Begun>, _) = (HashMap::new(), Vec::new());
    for begun in found {
        let key = serde_json::from_slice::<Key>(&begun.mark).ok().filter(|_| begun.age <= MAX_AGE);
        let Some(key) = key.filter(|key| !kept.contains_key(key)) else {
            rest.push(begun);
            continue;
        };
        let of_remote = || kept.iter().filter(|(other, _)| other.from == key.from);
        let bytes = of_remote().map(|(_, other)| other.bytes).fold(begun.bytes, u64::saturating_add);
        if of_remote().count() < MAX_WAITING_INSTANCES && bytes <= MAX_WAITING_BYTES {
            kept.insert(key, begun);
        } else {
            rest.push(begun);
        }
    }
    (kept, rest)
}

impl Archive {
    /// Sweeps the spool of what the last process left half-written, and keeps what may be gone on with.
    pub(crate) async fn sweep(&self) -> Result<(), StoreError> {
        let (kept, rest) = chosen(self.inner.store.sweep(HEADER_BYTES).await?.begun);
        for begun in rest {
            self.inner.store.remove_begun(&begun.key).await?;
        }
        if !kept.is_empty() {
            tracing::info!(
                count = kept.len(),
                "instances over links that were on their way in are waited for"
            );
            let archive = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(MAX_AGE).await;
                archive.forget_beginnings().await;
            });
        }
        *self.inner.beginnings.all() = kept;
        Ok(())
    }

    /// Removes those whose rest did not come.
    async fn forget_beginnings(&self) {
        let left = std::mem::take(&mut *self.inner.beginnings.all());
        for begun in left.into_values() {
            self.remove_beginning(&begun).await;
        }
    }

    pub(super) async fn remove_beginning(&self, begun: &Begun) {
        if let Err(error) = self.inner.store.remove_begun(&begun.key).await {
            tracing::warn!(%error, "a beginning that is of no more use could not be removed; the next start does it");
        }
    }

    /// The bytes of a data set that a beginning holds.
    pub(super) async fn read_beginning(&self, begun: &Begun) -> Result<BlobStream, StoreError> {
        let front = HEADER_BYTES as u64;
        let blob = self.inner.store.open_begun(&begun.key).await?;
        Ok(blob.stream(front..front.saturating_add(begun.bytes)))
    }

    /// Has what is on its way in over links kept for the next start: the process ends.
    pub fn leave_beginnings(&self) {
        self.inner.store.leave_beginnings();
    }
}

#[cfg(test)]
mod tests {
    use causeway_core::ObjectKey;

    use super::*;

    fn begun(from: &str, number: usize, bytes: u64, age: Duration) -> Begun {
        let key = Key {
            from: from.parse().unwrap(),
            instance: Uid::parse(&format!("1.2.{number}")).unwrap(),
            digest: Digest([1; 32]),
        };
        let object = ObjectKey::parse(&format!("{bytes:032x}")).unwrap();
        Begun { key: object, mark: key.mark().unwrap(), bytes, age }
    }

    fn counts(found: Vec<Begun>) -> (usize, usize) {
        let (kept, rest) = chosen(found);
        (kept.len(), rest.len())
    }

    #[test]
    fn of_two_of_the_same_the_longer_is_kept() {
        let (kept, rest) = chosen(vec![begun("a", 1, 10, Duration::ZERO), begun("a", 1, 11, Duration::ZERO)]);
        assert_eq!(kept.into_values().map(|it| it.bytes).collect::<Vec<_>>(), [11]);
        assert_eq!(rest.into_iter().map(|it| it.bytes).collect::<Vec<_>>(), [10]);
    }

    #[test]
    fn what_is_too_old_or_says_nothing_is_not_kept() {
        let second = Duration::from_secs(1);
        assert_eq!(counts(vec![begun("a", 1, 1, MAX_AGE - second)]), (1, 0));
        assert_eq!(counts(vec![begun("a", 1, 1, MAX_AGE)]), (1, 0));
        assert_eq!(counts(vec![begun("a", 1, 1, MAX_AGE + second)]), (0, 1));
        let unread = Begun { mark: Bytes::from_static(b"{}"), ..begun("a", 1, 1, Duration::ZERO) };
        assert_eq!(counts(vec![unread]), (0, 1));
    }

    #[test]
    fn each_remote_has_so_many_and_so_many_bytes() {
        let of = |from: &'static str, count: usize| {
            (0..count).map(move |it| begun(from, it, it as u64, Duration::ZERO))
        };
        assert_eq!(counts(of("a", MAX_WAITING_INSTANCES).collect()), (MAX_WAITING_INSTANCES, 0));
        assert_eq!(counts(of("a", MAX_WAITING_INSTANCES + 1).collect()), (MAX_WAITING_INSTANCES, 1));
        let two = of("a", MAX_WAITING_INSTANCES).chain(of("b", 2)).collect();
        assert_eq!(counts(two), (MAX_WAITING_INSTANCES + 2, 0));
        let half = MAX_WAITING_BYTES / 2;
        let full = |last| vec![begun("a", 1, half, Duration::ZERO), begun("a", 2, last, Duration::ZERO)];
        assert_eq!(counts(full(half)), (2, 0));
        assert_eq!(counts(full(half + 1)), (1, 1));
    }
}
