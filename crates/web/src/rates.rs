//! How often a caller may ask: each has a bucket that fills at an even pace, so that one who never stops leaves the
//! others their share. Pure but for the lock around the table.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use crate::problem::Problem;

/// Most callers that are remembered. Beyond it those are forgotten first who have asked the least of late.
const MAX_CALLERS: usize = 4096;
/// Seconds for which a caller may save up what it does not ask: a viewer opens a study in one burst.
const BURST_SECONDS: u32 = 10;

/// Who is counted: a principal by its name, anyone else by the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Who<'a> {
    /// Someone who said who they are.
    Name(&'a str),
    /// Someone who did not. Of IPv6 the network counts, of which a single machine has all addresses.
    Address(IpAddr),
}

impl Who<'_> {
    /// A caller at this address.
    pub(crate) fn at(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

/// The buckets of all callers.
pub(crate) struct Rates {
    /// Time in which one request more is allowed.
    interval: Duration,
    /// How far ahead of the pace a caller may be.
    ahead: Duration,
    /// When each caller's bucket is full again. By a hash with keys of this run: names take no room, and nobody can
    /// choose one that meets another's.
    callers: Mutex<HashMap<u64, Instant>>,
    keys: RandomState,
}

impl Rates {
    /// With this many requests a second, at least one.
    pub(crate) fn new(per_second: u32) -> Self {
        let interval = Duration::from_secs(1) / per_second.max(1);
        let ahead = interval.saturating_mul(per_second.max(1)).saturating_mul(BURST_SECONDS);
        Self { interval, ahead, callers: Mutex::default(), keys: RandomState::new() }
    }

    /// Counts a request of `who`.
    ///
    /// # Errors
    /// How long it should wait, when it has asked for too much.
    pub(crate) fn take(&self, who: Who<'_>, now: Instant) -> Result<(), Duration> {
        let key = self.keys.hash_one(who);
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.len() >= MAX_CALLERS && !callers.contains_key(&key) {
            make_room(&mut callers, now);
        }
        let full = callers.entry(key).or_insert(now);
        let next = (*full).max(now) + self.interval;
        let over = next.duration_since(now).saturating_sub(self.ahead);
        if over > Duration::ZERO {
            return Err(over);
        }
        *full = next;
        Ok(())
    }
}

/// Forgets those whose buckets are full, which loses nothing; else the one whose bucket is nearest to it.
fn make_room(callers: &mut HashMap<u64, Instant>, now: Instant) {
    callers.retain(|_, full| *full > now);
    if callers.len() >= MAX_CALLERS
        && let Some(key) = callers.iter().min_by_key(|(_, full)| **full).map(|(key, _)| *key)
    {
        callers.remove(&key);
    }
}

/// 429: says when to come back (RFC 6585 §4).
pub(crate) fn too_many(wait: Duration, words: &'static str) -> Response {
    let mut response = Problem::new(StatusCode::TOO_MANY_REQUESTS, words).into_response();
    let seconds = wait.as_secs().saturating_add(1);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn taken(rates: &Rates, who: Who<'_>, now: Instant) -> usize {
        (0..100_000).take_while(|_| rates.take(who, now).is_ok()).count()
    }

    #[test]
    fn a_burst_is_taken_to_its_bound_and_then_the_pace_holds() {
        let (rates, now) = (Rates::new(5), Instant::now());
        let (one, other) = (Who::Name("one"), Who::Name("other"));
        assert_eq!(taken(&rates, one, now), 50);
        assert_eq!(rates.take(one, now), Err(SECOND / 5));
        assert_eq!(taken(&rates, other, now), 50);
        assert_eq!(taken(&rates, one, now + SECOND), 5);
        assert_eq!(taken(&rates, one, now + 100 * SECOND), 50);
    }

    #[test]
    fn who_is_refused_owes_nothing_for_it() {
        let (rates, now) = (Rates::new(1), Instant::now());
        taken(&rates, Who::Name("one"), now);
        for _ in 0..1000 {
            assert!(rates.take(Who::Name("one"), now).is_err());
        }
        assert_eq!(rates.take(Who::Name("one"), now + SECOND), Ok(()));
    }

    #[test]
    fn names_and_addresses_are_counted_apart_and_networks_of_ipv6_as_one() {
        let (rates, now) = (Rates::new(1), Instant::now());
        let at = |text: &str| Who::at(text.parse().unwrap());
        assert_eq!(taken(&rates, at("2001:db8::1"), now), 10);
        assert_eq!(taken(&rates, at("2001:db8::ffff:2"), now), 0);
        assert_eq!(taken(&rates, at("2001:db8:0:1::1"), now), 10);
        assert_eq!(taken(&rates, at("10.0.0.1"), now), 10);
        assert_eq!(taken(&rates, at("::ffff:10.0.0.1"), now), 0);
        assert_eq!(taken(&rates, Who::Name("10.0.0.1"), now), 10);
    }

    #[test]
    fn the_table_is_bounded_and_forgets_the_quiet_first() {
        let (rates, now) = (Rates::new(1), Instant::now());
        let busy = Who::Name("busy");
        assert_eq!(taken(&rates, busy, now), 10);
        for number in 0..=u32::try_from(2 * MAX_CALLERS).unwrap() {
            rates.take(Who::at(IpAddr::from(number.to_be_bytes())), now).unwrap();
        }
        assert_eq!(rates.callers.lock().unwrap().len(), MAX_CALLERS);
        assert!(rates.take(busy, now).is_err(), "who asks the most is not forgotten");
        rates.take(Who::Name("late"), now + 100 * SECOND).unwrap();
        assert_eq!(rates.callers.lock().unwrap().len(), 1);
    }

    #[test]
    fn a_refusal_says_when_to_come_back() {
        let response = too_many(SECOND / 2, "x");
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers().get(RETRY_AFTER).unwrap(), "1");
        assert_eq!(too_many(SECOND, "x").headers().get(RETRY_AFTER).unwrap(), "2");
    }
}
