//! What has settled, named from the first to the last, and where an object is put that must not be read any more.
//!
//! Names are ordered by the time they were given, so that a walk that was broken off goes on where it was.

use std::fs;
use std::io;
use std::path::Path;

use causeway_core::ObjectKey;

use crate::error::Error;
use crate::objects::{LocalObjects, Objects, Place};
use crate::{Store, files, layout};

/// The folder of the spool for what is put aside.
pub(crate) const ASIDE_NAME: &str = "aside";
/// Names that an object store is asked for at a time.
const NAMES_PER_REQUEST: usize = 1000;

/// How a position in the place that is moved from begins. None of the first does.
const ALSO: &str = "also:";

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
    /// meanwhile is named or not, and what is being moved may be named twice.
    ///
    /// # Errors
    /// When a folder cannot be read or the object store fails.
    pub async fn settled_after(&self, position: &str) -> Result<Option<Settled>, Error> {
        let Objects { first, also, .. } = &self.inner.objects;
        let of_also = match position.strip_prefix(ALSO) {
            Some(position) => position,
            None => match self.settled_in(first, position).await? {
                None => "",
                some => return Ok(some),
            },
        };
        let Some(also) = also else { return Ok(None) };
        let settled = self.settled_in(also, of_also).await?;
        Ok(settled.map(|found| Settled { position: format!("{ALSO}{}", found.position), ..found }))
    }

    async fn settled_in(&self, place: &Place, position: &str) -> Result<Option<Settled>, Error> {
        match place {
            Place::Local(local) => {
                let (local, position) = (local.clone(), position.to_owned());
                self.inner.readers.run(move || next_folder(&local, &position)).await?
            }
            Place::Remote(remote) => {
                let names = remote.names_after(position, NAMES_PER_REQUEST).await?;
                let Some(last) = names.last() else { return Ok(None) };
                // What is called as an object and lies elsewhere is of somebody else.
                let key = |name: &object_store::path::Path| {
                    let key = ObjectKey::parse(name.filename()?).ok()?;
                    (layout::object_path(&key) == *name).then_some(key)
                };
                Ok(Some(Settled {
                    position: last.to_string(),
                    objects: names.iter().filter_map(key).collect(),
                }))
            }
        }
    }

    /// The next objects that lie in the place that is moved from, from beyond `after` on, in their order; empty: that was
    /// all.
    ///
    /// # Errors
    /// When a folder cannot be read or the object store fails.
    pub async fn old_after(&self, after: Option<&ObjectKey>) -> Result<Vec<ObjectKey>, Error> {
        let Some(also) = &self.inner.objects.also else { return Ok(Vec::new()) };
        // A folder is listed whole: what is left of the one that `after` is in comes first.
        let mut position = match (also, after) {
            (_, None) => String::new(),
            (Place::Local(local), Some(after)) => {
                let (outer, inner) = layout::folders(after);
                let folder = local.root().join(outer).join(inner);
                let rest = self.inner.readers.run(move || keys_in(&folder)).await??;
                let rest: Vec<_> = rest.into_iter().filter(|key| key > after).collect();
                if !rest.is_empty() {
                    return Ok(rest);
                }
                format!("{outer}/{inner}")
            }
            (Place::Remote(_), Some(after)) => layout::object_path(after).to_string(),
        };
        while let Some(settled) = self.settled_in(also, &position).await? {
            if !settled.objects.is_empty() {
                return Ok(settled.objects);
            }
            position = settled.position;
        }
        Ok(Vec::new())
    }

    /// Takes an object out of where readers look for it, to a folder of the spool, from which nothing ever removes it; in
    /// an object store to a name below `aside`. Gives whether it was there to be taken out.
    ///
    /// # Errors
    /// When the disk or the object store fails.
    pub async fn put_aside(&self, key: &ObjectKey) -> Result<bool, Error> {
        let mut is_moved = self.put_file_aside(key).await?;
        for place in self.inner.objects.places() {
            if let Place::Remote(remote) = place {
                is_moved |= remote.put_aside(key).await?;
            }
        }
        Ok(is_moved)
    }

    async fn put_file_aside(&self, key: &ObjectKey) -> Result<bool, Error> {
        let from = std::iter::once(self.inner.spooled_path(key)).chain(self.inner.objects.files(key));
        let from: Vec<_> = from.collect();
        let (folder, name) = (self.inner.aside_folder(), key.to_string());
        self.inner
            .writers
            .run(move || {
                files::make_folder(&folder)?;
                let mut is_moved = false;
                for from in &from {
                    is_moved |= move_aside(from, &folder, &name)?;
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
            let objects = keys_in(&folder.join(&inner))?;
            return Ok(Some(Settled { position: format!("{outer}/{inner}"), objects }));
        }
    }
    Ok(None)
}

/// The objects of an inner folder, in their order.
fn keys_in(folder: &Path) -> Result<Vec<ObjectKey>, Error> {
    let keys = names(folder, |name| ObjectKey::parse(name).is_ok())?;
    Ok(keys.iter().filter_map(|name| ObjectKey::parse(name).ok()).collect())
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
