//! Which objects are being uploaded: one upload of an object at a time, and whoever deletes one knows of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use causeway_core::ObjectKey;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

type Turns = Arc<Mutex<HashMap<ObjectKey, Arc<Turn<()>>>>>;

/// The uploads that are under way.
#[derive(Default)]
pub(super) struct UnderWay {
    turns: Turns,
}

/// One of them. It ends when this is dropped.
pub(super) struct Uploading {
    turns: Turns,
    key: ObjectKey,
    guard: Option<OwnedMutexGuard<()>>,
}

impl UnderWay {
    /// Begins one, when whoever is at the same object has ended.
    pub(super) async fn begin(&self, key: &ObjectKey) -> Uploading {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(key.clone()).or_default())
        };
        let guard = Some(turn.lock_owned().await);
        Uploading { turns: Arc::clone(&self.turns), key: key.clone(), guard }
    }

    pub(super) fn contains(&self, key: &ObjectKey) -> bool {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner).contains_key(key)
    }
}

impl Drop for Uploading {
    fn drop(&mut self) {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        self.guard = None;
        // Whoever waits holds it, too: the map, this variable, and nobody else means that nobody waits.
        if turns.get(&self.key).is_some_and(|turn| Arc::strong_count(turn) == 1) {
            turns.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_waits_for_the_other_and_nothing_is_left() {
        let under_way = UnderWay::default();
        let key = layout_key();
        let first = under_way.begin(&key).await;
        assert!(under_way.contains(&key));
        let second = under_way.begin(&key);
        tokio::pin!(second);
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first);
        assert!(under_way.contains(&key));
        drop(second.await);
        assert!(!under_way.contains(&key));
    }

    fn layout_key() -> ObjectKey {
        crate::layout::new_key()
    }
}
