//! Frames that one request names more than once: each is read and decoded once, and kept until it is named for the last
//! time, as far as there is room. Pure.

use std::collections::HashMap;
use std::num::NonZeroU32;

use bytes::Bytes;

/// Most bytes of frames that are kept for one request. A single frame is kept whatever its size: it is in memory anyway.
const MAX_KEPT_BYTES: usize = 32 * 1024 * 1024;

/// The frames that are named again.
#[derive(Debug)]
pub(super) struct Again {
    /// How often a frame is still asked for after the time at hand, where that is not never.
    left: HashMap<NonZeroU32, usize>,
    kept: HashMap<NonZeroU32, Bytes>,
    bytes: usize,
}

impl Again {
    /// For the frames of a request.
    pub(super) fn among(numbers: &[NonZeroU32]) -> Self {
        let mut left: HashMap<NonZeroU32, usize> = HashMap::new();
        // Most requests name frames in their order.
        if !numbers.is_sorted_by(|a, b| a < b) {
            for number in numbers {
                left.entry(*number).and_modify(|count| *count += 1).or_default();
            }
        }
        left.retain(|_, count| *count > 0);
        Self { left, kept: HashMap::new(), bytes: 0 }
    }

    /// The frame whose turn it is, where it was kept; it is let go when it is not asked for again.
    pub(super) fn take(&mut self, number: NonZeroU32) -> Option<Bytes> {
        let bytes = self.kept.get(&number).cloned()?;
        let is_wanted = self.left.get_mut(&number).is_some_and(|count| {
            *count = count.saturating_sub(1);
            *count > 0
        });
        if !is_wanted {
            self.kept.remove(&number);
            self.left.remove(&number);
            self.bytes = self.bytes.saturating_sub(bytes.len());
        }
        Some(bytes)
    }

    /// Keeps a frame whose turn it was, if it is asked for again.
    pub(super) fn keep(&mut self, number: NonZeroU32, bytes: &Bytes) {
        let Some(left) = self.left.get_mut(&number) else { return };
        if *left == 0 {
            self.left.remove(&number);
            return;
        }
        let together = self.bytes.saturating_add(bytes.len());
        if self.kept.is_empty() || together <= MAX_KEPT_BYTES {
            self.kept.insert(number, bytes.clone());
            self.bytes = together;
        } else {
            *left -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often each frame is made when `numbers` are asked for, and most bytes that are kept on the way.
    fn run(numbers: &[u32], frame_bytes: usize) -> (HashMap<u32, usize>, usize) {
        let numbers: Vec<NonZeroU32> = numbers.iter().filter_map(|number| NonZeroU32::new(*number)).collect();
        let mut again = Again::among(&numbers);
        let (mut made, mut most) = (HashMap::new(), 0);
        for number in numbers {
            if again.take(number).is_none() {
                *made.entry(number.get()).or_default() += 1;
                again.keep(number, &Bytes::from(vec![0; frame_bytes]));
            }
            most = most.max(again.bytes);
            assert_eq!(again.bytes, again.kept.values().map(Bytes::len).sum::<usize>());
        }
        assert!(again.kept.is_empty() && again.left.values().all(|left| *left == 0), "{again:?}");
        (made, most)
    }

    #[test]
    fn a_frame_is_made_once_however_often_it_is_named() {
        assert_eq!(run(&[1, 1, 1], 9), (HashMap::from([(1, 1)]), 9));
        assert_eq!(run(&[1, 2, 1, 3, 2, 1], 9).0, HashMap::from([(1, 1), (2, 1), (3, 1)]));
    }

    #[test]
    fn nothing_is_kept_that_is_not_named_again() {
        assert_eq!(run(&[1, 2, 3], 9).1, 0);
        assert_eq!(run(&[2, 2, 3], 9).1, 9);
    }

    #[test]
    fn what_is_kept_is_bounded_at_below_and_above() {
        let half = MAX_KEPT_BYTES / 2;
        let twice = [1, 2, 1, 2];
        assert_eq!(run(&twice, half - 1), (HashMap::from([(1, 1), (2, 1)]), 2 * (half - 1)));
        assert_eq!(run(&twice, half), (HashMap::from([(1, 1), (2, 1)]), MAX_KEPT_BYTES));
        assert_eq!(run(&twice, half + 1), (HashMap::from([(1, 1), (2, 2)]), half + 1));
    }

    #[test]
    fn a_single_frame_is_kept_whatever_its_size() {
        assert_eq!(run(&[1, 1, 1], MAX_KEPT_BYTES + 1).0, HashMap::from([(1, 1)]));
    }
}
