//! Putting a backup back where there is nothing: first it is seen that it is whole, then it is copied.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use causeway_catalog::{KnownObject, Origin, Snapshot};
use causeway_core::ObjectKey;
use causeway_store::carry::{self, Kept};
use causeway_store::sealed::Ring;
use futures_util::{StreamExt, stream};
use serde::Serialize;
use tokio::runtime::Handle;

use super::{
    BackupError, CARRIED_AT_ONCE, CATALOG, Carry, Manifest, Named, OBJECTS, Progress, Rows, carry_whole,
    sha256,
};

/// Where a backup is put back.
pub struct Target {
    /// The catalog: a file that must be missing, or a database that must be empty.
    pub catalog: Origin,
    /// A file that may be made for a while; beside the catalog, where that is one.
    pub scratch: PathBuf,
    /// The objects: a folder or a bucket that must be empty.
    pub objects: Kept,
}

/// What was put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// What the backup says of itself.
    pub manifest: Manifest,
    /// Objects put back.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those that are not as they should be, beyond what the backup says itself.
    pub wrong: Named,
}

/// Puts the backup in the folder `from` back. Each object is held against its digest on the way. `keys`: what its objects are
/// opened with, where they are sealed. What is asked of object stores is done on `runtime`, on whose threads this is not to be
/// called.
///
/// # Errors
/// When the backup is not whole, there is something where it is to be put, or something cannot be read or written; there is no
/// catalog then.
pub fn restore(
    runtime: &Handle,
    from: &Path,
    target: Target,
    keys: Option<Ring>,
    tell: &mut dyn FnMut(Progress),
) -> Result<Restored, BackupError> {
    let (manifest, snapshot) = open(from)?;
    refuse_catalog(&target.catalog)?;
    let mut restored = Restored { manifest, objects: 0, bytes: 0, wrong: Named::default() };
    if restored.manifest.carried == Carry::List {
        // They come, or are there, by other means.
        if let Kept::Folder(_) = target.objects {
            runtime.block_on(target.objects.make_empty())?;
        }
    } else {
        let root = from.join(OBJECTS);
        let source = match (restored.manifest.is_sealed, keys) {
            (false, _) => Kept::Folder(root),
            (true, Some(ring)) => Kept::Sealed(root, ring),
            (true, None) => return Err(BackupError::NoKeys),
        };
        runtime.block_on(target.objects.make_empty())?;
        let carrier = Arc::new(Carrier { from: source, to: target.objects.clone() });
        runtime.block_on(copy_all(&snapshot, &carrier, &mut restored, tell))?;
    }
    drop(snapshot);
    target.objects.finish()?;
    // Last: a node finds no catalog where this was broken off.
    put_catalog(&from.join(CATALOG), &target)?;
    Ok(restored)
}

/// The manifest and the catalog of a backup, which is seen to be the one that the manifest tells of.
fn open(from: &Path) -> Result<(Manifest, Snapshot), BackupError> {
    let manifest = Manifest::read(from)?;
    let path = from.join(CATALOG);
    let found = sha256(&path)?;
    if found != manifest.catalog_sha256 {
        let words = format!("catalog.db has digest {found}, and {} was taken", manifest.catalog_sha256);
        return Err(BackupError::NotWhole(words));
    }
    let snapshot = Snapshot::open(&path)?;
    let counts = snapshot.counts()?;
    if manifest.counts.iter().any(|(table, count)| counts.get(table) != Some(count)) {
        return Err(BackupError::NotWhole("catalog.db has other rows than the manifest says".to_owned()));
    }
    Ok((manifest, snapshot))
}

fn refuse_catalog(catalog: &Origin) -> Result<(), BackupError> {
    match catalog {
        Origin::File(file) if file.exists() => Err(BackupError::There(file.display().to_string())),
        Origin::File(_) => Ok(()),
        Origin::Server(server) => match causeway_catalog::check_empty(server) {
            Err(causeway_catalog::Error::InUse) => Err(BackupError::There(server.to_string())),
            other => Ok(other?),
        },
    }
}

/// The catalog of a node that has none of the spools which it was copied with.
fn put_catalog(copy: &Path, target: &Target) -> Result<(), BackupError> {
    let scratch = &target.scratch;
    carry::copy_whole(copy, scratch)?;
    causeway_catalog::settle_all(scratch)?;
    match &target.catalog {
        Origin::File(file) => carry::rename(scratch, file)?,
        Origin::Server(server) => {
            causeway_catalog::move_to_server(scratch, server, &mut |_| {})?;
            carry::remove(scratch)?;
        }
    }
    Ok(())
}

async fn copy_all(
    snapshot: &Snapshot,
    carrier: &Arc<Carrier>,
    restored: &mut Restored,
    tell: &mut dyn FnMut(Progress),
) -> Result<(), BackupError> {
    let mut rows = Rows::new(snapshot, &restored.manifest);
    let mut progress = Progress { objects: 0, of: restored.manifest.rows() };
    loop {
        let some = rows.next()?;
        if some.is_empty() {
            return Ok(());
        }
        let tasks = some.into_iter().map(|known| tokio::spawn(Arc::clone(carrier).carry(known)));
        // A task begins when it is spawned: as many are spawned as may be under way.
        let mut fates = stream::iter(tasks).buffered(CARRIED_AT_ONCE);
        while let Some(done) = fates.next().await {
            restored.note(done.map_err(|_| BackupError::BrokenOff)??);
            progress.objects += 1;
            tell(progress);
        }
    }
}

impl Restored {
    fn note(&mut self, Put { object, bytes, is_right }: Put) {
        if let Some(bytes) = bytes {
            self.objects += 1;
            self.bytes += bytes;
        }
        if !is_right && !self.manifest.tells_of(&object) {
            self.wrong.add(&object);
        }
    }
}

/// What became of an object.
struct Put {
    object: ObjectKey,
    /// How long it is; none: it is not put back.
    bytes: Option<u64>,
    is_right: bool,
}

struct Carrier {
    from: Kept,
    to: Kept,
}

impl Carrier {
    async fn carry(self: Arc<Self>, known: KnownObject) -> Result<Put, BackupError> {
        let (bytes, is_right) = match self.put(&known).await {
            Ok(found) => found,
            Err(error) if error.is_damage() => (None, false),
            Err(error) => return Err(error.into()),
        };
        Ok(Put { object: known.object, bytes, is_right })
    }

    async fn put(&self, known: &KnownObject) -> Result<(Option<u64>, bool), causeway_store::Error> {
        match self.from.open(&known.object, known.object_bytes).await? {
            None => Ok((None, false)),
            Some(object) => {
                let bytes = object.bytes;
                let is_right = carry_whole(known, object, &self.to).await?;
                Ok((Some(bytes), is_right))
            }
        }
    }
}
