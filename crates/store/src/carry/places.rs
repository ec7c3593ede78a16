//! Where the objects of a node are, of one that runs as of one that does not.

use std::path::PathBuf;

use causeway_core::ObjectKey;

use super::below;
use super::kept::{Kept, Opened};
use crate::error::Error;
use crate::spool;

/// Where the objects of a node are.
#[derive(Debug, Clone)]
pub struct Places {
    /// Those that have not settled.
    pub spool: PathBuf,
    /// Those that have.
    pub objects: Kept,
}

impl Places {
    /// Opens an object that should be so long; none: it is in neither place.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn open(&self, key: &ObjectKey, bytes: u64) -> Result<Option<Opened>, Error> {
        // The spool twice: it may move either way between two looks.
        let spooled = self.spool.join(key.as_str());
        if let Some(opened) = Opened::file(&spooled)? {
            return Ok(Some(opened));
        }
        match self.objects.open(key, bytes).await? {
            Some(opened) => Ok(Some(opened)),
            None => Opened::file(&spooled),
        }
    }

    /// Whether an object is in one of them.
    ///
    /// # Errors
    /// When that cannot be known.
    pub async fn has(&self, key: &ObjectKey) -> Result<bool, Error> {
        let spooled = self.spool.join(key.as_str());
        Ok(spooled.is_file() || self.objects.has(key).await? || spooled.is_file())
    }

    /// The file of an object; none: it is in neither place, or no file.
    #[must_use]
    pub fn file(&self, key: &ObjectKey) -> Option<PathBuf> {
        let spooled = self.spool.join(key.as_str());
        let settled = match &self.objects {
            Kept::Folder(root) => Some(below(root, key)),
            Kept::Sealed(..) | Kept::Bucket(_) => None,
        };
        [Some(spooled.clone()), settled, Some(spooled)].into_iter().flatten().find(|path| path.is_file())
    }

    /// Which spool it is; none: no node ever used it.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn spool_id(&self) -> Result<Option<String>, Error> {
        spool::known_id(&self.spool)
    }
}
