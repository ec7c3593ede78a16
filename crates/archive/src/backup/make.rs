//! Taking a backup: the catalog first, then what it tells of. What comes later is in the next one.

use std::path::Path;

use causeway_catalog::Snapshot;
use causeway_core::StoredInstance;
use causeway_store::carry::{self, Places};
use jiff::Timestamp;

use super::{
    BackupError, CATALOG, Carry, FORM, LIST, MANIFEST, Manifest, Named, OBJECTS, Progress, ROWS_AT_A_TIME,
    Tap, sha256,
};

/// Takes a backup of the catalog's file and of the objects in `places` to the folder `to`, which must be empty or missing.
/// A node may serve meanwhile. `now`: when it is taken.
///
/// # Errors
/// When something cannot be read or written: then there is no manifest, and what there is is no backup.
pub fn make(
    catalog: &Path,
    places: &Places,
    to: &Path,
    carry: Carry,
    now: Timestamp,
    tell: &mut dyn FnMut(Progress),
) -> Result<Manifest, BackupError> {
    carry::make_empty(to)?;
    let snapshot = Snapshot::take(catalog, &to.join(CATALOG))?;
    let counts = snapshot.counts()?;
    let mut manifest = Manifest {
        form: FORM,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: now,
        catalog_version: snapshot.version()?,
        catalog_sha256: sha256(&to.join(CATALOG))?,
        carried: carry,
        objects: 0,
        bytes: 0,
        missing: Named::default(),
        damaged: Named::default(),
        counts,
    };
    let root = to.join(OBJECTS);
    carry::make_empty(&root)?;
    let list = carry_all(&snapshot, places, &root, &mut manifest, tell)?;
    carry::write_whole(&to.join(LIST), list.as_bytes())?;
    carry::sync_folders(to)?;
    let text =
        serde_json::to_vec_pretty(&manifest).map_err(|error| BackupError::Manifest(error.to_string()))?;
    carry::write_whole(&to.join(MANIFEST), &text)?;
    Ok(manifest)
}

/// Gives the list of what was carried.
fn carry_all(
    snapshot: &Snapshot,
    places: &Places,
    root: &Path,
    manifest: &mut Manifest,
    tell: &mut dyn FnMut(Progress),
) -> Result<String, BackupError> {
    let mut list = String::new();
    let of = manifest.counts.get("instance").copied().unwrap_or_default();
    let (mut after, mut objects) = (0, 0);
    loop {
        let rows = snapshot.instances(after, ROWS_AT_A_TIME)?;
        let Some((last, _)) = rows.last() else { return Ok(list) };
        after = *last;
        for (_, instance) in &rows {
            carry_one(instance, places, root, manifest)?;
            let path = carry::below(Path::new(OBJECTS), &instance.object);
            let (bytes, digest) = (instance.object_bytes, instance.digest);
            list.push_str(&format!("{} {bytes} {digest} {}\n", instance.object, path.display()));
        }
        objects += rows.len() as u64;
        tell(Progress { objects, of });
    }
}

fn carry_one(
    instance: &StoredInstance,
    places: &Places,
    root: &Path,
    manifest: &mut Manifest,
) -> Result<(), BackupError> {
    let key = &instance.object;
    let Some(from) = places.find(key) else {
        manifest.missing.add(key);
        return Ok(());
    };
    let carried = match manifest.carried {
        Carry::List => Ok(()),
        Carry::Link => carry::link(&from, root, key),
        Carry::Copy => {
            let mut tap = Tap::new(instance.data_set_offset);
            let copied = carry::copy(&from, root, key, &mut |bytes| tap.see(bytes));
            if copied.is_ok() && !tap.is(instance.object_bytes, instance.digest) {
                manifest.damaged.add(key);
            }
            copied
        }
    };
    match carried {
        Ok(()) => {
            manifest.objects += 1;
            manifest.bytes += instance.object_bytes;
            Ok(())
        }
        // It settled or was deleted as it was about to be carried.
        Err(_) if !from.exists() => match places.find(key) {
            Some(_) => carry_one(instance, places, root, manifest),
            None => {
                manifest.missing.add(key);
                Ok(())
            }
        },
        Err(error) => Err(error.into()),
    }
}
