//! How many lines a convoy has, when another is started and when it gives up. Pure.

use std::time::Duration;

use causeway_core::Class;

use super::WhenBroken;
use super::lane::How;
use crate::error::Error;

/// Instances that make a further line worth its association.
const INSTANCES_PER_LINE: usize = 4;
/// Pauses before a line is started in place of one that failed: the first after one setback, and so on.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(1)];
/// One instance is to be on its way for each such part of a round trip: 6 MB/s of the smallest images there are.
const PER_INSTANCE: Duration = Duration::from_millis(5);

/// So many bytes are to be on their way for each second of a round trip: with large instances few lines are as good as
/// many, and less is lost when they break.
const BYTES_PER_SECOND: u64 = 12_500_000;

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

/// Within which bounds there are lines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// At most to a peer near by.
    pub(super) near: usize,
    /// At most to one far away.
    pub(super) far: usize,
    /// Setbacks in a row after which it gives up.
    pub(super) setbacks: u32,
}

/// The state of a convoy's lines.
#[derive(Debug)]
pub(super) struct Resolve {
    bounds: Bounds,
    when_broken: WhenBroken,
    /// Lines that the peer's distance is worth.
    worth: usize,
    /// Lines that the peer was found to take.
    taken: usize,
    /// One more, for what is urgent.
    spare: usize,
    lines: usize,
    /// Associations opened since the last break, and the operations of the last one.
    opened: usize,
    operations: usize,
    setbacks: u32,
    /// Whether anything was answered since the last setback or break.
    has_answered: bool,
    /// Counts breaks. All lines of one generation may break at once: that is one setback.
    generation: u32,
}

impl Resolve {
    pub(super) fn new(bounds: Bounds, when_broken: WhenBroken) -> Self {
        let near = bounds.near.max(1);
        let bounds = Bounds { near, far: bounds.far.max(near), setbacks: bounds.setbacks.max(1) };
        Self {
            bounds,
            when_broken,
            worth: near,
            taken: usize::MAX,
            spare: 0,
            lines: 0,
            opened: 0,
            operations: 1,
            setbacks: 0,
            has_answered: false,
            generation: 0,
        }
    }

    /// Lines that are open or being opened.
    pub(super) const fn lines(&self) -> usize {
        self.lines
    }

    /// Of which lines one is that is started.
    pub(super) const fn generation(&self) -> u32 {
        self.generation
    }

    /// Lines at most, as far as is known.
    pub(super) const fn most(&self) -> usize {
        let wanted = self.worth + self.spare;
        if wanted < self.taken { wanted } else { self.taken }
    }

    pub(super) const fn started(&mut self) {
        self.lines = self.lines.saturating_add(1);
    }

    /// The peer answered: it is well.
    pub(super) const fn answered(&mut self) {
        self.setbacks = 0;
        self.has_answered = true;
    }

    /// An association was opened.
    pub(super) const fn opened(&mut self, operations: usize) {
        self.opened = self.opened.saturating_add(1);
        self.operations = operations;
    }

    /// The peer is so far away, and instances have so many bytes. Only one that has taken a second association is asked
    /// for many.
    pub(super) fn reaches(&mut self, distance: Option<Duration>, mean_bytes: u64) {
        let Some(distance) = distance.filter(|_| self.opened > 1) else { return };
        let by_count = distance.as_micros() / PER_INSTANCE.as_micros();
        let bytes = distance.as_micros() * u128::from(BYTES_PER_SECOND) / 1_000_000;
        let by_bytes = bytes.div_ceil(u128::from(mean_bytes.max(1))) + 1;
        let under_way = usize::try_from(by_count.min(by_bytes)).unwrap_or(usize::MAX);
        self.worth = under_way.div_ceil(self.operations.max(1)).clamp(self.bounds.near, self.bounds.far);
    }

    /// Something urgent came: it shall not wait for what is under way.
    pub(super) const fn spare_for_urgent(&mut self) {
        self.spare = 1;
    }

    /// How many lines more the instances that wait are worth.
    pub(super) fn further(&self, waiting: usize) -> usize {
        let worth = waiting.div_ceil(INSTANCES_PER_LINE);
        // What is urgent is worth one however few they are.
        let worth = if self.spare > 0 && waiting > 0 { worth.max(self.lines + 1) } else { worth };
        worth.min(self.most()).saturating_sub(self.lines)
    }

    /// A line of this generation ended while `waiting` instances wait.
    pub(super) fn ended(&mut self, how: &How, generation: u32, waiting: usize) -> Next {
        self.lines = self.lines.saturating_sub(1);
        let error = match how {
            How::Empty => {
                // One may have been put back just after this line saw none.
                let missed = waiting > 0 && self.lines == 0;
                return if missed { Next::Another { after: Duration::ZERO } } else { Next::Nothing };
            }
            // The peer takes no more than those that are open; they go on.
            How::NotOpened(_) if self.lines > 0 => {
                self.taken = self.lines;
                return Next::Nothing;
            }
            How::Broke(error) if self.is_the_lines(error) => return self.broken(generation, waiting),
            How::NotOpened(error) | How::Broke(error) => error,
        };
        self.setback(error, waiting)
    }

    /// Whether it was the connection that broke, and where that is not held against anyone.
    fn is_the_lines(&self, error: &Error) -> bool {
        self.when_broken == WhenBroken::SendAgain && matches!(error, Error::Closed | Error::Io(_))
    }

    /// The connection of a line broke: those that broke together are replaced together, as long as there is progress.
    fn broken(&mut self, generation: u32, waiting: usize) -> Next {
        if generation == self.generation {
            if !self.has_answered {
                return self.setback(&Error::Closed, waiting);
            }
            self.generation = self.generation.wrapping_add(1);
            self.has_answered = false;
            // What it took before is found out anew.
            self.taken = usize::MAX;
            self.opened = 0;
        }
        let wanted = waiting.div_ceil(INSTANCES_PER_LINE).min(self.most());
        if self.lines < wanted { Next::Another { after: PAUSES[0] } } else { Next::Nothing }
    }

    fn setback(&mut self, error: &Error, waiting: usize) -> Next {
        self.setbacks = self.setbacks.saturating_add(1);
        self.has_answered = false;
        if waiting == 0 {
            return Next::Nothing;
        }
        if self.setbacks < self.bounds.setbacks && is_worth_another(error) {
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

    /// A convoy of at most four lines, 32 to a peer far away, of which `lines` are open.
    fn with(lines: usize) -> Resolve {
        which(WhenBroken::Fail, lines)
    }

    fn which(when_broken: WhenBroken, lines: usize) -> Resolve {
        let mut resolve = Resolve::new(Bounds { near: 4, far: 32, setbacks: 3 }, when_broken);
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
        assert_eq!(resolve.ended(&not_opened(local_limit), 0, 100), Next::Nothing);
        assert_eq!((resolve.lines(), resolve.further(100)), (1, 0));
    }

    #[test]
    fn a_broken_line_is_replaced_until_nothing_was_answered_three_times_in_a_row() {
        let mut resolve = with(1);
        for pause in PAUSES {
            assert_eq!(resolve.ended(&broke(), 0, 10), Next::Another { after: pause });
            resolve.started();
        }
        assert_eq!(resolve.ended(&broke(), 0, 10), Next::GiveUp);
        let mut resolve = with(1);
        for _ in 0..10 {
            assert_eq!(resolve.ended(&broke(), 0, 10), Next::Another { after: PAUSES[0] });
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
            assert_eq!(resolve.ended(&broke(), 0, 10), expected);
        }
        assert_eq!(resolve.ended(&broke(), 0, 10), Next::GiveUp);
    }

    #[test]
    fn a_peer_that_says_no_or_nothing_is_not_asked_again() {
        let rejected = Error::Rejected(Reject { result: 1, source: 1, reason: 7 });
        assert_eq!(with(1).ended(&not_opened(rejected), 0, 10), Next::GiveUp);
        assert_eq!(with(1).ended(&not_opened(Error::Timeout(Wait::Connect)), 0, 10), Next::GiveUp);
        assert!(matches!(with(1).ended(&not_opened(Error::Closed), 0, 10), Next::Another { .. }));
    }

    #[test]
    fn the_end_is_no_setback_and_what_came_back_late_is_not_forgotten() {
        assert_eq!(with(1).ended(&How::Empty, 0, 0), Next::Nothing);
        assert_eq!(with(2).ended(&How::Empty, 0, 1), Next::Nothing);
        assert_eq!(with(1).ended(&How::Empty, 0, 1), Next::Another { after: Duration::ZERO });
        assert_eq!(with(1).ended(&broke(), 0, 0), Next::Nothing);
    }

    #[test]
    fn the_farther_the_peer_and_the_less_goes_at_once_the_more_lines() {
        let (small, large) = (33_000, 525_000);
        for (milliseconds, operations, bytes, lines) in [
            (1, 1, small, 4),
            (20, 1, small, 4),
            (25, 1, small, 5),
            (100, 1, small, 20),
            (300, 1, small, 32),
            (100, 8, small, 4),
            (300, 8, small, 8),
            (100, 1, large, 4),
            (300, 1, large, 9),
            (300, 1, 0, 32),
        ] {
            let mut resolve = with(2);
            let distance = Some(Duration::from_millis(milliseconds));
            resolve.opened(operations);
            resolve.reaches(distance, bytes);
            assert_eq!(resolve.most(), 4, "it has not taken a second one yet");
            resolve.opened(operations);
            resolve.reaches(None, bytes);
            assert_eq!(resolve.most(), 4);
            resolve.reaches(distance, bytes);
            assert_eq!(resolve.most(), lines, "{milliseconds} ms, {operations} at once, {bytes} bytes");
        }
    }

    #[test]
    fn something_urgent_is_worth_a_line_beyond_those_that_are_busy() {
        let mut resolve = with(4);
        assert_eq!(resolve.further(1), 0);
        resolve.spare_for_urgent();
        assert_eq!(resolve.further(1), 1);
        resolve.started();
        assert_eq!(resolve.further(1), 0);
    }

    #[test]
    fn lines_that_broke_together_are_replaced_together_and_one_that_never_worked_is_a_setback() {
        let mut resolve = which(WhenBroken::SendAgain, 4);
        resolve.answered();
        for _ in 0..4 {
            assert_eq!(resolve.ended(&broke(), 0, 100), Next::Another { after: PAUSES[0] });
            resolve.started();
        }
        assert_eq!((resolve.lines(), resolve.generation()), (4, 1));
        // They break again before anything was answered.
        assert_eq!(resolve.ended(&broke(), 1, 100), Next::Another { after: PAUSES[0] });
        assert_eq!(resolve.ended(&broke(), 1, 100), Next::Another { after: PAUSES[1] });
        assert_eq!(resolve.ended(&broke(), 1, 100), Next::Nothing);
        assert_eq!(resolve.ended(&broke(), 1, 100), Next::GiveUp);
    }

    #[test]
    fn after_a_break_it_is_found_out_anew_how_many_lines_the_peer_takes() {
        let mut resolve = which(WhenBroken::SendAgain, 4);
        resolve.answered();
        assert_eq!(resolve.ended(&not_opened(Error::Closed), 0, 100), Next::Nothing);
        assert_eq!(resolve.most(), 3);
        assert_eq!(resolve.ended(&broke(), 0, 100), Next::Another { after: PAUSES[0] });
        assert_eq!(resolve.most(), 4);
    }
}
