//! An earlier backup, which a later one goes on from: what the earlier one has is linked and neither read nor written again. Each
//! is whole without the other, so that either may be removed.

use std::io;
use std::path::{Path, PathBuf};

use causeway_catalog::KnownObject;
use causeway_store::carry::{self, Kept};
use causeway_store::sealed::Ring;

use super::{BackupError, Carry, Manifest, OBJECTS, Tap};

/// The backup to go on from.
pub struct Since {
    /// Its folder.
    pub folder: PathBuf,
    /// Whether what it has is held against its digest again, and not against its length alone.
    pub rereads: bool,
}

/// An earlier backup, opened.
pub(super) struct Earlier {
    since: Since,
    manifest: Manifest,
    root: PathBuf,
    kept: Kept,
}

impl Earlier {
    /// `keys`: what the objects of the later one are sealed with.
    pub(super) fn open(since: Since, keys: Option<&Ring>) -> Result<Self, BackupError> {
        let manifest = Manifest::read(&since.folder)?;
        let root = since.folder.join(OBJECTS);
        let kept = match (manifest.carried, manifest.is_sealed, keys) {
            (Carry::List, ..) => return Err(refused(&since, "its objects are only listed")),
            (_, true, None) => {
                return Err(refused(&since, "its objects are sealed, and those of the store are not"));
            }
            (_, false, Some(_)) => {
                return Err(refused(&since, "its objects are not sealed, and those of the store are"));
            }
            (_, true, Some(ring)) => Kept::Sealed(root.clone(), ring.clone()),
            (_, false, None) => Kept::Folder(root.clone()),
        };
        Ok(Self { since, manifest, root, kept })
    }

    /// Links an object to below another root, if it is here as it was stored; gives whether it was.
    pub(super) async fn link(&self, known: &KnownObject, to: &Path) -> Result<bool, BackupError> {
        let key = &known.object;
        if self.manifest.tells_of(key) || !self.has(known).await {
            return Ok(false);
        }
        match carry::link(&carry::below(&self.root, key), to, key) {
            Ok(()) => Ok(true),
            Err(causeway_store::Error::Disk { source, .. })
                if source.kind() == io::ErrorKind::TooManyLinks =>
            {
                Ok(false)
            }
            Err(causeway_store::Error::Disk { source, .. })
                if source.kind() == io::ErrorKind::CrossesDevices =>
            {
                Err(refused(&self.since, "it is on another file system, to which nothing can be linked"))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether it has an object as it was stored. What cannot be read here is no loss: it is copied anew.
    async fn has(&self, known: &KnownObject) -> bool {
        let Ok(Some(object)) = self.kept.open(&known.object, known.object_bytes).await else { return false };
        if object.bytes != known.object_bytes {
            return false;
        }
        let mut tap = Tap::new(known);
        !self.since.rereads || object.read(&mut |bytes| tap.see(bytes)).await.is_ok() && tap.is(known)
    }
}

fn refused(since: &Since, why: &'static str) -> BackupError {
    BackupError::Since(since.folder.display().to_string(), why)
}
