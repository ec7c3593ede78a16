//! Calling a server: not more often than it is worth while it is away, and with a word about it once.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use super::failure::Refusal;
use super::server::{Role, Server};
use super::session::Session;

/// Between two calls of a server that is away, at first.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// At most.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Who calls.
pub(super) struct Calling {
    server: Server,
    /// Whether it was there before: then its being away passes.
    was_there: Cell<bool>,
    trouble: RefCell<Option<Trouble>>,
}

/// A server that could not be called.
struct Trouble {
    refusal: Refusal,
    pause: Duration,
    /// Not before then is it called again.
    until: Instant,
}

impl Calling {
    pub(super) const fn new(server: Server) -> Self {
        Self { server, was_there: Cell::new(false), trouble: RefCell::new(None) }
    }

    /// Calls it, unless that has just failed: then it fails again, at once.
    pub(super) fn call(&self, role: Role, runtime: &Runtime) -> Result<Session, Refusal> {
        let pause = match &*self.trouble.borrow() {
            Some(trouble) if Instant::now() < trouble.until => return Err(trouble.refusal.clone()),
            Some(trouble) => (trouble.pause * 2).min(LONGEST_PAUSE),
            None => FIRST_PAUSE,
        };
        match runtime.block_on(self.server.call(role)) {
            Ok(session) => {
                self.was_there.set(true);
                if self.trouble.take().is_some() {
                    tracing::info!(server = %self.server, "PostgreSQL is back");
                }
                Ok(session)
            }
            Err(refusal) => {
                let refusal = refusal.in_calling(self.was_there.get());
                if self.trouble.borrow().is_none() {
                    tracing::warn!(server = %self.server, error = %refusal, "PostgreSQL is away; it is called again");
                }
                let until = Instant::now() + pause;
                self.trouble.replace(Some(Trouble { refusal: refusal.clone(), pause, until }));
                Err(refusal)
            }
        }
    }

    /// Tells the server that what a session asked is not waited for.
    pub(super) async fn cancel(&self, session: &Session) {
        self.server.cancel(session.client().cancel_token()).await;
    }
}
