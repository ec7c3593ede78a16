//! Single operations on files, blocking, each with an error that says what was being done.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::Space;
use crate::disk::{Act, perform};
use crate::error::Error;

/// Most slices handed to one `writev`; the kernel takes 1,024.
const MAX_SLICES: usize = 512;

/// A new file; that one of this name exists is an error.
pub(crate) fn create(path: &Path) -> Result<File, Error> {
    let create = || OpenOptions::new().write(true).create_new(true).open(path);
    perform(Act::Create(path), create).map_err(Error::disk("creating", path))
}

/// A new file that is read back while it is written.
pub(crate) fn create_scratch(path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).open(path).map_err(Error::disk("creating", path))
}

/// Appends all `chunks`, without joining them first.
pub(crate) fn write_all(file: &mut impl Write, chunks: &[Bytes]) -> io::Result<()> {
    for group in chunks.chunks(MAX_SLICES) {
        let mut slices: Vec<IoSlice<'_>> = group.iter().map(|chunk| IoSlice::new(chunk)).collect();
        let mut rest = slices.as_mut_slice();
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            match file.write_vectored(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut rest, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// Puts `header` at the front of a file whose front was set aside.
pub(crate) fn write_front(file: &mut File, header: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    file.write_all(header)
}

/// Opens the first of `paths` that exists; says its length.
pub(crate) fn open_first(paths: impl IntoIterator<Item = PathBuf>) -> Result<Option<(File, u64)>, Error> {
    for path in paths {
        match File::open(&path) {
            Ok(file) => {
                let bytes = file.metadata().map_err(Error::disk("reading the length of", &path))?.len();
                return Ok(Some((file, bytes)));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::disk("opening", &path)(error)),
        }
    }
    Ok(None)
}

/// Removes those of `paths` that exist.
pub(crate) fn remove_all(paths: impl IntoIterator<Item = PathBuf>) -> Result<(), Error> {
    paths.into_iter().try_for_each(|path| remove(&path))
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    remove_found(path).map(drop)
}

/// The same; gives whether it was there.
pub(crate) fn remove_found(path: &Path) -> Result<bool, Error> {
    match perform(Act::Remove(path), || fs::remove_file(path)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::disk("removing", path)(error)),
    }
}

/// Makes a folder and those above it that are missing, each synced into its parent.
pub(crate) fn make_folder(folder: &Path) -> Result<(), Error> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_folder(parent)?;
    }
    match perform(Act::MakeFolder(folder), || fs::create_dir(folder)) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(Error::disk("making folder", folder)(error));
        }
        _ => {}
    }
    match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_folder(parent),
        _ => Ok(()),
    }
}

/// Makes what was written to a file durable.
pub(crate) fn sync(file: &File, path: &Path) -> Result<(), Error> {
    perform(Act::Sync(path), || file.sync_all()).map_err(Error::disk("syncing", path))
}

/// Makes the entries of a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
    let handle = File::open(folder).map_err(Error::disk("opening folder", folder))?;
    perform(Act::SyncFolder(folder), || handle.sync_all()).map_err(Error::disk("syncing folder", folder))
}

/// Gives a file another name, in this folder or another of the same disk.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    perform(Act::Rename { from, to }, || fs::rename(from, to))
}

/// Free and total space of the disk that `path` is on.
pub(crate) fn space(path: &Path) -> Result<Space, Error> {
    let vfs =
        rustix::fs::statvfs(path).map_err(|error| Error::disk("asking for space at", path)(error.into()))?;
    Ok(Space {
        free: vfs.f_bavail.saturating_mul(vfs.f_frsize),
        total: vfs.f_blocks.saturating_mul(vfs.f_frsize),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_slices_than_the_kernel_takes_are_all_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut file = create(&path).unwrap();
        let chunks: Vec<Bytes> = (0..3 * MAX_SLICES).map(|i| Bytes::from(vec![7; i % 7])).collect();
        write_all(&mut file, &chunks).unwrap();
        assert_eq!(fs::read(&path).unwrap(), chunks.concat());
    }

    #[test]
    fn a_missing_file_is_removed_without_complaint() {
        let folder = tempfile::tempdir().unwrap();
        assert!(remove(&folder.path().join("none")).is_ok());
    }
}
