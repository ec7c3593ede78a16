//! Objects carried from where a node keeps them to a folder and back: for backups, apart from any node (`kept`: folders,
//! sealed folders and object stores; `places`: those of a node, its spool among them). Files are never changed once they are
//! objects, so that a link to one keeps its bytes whatever the node does.
//!
//! What is done to files blocks: all of it belongs to commands that do nothing else.

mod kept;
mod lines;
mod places;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use causeway_core::ObjectKey;

use crate::error::Error;
use crate::{files, layout};
pub use kept::{Kept, Opened};
pub use lines::Lines;
pub use places::Places;

/// Bytes read at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// Where an object lies below the root of a store.
#[must_use]
pub fn below(root: &Path, key: &ObjectKey) -> PathBuf {
    root.join(layout::relative_path(key))
}

/// Links an object below another root of the same file system.
///
/// # Errors
/// When that cannot be done, such as from one file system to another.
pub fn link(from: &Path, root: &Path, key: &ObjectKey) -> Result<(), Error> {
    let to = prepared(root, key)?;
    fs::hard_link(from, &to).map_err(Error::disk("linking", from))
}

/// Reads a file; `see` is shown all bytes in their order.
///
/// # Errors
/// When it cannot be read, or `see` fails.
pub fn read(from: &Path, see: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> Result<(), Error> {
    let mut source = File::open(from).map_err(Error::disk("opening", from))?;
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let count = source.read(&mut buffer).map_err(Error::disk("reading", from))?;
        if count == 0 {
            return Ok(());
        }
        see(buffer.get(..count).unwrap_or_default()).map_err(Error::disk("copying", from))?;
    }
}

/// Has everything below a folder on disk, the folder itself last.
///
/// # Errors
/// When a folder cannot be read or synced.
pub fn sync_folders(root: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(root).map_err(Error::disk("listing", root))? {
        let path = entry.map_err(Error::disk("listing", root))?.path();
        if path.is_dir() {
            sync_folders(&path)?;
        }
    }
    files::sync_folder(root)
}

/// Makes a folder and those above it that are missing; one that is there must be empty.
///
/// # Errors
/// When it is not empty, or cannot be made.
pub fn make_empty(folder: &Path) -> Result<(), Error> {
    files::make_folder(folder)?;
    let mut entries = fs::read_dir(folder).map_err(Error::disk("listing", folder))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(Error::disk("there is something in", folder)(io::ErrorKind::DirectoryNotEmpty.into())),
    }
}

/// Writes a file that is there whole or not at all.
///
/// # Errors
/// When it cannot be written.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let part = path.with_extension("part");
    let mut file = File::create(&part).map_err(Error::disk("creating", &part))?;
    file.write_all(bytes).map_err(Error::disk("writing", &part))?;
    file.sync_all().map_err(Error::disk("syncing", &part))?;
    fs::rename(&part, path).map_err(Error::disk("renaming", &part))?;
    path.parent().map_or(Ok(()), files::sync_folder)
}

/// Copies a file to where none is, so that it is there whole or not at all.
///
/// # Errors
/// When it cannot be read or written.
pub fn copy_whole(from: &Path, to: &Path) -> Result<(), Error> {
    let part = to.with_extension("part");
    let mut file = File::create(&part).map_err(Error::disk("creating", &part))?;
    read(from, &mut |bytes| file.write_all(bytes))?;
    file.sync_all().map_err(Error::disk("syncing", &part))?;
    fs::rename(&part, to).map_err(Error::disk("renaming", &part))?;
    to.parent().map_or(Ok(()), files::sync_folder)
}

/// Gives a file its name, where none may be, for good.
///
/// # Errors
/// When that cannot be done.
pub fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    fs::rename(from, to).map_err(Error::disk("renaming", from))?;
    to.parent().map_or(Ok(()), files::sync_folder)
}

/// Removes a file that was made on the way.
///
/// # Errors
/// When it is there and cannot be removed.
pub fn remove(path: &Path) -> Result<(), Error> {
    files::remove(path)
}

fn prepared(root: &Path, key: &ObjectKey) -> Result<PathBuf, Error> {
    let to = below(root, key);
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(Error::disk("making folder", folder))?;
    }
    Ok(to)
}
