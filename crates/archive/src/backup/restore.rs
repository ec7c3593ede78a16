//! Putting a backup back where there is nothing: first it is seen that it is whole, then it is copied.

use std::path::{Path, PathBuf};

use causeway_catalog::Snapshot;
use causeway_core::ObjectKey;
use causeway_store::carry::{self, Places};

use super::{
    BackupError, CATALOG, Carry, FORM, MANIFEST, Manifest, Named, OBJECTS, Progress, ROWS_AT_A_TIME, Tap,
    sha256,
};

/// Puts the backup in the folder `from` back: the catalog to the file `catalog`, which must be missing, the objects to the
/// folder `objects`, which must be empty or missing. Each object is held against its digest on the way. Gives the manifest,
/// and which objects are not as they should be beyond what it says itself.
///
/// # Errors
/// When the backup is not whole, or something cannot be read or written; `catalog` is not there then.
pub fn restore(
    from: &Path,
    catalog: &Path,
    objects: &Path,
    tell: &mut dyn FnMut(Progress),
) -> Result<(Manifest, Named), BackupError> {
    let (manifest, snapshot) = open(from)?;
    if catalog.exists() {
        return Err(BackupError::There(catalog.display().to_string()));
    }
    carry::make_empty(objects)?;
    let wrong = match manifest.carried {
        Carry::List => Named::default(),
        Carry::Link | Carry::Copy => copy_all(&snapshot, from, objects, &manifest, tell)?,
    };
    drop(snapshot);
    carry::sync_folders(objects)?;
    // Last: a node finds no catalog where this was broken off.
    carry::copy_whole(&from.join(CATALOG), catalog)?;
    Ok((manifest, wrong))
}

/// The manifest and the catalog of a backup, which is seen to be the one that the manifest tells of.
fn open(from: &Path) -> Result<(Manifest, Snapshot), BackupError> {
    let text =
        std::fs::read(from.join(MANIFEST)).map_err(|error| BackupError::Manifest(error.to_string()))?;
    let manifest: Manifest =
        serde_json::from_slice(&text).map_err(|error| BackupError::Manifest(error.to_string()))?;
    if manifest.form > FORM {
        return Err(BackupError::Newer(manifest.form));
    }
    let path = from.join(CATALOG);
    let found = sha256(&path)?;
    if found != manifest.catalog_sha256 {
        let words = format!("catalog.db has digest {found}, and {} was taken", manifest.catalog_sha256);
        return Err(BackupError::NotWhole(words));
    }
    let snapshot = Snapshot::open(&path)?;
    let counts = snapshot.counts()?;
    if counts != manifest.counts {
        return Err(BackupError::NotWhole("catalog.db has other rows than the manifest says".to_owned()));
    }
    Ok((manifest, snapshot))
}

fn copy_all(
    snapshot: &Snapshot,
    from: &Path,
    to: &Path,
    manifest: &Manifest,
    tell: &mut dyn FnMut(Progress),
) -> Result<Named, BackupError> {
    let places = Places { spool: PathBuf::new(), objects: from.join(OBJECTS) };
    let mut wrong = Named::default();
    let of = manifest.counts.get("instance").copied().unwrap_or_default();
    let (mut after, mut objects) = (0, 0);
    loop {
        let rows = snapshot.instances(after, ROWS_AT_A_TIME)?;
        let Some((last, _)) = rows.last() else { break };
        after = *last;
        for (_, instance) in &rows {
            let Some(path) = places.find(&instance.object) else {
                if !is_told(&manifest.missing, &instance.object) {
                    wrong.add(&instance.object);
                }
                continue;
            };
            let mut tap = Tap::new(instance.data_set_offset);
            carry::copy(&path, to, &instance.object, &mut |bytes| tap.see(bytes))?;
            let is_fine = tap.is(instance.object_bytes, instance.digest);
            if !is_fine && !is_told(&manifest.damaged, &instance.object) {
                wrong.add(&instance.object);
            }
        }
        objects += rows.len() as u64;
        tell(Progress { objects, of });
    }
    Ok(wrong)
}

/// Whether the manifest tells of an object already, as far as that can be known.
fn is_told(named: &Named, key: &ObjectKey) -> bool {
    named.count > named.first.len() as u64 || named.first.contains(key)
}
