//! Where blobs settle: a folder, or an object store.

mod local;
mod remote;

use std::path::{Path, PathBuf};

use causeway_core::ObjectKey;

pub(crate) use local::LocalObjects;
pub use remote::{Probe, Remote};
pub(crate) use remote::{RemoteObjects, Whether, settle as settle_remote, settle_apart};

use crate::blob::Blob;
use crate::error::Error;
use crate::{ObjectsConfig, Store};

/// The folder of the spool for what an object store is still to be told.
const NOTES_NAME: &str = "doomed";

/// What came of a batch that was to settle. What is not named was deleted meanwhile.
#[derive(Debug, Default)]
pub struct Settlement {
    /// In their place now.
    pub settled: Vec<ObjectKey>,
    /// Those that would not, each for a reason of its own; they stay in the spool.
    pub failed: Vec<(ObjectKey, Error)>,
    /// How many were not tried, since others failed or took long, or are still under way: a later batch tells of those.
    pub not_tried: usize,
}

/// The place blobs settle in.
pub(crate) enum Objects {
    Local(LocalObjects),
    Remote(RemoteObjects),
}

impl Objects {
    pub(crate) fn open(config: ObjectsConfig, spool: &Path) -> Result<Self, Error> {
        match config {
            ObjectsConfig::Local(root) => Ok(Self::Local(LocalObjects::open(root, spool)?)),
            ObjectsConfig::Remote(objects) => {
                Ok(Self::Remote(RemoteObjects::open(objects, spool.join(NOTES_NAME))?))
            }
        }
    }

    /// The file of a settled blob, where it is one.
    pub(crate) fn local_path(&self, key: &ObjectKey) -> Option<PathBuf> {
        match self {
            Self::Local(local) => Some(local.path(key)),
            Self::Remote(_) => None,
        }
    }

    /// Opens a settled blob that is no file. `bytes`: how long it is, where that is known.
    pub(crate) async fn open_remote(&self, key: &ObjectKey, bytes: Option<u64>) -> Result<Blob, Error> {
        match (self, bytes) {
            (Self::Local(_), _) => Err(Error::NotFound(key.clone())),
            (Self::Remote(remote), Some(bytes)) => remote.open_known(key, bytes),
            (Self::Remote(remote), None) => remote.open_blob(key).await,
        }
    }

    /// Removes a settled blob that is no file.
    pub(crate) async fn delete_remote(&self, store: &Store, key: &ObjectKey) -> Result<(), Error> {
        match self {
            Self::Local(_) => Ok(()),
            Self::Remote(remote) => remote.delete(store, key).await,
        }
    }
}
