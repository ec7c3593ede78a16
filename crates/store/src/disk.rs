//! What the store does to its disk, act by act, and the place where a test may stand: it sees each act that decides what
//! a loss of power leaves, and may let it fail. In a node nobody stands there, and an act costs one look at that.

use std::io;
use std::path::Path;
use std::sync::OnceLock;

/// Something that is done to a file or a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act<'a> {
    /// A new file.
    Create(&'a Path),
    /// Bytes are written to a file.
    Write(&'a Path),
    /// The bytes of a file are taken to disk.
    Sync(&'a Path),
    /// A file gets another name.
    Rename {
        /// The name it had.
        from: &'a Path,
        /// The name it gets.
        to: &'a Path,
    },
    /// A file is removed.
    Remove(&'a Path),
    /// A new folder.
    MakeFolder(&'a Path),
    /// The names in a folder are taken to disk.
    SyncFolder(&'a Path),
}

/// Who sees the acts. It is asked on the thread that acts.
pub trait Witness: Send + Sync {
    /// An act is about to be done.
    ///
    /// # Errors
    /// What the act is to fail with; it is not done then.
    fn before(&self, act: Act<'_>) -> io::Result<()>;

    /// An act was done.
    fn after(&self, act: Act<'_>);
}

static WITNESS: OnceLock<Box<dyn Witness>> = OnceLock::new();

/// Has `witness` see all that is done by this process from now on, by whatever store. The first to be named stays.
pub fn watch(witness: Box<dyn Witness>) {
    // A second one of the same process is a test that shares the first.
    drop(WITNESS.set(witness));
}

/// Does `work`, which is `act`.
pub(crate) fn perform<T>(act: Act<'_>, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let Some(witness) = WITNESS.get() else { return work() };
    witness.before(act)?;
    let done = work()?;
    witness.after(act);
    Ok(done)
}
