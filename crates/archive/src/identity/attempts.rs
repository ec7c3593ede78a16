//! How often callers of one address may show a wrong identity. Pure: told the time, never asking for it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

/// Wrong identities from one address within [`WINDOW_SECONDS`].
const MAX_WRONG: u32 = 10;
/// How long they count.
const WINDOW_SECONDS: i64 = 60;
/// Addresses that are kept in mind; of more, the one heard of longest ago is forgotten.
const MAX_ADDRESSES: usize = 4096;

/// The wrong identities of late.
#[derive(Default)]
pub(crate) struct Attempts(Mutex<HashMap<IpAddr, Wrongs>>);

#[derive(Clone, Copy)]
struct Wrongs {
    count: u32,
    since_seconds: i64,
}

impl Attempts {
    /// Takes an attempt, wrong until [`Self::forgive`] says otherwise; false: there were too many.
    pub(crate) fn take(&self, address: IpAddr, now_seconds: i64) -> bool {
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let address = house(address);
        if attempts.len() >= MAX_ADDRESSES && !attempts.contains_key(&address) {
            let oldest = attempts.iter().min_by_key(|(_, wrongs)| wrongs.since_seconds);
            if let Some(oldest) = oldest.map(|(address, _)| *address) {
                attempts.remove(&oldest);
            }
        }
        let fresh = Wrongs { count: 0, since_seconds: now_seconds };
        let wrongs = attempts.entry(address).or_insert(fresh);
        if now_seconds.saturating_sub(wrongs.since_seconds) >= WINDOW_SECONDS {
            *wrongs = fresh;
        }
        let has_one = wrongs.count < MAX_WRONG;
        wrongs.count = wrongs.count.saturating_add(u32::from(has_one));
        has_one
    }

    /// Gives back an attempt that was right.
    pub(crate) fn forgive(&self, address: IpAddr) {
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let address = house(address);
        if let Some(wrongs) = attempts.get_mut(&address) {
            wrongs.count = wrongs.count.saturating_sub(1);
            if wrongs.count == 0 {
                attempts.remove(&address);
            }
        }
    }
}

/// Whoever has an IPv6 address has a network of 64 bits of them.
fn house(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn as_many_as_are_allowed_and_no_more_until_the_time_is_over() {
        let attempts = Attempts::default();
        for _ in 0..MAX_WRONG {
            assert!(attempts.take(address(1), 100));
        }
        assert!(!attempts.take(address(1), 100 + WINDOW_SECONDS - 1));
        assert!(attempts.take(address(2), 100), "another address is not held to it");
        assert!(attempts.take(address(1), 100 + WINDOW_SECONDS));
    }

    #[test]
    fn the_right_ones_do_not_count() {
        let attempts = Attempts::default();
        for _ in 0..10 * MAX_WRONG {
            assert!(attempts.take(address(1), 0));
            attempts.forgive(address(1));
        }
        assert!(attempts.0.lock().unwrap().is_empty());
    }

    #[test]
    fn a_network_of_addresses_is_one_and_no_more_are_kept_than_the_bound() {
        let attempts = Attempts::default();
        for last in 0..MAX_WRONG {
            assert!(attempts.take(format!("2001:db8::{last}").parse().unwrap(), 0));
        }
        assert!(!attempts.take("2001:db8::ffff".parse().unwrap(), 0));
        for number in 0..2 * u32::try_from(MAX_ADDRESSES).unwrap() {
            assert!(attempts.take(IpAddr::from(number.to_be_bytes()), 1));
        }
        assert_eq!(attempts.0.lock().unwrap().len(), MAX_ADDRESSES);
    }
}
