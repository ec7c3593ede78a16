//! What is to be carried, shared by the lines of a convoy, and the guard that no instance is ever forgotten.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::super::{Pair, Said};
use super::{Cargo, Fate, Settled, WhenBroken};
use crate::error::Error;

/// Pairs that are looked for ahead of a line's opening; more do not fit one association.
const MAX_PAIRS: usize = 64;

/// What lines tell their convoy.
pub(super) enum Report<C> {
    /// An association was opened, with so many operations at once, and what the peer said of its contexts.
    Opened { operations: usize, said: Vec<Said> },
    /// An instance is decided.
    Settled(Settled<C>),
}

/// An instance, and whether it was on its way before.
struct Entry<C> {
    cargo: Arc<C>,
    again: bool,
}

/// The queue.
pub(super) struct Queue<C> {
    waiting: Mutex<VecDeque<Entry<C>>>,
    reports: mpsc::UnboundedSender<Report<C>>,
    when_broken: WhenBroken,
    /// The shortest round trip seen, in microseconds.
    distance_micros: AtomicU64,
    /// The same, as it was found before.
    known_distance: Option<Duration>,
    stopped: watch::Sender<bool>,
    /// How many lines take from it.
    pub(super) lines: AtomicUsize,
}

/// An instance that a line has taken. Whatever happens to it, it is told of.
pub(super) struct Held<C: Cargo> {
    pub(super) cargo: Arc<C>,
    queue: Arc<Queue<C>>,
    decided: bool,
    /// It goes for the second time.
    again: bool,
}

impl<C: Cargo> Queue<C> {
    pub(super) fn new(
        when_broken: WhenBroken,
        known_distance: Option<Duration>,
    ) -> (Self, mpsc::UnboundedReceiver<Report<C>>) {
        let (reports, told) = mpsc::unbounded_channel();
        let (waiting, stopped, lines) = (Mutex::default(), watch::Sender::new(false), AtomicUsize::new(0));
        let distance_micros = AtomicU64::new(u64::MAX);
        (Self { waiting, reports, when_broken, distance_micros, known_distance, stopped, lines }, told)
    }

    /// A line was opened, over a round trip of this length, with so many operations at once.
    pub(super) fn opened(&self, round_trip: Duration, operations: usize, said: Vec<Said>) {
        self.reached(round_trip);
        // Nobody listens any more when the convoy is gone.
        let _ = self.reports.send(Report::Opened { operations, said });
    }

    /// A round trip took so long.
    pub(super) fn reached(&self, round_trip: Duration) {
        let micros = u64::try_from(round_trip.as_micros()).unwrap_or(u64::MAX);
        self.distance_micros.fetch_min(micros, Ordering::Relaxed);
    }

    /// The shortest round trip seen; before the first, what was known of it, if anything was.
    pub(super) fn distance(&self) -> Option<Duration> {
        let micros = self.distance_micros.load(Ordering::Relaxed);
        if micros == u64::MAX { self.known_distance } else { Some(Duration::from_micros(micros)) }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Entry<C>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds to its end, what is urgent behind the urgent ones at its beginning; says how many.
    pub(super) fn load(&self, cargo: impl IntoIterator<Item = C>) -> usize
    where
        C: Cargo,
    {
        let mut waiting = self.lock();
        let before = waiting.len();
        let mut urgent = waiting.iter().take_while(|entry| entry.cargo.is_urgent()).count();
        for cargo in cargo {
            let entry = Entry { cargo: Arc::new(cargo), again: false };
            if entry.cargo.is_urgent() {
                waiting.insert(urgent, entry);
                urgent += 1;
            } else {
                waiting.push_back(entry);
            }
        }
        waiting.len() - before
    }

    /// How many bytes those that wait have on average.
    pub(super) fn mean_bytes(&self) -> u64
    where
        C: Cargo,
    {
        let waiting = self.lock();
        let bytes = waiting.iter().map(|entry| entry.cargo.bytes()).fold(0, u64::saturating_add);
        bytes / u64::try_from(waiting.len()).unwrap_or(u64::MAX).max(1)
    }

    /// Whether the next one is urgent.
    pub(super) fn has_urgent(&self) -> bool
    where
        C: Cargo,
    {
        self.lock().front().is_some_and(|entry| entry.cargo.is_urgent())
    }

    pub(super) fn waiting(&self) -> usize {
        self.lock().len()
    }

    /// Takes out all that waits.
    pub(super) fn drain(&self) -> VecDeque<Arc<C>> {
        std::mem::take(&mut *self.lock()).into_iter().map(|entry| entry.cargo).collect()
    }

    /// Gives nothing out any more; of what waits it is told that it was not begun.
    pub(super) fn stop(&self) {
        self.stopped.send_replace(true);
        for cargo in self.drain() {
            // Nobody listens any more when the convoy is gone.
            let _ = self.reports.send(Report::Settled(Settled { cargo, fate: Fate::NotBegun }));
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }

    /// Returns when nothing is given out any more.
    pub(super) async fn stopped(&self) {
        // The sender is in this very value.
        let _ = self.stopped.subscribe().wait_for(|stopped| *stopped).await;
    }

    /// What is known to come: the pair of the first, and those of the others.
    pub(super) fn pairs(&self) -> Option<(Pair, BTreeSet<Pair>)> {
        let waiting = self.lock();
        let first = waiting.front()?.cargo.pair();
        let mut others = BTreeSet::new();
        for entry in waiting.iter().skip(1) {
            others.insert(entry.cargo.pair());
            if others.len() >= MAX_PAIRS {
                break;
            }
        }
        Some((first, others))
    }

    /// The first that waits.
    pub(super) fn take(self: &Arc<Self>) -> Option<Held<C>> {
        let entry = self.lock().pop_front()?;
        Some(self.held(entry))
    }

    /// The first that waits, if it `suits`.
    pub(super) fn take_if(self: &Arc<Self>, suits: impl FnOnce(&C) -> bool) -> Option<Held<C>> {
        let entry = self.lock().pop_front_if(|entry| suits(&entry.cargo))?;
        Some(self.held(entry))
    }

    /// The first that waits, if it `suits` and no line would have to do without.
    pub(super) fn take_ahead(self: &Arc<Self>, suits: impl FnOnce(&C) -> bool) -> Option<Held<C>> {
        let mut waiting = self.lock();
        let enough = waiting.len() >= self.lines.load(Ordering::Relaxed);
        let entry = waiting.pop_front_if(|entry| enough && suits(&entry.cargo))?;
        Some(self.held(entry))
    }

    fn held(self: &Arc<Self>, Entry { cargo, again }: Entry<C>) -> Held<C> {
        Held { cargo, queue: Arc::clone(self), decided: false, again }
    }
}

impl<C: Cargo> Held<C> {
    /// It is decided.
    pub(super) fn settle(mut self, fate: Fate) {
        self.tell(fate);
    }

    /// It was not begun: another line takes it.
    pub(super) fn put_back(mut self) {
        if self.queue.is_stopped() {
            return self.tell(Fate::NotBegun);
        }
        self.decided = true;
        self.queue.lock().push_front(Entry { cargo: Arc::clone(&self.cargo), again: self.again });
    }

    /// It was on its way when a line broke. Where the terms say so and the peer has answered others since the break before
    /// (`has_answered`), on whichever line, it goes again; once.
    pub(super) fn broken(mut self, because: &Arc<Error>, has_answered: bool) {
        let is_the_lines = matches!(**because, Error::Closed | Error::Io(_));
        let may = self.queue.when_broken == WhenBroken::SendAgain && is_the_lines && has_answered;
        match (may, self.again) {
            (true, false) => {
                self.again = true;
                self.put_back();
            }
            (true, true) => self.settle(Fate::Broken(Arc::clone(because))),
            (false, _) => self.settle(Fate::Failed(Arc::clone(because))),
        }
    }

    fn tell(&mut self, fate: Fate) {
        self.decided = true;
        // Nobody listens any more when the convoy is gone.
        let settled = Settled { cargo: Arc::clone(&self.cargo), fate };
        let _ = self.queue.reports.send(Report::Settled(settled));
    }
}

impl<C: Cargo> Drop for Held<C> {
    fn drop(&mut self) {
        if !self.decided {
            self.tell(Fate::Failed(Arc::new(Error::Misuse("sending was cut off"))));
        }
    }
}
