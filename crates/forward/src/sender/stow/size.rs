//! How many bytes go into one request: as many as the line carries in a moment. Pure.
//!
//! Small requests cost a round trip each and are soon answered; of large ones more is in doubt when the line breaks.

use std::time::Duration;

/// What the first requests have.
const FIRST_BYTES: u64 = 1024 * 1024;
/// Least that a request is cut down to.
const MIN_BYTES: u64 = 256 * 1024;
/// A request that was answered sooner is worth a larger one.
const SOON: Duration = Duration::from_millis(500);
/// One that took longer is worth a smaller one.
const LATE: Duration = Duration::from_secs(2);

/// The size of the next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    bytes: u64,
    most: u64,
}

impl Size {
    /// Within `most` bytes.
    pub(super) fn within(most: u64) -> Self {
        Self { bytes: FIRST_BYTES.min(most), most }
    }

    /// In bytes.
    pub(super) const fn bytes(self) -> u64 {
        self.bytes
    }

    /// A request of `sent` bytes was answered after `took`.
    pub(super) fn answered(self, sent: u64, took: Duration) -> Self {
        let bytes = if took > LATE {
            (self.bytes / 2).max(MIN_BYTES)
        // One that was not full says little.
        } else if took < SOON && sent >= self.bytes / 2 {
            self.bytes.saturating_mul(2)
        } else {
            self.bytes
        };
        Self { bytes: bytes.min(self.most), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_grow_where_they_are_soon_answered_and_shrink_where_they_are_not() {
        let size = Size::within(3 * FIRST_BYTES);
        assert_eq!(size.bytes(), FIRST_BYTES);
        let took = |milliseconds| Duration::from_millis(milliseconds);
        for (sent, milliseconds, bytes) in [
            (FIRST_BYTES, 499, 2 * FIRST_BYTES),
            (FIRST_BYTES, 500, FIRST_BYTES),
            (FIRST_BYTES, 2_000, FIRST_BYTES),
            (FIRST_BYTES, 2_001, FIRST_BYTES / 2),
            (FIRST_BYTES / 2 - 1, 1, FIRST_BYTES),
        ] {
            assert_eq!(size.answered(sent, took(milliseconds)).bytes(), bytes, "{sent} {milliseconds}");
        }
    }

    #[test]
    fn they_stay_within_their_bounds() {
        let mut size = Size::within(3 * FIRST_BYTES);
        for _ in 0..100 {
            size = size.answered(u64::MAX, Duration::ZERO);
        }
        assert_eq!(size.bytes(), 3 * FIRST_BYTES);
        for _ in 0..100 {
            size = size.answered(u64::MAX, Duration::MAX);
        }
        assert_eq!(size.bytes(), MIN_BYTES);
        assert_eq!(Size::within(10).answered(10, Duration::ZERO).bytes(), 10);
        assert_eq!(Size::within(10).answered(10, Duration::MAX).bytes(), 10);
    }
}
