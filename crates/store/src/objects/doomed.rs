//! Objects that are to go and could not yet: the store was away, or they were on their way to it. Each is noted in a folder
//! beside the spool, so that a restart does not forget it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use causeway_core::ObjectKey;

use crate::error::Error;
use crate::files;

/// The notes. Clones are one.
#[derive(Clone)]
pub(super) struct Doomed {
    folder: PathBuf,
    keys: Arc<Mutex<BTreeSet<ObjectKey>>>,
}

impl Doomed {
    /// Reads the notes of earlier processes.
    pub(super) fn open(folder: PathBuf) -> Result<Self, Error> {
        let mut keys = BTreeSet::new();
        if !folder.is_dir() {
            return Ok(Self { folder, keys: Arc::default() });
        }
        for entry in fs::read_dir(&folder).map_err(Error::disk("listing", &folder))? {
            let name = entry.map_err(Error::disk("listing", &folder))?.file_name();
            keys.extend(name.to_str().and_then(|name| ObjectKey::parse(name).ok()));
        }
        Ok(Self { folder, keys: Arc::new(Mutex::new(keys)) })
    }

    /// Notes one, durably. It blocks.
    pub(super) fn add(&self, key: &ObjectKey) -> Result<(), Error> {
        let path = self.folder.join(key.as_str());
        if !path.exists() {
            files::make_folder(&self.folder)?;
            drop(files::create(&path)?);
            files::sync_folder(&self.folder)?;
        }
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
        Ok(())
    }

    /// It is gone. It blocks. A note that comes back after a crash does no harm: what is gone is removed once more.
    pub(super) fn strike(&self, key: &ObjectKey) -> Result<(), Error> {
        files::remove(&self.folder.join(key.as_str()))?;
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        Ok(())
    }

    pub(super) fn contains(&self, key: &ObjectKey) -> bool {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).contains(key)
    }

    /// Some of them.
    pub(super) fn some(&self, most: usize) -> Vec<ObjectKey> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.iter().take(most).cloned().collect()
    }
}
