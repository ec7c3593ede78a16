//! How many lines a convoy has, when another is started and when it gives up. Pure.

use std::time::Duration;

use causeway_core::Class;

use super::lane::How;
use crate::error::Error;

/// Instances that make a further line worth its association.
const INSTANCES_PER_LINE: usize = 4;
/// Pauses before a line is started in place of one that failed: the first after one setback, and so on.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(1)];

/// What is to be done after a line ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing: the others go on, or all is sent.
    Nothing,
    /// Another line is started, after this time.
    Another { after: Duration },
    /// What is left is not sent.
    GiveUp,
}

/// The state of a convoy's lines.
#[derive(Debug)]
pub(super) struct Resolve {
    /// Lines at most: as many as allowed, or as the peer was found to take.
    most: usize,
    lines: usize,
    setbacks: u32,
    most_setbacks: u32,
}

impl Resolve {
    pub(super) fn new(most: usize, most_setbacks: u32) -> Self {
        Self { most: most.max(1), lines: 0, setbacks: 0, most_setbacks: most_setbacks.max(1) }
    }

    /// Lines that are open or being opened.
    pub(super) const fn lines(&self) -> usize {
        self.lines
    }

    pub(super) const fn started(&mut self) {
        self.lines = self.lines.saturating_add(1);
    }

    /// The peer answered: it is well.
    pub(super) const fn answered(&mut self) {
        self.setbacks = 0;
    }

    /// How many lines more the instances that wait are worth.
    pub(super) fn further(&self, waiting: usize) -> usize {
        waiting.div_ceil(INSTANCES_PER_LINE).min(self.most).saturating_sub(self.lines)
    }

    /// A line ended while `waiting` instances wait.
    pub(super) fn ended(&mut self, how: &How, waiting: usize) -> Next {
        self.lines = self.lines.saturating_sub(1);
        let error = match how {
            How::Empty => {
                // One may have been put back just after this line saw none.
                let missed = waiting > 0 && self.lines == 0;
                return if missed { Next::Another { after: Duration::ZERO } } else { Next::Nothing };
            }
            // The peer takes no more than those that are open; they go on.
            How::NotOpened(_) if self.lines > 0 => {
                self.most = self.lines;
                return Next::Nothing;
            }
            How::NotOpened(error) | How::Broke(error) => error,
        };
        self.setbacks = self.setbacks.saturating_add(1);
        if waiting == 0 {
            return Next::Nothing;
        }
        if self.setbacks < self.most_setbacks && is_worth_another(error) {
            let index = usize::try_from(self.setbacks.saturating_sub(1)).unwrap_or(usize::MAX);
            let after = PAUSES.get(index).or(PAUSES.last()).copied().unwrap_or_default();
            return Next::Another { after };
        }
        if self.lines > 0 { Next::Nothing } else { Next::GiveUp }
    }
}

/// Whether a new association may fare better: not where the peer says no for good, and not where it says nothing, since
/// the next wait would be as long.
fn is_worth_another(error: &Error) -> bool {
    error.class() == Class::Transient && !matches!(error, Error::Timeout(_))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::error::Wait;
    use crate::pdu::Reject;

    fn not_opened(error: Error) -> How {
        How::NotOpened(Arc::new(error))
    }

    fn broke() -> How {
        How::Broke(Arc::new(Error::Closed))
    }

    /// A convoy of at most four lines, of which `lines` are open.
    fn with(lines: usize) -> Resolve {
        let mut resolve = Resolve::new(4, 3);
        (0..lines).for_each(|_| resolve.started());
        resolve
    }

    #[test]
    fn there_are_as_many_lines_as_the_load_is_worth_and_never_more_than_allowed() {
        for (waiting, lines, further) in [
            (0, 0, 0),
            (1, 0, 1),
            (4, 0, 1),
            (5, 0, 2),
            (16, 0, 4),
            (500, 0, 4),
            (500, 1, 3),
            (500, 4, 0),
            (3, 2, 0),
        ] {
            assert_eq!(with(lines).further(waiting), further, "{waiting} waiting, {lines} lines");
        }
    }

    #[test]
    fn a_peer_that_takes_one_association_is_sent_all_over_that_one() {
        let mut resolve = with(2);
        let local_limit = Error::Rejected(Reject { result: 2, source: 3, reason: 2 });
        assert_eq!(resolve.ended(&not_opened(local_limit), 100), Next::Nothing);
        assert_eq!((resolve.lines(), resolve.further(100)), (1, 0));
    }

    #[test]
    fn a_broken_line_is_replaced_until_nothing_was_answered_three_times_in_a_row() {
        let mut resolve = with(1);
        for pause in PAUSES {
            assert_eq!(resolve.ended(&broke(), 10), Next::Another { after: pause });
            resolve.started();
        }
        assert_eq!(resolve.ended(&broke(), 10), Next::GiveUp);
        let mut resolve = with(1);
        for _ in 0..10 {
            assert_eq!(resolve.ended(&broke(), 10), Next::Another { after: PAUSES[0] });
            resolve.started();
            resolve.answered();
        }
    }

    #[test]
    fn nothing_is_given_up_while_another_line_is_open() {
        let mut resolve = with(4);
        for expected in
            [Next::Another { after: PAUSES[0] }, Next::Another { after: PAUSES[1] }, Next::Nothing]
        {
            assert_eq!(resolve.ended(&broke(), 10), expected);
        }
        assert_eq!(resolve.ended(&broke(), 10), Next::GiveUp);
    }

    #[test]
    fn a_peer_that_says_no_or_nothing_is_not_asked_again() {
        let rejected = Error::Rejected(Reject { result: 1, source: 1, reason: 7 });
        assert_eq!(with(1).ended(&not_opened(rejected), 10), Next::GiveUp);
        assert_eq!(with(1).ended(&not_opened(Error::Timeout(Wait::Connect)), 10), Next::GiveUp);
        assert!(matches!(with(1).ended(&not_opened(Error::Closed), 10), Next::Another { .. }));
    }

    #[test]
    fn the_end_is_no_setback_and_what_came_back_late_is_not_forgotten() {
        assert_eq!(with(1).ended(&How::Empty, 0), Next::Nothing);
        assert_eq!(with(2).ended(&How::Empty, 1), Next::Nothing);
        assert_eq!(with(1).ended(&How::Empty, 1), Next::Another { after: Duration::ZERO });
        assert_eq!(with(1).ended(&broke(), 0), Next::Nothing);
    }
}
