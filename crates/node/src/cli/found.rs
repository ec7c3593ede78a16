//! What lies in the paths: files one by one, and those inside of zip archives. Whatever cannot be DICOM is named
//! and left aside.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use walkdir::WalkDir;

/// Largest file that is taken, packed or not: 2 GiB is more than one multi-frame object has in practice.
const MAX_FILE_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// Entries of one archive that are looked at.
const MAX_ENTRIES: usize = 1_000_000;
/// Where `DICM` stands (PS3.10 §7.1).
const MAGIC_AT: usize = 128;

/// A file that lies there.
pub(crate) struct Found {
    path: PathBuf,
    bytes: u64,
}

/// Something to send, or to name.
pub(crate) enum Item {
    File(ReadFile),
    Left { name: String, because: String },
}

/// A file in memory.
pub(crate) struct ReadFile {
    pub(crate) name: String,
    pub(crate) bytes: Bytes,
}

/// All files below `paths`, in an order that is the same each time; a folder that cannot be read is among them,
/// so that it is named.
pub(crate) fn look(paths: &[PathBuf]) -> Vec<Found> {
    let entries = paths.iter().flat_map(|path| WalkDir::new(path).sort_by_file_name());
    entries
        .filter_map(|entry| match entry {
            Ok(entry) if entry.file_type().is_file() => Some(Found {
                bytes: entry.metadata().map(|metadata| metadata.len()).unwrap_or_default(),
                path: entry.into_path(),
            }),
            Ok(_) => None,
            Err(error) => error.path().map(|path| Found { bytes: 0, path: path.to_owned() }),
        })
        .collect()
}

impl Found {
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What is in it, one after another, so that an archive is never in memory as a whole.
    pub(crate) fn items(self) -> Box<dyn Iterator<Item = Item>> {
        let name = self.path.display().to_string();
        if is_zip(&self.path) {
            return match Archive::open(&self.path) {
                Ok(archive) => Box::new(archive),
                Err(error) => {
                    Box::new(std::iter::once(left(name, format!("the archive cannot be read: {error}"))))
                }
            };
        }
        let item = match File::open(&self.path) {
            Ok(file) => read(name, self.bytes, file),
            Err(error) => left(name, format!("it cannot be read: {error}")),
        };
        Box::new(std::iter::once(item))
    }
}

fn left(name: String, because: impl Into<String>) -> Item {
    Item::Left { name, because: because.into() }
}

fn is_zip(path: &Path) -> bool {
    let mut head = [0; 4];
    File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok() && head == *b"PK\x03\x04"
}

/// Reads at most [`MAX_FILE_BYTES`], whatever was announced.
fn read(name: String, announced: u64, source: impl io::Read) -> Item {
    if announced > MAX_FILE_BYTES {
        return left(name, "it is larger than 2 GiB; send it with a C-STORE client");
    }
    let mut bytes = Vec::new();
    match source.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes) {
        Err(error) => left(name, format!("it cannot be read: {error}")),
        Ok(_) if bytes.len() as u64 > MAX_FILE_BYTES => left(name, "it unpacks to more than 2 GiB"),
        Ok(_) if is_directory(&name) => {
            left(name, "a DICOMDIR names instances and is none; the files are taken")
        }
        Ok(_) if !may_be_dicom(&bytes) => left(name, "it is no DICOM file"),
        Ok(_) => Item::File(ReadFile { name, bytes: Bytes::from(bytes) }),
    }
}

fn is_directory(name: &str) -> bool {
    Path::new(name).file_name().is_some_and(|file| file.eq_ignore_ascii_case("DICOMDIR"))
}

/// A preamble with its prefix, or a first element of group 0002 or 0008; the node looks closer.
fn may_be_dicom(bytes: &[u8]) -> bool {
    bytes.get(MAGIC_AT..MAGIC_AT + 4) == Some(b"DICM")
        || matches!(bytes.get(..4), Some([0x02 | 0x08, 0, _, 0] | [0, 0x08, 0, _]))
}

/// A zip archive, entry by entry.
struct Archive {
    name: String,
    zip: zip::ZipArchive<File>,
    next: usize,
}

impl Archive {
    fn open(path: &Path) -> Result<Self, zip::result::ZipError> {
        let zip = zip::ZipArchive::new(File::open(path)?)?;
        Ok(Self { name: path.display().to_string(), zip, next: 0 })
    }
}

impl Iterator for Archive {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        loop {
            let index = self.next;
            if index >= self.zip.len().min(MAX_ENTRIES) {
                return None;
            }
            self.next += 1;
            let entry = match self.zip.by_index(index) {
                Ok(entry) if entry.is_dir() => continue,
                Ok(entry) => entry,
                Err(error) => {
                    return Some(left(
                        format!("{}#{index}", self.name),
                        format!("it cannot be unpacked: {error}"),
                    ));
                }
            };
            let inside = entry.name().map_or_else(|_| format!("#{index}"), std::borrow::Cow::into_owned);
            let name = format!("{}:{inside}", self.name);
            return Some(read(name, entry.size(), entry));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn dicom() -> Vec<u8> {
        let mut file = vec![0; MAGIC_AT];
        file.extend_from_slice(b"DICM");
        file
    }

    fn names(path: &Path) -> Vec<(String, bool)> {
        let items = look(&[path.to_owned()]).into_iter().flat_map(Found::items);
        items
            .map(|item| match item {
                Item::File(file) => (file.name, true),
                Item::Left { name, .. } => (name, false),
            })
            .map(|(name, sent)| (name.rsplit('/').next().unwrap_or_default().to_owned(), sent))
            .collect()
    }

    #[test]
    fn files_and_archives_are_read_and_what_is_no_dicom_is_left_and_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.dcm"), dicom()).unwrap();
        std::fs::write(folder.path().join("DICOMDIR"), dicom()).unwrap();
        std::fs::write(folder.path().join("notes.txt"), b"no pictures here").unwrap();
        let mut zip = zip::ZipWriter::new(File::create(folder.path().join("z.zip")).unwrap());
        for name in ["inside/b", "../../c"] {
            zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(&dicom()).unwrap();
        }
        zip.finish().unwrap();
        let wanted = [("DICOMDIR", false), ("a.dcm", true), ("notes.txt", false), ("b", true), ("c", true)];
        assert_eq!(names(folder.path()), wanted.map(|(name, sent)| (name.to_owned(), sent)));
    }

    #[test]
    fn a_broken_archive_is_left_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("z.zip");
        std::fs::write(&path, b"PK\x03\x04 and nothing more").unwrap();
        assert_eq!(names(&path), [("z.zip".to_owned(), false)]);
    }
}
