//! Making renames durable: one fsync of a folder serves all who wait for it.
//!
//! Whoever asks while no sync runs does it himself, on his own thread; whoever asks meanwhile is served by the next
//! one, which the same thread begins. So a batch forms by itself while the previous sync runs, no timer is needed,
//! and a lone caller wakes nobody. Whoever renamed before asking is served by a sync that begins afterwards, never
//! by one already under way.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::disk::{Act, perform};
use crate::error::Error;

/// Called with the outcome of the sync, on the thread that synced: must not block.
pub(crate) type Waiter = Box<dyn FnOnce(Result<(), Error>) + Send>;

/// Syncs one folder.
#[derive(Clone)]
pub(crate) struct FolderSyncer {
    folder: Arc<File>,
    path: Arc<PathBuf>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    waiters: Vec<Waiter>,
    is_syncing: bool,
}

impl FolderSyncer {
    pub(crate) fn new(folder: &Path) -> Result<Self, Error> {
        let handle = File::open(folder).map_err(Error::disk("opening folder", folder))?;
        Ok(Self { folder: Arc::new(handle), path: Arc::new(folder.to_owned()), state: Arc::default() })
    }

    /// Has `waiter` called when everything renamed in the folder before this call is on disk. May sync on the
    /// caller's thread, for others too.
    pub(crate) fn after_sync(&self, waiter: Waiter) {
        let Some(mut batch) = self.join(waiter) else { return };
        loop {
            let synced = perform(Act::SyncFolder(&self.path), || self.folder.sync_all());
            for waiter in batch {
                waiter(as_outcome(&synced));
            }
            match self.next() {
                Some(more) => batch = more,
                None => return,
            }
        }
    }

    /// Adds a waiter; gives the batch to whoever has to sync it.
    fn join(&self, waiter: Waiter) -> Option<Vec<Waiter>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiters.push(waiter);
        if state.is_syncing {
            return None;
        }
        state.is_syncing = true;
        Some(std::mem::take(&mut state.waiters))
    }

    /// Those who came meanwhile.
    fn next(&self) -> Option<Vec<Waiter>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_syncing = !state.waiters.is_empty();
        state.is_syncing.then(|| std::mem::take(&mut state.waiters))
    }
}

fn as_outcome(synced: &io::Result<()>) -> Result<(), Error> {
    synced.as_ref().copied().map_err(|error| Error::Disk {
        operation: "syncing the spool folder".to_owned(),
        source: error.kind().into(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;

    #[test]
    fn everyone_who_asks_is_answered_however_many_ask_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let syncer = FolderSyncer::new(folder.path()).unwrap();
        let (answers, answered) = channel();
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (syncer, answers) = (syncer.clone(), answers.clone());
                thread::spawn(move || {
                    for _ in 0..50 {
                        let answers = answers.clone();
                        syncer.after_sync(Box::new(move |synced| answers.send(synced.is_ok()).unwrap()));
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        drop(answers);
        let answers: Vec<bool> = answered.iter().collect();
        assert_eq!(answers, vec![true; 400]);
    }
}
