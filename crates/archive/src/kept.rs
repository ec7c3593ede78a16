//! What was made of stored objects, kept in memory within a bound of bytes, so that the second who asks waits for
//! nothing. Objects never change, and neither does what was made of one. Never here: how it is made.

use std::hash::Hash;
use std::sync::Arc;

use bytes::Bytes;
use causeway_dataset::frames::Chart;
use causeway_dataset::render::Views;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// What a place takes beside what is in it: two keys of 32 digits, and what holds them, in bytes.
const PLACE_BYTES: u64 = 192;
/// A value is kept where as many of its size would fit.
const FEWEST: u64 = 4;
/// The number of entries that is told to the cache: so few are held together under one lock and one bound.
const ONE_SHARD: usize = 31;

/// Values under their keys; those that are asked for again stay longest.
pub(crate) struct Kept<K, V> {
    cache: Cache<K, V, Scales>,
    most_bytes: u64,
}

/// Memory that something takes, in bytes.
pub(crate) trait Weigh {
    fn weight_bytes(&self) -> usize;
}

impl Weigh for Bytes {
    fn weight_bytes(&self) -> usize {
        self.len()
    }
}

impl Weigh for Arc<Chart> {
    fn weight_bytes(&self) -> usize {
        Chart::weight_bytes(self)
    }
}

impl Weigh for Views {
    fn weight_bytes(&self) -> usize {
        Self::weight_bytes(self)
    }
}

#[derive(Clone)]
struct Scales;

impl<K, V: Weigh> Weighter<K, V> for Scales {
    fn weight(&self, _: &K, value: &V) -> u64 {
        PLACE_BYTES.saturating_add(value.weight_bytes() as u64)
    }
}

impl<K: Hash + Eq, V: Weigh + Clone> Kept<K, V> {
    /// Nothing yet, and never more than `most_bytes`.
    pub(crate) fn new(most_bytes: u64) -> Self {
        Self { cache: Cache::with_weighter(ONE_SHARD, most_bytes, Scales), most_bytes }
    }

    pub(crate) fn find(&self, key: &K) -> Option<V> {
        self.cache.get(key)
    }

    /// Keeps a value, unless it would leave too little room for others.
    pub(crate) fn keep(&self, key: K, value: V) {
        if Scales.weight(&key, &value) <= self.most_bytes / FEWEST {
            self.cache.insert(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Room for four values of 1,000 bytes.
    const MOST_BYTES: u64 = 4 * (1_000 + PLACE_BYTES);

    fn value(bytes: usize) -> Bytes {
        Bytes::from(vec![0; bytes])
    }

    #[test]
    fn what_is_kept_is_found_under_its_key() {
        let kept = Kept::new(MOST_BYTES);
        kept.keep(1, value(3));
        assert_eq!(kept.find(&1), Some(value(3)));
        assert_eq!(kept.find(&2), None);
        kept.keep(1, value(4));
        assert_eq!(kept.find(&1), Some(value(4)));
    }

    #[test]
    fn a_value_beyond_a_quarter_of_the_room_is_not_kept() {
        let kept = Kept::new(MOST_BYTES);
        kept.keep(1, value(1_000));
        kept.keep(2, value(1_001));
        assert!(kept.find(&1).is_some());
        assert!(kept.find(&2).is_none());
    }

    #[test]
    fn the_bound_holds_and_what_is_asked_for_again_stays() {
        let kept = Kept::new(MOST_BYTES);
        for key in 0..100 {
            kept.keep(key, value(990));
            assert!(kept.find(&0).is_some(), "{key}");
            assert!(kept.cache.weight() <= MOST_BYTES);
        }
        assert!((1..100).filter(|key| kept.find(key).is_some()).count() <= 3);
    }
}
