//! Where blobs settle: a folder, or an object store.

mod local;
mod remote;

use std::path::{Path, PathBuf};

use causeway_core::ObjectKey;

pub(crate) use local::LocalObjects;
pub(crate) use remote::RemoteObjects;

use crate::blob::Blob;
use crate::error::Error;
use crate::{ObjectsConfig, layout};

/// What a batch comes to: blobs that would not settle are told and left to the next, unless none would.
fn outcome(settled: Vec<ObjectKey>, failed: Option<Error>) -> Result<Vec<ObjectKey>, Error> {
    match failed {
        Some(error) if settled.is_empty() => Err(error),
        Some(error) => {
            tracing::warn!(%error, "a spooled object would not settle");
            Ok(settled)
        }
        None => Ok(settled),
    }
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
            ObjectsConfig::Remote(objects) => Ok(Self::Remote(RemoteObjects::new(objects))),
        }
    }

    /// The file of a settled blob, where it is one.
    pub(crate) fn local_path(&self, key: &ObjectKey) -> Option<PathBuf> {
        match self {
            Self::Local(local) => Some(local.path(key)),
            Self::Remote(_) => None,
        }
    }

    /// Opens a settled blob that is no file.
    pub(crate) async fn open_remote(&self, key: &ObjectKey) -> Result<Blob, Error> {
        match self {
            Self::Local(_) => Err(Error::NotFound(key.clone())),
            Self::Remote(remote) => remote.open(key).await,
        }
    }

    /// Removes a settled blob that is no file.
    pub(crate) async fn delete_remote(&self, key: &ObjectKey) -> Result<(), Error> {
        match self {
            Self::Local(_) => Ok(()),
            Self::Remote(remote) => remote.delete(&layout::object_path(key)).await,
        }
    }
}
