//! What is to be carried, shared by the lines of a convoy, and the guard that no instance is ever forgotten.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, watch};

use super::super::Pair;
use super::{Cargo, Fate, Settled};
use crate::error::Error;

/// Pairs that are looked for ahead of a line's opening; more do not fit one association.
const MAX_PAIRS: usize = 64;

/// The queue.
pub(super) struct Queue<C> {
    waiting: Mutex<VecDeque<Arc<C>>>,
    reports: mpsc::UnboundedSender<Settled<C>>,
    stopped: watch::Sender<bool>,
    /// How many lines take from it.
    pub(super) lines: AtomicUsize,
}

/// An instance that a line has taken. Whatever happens to it, it is told of.
pub(super) struct Held<C: Cargo> {
    pub(super) cargo: Arc<C>,
    queue: Arc<Queue<C>>,
    decided: bool,
}

impl<C: Cargo> Queue<C> {
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Settled<C>>) {
        let (reports, told) = mpsc::unbounded_channel();
        let (waiting, stopped, lines) = (Mutex::default(), watch::Sender::new(false), AtomicUsize::new(0));
        (Self { waiting, reports, stopped, lines }, told)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<C>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds to its end; says how many.
    pub(super) fn load(&self, cargo: impl IntoIterator<Item = C>) -> usize {
        let mut waiting = self.lock();
        let before = waiting.len();
        waiting.extend(cargo.into_iter().map(Arc::new));
        waiting.len() - before
    }

    pub(super) fn waiting(&self) -> usize {
        self.lock().len()
    }

    /// Takes out all that waits.
    pub(super) fn drain(&self) -> VecDeque<Arc<C>> {
        std::mem::take(&mut *self.lock())
    }

    /// Gives nothing out any more; of what waits it is told that it was not begun.
    pub(super) fn stop(&self) {
        self.stopped.send_replace(true);
        for cargo in self.drain() {
            // Nobody listens any more when the convoy is gone.
            let _ = self.reports.send(Settled { cargo, fate: Fate::NotBegun });
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
        let first = waiting.front()?.pair();
        let mut others = BTreeSet::new();
        for cargo in waiting.iter().skip(1) {
            others.insert(cargo.pair());
            if others.len() >= MAX_PAIRS {
                break;
            }
        }
        Some((first, others))
    }

    /// The first that waits.
    pub(super) fn take(self: &Arc<Self>) -> Option<Held<C>> {
        let cargo = self.lock().pop_front()?;
        Some(Held { cargo, queue: Arc::clone(self), decided: false })
    }

    /// The first that waits, if it `suits`.
    pub(super) fn take_if(self: &Arc<Self>, suits: impl FnOnce(&C) -> bool) -> Option<Held<C>> {
        let cargo = self.lock().pop_front_if(|cargo| suits(cargo))?;
        Some(Held { cargo, queue: Arc::clone(self), decided: false })
    }

    /// The first that waits, if it `suits` and no line would have to do without.
    pub(super) fn take_ahead(self: &Arc<Self>, suits: impl FnOnce(&C) -> bool) -> Option<Held<C>> {
        let mut waiting = self.lock();
        let enough = waiting.len() >= self.lines.load(Ordering::Relaxed);
        let cargo = waiting.pop_front_if(|cargo| enough && suits(cargo))?;
        Some(Held { cargo, queue: Arc::clone(self), decided: false })
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
        self.queue.lock().push_front(Arc::clone(&self.cargo));
    }

    fn tell(&mut self, fate: Fate) {
        self.decided = true;
        // Nobody listens any more when the convoy is gone.
        let _ = self.queue.reports.send(Settled { cargo: Arc::clone(&self.cargo), fate });
    }
}

impl<C: Cargo> Drop for Held<C> {
    fn drop(&mut self) {
        if !self.decided {
            self.tell(Fate::Failed(Arc::new(Error::Misuse("sending was cut off"))));
        }
    }
}
