//! Calling a server: not more often than it is worth while it is away, and with a word about it once. All that call the same
//! server know how it stands.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use super::failure::Refusal;
use super::server::{Role, Server};
use super::session::Session;

/// Between two calls of a server that is away, at first.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// At most.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// How a server stands, as it was last called.
#[derive(Debug, Default)]
pub(super) struct Standing(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Whether it was there before: then its being away passes.
    was_there: bool,
    trouble: Option<Trouble>,
}

/// A server that could not be called.
#[derive(Debug)]
struct Trouble {
    refusal: Refusal,
    pause: Duration,
    /// Not before then is it called again.
    until: Instant,
}

impl Standing {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long to wait should this call come to nothing; a failure where one has just come to nothing.
    fn pause(&self) -> Result<Duration, Refusal> {
        match &self.state().trouble {
            Some(trouble) if Instant::now() < trouble.until => Err(trouble.refusal.clone()),
            Some(trouble) => Ok((trouble.pause * 2).min(LONGEST_PAUSE)),
            None => Ok(FIRST_PAUSE),
        }
    }
}

/// Calls a server, unless that has just failed: then it fails again, at once.
pub(super) fn call(server: &Server, role: Role, runtime: &Runtime) -> Result<Session, Refusal> {
    let pause = server.standing().pause()?;
    let called = runtime.block_on(server.call(role));
    let mut state = server.standing().state();
    match called {
        Ok(session) => {
            state.was_there = true;
            if state.trouble.take().is_some() {
                tracing::info!(%server, "PostgreSQL is back");
            }
            Ok(session)
        }
        Err(refusal) => {
            let refusal = refusal.in_calling(state.was_there);
            if state.trouble.is_none() {
                tracing::warn!(%server, error = %refusal, "PostgreSQL is away; it is called again");
            }
            let until = Instant::now() + pause;
            state.trouble = Some(Trouble { refusal: refusal.clone(), pause, until });
            Err(refusal)
        }
    }
}
