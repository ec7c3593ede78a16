//! Whose turn it is at what only one node at a time may do: a lease in the catalog, held longer while it is used. A node that
//! ends without a word is waited for until its lease lapses.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use causeway_catalog::{Catalog, Error};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::Archive;

/// How long a turn is, unless it is held longer.
const TURN: Duration = Duration::from_secs(20);
/// How long before its end it counts no longer: what was begun is to be over by then, and clocks differ.
const MARGIN: Duration = Duration::from_secs(8);
/// How long it is held after it was last asked for.
const UNUSED: Duration = Duration::from_secs(60);
/// How long whoever waits for a turn waits until it asks again.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// The turns of this node.
pub(super) struct Turns {
    /// Whether there may be another node.
    is_shared: bool,
    held: Mutex<HashMap<String, Held>>,
}

/// A turn of this node.
struct Held {
    until: Instant,
    asked_for: Instant,
}

impl Turns {
    pub(super) fn new(is_shared: bool) -> Self {
        Self { is_shared, held: Mutex::default() }
    }

    /// Whether it is this node's turn at `task`, which it takes if it is nobody's.
    async fn take(&self, catalog: &Catalog, task: &str) -> Result<bool, Error> {
        if !self.is_shared || self.is_held(task) {
            return Ok(true);
        }
        let asked_at = Instant::now();
        let taken = catalog.take_turns(vec![task.to_owned()], TURN).await?;
        let is_taken = taken.first() == Some(&true);
        if is_taken {
            let held = Held { until: asked_at + TURN - MARGIN, asked_for: asked_at };
            self.lock().insert(task.to_owned(), held);
        }
        Ok(is_taken)
    }

    fn is_held(&self, task: &str) -> bool {
        let now = Instant::now();
        self.lock().get_mut(task).is_some_and(|held| {
            held.asked_for = now;
            now < held.until
        })
    }

    /// Holds longer what was asked for lately, and lets the rest go.
    pub(super) async fn hold(&self, catalog: &Catalog) -> Result<(), Error> {
        let asked_at = Instant::now();
        let (used, unused): (Vec<_>, Vec<_>) = {
            let held = self.lock();
            let tasks = held.iter().map(|(task, held)| (task.clone(), asked_at - held.asked_for < UNUSED));
            tasks.partition(|(_, is_used)| *is_used)
        };
        let names = |tasks: Vec<(String, bool)>| tasks.into_iter().map(|(task, _)| task).collect::<Vec<_>>();
        let (used, unused) = (names(used), names(unused));
        self.lock().retain(|task, _| !unused.contains(task));
        if !unused.is_empty() {
            catalog.give_up_turns(unused).await?;
        }
        if used.is_empty() {
            return Ok(());
        }
        let still = catalog.take_turns(used.clone(), TURN).await?;
        let mut held = self.lock();
        for (task, is_ours) in used.into_iter().zip(still) {
            if !is_ours {
                held.remove(&task);
            } else if let Some(held) = held.get_mut(&task) {
                held.until = asked_at + TURN - MARGIN;
            }
        }
        Ok(())
    }

    /// Lets all go.
    pub(super) async fn give_up(&self, catalog: &Catalog) -> Result<(), Error> {
        let tasks: Vec<String> = self.lock().drain().map(|(task, _)| task).collect();
        if tasks.is_empty() { Ok(()) } else { catalog.give_up_turns(tasks).await }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Archive {
    /// Whether it is this node's turn at `task` now; it takes it if it is nobody's. Always, where no other node shares the
    /// catalog.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn takes_turn(&self, task: &str) -> Result<bool, Error> {
        self.inner.members.turns.take(&self.inner.catalog, task).await
    }

    /// Does `work` while it is this node's turn at `task`, until `shutdown` completes. `work` is given what completes when it
    /// is to end; it is begun anew at the next turn.
    pub async fn by_turns<W: Future<Output = ()>>(
        &self,
        task: &str,
        shutdown: impl Future<Output = ()>,
        mut work: impl FnMut(End) -> W,
    ) {
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = self.turn_of(task) => {}
                () = &mut shutdown => return,
            }
            let (end, ended) = oneshot::channel();
            let work = work(End(ended));
            tokio::pin!(work);
            let is_over = tokio::select! {
                () = &mut work => return,
                () = self.turn_ends(task) => false,
                () = &mut shutdown => true,
            };
            let _: Result<(), ()> = end.send(());
            work.await;
            if is_over {
                return;
            }
        }
    }

    /// Does `work` from when it is this node's turn at `task` to the turn's end, at which it is dropped.
    pub async fn for_a_turn(&self, task: &str, work: impl Future<Output = ()>) {
        self.turn_of(task).await;
        tokio::select! {
            () = work => {}
            () = self.turn_ends(task) => {}
        }
    }

    /// Waits for this node's turn.
    async fn turn_of(&self, task: &str) {
        loop {
            match self.takes_turn(task).await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(task, %error, "whose turn it is cannot be known; it is asked again")
                }
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    /// Waits for the end of this node's turn; for ever, where no other node shares the catalog.
    async fn turn_ends(&self, task: &str) {
        if !self.inner.members.turns.is_shared {
            return std::future::pending().await;
        }
        while matches!(self.takes_turn(task).await, Ok(true)) {
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }
}

/// Completes when what was begun is to end.
pub struct End(oneshot::Receiver<()>);

impl Future for End {
    type Output = ();

    fn poll(mut self: std::pin::Pin<&mut Self>, context: &mut std::task::Context<'_>) -> std::task::Poll<()> {
        // A sender that is gone is an end too.
        std::pin::Pin::new(&mut self.0).poll(context).map(drop)
    }
}
