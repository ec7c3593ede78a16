//! What has settled, named from the first to the last, and where an object is put that must not be read any more.
//!
//! Names are ordered by the time they were given, so that a walk that was broken off goes on where it was.

use std::fs;
use std::io;
use std::path::Path;

use causeway_core::ObjectKey;

use crate::error::Error;
use crate::objects::{LocalObjects, Objects};
use crate::{Store, files, layout};

/// The folder of the spool for what is put aside.
pub(crate) const ASIDE_NAME: &str = "aside";
/// Names that an object store is asked for at a time.
const NAMES_PER_REQUEST: usize = 1000;

/// Some of the settled objects, and where the walk goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// What to ask for the next.
    pub position: String,
    /// In their order.
    pub objects: Vec<ObjectKey>,
}

impl Store {
    /// The next objects that have settled, from beyond `position` on; empty: from the first. None: that was all. What came
    /// meanwhile is named or not.
    ///
    /// # Errors
    /// When a folder cannot be read or the object store fails.
    pub async fn settled_after(&self, position: &str) -> Result<Option<Settled>, Error> {
        match &self.inner.objects {
            Objects::Local(local) => {
                let (local, position) = (local.clone(), position.to_owned());
                self.inner.readers.run(move || next_folder(&local, &position)).await?
            }
            Objects::Remote(remote) => {
                let names = remote.names_after(position, NAMES_PER_REQUEST).await?;
                let Some(last) = names.last() else { return Ok(None) };
                let objects = names.iter().filter_map(|name| ObjectKey::parse(name.filename()?).ok());
                Ok(Some(Settled { position: last.to_string(), objects: objects.collect() }))
            }
        }
    }

    /// Takes an object out of where readers look for it, to a folder of the spool, from which nothing ever removes it; in
    /// an object store to a name below `aside`. Gives whether it was there to be taken out.
    ///
    /// # Errors
    /// When the disk or the object store fails.
    pub async fn put_aside(&self, key: &ObjectKey) -> Result<bool, Error> {
        let is_moved = self.put_file_aside(key).await?;
        match &self.inner.objects {
            Objects::Local(_) => Ok(is_moved),
            Objects::Remote(remote) => Ok(remote.put_aside(key).await? || is_moved),
        }
    }

    async fn put_file_aside(&self, key: &ObjectKey) -> Result<bool, Error> {
        let from = [Some(self.inner.spooled_path(key)), self.inner.objects.local_path(key)];
        let (folder, name) = (self.inner.aside_folder(), key.to_string());
        self.inner
            .writers
            .run(move || {
                files::make_folder(&folder)?;
                let mut is_moved = false;
                for from in from.into_iter().flatten() {
                    is_moved |= move_aside(&from, &folder, &name)?;
                }
                files::sync_folder(&folder)?;
                Ok(is_moved)
            })
            .await?
    }
}

/// Never over what was put aside before.
fn move_aside(from: &Path, folder: &Path, name: &str) -> Result<bool, Error> {
    let free = (0_u32..).map(|number| match number {
        0 => folder.join(name),
        number => folder.join(format!("{name}.{number}")),
    });
    let Some(to) = free.into_iter().find(|path| !path.exists()) else { return Ok(false) };
    match fs::rename(from, &to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::disk("putting aside", from)(error)),
    }
}

/// The objects of the first inner folder beyond `position`, which is `outer/inner`.
fn next_folder(local: &LocalObjects, position: &str) -> Result<Option<Settled>, Error> {
    let (after_outer, after_inner) = position.split_once('/').unwrap_or(("", ""));
    for outer in names(local.root(), |name| layout::is_outer(name) && name >= after_outer)? {
        let folder = local.root().join(&outer);
        let is_beyond = |name: &str| layout::is_inner(name) && (outer != after_outer || name > after_inner);
        if let Some(inner) = names(&folder, is_beyond)?.into_iter().next() {
            let keys = names(&folder.join(&inner), |name| ObjectKey::parse(name).is_ok())?;
            let objects = keys.iter().filter_map(|name| ObjectKey::parse(name).ok()).collect();
            return Ok(Some(Settled { position: format!("{outer}/{inner}"), objects }));
        }
    }
    Ok(None)
}

/// The names in a folder that are wanted, in their order. A folder that is gone has none.
fn names(folder: &Path, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<String>, Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::disk("listing", folder)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(Error::disk("listing", folder))?.file_name();
        found.extend(name.to_str().filter(|name| is_wanted(name)).map(str::to_owned));
    }
    found.sort_unstable();
    Ok(found)
}
