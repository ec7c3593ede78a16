//! The place where a test may stand at each commit of a catalog, and say what becomes of it. In a node nobody stands there,
//! and a commit costs one look at that.

use std::sync::{Arc, OnceLock};

/// What becomes of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// It is done, and whoever asked for it is told so.
    Done,
    /// It is not done, and nothing of its transaction stays.
    Undone,
    /// It is done, and whoever asked is told that it failed, as when the line to a server is lost while it answers.
    Untold,
}

type Ask = Box<dyn Fn() -> Commit + Send + Sync>;

/// Who is asked, on the writer's thread.
#[derive(Clone, Default)]
pub(crate) struct Witness(Arc<OnceLock<Ask>>);

impl Witness {
    /// Has `ask` decide from now on. The first to be named stays.
    pub(crate) fn name(&self, ask: Ask) {
        drop(self.0.set(ask));
    }

    pub(super) fn fate(&self) -> Commit {
        self.0.get().map_or(Commit::Done, |ask| ask())
    }
}
