//! Marks beside what was removed and whose bytes stay for a while: a catalog that is made anew from the store alone learns
//! of them that it was. A mark is a small object of its own, `removed/<key>.json`; what stands in it is the caller's.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use causeway_core::ObjectKey;

use crate::error::Error;
use crate::objects::Place;
use crate::{Store, files};

/// The folder of the marks, below the root of the objects.
const FOLDER: &str = "removed";
/// What follows the key in the name of a mark, so that no walk takes it for an object.
const SUFFIX: &str = ".json";
/// What follows it while it is written.
const UNFINISHED_SUFFIX: &str = ".json.part";
/// Longest mark that is read, in bytes.
pub const MAX_MARK_BYTES: u64 = 4096;

impl Store {
    /// Puts marks beside objects, in place of those that are there. They are durable when this returns.
    ///
    /// # Errors
    /// When the disk or the object store fails; some may have been put.
    pub async fn mark_removed(&self, marks: Vec<(ObjectKey, Bytes)>) -> Result<(), Error> {
        match &self.inner.objects.first {
            Place::Local(local) => {
                let folder = local.root().join(FOLDER);
                self.inner.writers.run(move || put_all(&folder, &marks)).await?
            }
            Place::Remote(remote) => {
                for (key, mark) in marks {
                    remote.put_mark(&name_of(&key), mark).await?;
                }
                Ok(())
            }
        }
    }

    /// Takes marks away, wherever they are. One that is not there is no error.
    ///
    /// # Errors
    /// When the disk or the object store fails; some may have been taken away.
    pub async fn unmark_removed(&self, keys: Vec<ObjectKey>) -> Result<(), Error> {
        for place in self.inner.objects.places() {
            match place {
                Place::Local(local) => {
                    let (folder, keys) = (local.root().join(FOLDER), keys.clone());
                    self.inner.writers.run(move || take_all(&folder, &keys)).await??;
                }
                Place::Remote(remote) => {
                    for key in &keys {
                        remote.delete_mark(&name_of(key)).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// All objects that have a mark, in their order.
    ///
    /// # Errors
    /// When the folder cannot be read or the object store fails.
    pub async fn marked_removed(&self) -> Result<Vec<ObjectKey>, Error> {
        let mut found = BTreeSet::new();
        for place in self.inner.objects.places() {
            let names = match place {
                Place::Local(local) => {
                    let folder = local.root().join(FOLDER);
                    self.inner.readers.run(move || names(&folder)).await??
                }
                Place::Remote(remote) => remote.marks(FOLDER).await?,
            };
            let key = |name: &String| ObjectKey::parse(name.strip_suffix(SUFFIX)?).ok();
            found.extend(names.iter().filter_map(key));
        }
        Ok(found.into_iter().collect())
    }

    /// The mark beside an object; none: it has none, or one that is longer than any of ours.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn removal_mark(&self, key: &ObjectKey) -> Result<Option<Bytes>, Error> {
        for place in self.inner.objects.places() {
            let mark = match place {
                Place::Local(local) => {
                    let path = path_of(&local.root().join(FOLDER), key);
                    self.inner.readers.run(move || read(&path)).await??
                }
                Place::Remote(remote) => remote.mark(&name_of(key), MAX_MARK_BYTES).await?,
            };
            if mark.is_some() {
                return Ok(mark);
            }
        }
        Ok(None)
    }
}

fn name_of(key: &ObjectKey) -> String {
    format!("{FOLDER}/{key}{SUFFIX}")
}

fn path_of(folder: &Path, key: &ObjectKey) -> PathBuf {
    folder.join(format!("{key}{SUFFIX}"))
}

/// One sync of the folder for all of them.
fn put_all(folder: &Path, marks: &[(ObjectKey, Bytes)]) -> Result<(), Error> {
    files::make_folder(folder)?;
    for (key, mark) in marks {
        let unfinished = folder.join(format!("{key}{UNFINISHED_SUFFIX}"));
        files::remove(&unfinished)?;
        let mut file = files::create(&unfinished)?;
        file.write_all(mark).map_err(Error::disk("writing", &unfinished))?;
        file.sync_all().map_err(Error::disk("syncing", &unfinished))?;
        let path = path_of(folder, key);
        files::rename(&unfinished, &path).map_err(Error::disk("renaming", &unfinished))?;
    }
    files::sync_folder(folder)
}

fn take_all(folder: &Path, keys: &[ObjectKey]) -> Result<(), Error> {
    if !folder.is_dir() {
        return Ok(());
    }
    files::remove_all(keys.iter().map(|key| path_of(folder, key)))?;
    files::sync_folder(folder)
}

fn names(folder: &Path) -> Result<Vec<String>, Error> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).map_err(Error::disk("listing", folder))?;
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(Error::disk("listing", folder))?.file_name();
        found.extend(name.to_str().map(str::to_owned));
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Option<Bytes>, Error> {
    match files::open_first([path.to_owned()])? {
        Some((_, bytes)) if bytes <= MAX_MARK_BYTES => {
            fs::read(path).map(|mark| Some(mark.into())).map_err(Error::disk("reading", path))
        }
        Some(_) | None => Ok(None),
    }
}
