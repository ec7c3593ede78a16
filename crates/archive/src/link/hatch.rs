//! The hatch: where a remote that cannot be called collects what is for it. Whoever sends to it puts an offer there;
//! whoever collects takes it, says how each instance stands, is handed the bytes, and says what became of each.
//!
//! ```text
//!               take             answer            done, or another question
//!   offered ───────────► taken ───────────► told ────────────────────────────► over
//!      │                   │                  │
//!      └───────────────────┴──────────────────┴──── the sender gives up ─────► over
//! ```
//! Both ends meet in this process: the sender's room and the web's. One offer for each remote at a time; whoever else
//! sends to it waits for its turn. Nothing is kept: what is not said when either end goes away is offered anew. Never here:
//! HTTP, jobs, what an instance is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use causeway_core::link::MAX_OFFERED;
use causeway_core::link::words::{Answer, Collectable, Collected, Offer, Said};
use causeway_core::{Clock, RemoteName};
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use tokio::sync::{OwnedMutexGuard, mpsc, oneshot, watch};

use crate::Dispatcher;

/// How long after its last word a remote counts as there: it is between two questions, or its line broke.
pub const GRACE: Duration = Duration::from_secs(15);
/// Words about instances that may wait for the sender: one for each.
const WORDS_WAITING: usize = MAX_OFFERED;

/// The bytes of an upload.
pub type Pieces = BoxStream<'static, Result<Bytes, std::io::Error>>;

/// Why an offer was not collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uncollected {
    /// Nobody came for it.
    NobodyCame,
    /// It was taken, and nothing more was heard of it.
    Lost,
}

/// What was asked about is not there any more: it is over, or was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not collected any more; ask anew what there is")]
pub struct Over;

/// When a remote was last heard of, and whether it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It waits for something, or did a moment ago.
    There,
    /// It was last heard of then; not since this node was started, if none.
    Away(Option<Timestamp>),
}

/// All remotes' windows.
pub struct Hatch {
    clock: Arc<dyn Clock>,
    dispatcher: Arc<dyn Dispatcher>,
    windows: Mutex<HashMap<RemoteName, Arc<Window>>>,
    closed: watch::Sender<bool>,
}

/// One remote's.
#[derive(Default)]
struct Window {
    /// Whose turn it is to offer.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Rung at each change.
    bell: watch::Sender<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The latest question; those before it are told nothing.
    question: u64,
    /// Questions that wait for their answer.
    waiting: usize,
    last_seen: Option<Timestamp>,
    course: Option<Course>,
}

/// What is collected.
struct Course {
    ticket: u64,
    stage: Stage,
    said: mpsc::Sender<Said>,
}

enum Stage {
    Offered(Offer, oneshot::Sender<Told>),
    Taken(oneshot::Sender<Told>),
    Told,
}

/// How each instance stands with the one that collects, and where the bytes are to be handed to.
type Told = (Answer, oneshot::Sender<Pieces>);

impl Hatch {
    pub(crate) fn new(clock: Arc<dyn Clock>, dispatcher: Arc<dyn Dispatcher>) -> Self {
        Self { clock, dispatcher, windows: Mutex::default(), closed: watch::Sender::new(false) }
    }

    /// Answers whoever waits, and whoever comes, that there is nothing: the node stops.
    pub fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Remotes that are paired are few, and each has one.
    fn window(&self, remote: &RemoteName) -> Arc<Window> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(windows.entry(remote.clone()).or_default())
    }

    /// Whether a remote is there to collect.
    #[must_use]
    pub fn presence(&self, remote: &RemoteName) -> Presence {
        self.window(remote).presence(self.clock.now())
    }

    /// Puts an offer there, when it is its turn, and waits until the remote took it and said how each instance stands,
    /// which may take it as long as `patience`.
    ///
    /// # Errors
    /// When it did not.
    pub async fn offer(
        &self,
        remote: &RemoteName,
        offer: Offer,
        patience: Duration,
    ) -> Result<(Answer, Handing), Uncollected> {
        let window = self.window(remote);
        let turn = Arc::clone(&window.turn).lock_owned().await;
        let (tell, told) = oneshot::channel();
        let (say, said) = mpsc::channel(WORDS_WAITING);
        let ticket = rand::random();
        let mut handing = Handing { window: Arc::clone(&window), ticket, pieces: None, said, _turn: turn };
        window.state().course = Some(Course { ticket, stage: Stage::Offered(offer, tell), said: say });
        window.bell.send_replace(());
        let (answer, pieces) = tokio::select! {
            told = told => told.map_err(|_| Uncollected::Lost)?,
            left = window.left_lying(ticket, patience) => return Err(left),
        };
        handing.pieces = Some(pieces);
        Ok((answer, handing))
    }

    /// What there is for the remote, for which it waits as long as `wait`. What it was told of before is over.
    pub async fn collect(&self, remote: &RemoteName, wait: Duration) -> Option<Collectable> {
        let window = self.window(remote);
        let was_there = window.presence(self.clock.now()) == Presence::There;
        let waiting = window.ask(&*self.clock);
        if !was_there {
            self.dispatcher.nudge();
        }
        let (mut bell, mut closed) = (window.bell.subscribe(), self.closed.subscribe());
        let found = async {
            loop {
                bell.borrow_and_update();
                match window.take(waiting.question) {
                    Taken::Found(found) => return Some(found),
                    Taken::Outdated => return None,
                    Taken::Nothing => {}
                }
                // The window holds the other end.
                let _ = bell.changed().await;
            }
        };
        tokio::select! {
            found = tokio::time::timeout(wait, found) => found.unwrap_or_default(),
            _ = closed.wait_for(|closed| *closed) => None,
        }
    }

    /// How each instance stands with the remote. Gives the bytes of those that are to be sent; none where none are.
    ///
    /// # Errors
    /// When it is over, or was answered before.
    pub async fn answer(
        &self,
        remote: &RemoteName,
        ticket: u64,
        answer: Answer,
    ) -> Result<Option<Pieces>, Over> {
        let (hand, handed) = oneshot::channel();
        let tell = self.window(remote).answered(ticket, self.clock.now()).ok_or(Over)?;
        tell.send((answer, hand)).map_err(|_| Over)?;
        Ok(handed.await.ok())
    }

    /// What became of instances.
    ///
    /// # Errors
    /// When it is over, or more is said than there are.
    pub fn said(&self, remote: &RemoteName, ticket: u64, collected: Collected) -> Result<(), Over> {
        let window = self.window(remote);
        let mut state = window.state();
        state.last_seen = Some(self.clock.now());
        let course = state.course.as_ref().filter(|course| course.ticket == ticket).ok_or(Over)?;
        for said in collected.said {
            course.said.try_send(said).map_err(|_| Over)?;
        }
        if collected.done {
            state.course = None;
        }
        Ok(())
    }
}

/// What a question finds.
enum Taken {
    Found(Collectable),
    Nothing,
    /// Another was asked since.
    Outdated,
}

impl Window {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn presence(&self, now: Timestamp) -> Presence {
        let state = self.state();
        let is_under_way =
            state.course.as_ref().is_some_and(|course| !matches!(course.stage, Stage::Offered(..)));
        let is_recent = |seen| Duration::try_from(now.duration_since(seen)).is_ok_and(|age| age <= GRACE);
        if state.waiting > 0 || is_under_way || state.last_seen.is_some_and(is_recent) {
            Presence::There
        } else {
            Presence::Away(state.last_seen)
        }
    }

    /// Whoever asks has said all that it had to say of what it took before.
    fn ask<'a>(&'a self, clock: &'a dyn Clock) -> Waiting<'a> {
        let mut state = self.state();
        state.question += 1;
        state.waiting += 1;
        state.last_seen = Some(clock.now());
        if state.course.as_ref().is_some_and(|course| !matches!(course.stage, Stage::Offered(..))) {
            state.course = None;
        }
        let question = state.question;
        drop(state);
        self.bell.send_replace(());
        Waiting { window: self, question, clock }
    }

    fn take(&self, question: u64) -> Taken {
        let mut state = self.state();
        if state.question != question {
            return Taken::Outdated;
        }
        let Some(course) = &mut state.course else { return Taken::Nothing };
        match std::mem::replace(&mut course.stage, Stage::Told) {
            Stage::Offered(offer, tell) => {
                course.stage = Stage::Taken(tell);
                Taken::Found(Collectable { ticket: course.ticket, offer })
            }
            other => {
                course.stage = other;
                Taken::Nothing
            }
        }
    }

    fn answered(&self, ticket: u64, now: Timestamp) -> Option<oneshot::Sender<Told>> {
        let mut state = self.state();
        state.last_seen = Some(now);
        let course = state.course.as_mut().filter(|course| course.ticket == ticket)?;
        match std::mem::replace(&mut course.stage, Stage::Told) {
            Stage::Taken(tell) => Some(tell),
            other => {
                course.stage = other;
                None
            }
        }
    }

    /// Completes when an offer lay there too long, or was taken and not answered.
    async fn left_lying(&self, ticket: u64, patience: Duration) -> Uncollected {
        tokio::time::sleep(GRACE).await;
        let is_lying =
            |course: &Course| course.ticket == ticket && matches!(course.stage, Stage::Offered(..));
        if self.state().course.as_ref().is_some_and(is_lying) {
            return Uncollected::NobodyCame;
        }
        tokio::time::sleep(patience).await;
        Uncollected::Lost
    }
}

/// A question that waits.
struct Waiting<'a> {
    window: &'a Window,
    question: u64,
    clock: &'a dyn Clock,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.window.state();
        state.waiting = state.waiting.saturating_sub(1);
        state.last_seen = Some(self.clock.now());
    }
}

/// The sender's end of what is collected. Dropped, it is over.
pub struct Handing {
    window: Arc<Window>,
    ticket: u64,
    pieces: Option<oneshot::Sender<Pieces>>,
    said: mpsc::Receiver<Said>,
    _turn: OwnedMutexGuard<()>,
}

impl Handing {
    /// Hands the bytes to whoever collects. Where that one is gone, they are dropped.
    pub fn hand(&mut self, pieces: Pieces) {
        if let Some(hand) = self.pieces.take() {
            // It shows in what is said: nothing.
            let _ = hand.send(pieces);
        }
    }

    /// What became of an instance; none when no more will be said.
    pub async fn said(&mut self) -> Option<Said> {
        self.said.recv().await
    }
}

impl Drop for Handing {
    fn drop(&mut self) {
        let mut state = self.window.state();
        if state.course.as_ref().is_some_and(|course| course.ticket == self.ticket) {
            state.course = None;
        }
    }
}

#[cfg(test)]
mod tests;
