//! Bytes that may go out now, shared out among what is urgent and what is not. Pure: time is given.
//!
//! A bucket fills at the rate that is in force and holds little, so that what goes out does so evenly. Where several
//! priorities want some at once, each gets its share: of any two the one that has had less for its share goes first, and
//! one that comes back after a rest has no claim on what it did not take.

use std::time::Duration;

use causeway_core::Priority;
use tokio::time::Instant;

/// What the bucket holds: this much of a second.
const HELD: Duration = Duration::from_millis(50);
/// Least that it holds, and that is given at once, in bytes.
const MIN_GRANT_BYTES: u64 = 2 * 1024;
/// How long one waits that is not next, unless it is told before.
const NOT_NEXT: Duration = Duration::from_millis(50);

/// Whoever wanted nothing for longer than this has rested: between two pieces there is a moment, too.
const REST: Duration = Duration::from_secs(1);

/// What each priority is given of what all want: of 21 bytes 16, 4 and 1.
const fn share(priority: Priority) -> u64 {
    match priority {
        Priority::Stat => 16,
        Priority::Routine => 4,
        Priority::Bulk => 1,
    }
}

/// What may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grant {
    /// So many bytes, now.
    Bytes(usize),
    /// Nothing for so long.
    After(Duration),
}

/// One priority.
#[derive(Debug, Clone, Copy, Default)]
struct Class {
    /// What it has had, for its share.
    had: u64,
    /// Whether it wants some.
    wants: bool,
    /// When it last did.
    wanted_at: Option<Instant>,
}

/// The bucket of one remote.
#[derive(Debug)]
pub(super) struct Bucket {
    held: f64,
    filled_at: Instant,
    classes: [Class; Priority::ALL.len()],
}

impl Bucket {
    /// An empty one.
    pub(super) fn new(now: Instant) -> Self {
        Self { held: 0.0, filled_at: now, classes: Default::default() }
    }

    /// `priority` wants some from `now` on, or no more.
    pub(super) fn wants(&mut self, priority: Priority, wants: bool, now: Instant) {
        let least = self.classes.iter().filter(|class| class.wants).map(|class| class.had).min();
        if let Some(class) = self.classes.get_mut(priority as usize) {
            let rested = class.wanted_at.is_none_or(|moment| now.saturating_duration_since(moment) > REST);
            if wants && !class.wants && rested {
                class.had = class.had.max(least.unwrap_or_default());
            }
            class.wants = wants;
            class.wanted_at = Some(now);
        }
    }

    /// Up to `wanted` bytes for `priority`, at so many bytes a second; no rate: all of it.
    pub(super) fn take(
        &mut self,
        priority: Priority,
        wanted: usize,
        bytes_per_second: Option<u64>,
        now: Instant,
    ) -> Grant {
        let Some(rate) = bytes_per_second else { return Grant::Bytes(wanted) };
        let rate = rate.max(1) as f64;
        let most = (rate * HELD.as_secs_f64()).max(MIN_GRANT_BYTES as f64);
        let since = now.saturating_duration_since(self.filled_at);
        self.held = (self.held + rate * since.as_secs_f64()).min(most);
        self.filled_at = now;
        if !self.is_next(priority) {
            return Grant::After(NOT_NEXT);
        }
        let least = (wanted as f64).min(MIN_GRANT_BYTES as f64);
        if self.held < least {
            return Grant::After(Duration::from_secs_f64((least - self.held) / rate));
        }
        // Whole bytes, of which there are few enough for either kind of number.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and `wanted`")]
        let granted = self.held.min(wanted as f64).floor() as usize;
        self.held -= granted as f64;
        if let Some(class) = self.classes.get_mut(priority as usize) {
            class.had = class.had.saturating_add(granted as u64 * 16 / share(priority));
        }
        Grant::Bytes(granted)
    }

    /// Whether none of the others that want some has had less for its share.
    fn is_next(&self, priority: Priority) -> bool {
        let had = self.classes.get(priority as usize).map_or(0, |class| class.had);
        let others = Priority::ALL.into_iter().filter(|other| *other != priority);
        others.filter_map(|other| self.classes.get(other as usize)).all(|other| {
            // Of two that have had the same the more urgent one is asked first, and has more the next time.
            !other.wants || other.had >= had
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lets `priorities` take what they can for so many milliseconds, in steps of one; what each had.
    fn run(priorities: &[Priority], rate: u64, milliseconds: u64) -> Vec<usize> {
        let mut now = Instant::now();
        let mut bucket = Bucket::new(now);
        priorities.iter().for_each(|priority| bucket.wants(*priority, true, now));
        let mut had = vec![0; priorities.len()];
        for _ in 0..milliseconds {
            now += Duration::from_millis(1);
            loop {
                let mut any = false;
                for (priority, had) in priorities.iter().zip(&mut had) {
                    if let Grant::Bytes(bytes) = bucket.take(*priority, 16 * 1024, Some(rate), now) {
                        *had += bytes;
                        any = true;
                    }
                }
                if !any {
                    break;
                }
            }
        }
        had
    }

    #[test]
    fn no_more_goes_than_the_rate_allows_and_nearly_all_of_it() {
        for rate in [8_000, 125_000, 2_500_000, 125_000_000] {
            let had = run(&[Priority::Routine], rate, 4_000)[0] as f64;
            let may = rate as f64 * 4.0;
            assert!(had <= may + 1.0 && had >= may * 0.95, "{had} of {may}");
        }
    }

    #[test]
    fn all_get_their_share_and_the_urgent_most_of_it() {
        let had = run(&Priority::ALL, 1_000_000, 21_000);
        for (had, share) in had.iter().zip([16.0, 4.0, 1.0]) {
            let due = share * 1_000_000.0;
            assert!((*had as f64 - due).abs() < due * 0.1, "{had} of {due}");
        }
    }

    #[test]
    fn one_alone_has_all_and_one_that_comes_back_has_no_claim_on_what_it_did_not_take() {
        let now = Instant::now();
        let mut bucket = Bucket::new(now);
        bucket.wants(Priority::Bulk, true, now);
        let mut at = now;
        for _ in 0..1_000 {
            at += Duration::from_millis(50);
            assert!(matches!(bucket.take(Priority::Bulk, 50_000, Some(1_000_000), at), Grant::Bytes(_)));
        }
        bucket.wants(Priority::Routine, true, at);
        at += Duration::from_millis(50);
        // Equal at first; then bulk has to wait until the other has had four times as much, and no longer.
        assert!(matches!(bucket.take(Priority::Bulk, 10_000, Some(1_000_000), at), Grant::Bytes(10_000)));
        assert_eq!(bucket.take(Priority::Bulk, 10_000, Some(1_000_000), at), Grant::After(NOT_NEXT));
        assert!(matches!(bucket.take(Priority::Routine, 40_000, Some(1_000_000), at), Grant::Bytes(40_000)));
        at += Duration::from_millis(50);
        assert!(matches!(bucket.take(Priority::Bulk, 10_000, Some(1_000_000), at), Grant::Bytes(10_000)));
    }

    #[test]
    fn without_a_rate_nothing_waits() {
        let now = Instant::now();
        let mut bucket = Bucket::new(now);
        assert_eq!(bucket.take(Priority::Bulk, usize::MAX, None, now), Grant::Bytes(usize::MAX));
    }

    proptest! {
        #[test]
        fn whoever_is_told_to_wait_may_go_after_it(rate in 1_000_u64..10_000_000, wanted in 1_usize..100_000) {
            let now = Instant::now();
            let mut bucket = Bucket::new(now);
            bucket.wants(Priority::Routine, true, now);
            let Grant::After(wait) = bucket.take(Priority::Routine, wanted, Some(rate), now) else {
                return Err(TestCaseError::fail("an empty bucket gave some"));
            };
            let later = now + wait + Duration::from_nanos(1_000);
            let given = bucket.take(Priority::Routine, wanted, Some(rate), later);
            let Grant::Bytes(bytes) = given else {
                return Err(TestCaseError::fail(format!("{given:?}")));
            };
            prop_assert!(bytes >= 1 && bytes <= wanted);
        }
    }
}
