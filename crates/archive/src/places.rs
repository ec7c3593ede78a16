//! How many associations each remote has open. A place is taken when a caller is let in, and given back when whoever
//! holds it lets go.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use causeway_core::RemoteName;

/// The open associations of every remote; there are no more entries than associations.
#[derive(Debug, Default)]
pub(crate) struct Places(Mutex<HashMap<RemoteName, u32>>);

/// One open association of a remote.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    remote: RemoteName,
}

impl Places {
    /// A place for one more association of `remote`; none when it has `limit` of them.
    pub(crate) fn take(self: &Arc<Self>, remote: &RemoteName, limit: Option<u32>) -> Option<Place> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.get(remote).copied().unwrap_or(0);
        if limit.is_some_and(|limit| count >= limit) {
            return None;
        }
        open.insert(remote.clone(), count.saturating_add(1));
        Some(Place { places: Arc::clone(self), remote: remote.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get_mut(&self.remote) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(open.remove(&self.remote)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_has_as_many_places_as_it_may_and_one_more_when_one_is_given_back() {
        let (places, ct): (Arc<Places>, RemoteName) = (Arc::default(), "ct1".parse().unwrap());
        let first = places.take(&ct, Some(2)).unwrap();
        let second = places.take(&ct, Some(2)).unwrap();
        assert!(places.take(&ct, Some(2)).is_none());
        assert!(places.take(&"ct2".parse().unwrap(), Some(1)).is_some());
        drop(first);
        assert!(places.take(&ct, Some(2)).is_some());
        drop(second);
        assert!(places.0.lock().unwrap().is_empty());
    }

    #[test]
    fn one_without_a_limit_is_counted_all_the_same() {
        let (places, ct): (Arc<Places>, RemoteName) = (Arc::default(), "ct1".parse().unwrap());
        let _open: Vec<Place> = (0..3).map(|_| places.take(&ct, None).unwrap()).collect();
        assert!(places.take(&ct, Some(3)).is_none());
        assert!(places.take(&ct, Some(4)).is_some());
    }
}
