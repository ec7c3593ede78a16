//! Where blobs settle: a folder, or an object store; and, while its objects are moved to that (`moving`), another place that
//! is only read and removed from.

mod deleting;
mod doomed;
mod local;
mod moving;
mod remote;
mod source;
mod under_way;

use std::ops::Range;
use std::path::{Path, PathBuf};

use causeway_core::ObjectKey;
use object_store::GetResult;

pub(crate) use local::LocalObjects;
pub use moving::{Copied, Known, MovingNames};
pub use remote::{Probe, Remote};
pub(crate) use remote::{RemoteObjects, Whether, settle as settle_remote, settle_apart};

use crate::ObjectsConfig;
use crate::error::Error;
use doomed::Doomed;
use under_way::UnderWay;

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

/// The places of settled blobs. A name is given once and its bytes never change, so that two places that have an object have
/// the same.
pub(crate) struct Objects {
    /// What settles goes here.
    pub(crate) first: Place,
    /// What settled before lies here, as far as it was not moved to the first.
    pub(crate) also: Option<Place>,
    /// What is to go from both, and could not yet.
    doomed: Doomed,
    /// What is on its way to the first.
    under_way: UnderWay,
}

/// A place of settled blobs.
pub(crate) enum Place {
    Local(LocalObjects),
    Remote(RemoteObjects),
}

impl Objects {
    pub(crate) fn open(
        first: ObjectsConfig,
        also: Option<ObjectsConfig>,
        spool: &Path,
    ) -> Result<Self, Error> {
        let first = match first {
            ObjectsConfig::Local(root) => Place::Local(LocalObjects::open(root, spool)?),
            ObjectsConfig::Remote(objects) => Place::Remote(RemoteObjects::open(objects)),
        };
        let also = also.map(|also| match also {
            ObjectsConfig::Local(root) => LocalObjects::open_old(root).map(Place::Local),
            ObjectsConfig::Remote(objects) => Ok(Place::Remote(RemoteObjects::open(objects))),
        });
        let doomed = Doomed::open(spool.join(NOTES_NAME))?;
        Ok(Self { first, also: also.transpose()?, doomed, under_way: UnderWay::default() })
    }

    /// The first, then the other.
    pub(crate) fn places(&self) -> impl Iterator<Item = &Place> {
        std::iter::once(&self.first).chain(&self.also)
    }

    /// Those that are object stores.
    fn remotes(&self) -> impl Iterator<Item = &RemoteObjects> {
        self.places().filter_map(|place| match place {
            Place::Local(_) => None,
            Place::Remote(remote) => Some(remote),
        })
    }

    pub(crate) fn has_remote(&self) -> bool {
        self.remotes().next().is_some()
    }

    /// The files that a settled blob may be, in the places that are folders.
    pub(crate) fn files(&self, key: &ObjectKey) -> Vec<PathBuf> {
        let path = |place: &Place| match place {
            Place::Local(local) => Some(local.path(key)),
            Place::Remote(_) => None,
        };
        self.places().filter_map(path).collect()
    }

    /// Whether an object is deleted that an object store may still have.
    pub(crate) fn is_doomed(&self, key: &ObjectKey) -> bool {
        self.doomed.contains(key)
    }

    /// How long an object is in the object store that has it.
    pub(crate) async fn length(&self, key: &ObjectKey) -> Result<u64, Error> {
        let mut answer = Err(Error::NotFound(key.clone()));
        for remote in self.remotes() {
            answer = match remote.length(key).await {
                Ok(bytes) => return Ok(bytes),
                Err(error) => Err(graver(answer, error)),
            };
        }
        answer
    }

    /// Asks for a range of an object that is so long, which is not empty, of the object store that has it.
    pub(crate) async fn get(
        &self,
        key: &ObjectKey,
        bytes: u64,
        range: Range<u64>,
    ) -> Result<GetResult, Error> {
        let mut answer = Err(Error::NotFound(key.clone()));
        for remote in self.remotes() {
            answer = match remote.get(key, bytes, range.clone()).await {
                Ok(found) => return Ok(found),
                Err(error) => Err(graver(answer, error)),
            };
        }
        answer
    }
}

/// What is told of two failures: an object is said not to be there only where every store that may have it says so.
fn graver<T>(before: Result<T, Error>, error: Error) -> Error {
    match before {
        Ok(_) | Err(Error::NotFound(_)) => error,
        Err(before) => before,
    }
}
