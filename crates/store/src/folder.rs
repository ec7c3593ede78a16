//! Making renames durable: one fsync of a folder serves all who wait for it.
//!
//! A batch forms by itself while the previous sync runs; no timer is needed. Whoever renamed before asking is
//! served by the next sync that begins, never by one already under way.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::error::Error;

/// Called with the outcome of the sync, on the syncer's thread: must not block.
pub(crate) type Waiter = Box<dyn FnOnce(Result<(), Error>) + Send>;

/// Most waiters served by one sync: more than can be under way.
const MAX_BATCH: usize = 4096;

/// Syncs one folder on a thread of its own.
#[derive(Clone)]
pub(crate) struct FolderSyncer {
    waiters: Sender<Waiter>,
}

impl FolderSyncer {
    pub(crate) fn new(folder: &Path) -> Result<Self, Error> {
        let handle = File::open(folder).map_err(Error::disk("opening folder", folder))?;
        let (waiters, receiver) = channel();
        thread::Builder::new()
            .name("store-sync".to_owned())
            .spawn(move || run(&handle, &receiver))
            .map_err(|source| Error::Disk { operation: "starting a thread".to_owned(), source })?;
        Ok(Self { waiters })
    }

    /// Has `waiter` called when everything renamed in the folder before this call is on disk.
    pub(crate) fn after_sync(&self, waiter: Waiter) {
        if let Err(unsent) = self.waiters.send(waiter) {
            (unsent.0)(Err(Error::Closed));
        }
    }
}

fn run(folder: &File, receiver: &Receiver<Waiter>) {
    while let Ok(first) = receiver.recv() {
        let mut batch = vec![first];
        batch.extend(receiver.try_iter().take(MAX_BATCH - 1));
        let synced = folder.sync_all();
        for waiter in batch {
            waiter(as_outcome(&synced));
        }
    }
}

fn as_outcome(synced: &io::Result<()>) -> Result<(), Error> {
    synced.as_ref().copied().map_err(|error| Error::Disk {
        operation: "syncing the spool folder".to_owned(),
        source: error.kind().into(),
    })
}
