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
/// Time between two calls where several lines are opened: many peers take few calls at once, and lines that begin together
/// send together and wait together.
pub(super) const BETWEEN_CALLS: Duration = Duration::from_millis(5);
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
    /// So many lines are started, the first after this time and each of the others [`BETWEEN_CALLS`] later.
    Another { lines: usize, after: Duration },
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

/// What is known of a peer before it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing.
    Unknown,
    /// It took several associations at once.
    TookSeveral,
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
    /// Lines started since the last break in place of those that broke.
    replaced: u32,
    /// It took several associations before: how far away it is decides as soon as it is reached.
    is_known: bool,
}

impl Resolve {
    /// For a peer that is known to take several associations, or of which nothing is known.
    pub(super) fn new(bounds: Bounds, when_broken: WhenBroken, before: Before) -> Self {
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
            replaced: 0,
            is_known: before == Before::TookSeveral,
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

    /// Whether the peer has been reached, and is being sent to.
    pub(super) const fn is_reached(&self) -> bool {
        self.opened > 0 && self.lines > 0
    }

    /// Whether it has taken several associations since the last break.
    pub(super) const fn takes_several(&self) -> bool {
        self.opened > 1
    }

    /// An association was opened.
    pub(super) const fn opened(&mut self, operations: usize) {
        self.opened = self.opened.saturating_add(1);
        self.operations = operations;
    }

    /// The peer is so far away, and instances have so many bytes. Only one that has taken a second association, by now or
    /// before, is asked for many.
    pub(super) fn reaches(&mut self, distance: Option<Duration>, mean_bytes: u64) {
        let Some(distance) = distance.filter(|_| self.is_known || self.opened > 1) else { return };
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
            // More was loaded just after this line saw none. It is open: those that are being opened may have to wait until
            // it is released, where the peer takes one association at a time.
            How::Empty if waiting > 0 && self.lines < self.most() => {
                return Next::Another { lines: 1, after: Duration::ZERO };
            }
            How::Empty => return Next::Nothing,
            // It was being opened when the others broke, and is replaced with them.
            How::NotOpened(error) if generation != self.generation && self.is_the_lines(error) => {
                return self.broken(generation, waiting);
            }
            // The peer takes no more than those that are open; they go on.
            How::NotOpened(_) if self.lines > 0 => {
                self.taken = self.lines;
                self.is_known = false;
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
            self.replaced = 0;
            // What it took before is found out anew.
            self.taken = usize::MAX;
            self.opened = 0;
        }
        let wanted = waiting.div_ceil(INSTANCES_PER_LINE).min(self.most());
        // More than this one, where others were being opened when the line broke.
        let lines = wanted.saturating_sub(self.lines);
        if lines == 0 {
            return Next::Nothing;
        }
        let after = PAUSES[0].saturating_add(BETWEEN_CALLS.saturating_mul(self.replaced));
        self.replaced = self.replaced.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        Next::Another { lines, after }
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
            return Next::Another { lines: 1, after };
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
        let mut resolve =
            Resolve::new(Bounds { near: 4, far: 32, setbacks: 3 }, when_broken, Before::Unknown);
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
            assert_eq!(resolve.ended(&broke(), 0, 10), Next::Another { lines: 1, after: pause });
            resolve.started();
        }
        assert_eq!(resolve.ended(&broke(), 0, 10), Next::GiveUp);
        let mut resolve = with(1);
        for _ in 0..10 {
            assert_eq!(resolve.ended(&broke(), 0, 10), Next::Another { lines: 1, after: PAUSES[0] });
            resolve.started();
            resolve.answered();
        }
    }

    #[test]
    fn nothing_is_given_up_while_another_line_is_open() {
        let mut resolve = with(4);
        for expected in [
            Next::Another { lines: 1, after: PAUSES[0] },
            Next::Another { lines: 1, after: PAUSES[1] },
            Next::Nothing,
        ] {
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
        for lines in [1, 2, 4] {
            let another = Next::Another { lines: 1, after: Duration::ZERO };
            assert_eq!(with(lines).ended(&How::Empty, 0, 1), another, "{lines} lines");
        }
        assert_eq!(with(5).ended(&How::Empty, 0, 1), Next::Nothing, "there are enough");
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
        for number in 0..4 {
            let after = PAUSES[0] + BETWEEN_CALLS * number;
            assert_eq!(resolve.ended(&broke(), 0, 100), Next::Another { lines: 1, after });
            resolve.started();
        }
        assert_eq!((resolve.lines(), resolve.generation()), (4, 1));
        // They break again before anything was answered.
        assert_eq!(resolve.ended(&broke(), 1, 100), Next::Another { lines: 1, after: PAUSES[0] });
        assert_eq!(resolve.ended(&broke(), 1, 100), Next::Another { lines: 1, after: PAUSES[1] });
        assert_eq!(resolve.ended(&broke(), 1, 100), Next::Nothing);
        assert_eq!(resolve.ended(&broke(), 1, 100), Next::GiveUp);
    }

    #[test]
    fn after_a_break_it_is_found_out_anew_how_many_lines_the_peer_takes() {
        let mut resolve = which(WhenBroken::SendAgain, 4);
        resolve.answered();
        assert_eq!(resolve.ended(&not_opened(Error::Closed), 0, 100), Next::Nothing);
        assert_eq!(resolve.most(), 3);
        // The one that was being opened is started with the one that broke.
        assert_eq!(resolve.ended(&broke(), 0, 100), Next::Another { lines: 2, after: PAUSES[0] });
        assert_eq!(resolve.most(), 4);
    }

    #[test]
    fn what_was_being_opened_when_others_broke_is_replaced_with_them_and_holds_none_of_them_back() {
        let mut resolve = which(WhenBroken::SendAgain, 4);
        resolve.answered();
        assert_eq!(resolve.ended(&broke(), 0, 100), Next::Another { lines: 1, after: PAUSES[0] });
        resolve.started();
        let after = PAUSES[0] + BETWEEN_CALLS;
        assert_eq!(resolve.ended(&not_opened(Error::Closed), 0, 100), Next::Another { lines: 1, after });
        resolve.started();
        assert_eq!((resolve.lines(), resolve.most()), (4, 4));
        // One of those that came in their place is one more than the peer takes.
        assert_eq!(resolve.ended(&not_opened(Error::Closed), 1, 100), Next::Nothing);
        assert_eq!(resolve.most(), 3);
    }

    #[test]
    fn a_far_line_is_back_at_its_full_width_within_a_round_trip_of_a_break() {
        let distance = Duration::from_millis(300);
        let mut resolve =
            Resolve::new(Bounds { near: 4, far: 48, setbacks: 1 }, WhenBroken::SendAgain, Before::Unknown);
        (0..48).for_each(|_| resolve.started());
        (0..30).for_each(|_| resolve.opened(1));
        resolve.reaches(Some(distance), 33_000);
        resolve.answered();
        // Eighteen were being opened; whichever is heard of first, as many as there were are started, each once.
        let mut last = Duration::ZERO;
        let mut started = 0;
        for number in 0..48 {
            let how = if number % 8 < 3 { not_opened(Error::Closed) } else { broke() };
            match resolve.ended(&how, 0, 1000) {
                Next::Another { lines, after } => {
                    (0..lines).for_each(|_| resolve.started());
                    started += lines;
                    last = last.max(after + BETWEEN_CALLS * u32::try_from(lines).unwrap());
                }
                next => assert_eq!(next, Next::Nothing),
            }
        }
        assert_eq!((started, resolve.lines()), (48, 48));
        assert_eq!(last, PAUSES[0] + BETWEEN_CALLS * 48);
        assert!(last <= PAUSES[0] + distance);
    }

    #[test]
    fn one_that_took_several_before_is_asked_for_many_with_its_first_and_one_that_does_no_more_is_not() {
        let bounds = Bounds { near: 4, far: 32, setbacks: 1 };
        let distance = Some(Duration::from_millis(100));
        let mut resolve = Resolve::new(bounds, WhenBroken::SendAgain, Before::TookSeveral);
        (0..2).for_each(|_| resolve.started());
        assert_eq!((resolve.most(), resolve.is_reached()), (4, false));
        resolve.opened(1);
        resolve.reaches(distance, 33_000);
        assert_eq!((resolve.most(), resolve.is_reached(), resolve.takes_several()), (20, true, false));
        let limit = Error::Rejected(Reject { result: 2, source: 3, reason: 2 });
        assert_eq!(resolve.ended(&not_opened(limit), 0, 100), Next::Nothing);
        assert_eq!(resolve.most(), 1);
    }
}
