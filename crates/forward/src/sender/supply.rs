//! When a sender asks for more to send: when little is left, and not again at once where there was nothing.

use std::time::Duration;

use tokio::time::Instant;

/// How long it is not asked again after there was nothing.
const AFTER_NOTHING: Duration = Duration::from_millis(100);

/// When to ask.
#[derive(Debug, Default)]
pub(super) struct Supply {
    not_before: Option<Instant>,
}

impl Supply {
    /// Whether more is to be asked for while `left` wait to be sent, of which `least` would be enough.
    pub(super) fn is_asked(&self, left: usize, least: usize) -> bool {
        left < least && self.not_before.is_none_or(|moment| moment <= Instant::now())
    }

    /// So many came.
    pub(super) fn gave(&mut self, count: usize) {
        self.not_before = (count == 0).then(|| Instant::now() + AFTER_NOTHING);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_is_asked_for_when_little_is_left_and_not_at_once_where_there_was_nothing() {
        let mut supply = Supply::default();
        for (left, asked) in [(0, true), (9, true), (10, false), (11, false)] {
            assert_eq!(supply.is_asked(left, 10), asked, "{left}");
        }
        supply.gave(0);
        assert!(!supply.is_asked(0, 10));
        supply.gave(1);
        assert!(supply.is_asked(0, 10));
    }
}
