//! The state of one association, moved by the table alone (PS3.8 §9.2).

use crate::error::Error;
use crate::state::{Action, Event, State, next};

/// Where an association stands.
#[derive(Debug)]
pub(crate) struct Machine {
    state: State,
}

impl Machine {
    /// No connection yet.
    pub(crate) const fn new() -> Self {
        Self { state: State::Sta1 }
    }

    /// What the table says to `event` here, without moving.
    pub(crate) fn peek(&self, event: Event) -> Option<Action> {
        next(self.state, event).map(|cell| cell.action)
    }

    /// Moves; `favourable` picks the first of two next states: the request is acceptable (AE-6), we are the
    /// requestor (AR-8).
    pub(crate) fn take(&mut self, event: Event, favourable: bool) -> Result<Action, Error> {
        let Some(cell) = next(self.state, event) else {
            return Err(Error::Misuse("the association is not in a state that allows this"));
        };
        let state = if favourable { cell.state } else { cell.otherwise.unwrap_or(cell.state) };
        tracing::trace!(from = ?self.state, ?event, action = ?cell.action, to = ?state, "association");
        self.state = state;
        Ok(cell.action)
    }

    /// Whether the table has an action for `event` here.
    pub(crate) fn allows(&self, event: Event) -> bool {
        self.peek(event).is_some()
    }

    /// Where we stand.
    pub(crate) const fn state(&self) -> State {
        self.state
    }
}
