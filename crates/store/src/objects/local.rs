//! A folder on the spool's own disk: settling is a rename, made durable once for a whole batch.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use causeway_core::ObjectKey;

use crate::error::Error;
use crate::{files, layout};

/// The folder.
#[derive(Clone)]
pub(crate) struct LocalObjects {
    root: PathBuf,
}

impl LocalObjects {
    pub(crate) fn open(root: PathBuf) -> Result<Self, Error> {
        files::make_folder(&root)?;
        Ok(Self { root })
    }

    pub(crate) fn path(&self, key: &ObjectKey) -> PathBuf {
        self.root.join(layout::relative_path(key))
    }

    /// Moves blobs here. A rename within one file system leaves each blob in one place or the other whatever
    /// happens, and reading looks in both; the syncs make sure of it before the catalog is told.
    pub(crate) fn settle(&self, spool: &Path, keys: Vec<ObjectKey>) -> Result<Vec<ObjectKey>, Error> {
        let mut folders = BTreeSet::new();
        let mut settled = Vec::with_capacity(keys.len());
        for key in keys {
            let (from, to) = (spool.join(key.as_str()), self.path(&key));
            let Some(folder) = to.parent() else { continue };
            if !folders.contains(folder) {
                files::make_folder(folder)?;
                folders.insert(folder.to_owned());
            }
            match fs::rename(&from, &to) {
                Ok(()) => settled.push(key),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    // Moved before a crash, or deleted since.
                    if to.exists() {
                        settled.push(key);
                    }
                }
                Err(error) => return Err(Error::disk("settling", &from)(error)),
            }
        }
        folders.iter().try_for_each(|folder| files::sync_folder(folder))?;
        files::sync_folder(spool)?;
        Ok(settled)
    }
}
