//! Refused handshakes, told without a flood: an address that tries again and again is told of once a minute, each
//! reason by itself.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long the same is not told again.
const WINDOW: Duration = Duration::from_secs(60);
/// Most addresses that are remembered; beyond it all are forgotten, and told of again.
const MAX_ADDRESSES: usize = 1024;
/// Most reasons told of one address within the window.
const MAX_REASONS: usize = 8;

/// What was told of whom.
#[derive(Debug, Default)]
pub struct Hush(Mutex<HashMap<IpAddr, Told>>);

#[derive(Debug)]
struct Told {
    since: Instant,
    reasons: Vec<u64>,
    kept: u64,
}

impl Hush {
    /// Whether `reason` is to be told of `address`; then with how many were kept back of it before.
    #[must_use]
    pub fn ask(&self, address: IpAddr, reason: &str, now: Instant) -> Option<u64> {
        let mut hasher = DefaultHasher::new();
        reason.hash(&mut hasher);
        let reason = hasher.finish();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_ADDRESSES && !all.contains_key(&address) {
            all.clear();
        }
        let told = all.entry(address).or_insert_with(|| Told { since: now, reasons: Vec::new(), kept: 0 });
        if now.duration_since(told.since) >= WINDOW {
            told.since = now;
            told.reasons.clear();
        }
        if told.reasons.contains(&reason) || told.reasons.len() >= MAX_REASONS {
            told.kept = told.kept.saturating_add(1);
            return None;
        }
        told.reasons.push(reason);
        Some(std::mem::take(&mut told.kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_told_once_in_its_time_and_then_with_what_was_kept() {
        let (hush, now) = (Hush::default(), Instant::now());
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        assert_eq!(hush.ask(one, "expired", now), Some(0));
        assert_eq!(hush.ask(one, "expired", now + WINDOW / 2), None);
        assert_eq!(hush.ask(one, "unknown", now + WINDOW / 2), Some(1));
        assert_eq!(hush.ask(other, "expired", now), Some(0));
        assert_eq!(hush.ask(one, "expired", now + WINDOW), Some(0));
    }

    #[test]
    fn the_reasons_of_one_address_are_bounded() {
        let (hush, now, one) = (Hush::default(), Instant::now(), IpAddr::from([10, 0, 0, 1]));
        for number in 0..MAX_REASONS {
            assert!(hush.ask(one, &number.to_string(), now).is_some());
        }
        assert_eq!(hush.ask(one, "one more", now), None);
    }

    #[test]
    fn the_addresses_are_bounded() {
        let (hush, now) = (Hush::default(), Instant::now());
        for number in 0..=MAX_ADDRESSES {
            let address = IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
            assert!(hush.ask(address, "expired", now).is_some());
        }
        assert_eq!(hush.0.lock().unwrap().len(), 1);
    }
}
