//! One direction of a line, as arithmetic on time: when bytes that are handed over now have left, and when they are at
//! the other end. Pure.

use std::time::Duration;

use tokio::time::Instant;

/// The direction. All connections share it.
#[derive(Debug)]
pub(super) struct Wire {
    bits_per_second: Option<u64>,
    delay: Duration,
    /// When the last bit of what was handed over has left.
    free_at: Instant,
}

/// When bytes pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Passage {
    /// When the last of them has left.
    pub(super) left_at: Instant,
    /// When the last of them has arrived.
    pub(super) arrives_at: Instant,
}

impl Wire {
    pub(super) const fn new(bits_per_second: Option<u64>, delay: Duration, now: Instant) -> Self {
        Self { bits_per_second, delay, free_at: now }
    }

    /// Hands over `bytes` at `now`: they leave behind all that was handed over before.
    pub(super) fn take(&mut self, bytes: usize, now: Instant) -> Passage {
        self.free_at = self.free_at.max(now) + self.own_time(bytes);
        Passage { left_at: self.free_at, arrives_at: self.free_at + self.delay }
    }

    /// How long `bytes` occupy the line.
    fn own_time(&self, bytes: usize) -> Duration {
        let Some(rate) = self.bits_per_second.filter(|rate| *rate > 0) else { return Duration::ZERO };
        let nanos = bytes as u128 * 8 * 1_000_000_000 / u128::from(rate);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: Duration = Duration::from_millis(50);

    #[test]
    fn bytes_leave_one_behind_the_other_and_arrive_after_the_delay() {
        let now = Instant::now();
        // 8 Mbit/s: a byte each microsecond.
        let mut wire = Wire::new(Some(8_000_000), HALF, now);
        for n in 1..=3 {
            let left_at = now + Duration::from_millis(n);
            assert_eq!(wire.take(1000, now), Passage { left_at, arrives_at: left_at + HALF });
        }
    }

    #[test]
    fn what_was_not_used_is_lost() {
        let now = Instant::now();
        let mut wire = Wire::new(Some(8_000_000), HALF, now);
        let later = now + Duration::from_secs(60);
        assert_eq!(wire.take(1000, later).left_at, later + Duration::from_millis(1));
    }

    #[test]
    fn a_line_without_a_limit_only_delays() {
        let now = Instant::now();
        let mut wire = Wire::new(None, HALF, now);
        assert_eq!(wire.take(usize::MAX, now), Passage { left_at: now, arrives_at: now + HALF });
    }
}
