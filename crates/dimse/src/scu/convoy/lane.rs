//! One line of a convoy: opens an association, sends what the queue gives, and opens the next instance while one is on
//! the wire. Where the peer granted a window, several are on their way at once (PS3.7 §D.3.3.3).

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use causeway_core::Uid;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::super::{Ahead, Courier, Paced, Pair, Ticket};
use super::queue::{Held, Queue};
use super::{Cargo, Fate};
use crate::error::Error;

/// What it takes to open an association: the connection's handshake, and the request with its answer.
const ROUND_TRIPS_TO_OPEN: u32 = 2;

/// The line.
pub(super) struct Lane<C: Cargo> {
    pub(super) courier: Courier,
    pub(super) queue: Arc<Queue<C>>,
    pub(super) spare: Arc<Semaphore>,
    /// What was sent and is not answered, oldest first.
    pub(super) under_way: VecDeque<(Ticket, Held<C>)>,
    /// Of which lines it is one: those that were started between two breaks.
    pub(super) generation: u32,
    /// Whether the peer has answered anything on a line of this generation.
    pub(super) has_answered: Arc<AtomicBool>,
}

/// How a line came to its end.
pub(super) enum How {
    /// There is nothing to send.
    Empty,
    /// No association could be had; it holds no instance.
    NotOpened(Arc<Error>),
    /// The association broke; what was on it is settled, or goes again.
    Broke(Arc<Error>),
}

/// A line that ended, with its courier, whose association may be open.
pub(super) struct Ended {
    pub(super) courier: Courier,
    pub(super) how: How,
    pub(super) generation: u32,
}

/// An instance of which it is known how it goes.
struct Chosen<C: Cargo> {
    held: Held<C>,
    context: u8,
    transfer_syntax: Uid,
}

/// An instance that can be sent now.
struct Ready<C: Cargo> {
    held: Held<C>,
    context: u8,
    body: Ahead<C::Body>,
    /// Its place in memory, until it is the one that is sent.
    place: Option<OwnedSemaphorePermit>,
}

impl<C: Cargo> Lane<C> {
    /// Sends until there is nothing more to send, or the line fails.
    pub(super) async fn run(mut self, after: Duration) -> Ended {
        if !after.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(after) => {}
                () = self.queue.stopped() => {}
            }
        }
        self.queue.lines.fetch_add(1, Ordering::Relaxed);
        let how = self.carry().await;
        self.queue.lines.fetch_sub(1, Ordering::Relaxed);
        Ended { courier: self.courier, how, generation: self.generation }
    }

    async fn carry(&mut self) -> How {
        // It may have been idle for a while.
        self.courier.look().await;
        let mut ready = None;
        loop {
            let next = match ready.take() {
                Some(next) => Some(next),
                None if !self.under_way.is_empty() => self.following().await,
                None => match self.first().await {
                    Ok(Some(next)) => Some(next),
                    Ok(None) => return How::Empty,
                    Err(error) => return How::NotOpened(Arc::new(error)),
                },
            };
            let went = match next {
                Some(next) if self.queue.is_stopped() => {
                    next.held.settle(Fate::NotBegun);
                    self.answered().await.map(|()| None)
                }
                Some(next) => self.send(next).await,
                None => self.answered().await.map(|()| None),
            };
            match went {
                Ok(ahead) => ready = ahead,
                // We ended the association ourselves; for the next there is a new one.
                Err(error) if matches!(*error, Error::Body(_)) => {}
                Err(error) => return How::Broke(error),
            }
        }
    }

    /// Another instance for this association while others are under way on it; none where it does not serve the next.
    async fn following(&self) -> Option<Ready<C>> {
        let held = self.queue.take_if(|cargo| self.courier.serves(&cargo.pair()))?;
        open(self.choose(held)?).await
    }

    /// Waits for one answer, if any is owed. After an error the association is gone.
    async fn answered(&mut self) -> Result<(), Arc<Error>> {
        if self.under_way.is_empty() {
            return Ok(());
        }
        match self.courier.answered().await {
            Ok((ticket, response)) => {
                let index = self.under_way.iter().position(|(other, _)| *other == ticket);
                self.has_answered.store(true, Ordering::Relaxed);
                if let Some((_, held)) = index.and_then(|index| self.under_way.remove(index)) {
                    let is_last = held.cargo.is_last(&response);
                    held.settle(Fate::Answered(response));
                    if is_last {
                        self.queue.stop();
                    }
                }
                Ok(())
            }
            Err(error) => {
                let error = Arc::new(error);
                // Peers mostly work in turn: it is held against the one that has waited longest.
                let oldest = self.under_way.pop_front();
                self.put_back();
                if let Some((_, held)) = oldest {
                    held.broken(&error, self.has_answered());
                }
                Err(error)
            }
        }
    }

    fn has_answered(&self) -> bool {
        self.has_answered.load(Ordering::Relaxed)
    }

    /// What is under way on an association that is gone goes again.
    fn put_back(&mut self) {
        while let Some((_, held)) = self.under_way.pop_back() {
            held.put_back();
        }
    }

    /// Sends one, waits for an answer where no more may be under way, and opens the one after it meanwhile. After an
    /// error the association is gone.
    async fn send(&mut self, ready: Ready<C>) -> Result<Option<Ready<C>>, Arc<Error>> {
        let Ready { held, context, body, place } = ready;
        drop(place);
        let ahead = self.ahead();
        let sending = async {
            self.begin(held, context, body).await?;
            if self.under_way.len() < self.courier.operations() {
                return Ok(());
            }
            let sent = Instant::now();
            let was_alone = self.under_way.len() == 1;
            self.answered().await?;
            if was_alone {
                self.queue.reached(sent.elapsed());
            }
            Ok(())
        };
        let opening = async {
            let (chosen, place) = ahead?;
            let ready = open(chosen).await?;
            Some(Ready { place: Some(place), ..ready })
        };
        let (sent, ahead) = tokio::join!(sending, opening);
        match (sent, ahead) {
            (Ok(_), ahead) => Ok(ahead),
            (Err(error), Some(ahead)) => {
                ahead.held.put_back();
                Err(error)
            }
            (Err(error), None) => Err(error),
        }
    }

    /// Sends one to its end.
    async fn begin(&mut self, held: Held<C>, context: u8, body: Ahead<C::Body>) -> Result<(), Arc<Error>> {
        let cargo = Arc::clone(&held.cargo);
        let body = Paced::new(body, &*cargo);
        match self.courier.begin(context, held.cargo.request(), body).await {
            Ok(ticket) => {
                self.under_way.push_back((ticket, held));
                Ok(())
            }
            Err(error) => {
                let error = Arc::new(error);
                // What could not be read here is nobody else's fault.
                let oldest = if matches!(*error, Error::Body(_)) { None } else { self.under_way.pop_front() };
                match oldest {
                    // It is held against the one that has waited longest; this one was not sent to its end.
                    Some((_, oldest)) => {
                        held.put_back();
                        self.put_back();
                        oldest.broken(&error, self.has_answered());
                    }
                    None => held.broken(&error, self.has_answered()),
                }
                self.put_back();
                Err(error)
            }
        }
    }

    /// The first instance after the association was opened, or after there was nothing ahead.
    async fn first(&mut self) -> Result<Option<Ready<C>>, Error> {
        loop {
            if !self.courier.is_open() {
                // Nothing is held meanwhile: this may take long where the peer serves one after the other.
                let Some((first, others)) = self.queue.pairs() else { return Ok(None) };
                if !self.open_line(&first, others).await? {
                    return Ok(None);
                }
            }
            let Some(held) = self.queue.take() else { return Ok(None) };
            let pair = held.cargo.pair();
            if !self.courier.serves(&pair) {
                let others = self.queue.pairs().map(|(first, mut others)| {
                    others.insert(first);
                    others
                });
                match self.open_line(&pair, others.unwrap_or_default()).await {
                    Ok(true) => {}
                    Ok(false) => {
                        held.put_back();
                        return Ok(None);
                    }
                    Err(error) => {
                        held.put_back();
                        return Err(error);
                    }
                }
            }
            if let Some(chosen) = self.choose(held)
                && let Some(ready) = open(chosen).await
            {
                return Ok(Some(ready));
            }
        }
    }

    /// Opens an association for `pair` and for what else is to come; false: the convoy was stopped meanwhile.
    async fn open_line(
        &mut self,
        pair: &Pair,
        others: impl IntoIterator<Item = Pair>,
    ) -> Result<bool, Error> {
        let begun = Instant::now();
        // What is dropped when the convoy stops is an association that carries nothing.
        tokio::select! {
            opened = self.courier.open_for(pair, others.into_iter()) => opened?,
            () = self.queue.stopped() => return Ok(false),
        }
        let round_trip = begun.elapsed() / ROUND_TRIPS_TO_OPEN;
        self.queue.opened(round_trip, self.courier.operations(), self.courier.said());
        Ok(true)
    }

    /// The instance to open while another is sent: one that this line serves, and that no other line waits for.
    fn ahead(&self) -> Option<(Chosen<C>, OwnedSemaphorePermit)> {
        let place = Arc::clone(&self.spare).try_acquire_owned().ok()?;
        let held = self.queue.take_ahead(|cargo| self.courier.serves(&cargo.pair()))?;
        Some((self.choose(held)?, place))
    }

    /// How an instance goes over this association; one that the peer takes in no form is settled.
    fn choose(&self, held: Held<C>) -> Option<Chosen<C>> {
        match self.courier.context_for(&held.cargo.pair()) {
            Ok((context, transfer_syntax)) => Some(Chosen { held, context, transfer_syntax }),
            Err(error) => {
                held.settle(Fate::Failed(Arc::new(error)));
                None
            }
        }
    }
}

/// Opens an instance; one that cannot be opened is settled.
async fn open<C: Cargo>(chosen: Chosen<C>) -> Option<Ready<C>> {
    let Chosen { held, context, transfer_syntax } = chosen;
    let opened = async { Ahead::of(held.cargo.open(transfer_syntax).await?).await };
    match opened.await {
        Ok(body) => Some(Ready { held, context, body, place: None }),
        Err(error) => {
            held.settle(Fate::Failed(Arc::new(Error::Body(error))));
            None
        }
    }
}
