//! Instances at which the line to a destination breaks, again and again, while others get through. Pure.
//!
//! A broken line is tried for ever, since it mostly is the network's or the far side's trouble. When others were
//! delivered between one break and the next, time after time, it is the instance's. Kept in memory only: after a
//! restart it is counted anew.

use std::collections::HashMap;

/// Breaks, with deliveries in between, after which it is held against the instance.
const MAX_BREAKS: u32 = 10;
/// Jobs that are remembered at most.
const MAX_JOBS: usize = 10_000;

/// What is known of one destination.
#[derive(Debug, Default)]
pub(super) struct Breakers {
    delivered: u64,
    jobs: HashMap<i64, Breaks>,
}

#[derive(Debug)]
struct Breaks {
    count: u32,
    /// Deliveries to the destination when it broke last.
    delivered: u64,
}

impl Breakers {
    /// An instance was delivered.
    pub(super) fn delivered(&mut self, job: i64) {
        self.delivered = self.delivered.wrapping_add(1);
        self.jobs.remove(&job);
    }

    /// The line broke at a job; says whether that is to be held against the instance.
    pub(super) fn broke(&mut self, job: i64) -> bool {
        if self.jobs.len() >= MAX_JOBS && !self.jobs.contains_key(&job) {
            return false;
        }
        let delivered = self.delivered;
        let breaks = self.jobs.entry(job).or_insert(Breaks { count: 0, delivered });
        if breaks.delivered != delivered {
            breaks.delivered = delivered;
            breaks.count = breaks.count.saturating_add(1);
        }
        breaks.count >= MAX_BREAKS
    }

    /// The job is decided.
    pub(super) fn forget(&mut self, job: i64) {
        self.jobs.remove(&job);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_held_against_no_instance_however_long() {
        let mut breakers = Breakers::default();
        breakers.delivered(1);
        assert!((0..1000).all(|_| !breakers.broke(2)));
    }

    #[test]
    fn an_instance_that_alone_breaks_the_line_is_found_out_at_the_tenth_time() {
        let mut breakers = Breakers::default();
        breakers.broke(1);
        for other in 2..11 {
            breakers.delivered(other);
            assert!(!breakers.broke(1));
        }
        breakers.delivered(11);
        assert!(breakers.broke(1));
        breakers.forget(1);
        assert!(!breakers.broke(1));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut breakers = Breakers::default();
        for job in 0..20_000 {
            breakers.broke(job);
        }
        assert_eq!(breakers.jobs.len(), MAX_JOBS);
    }
}
