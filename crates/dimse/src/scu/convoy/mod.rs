//! Several lines to one peer that carry instances at the same time: as many as the peer takes and the load is worth.
//!
//! Each line is a task with a courier of its own; all take from one queue, so that a slow one holds up no other. When
//! a line breaks, one instance that was on it fails and no other: the rest goes over the lines that are left, or over a
//! new one. No instance is sent twice, but for those that were on their way, unanswered, when it broke, where the terms
//! say so or a window let them out.
//!
//! A peer that is far away is worth more lines than one near by: each waits for a round trip, whatever it carries. How far
//! it is is measured when an association is opened, and from each instance to its answer; the least counts.
//!
//! ```text
//!  load ──► queue ──► line ──► peer        resolve (pure): how many lines, when another, when to give up
//!             ▲        │
//!             └─ back ─┴──► settled        what was opened ahead on a line that broke goes back, what was sent does not
//! ```
//!
//! Lives here: the convoy and its contract. Never here: what an answer means, and what becomes of what failed.

mod lane;
mod queue;
mod resolve;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use causeway_core::Uid;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{JoinError, JoinSet};

use super::{Body, Call, Courier, Pace, Pair, Response, Said, StoreRequest};
use crate::error::{BodyError, Error};
use lane::{Ended, How, Lane};
use queue::{Queue, Report};
use resolve::{BETWEEN_CALLS, Before, Bounds, Next, Resolve};

/// How long lines may take over the instance they are at when the convoy is closed before all is settled.
const GRACE: Duration = Duration::from_secs(10);
/// Lines that are opened to a peer of which it is not known whether it can be had.
const PROBES: usize = 2;

/// An instance to be carried.
pub trait Cargo: Pace + 'static {
    /// Its data set, opened.
    type Body: Body;

    /// Its SOP class, and the transfer syntax it is stored in.
    fn pair(&self) -> Pair;

    /// The command that announces it.
    fn request(&self) -> StoreRequest;

    /// Opens its data set in this transfer syntax. Called, and its beginning read, while the instance before it is on
    /// the wire.
    fn open(&self, transfer_syntax: Uid) -> impl Future<Output = Result<Self::Body, BodyError>> + Send;

    /// Whether nothing more is to be begun after this answer, as by [`Convoy::stop`]: the next would be told the same.
    fn is_last(&self, _answer: &Response) -> bool {
        false
    }

    /// Whether it goes before all that waits, and is worth a line beyond those that are busy.
    fn is_urgent(&self) -> bool {
        false
    }

    /// How many bytes it has, as far as is known.
    fn bytes(&self) -> u64 {
        0
    }
}

/// What became of an instance.
#[derive(Debug, Clone)]
pub enum Fate {
    /// The peer answered.
    Answered(Response),
    /// It could not be sent, or the line broke while it was on its way.
    Failed(Arc<Error>),
    /// The line broke while it was on its way, for the second time, and the peer answers others: they go on.
    Broken(Arc<Error>),
    /// It was not begun: no line can be had any more.
    Unreached(Arc<Error>),
    /// It was not begun: the convoy was stopped.
    NotBegun,
}

/// An instance that is decided.
#[derive(Debug)]
pub struct Settled<C> {
    /// Which.
    pub cargo: Arc<C>,
    /// How.
    pub fate: Fate,
}

/// What a convoy comes upon.
#[derive(Debug)]
pub enum Step<C> {
    /// An association was opened: there may be room for more to be loaded.
    Opened,
    /// An instance is decided.
    Settled(Settled<C>),
}

/// How far away a peer is that was found to take several associations: what one convoy finds out, the next one knows.
#[derive(Debug, Default)]
pub struct Reach {
    /// The round trip in microseconds; 0: not known.
    micros: AtomicU64,
}

impl Reach {
    fn distance(&self) -> Option<Duration> {
        let micros = self.micros.load(Ordering::Relaxed);
        (micros > 0).then(|| Duration::from_micros(micros))
    }

    fn set(&self, distance: Option<Duration>) {
        let micros =
            distance.map_or(0, |distance| u64::try_from(distance.as_micros()).unwrap_or(u64::MAX).max(1));
        self.micros.store(micros, Ordering::Relaxed);
    }
}

/// Within which bounds a convoy works.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Lines at the same time, at most, to a peer near by.
    pub lines: usize,
    /// The same to one far away.
    pub lines_far: usize,
    /// What becomes of instances that are on their way when a line that worked breaks.
    pub when_broken: WhenBroken,
    /// After how many setbacks in a row, with no answer between them, it gives up: a line that broke, or the only one
    /// that could not be opened.
    pub setbacks: u32,
    /// Stores under way at once on each line, where the peer grants it (PS3.7 §D.3.3.3).
    pub operations: u16,
    /// Places for instances in memory beyond the one that each convoy has: a further line takes one, and so does an
    /// instance that is opened ahead. Shared by all convoys of a room; where none is left, they do with what they have.
    pub spare: Arc<Semaphore>,
    /// What convoys to this peer found out before; what this one finds is left there.
    pub reach: Arc<Reach>,
}

/// What becomes of an instance that was on its way when the connection broke on which others had been answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenBroken {
    /// The one that has waited longest failed.
    Fail,
    /// It goes again, once: it was the line's fault. The peer may be sent it twice.
    SendAgain,
}

/// The convoy. Dropping it closes its connections without a release.
pub struct Convoy<C: Cargo> {
    call: Call,
    spare: Arc<Semaphore>,
    reach: Arc<Reach>,
    resolve: Resolve,
    /// Whether lines of this generation were answered anything: each break begins another.
    has_answered: Arc<AtomicBool>,
    queue: Arc<Queue<C>>,
    lines: JoinSet<Ended>,
    /// Lines that are open and have nothing to do.
    idle: Vec<Courier>,
    /// As many at most as were loaded.
    reports: mpsc::UnboundedReceiver<Report<C>>,
    /// What was settled without a line.
    unsent: VecDeque<Settled<C>>,
    /// How many of what was loaded have not been told of.
    untold: usize,
    /// What the peer said of the contexts of associations opened since it was last asked for; in it each pair is once.
    said: BTreeMap<Pair, bool>,
}

impl<C: Cargo> Convoy<C> {
    /// A convoy to whom `call` names; its contexts are chosen here. Nothing is connected before there is a load.
    #[must_use]
    pub fn new(call: Call, terms: Terms) -> Self {
        let known = terms.reach.distance();
        let (queue, reports) = Queue::new(terms.when_broken, known);
        let before = known.map_or(Before::Unknown, |_| Before::TookSeveral);
        let bounds = Bounds { near: terms.lines, far: terms.lines_far, setbacks: terms.setbacks };
        Self {
            call: call.with_window(terms.operations),
            spare: terms.spare,
            reach: terms.reach,
            resolve: Resolve::new(bounds, terms.when_broken, before),
            has_answered: Arc::default(),
            queue: Arc::new(queue),
            lines: JoinSet::new(),
            idle: Vec::new(),
            reports,
            unsent: VecDeque::new(),
            untold: 0,
            said: BTreeMap::new(),
        }
    }

    /// How many instances wait for a line.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.waiting()
    }

    /// What the peer has said of presentation contexts since this was last called.
    pub fn take_said(&mut self) -> Vec<Said> {
        std::mem::take(&mut self.said).into_iter().collect()
    }

    /// How many lines there may be, as far as is known.
    #[must_use]
    pub const fn lines(&self) -> usize {
        self.resolve.most()
    }

    /// Takes instances on, to be sent in this order as far as one line goes, the urgent ones first.
    pub fn load(&mut self, cargo: impl IntoIterator<Item = C>) {
        self.untold = self.untold.saturating_add(self.queue.load(cargo));
        let waiting = self.queue.waiting();
        if waiting == 0 {
            return;
        }
        if self.queue.has_urgent() {
            self.resolve.spare_for_urgent();
        }
        let further = self.resolve.further(waiting);
        if self.resolve.is_reached() {
            return self.grow(further, Duration::ZERO);
        }
        // Those that are open already serve at once; of new ones two find out whether the peer can be had, and whether it
        // takes several.
        let open = further.min(self.idle.len());
        let probes = if open == 0 && self.resolve.lines() == 0 { further.min(PROBES) } else { 0 };
        self.grow(open.max(probes), Duration::ZERO);
    }

    /// The next instance that is decided, in the order in which they are; none when all are. May be dropped while it
    /// waits.
    pub async fn next(&mut self) -> Option<Settled<C>> {
        loop {
            if let Step::Settled(settled) = self.step().await? {
                return Some(settled);
            }
        }
    }

    /// As [`Self::next`], and tells as well when there may be room for more.
    pub async fn step(&mut self) -> Option<Step<C>> {
        loop {
            if let Some(settled) = self.unsent.pop_front() {
                self.untold = self.untold.saturating_sub(1);
                return Some(Step::Settled(settled));
            }
            if self.untold == 0 {
                return None;
            }
            if self.lines.is_empty() && self.reports.is_empty() {
                // Not reached: whoever is left without a line is given up.
                self.give_up(&Arc::new(Error::Closed));
                if self.unsent.is_empty() {
                    return None;
                }
                continue;
            }
            // Both may be dropped without a loss.
            tokio::select! {
                biased;
                Some(report) = self.reports.recv() => return Some(self.heard(report)),
                Some(ended) = self.lines.join_next() => self.ended(ended),
            }
        }
    }

    fn heard(&mut self, report: Report<C>) -> Step<C> {
        match report {
            Report::Opened { operations, said } => {
                self.said.extend(said);
                self.resolve.opened(operations);
                self.reaches();
                Step::Opened
            }
            Report::Settled(settled) => {
                self.untold = self.untold.saturating_sub(1);
                if matches!(settled.fate, Fate::Answered(_)) {
                    self.resolve.answered();
                    self.reaches();
                }
                Step::Settled(settled)
            }
        }
    }

    /// How far away the peer is decides how many lines there are.
    fn reaches(&mut self) {
        let distance = self.queue.distance();
        self.resolve.reaches(distance, self.queue.mean_bytes());
        if self.resolve.takes_several() {
            self.reach.set(distance);
        }
        self.grow(self.resolve.further(self.queue.waiting()), Duration::ZERO);
    }

    /// Begins nothing more; [`Self::next`] then tells of what is on its way, and of what was not begun.
    pub fn stop(&mut self) {
        self.queue.stop();
    }

    /// Releases the associations. An instance that is on its way is given a little time to arrive.
    pub async fn close(mut self) {
        self.stop();
        let ended = tokio::time::timeout(GRACE, async {
            while let Some(ended) = self.lines.join_next().await {
                self.idle.extend(ended.ok().map(|ended| ended.courier));
            }
        });
        if ended.await.is_err() {
            self.lines.abort_all();
        }
        let mut goodbyes = JoinSet::new();
        for mut courier in self.idle.drain(..) {
            goodbyes.spawn(async move { courier.hang_up().await });
        }
        while goodbyes.join_next().await.is_some() {}
    }

    fn ended(&mut self, ended: Result<Ended, JoinError>) {
        let (courier, how, generation) = match ended {
            Ok(Ended { courier, how, generation }) => (Some(courier), how, generation),
            Err(error) => {
                tracing::error!(%error, "a line failed by a fault of ours");
                let how = How::Broke(Arc::new(Error::Misuse("a line was lost")));
                (None, how, self.resolve.generation())
            }
        };
        self.idle.extend(courier.filter(Courier::is_open));
        let waiting = self.queue.waiting();
        if let How::NotOpened(error) | How::Broke(error) = &how {
            let lines = self.resolve.lines().saturating_sub(1);
            tracing::debug!(called = %self.call.called, %error, lines, waiting, "a line ended early");
        }
        let before = self.resolve.generation();
        let next = self.resolve.ended(&how, generation, waiting);
        if self.resolve.generation() != before {
            self.has_answered = Arc::default();
        }
        if matches!(how, How::NotOpened(_)) {
            self.reach.set(None);
        }
        match next {
            Next::Nothing => {}
            Next::Another { lines, after } => self.grow(lines, after),
            Next::GiveUp => {
                if let How::NotOpened(error) | How::Broke(error) = how {
                    self.give_up(&error);
                }
            }
        }
    }

    fn give_up(&mut self, because: &Arc<Error>) {
        let unreached = self.queue.drain().into_iter();
        self.unsent
            .extend(unreached.map(|cargo| Settled { cargo, fate: Fate::Unreached(Arc::clone(because)) }));
    }

    /// Starts further lines, as far as there are places for them, one after the other.
    fn grow(&mut self, further: usize, after: Duration) {
        for number in (0..further).map_while(|number| u32::try_from(number).ok()) {
            let permit = if self.resolve.lines() == 0 {
                None
            } else {
                let Ok(permit) = Arc::clone(&self.spare).try_acquire_owned() else { return };
                Some(permit)
            };
            let calls =
                if self.idle.is_empty() { BETWEEN_CALLS.saturating_mul(number) } else { Duration::ZERO };
            self.start(after.saturating_add(calls), permit);
        }
    }

    fn start(&mut self, after: Duration, permit: Option<OwnedSemaphorePermit>) {
        let courier = self.idle.pop().unwrap_or_else(|| Courier::new(self.call.clone()));
        let lane = Lane {
            courier,
            queue: Arc::clone(&self.queue),
            spare: Arc::clone(&self.spare),
            under_way: VecDeque::new(),
            generation: self.resolve.generation(),
            has_answered: Arc::clone(&self.has_answered),
        };
        self.resolve.started();
        self.lines.spawn(async move {
            let ended = lane.run(after).await;
            drop(permit);
            ended
        });
    }
}
