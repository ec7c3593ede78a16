//! A folder on the spool's own disk: settling is a rename, made durable once for a whole batch.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use causeway_core::ObjectKey;

use super::Settlement;
use crate::error::Error;
use crate::{files, layout};

/// The folder.
#[derive(Clone)]
pub(crate) struct LocalObjects {
    root: PathBuf,
}

impl LocalObjects {
    /// A folder at `root`, on the file system of `spool`: else settling could not be a rename.
    pub(crate) fn open(root: PathBuf, spool: &Path) -> Result<Self, Error> {
        files::make_folder(&root)?;
        let device =
            |path: &Path| fs::metadata(path).map(|folder| folder.dev()).map_err(Error::disk("opening", path));
        if device(&root)? != device(spool)? {
            let source = io::Error::from(io::ErrorKind::CrossesDevices);
            return Err(Error::disk("objects must be on the file system of the spool, unlike", &root)(
                source,
            ));
        }
        Ok(Self { root })
    }

    /// A folder that is only read and removed from, on whichever file system. One that is not there is not made: whoever
    /// wrote its name meant one that is.
    pub(crate) fn open_old(root: PathBuf) -> Result<Self, Error> {
        fs::read_dir(&root).map_err(Error::disk("opening [store.also] url", &root))?;
        Ok(Self { root })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn path(&self, key: &ObjectKey) -> PathBuf {
        self.root.join(layout::relative_path(key))
    }

    /// How long an object is that is here; none: it is not.
    pub(crate) fn length(&self, key: &ObjectKey) -> Result<Option<u64>, Error> {
        let found = files::open_first([self.path(key)])?;
        Ok(found.map(|(_, bytes)| bytes))
    }

    /// Gives a file that is whole and on disk its place here, and has its name on disk when this returns.
    pub(crate) fn take_in(&self, file: &Path, key: &ObjectKey) -> Result<(), Error> {
        let to = self.path(key);
        let Some(folder) = to.parent() else { return Ok(()) };
        files::make_folder(folder)?;
        files::rename(file, &to).map_err(Error::disk("renaming", file))?;
        files::sync_folder(folder)
    }

    /// Moves blobs here. A rename within one file system leaves each blob in one place or the other whatever
    /// happens, and reading looks in both; the syncs make sure of it before the catalog is told.
    /// One that fails is left in the spool and does not hold up the others.
    pub(crate) fn settle(&self, spool: &Path, keys: Vec<ObjectKey>) -> Result<Settlement, Error> {
        let mut folders = BTreeSet::new();
        let mut settlement = Settlement::default();
        for key in keys {
            match self.settle_one(spool, &key, &mut folders) {
                Ok(true) => settlement.settled.push(key),
                // Deleted since.
                Ok(false) => {}
                Err(error) => settlement.failed.push((key, error)),
            }
        }
        folders.iter().try_for_each(|folder| files::sync_folder(folder))?;
        files::sync_folder(spool)?;
        Ok(settlement)
    }

    /// Whether the blob is here now; else it was deleted.
    fn settle_one(
        &self,
        spool: &Path,
        key: &ObjectKey,
        folders: &mut BTreeSet<PathBuf>,
    ) -> Result<bool, Error> {
        let (from, to) = (spool.join(key.as_str()), self.path(key));
        let Some(folder) = to.parent() else { return Ok(false) };
        if !folders.contains(folder) {
            files::make_folder(folder)?;
            folders.insert(folder.to_owned());
        }
        match files::rename(&from, &to) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !to.exists() => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => move_anew(&from, &to),
            Err(error) => Err(Error::disk("settling", &from)(error)),
        }
    }
}

/// A blob that was moved here, and nobody knows whether its name is on disk: the node ended, or the sync failed. After a
/// failed sync the kernel may have dropped the names that it could not write, and would call the next sync a success; so
/// they are made again for that.
fn move_anew(from: &Path, to: &Path) -> Result<bool, Error> {
    let moved = files::rename(to, from).and_then(|()| files::rename(from, to));
    match moved {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        moved => moved.map(|()| true).map_err(Error::disk("settling", from)),
    }
}
