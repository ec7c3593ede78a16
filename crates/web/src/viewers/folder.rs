//! The folder of a viewer: which file a path names, and that it lies within. A path climbs nowhere, names nothing
//! hidden, and follows no link out of the folder. Blocking: called on the keeper's thread, and at the start.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::name::ViewerName;

/// What a viewer is opened with.
pub(super) const PAGE: &str = "index.html";
/// Longest path of a file within a folder, in bytes.
const MAX_PATH_BYTES: usize = 1024;

/// Why a folder cannot be served as a viewer.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// There is no such folder, or it may not be read.
    #[error(
        "[web] viewers: the folder {} of {name} cannot be opened ({source}); name the folder that holds the \
         viewer's index.html, for OHIF the folder dist of its package", path.display()
    )]
    Absent {
        /// The viewer.
        name: ViewerName,
        /// Its folder as it is set.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder holds no page.
    #[error(
        "[web] viewers: the folder {} of {name} has no index.html; name the folder that has it, for OHIF the folder \
         dist of its package", path.display()
    )]
    NoPage {
        /// The viewer.
        name: ViewerName,
        /// Its folder as it is set.
        path: PathBuf,
    },
    /// No thread to read it with.
    #[error("the thread that reads viewers cannot be started: {0}")]
    NoThread(io::Error),
}

/// A folder with a page in it.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Looks whether `path` is a folder with a page in it.
    pub(super) fn open(name: &ViewerName, path: &Path) -> Result<Self, FolderError> {
        let absent = |source| FolderError::Absent { name: name.clone(), path: path.to_path_buf(), source };
        let root = path.canonicalize().map_err(absent)?;
        let folder = Self { root };
        match folder.find(PAGE) {
            Some(_) => Ok(folder),
            None => Err(FolderError::NoPage { name: name.clone(), path: path.to_path_buf() }),
        }
    }

    /// The file that a path within the folder names, with what the system says of it.
    pub(super) fn find(&self, path: &str) -> Option<(PathBuf, Metadata)> {
        if !is_plain(path) {
            return None;
        }
        let found = self.root.join(path).canonicalize().ok()?;
        let metadata = fs::metadata(&found).ok()?;
        (found.starts_with(&self.root) && metadata.is_file()).then_some((found, metadata))
    }

    /// Opens what `find` found.
    pub(super) fn read(&self, path: &str) -> Option<(File, Metadata)> {
        let (found, metadata) = self.find(path)?;
        Some((File::open(found).ok()?, metadata))
    }
}

/// Whether every piece of the path is a name: not empty, not hidden, nothing that climbs.
pub(super) fn is_plain(path: &str) -> bool {
    path.len() <= MAX_PATH_BYTES
        && path.split('/').all(|piece| !piece.is_empty() && !piece.starts_with('.'))
        && !path.contains(|c: char| c == '\\' || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn viewer() -> (tempfile::TempDir, Folder) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("dist");
        fs::create_dir_all(root.join("assets")).unwrap();
        for (path, text) in
            [("index.html", "page"), ("assets/a.svg", "a"), (".secret", "s"), ("../outside.js", "o")]
        {
            fs::write(root.join(path), text).unwrap();
        }
        let opened = Folder::open(&ViewerName::parse("v").unwrap(), &root).unwrap();
        (folder, opened)
    }

    #[test]
    fn a_file_within_is_found_and_nothing_else() {
        let (_keep, folder) = viewer();
        assert!(folder.find("index.html").is_some());
        assert!(folder.find("assets/a.svg").is_some());
        for path in [
            "",
            "assets",
            "assets/",
            ".secret",
            "../outside.js",
            "assets/../../outside.js",
            "/index.html",
            "assets//a.svg",
            "./index.html",
            "assets\\a.svg",
            "index.html\0",
            "none.js",
        ] {
            assert!(folder.find(path).is_none(), "{path:?}");
        }
    }

    #[test]
    fn a_link_within_is_followed_and_one_that_leads_out_is_not() {
        let (_keep, folder) = viewer();
        std::os::unix::fs::symlink("index.html", folder.root.join("within.html")).unwrap();
        std::os::unix::fs::symlink("../outside.js", folder.root.join("out.js")).unwrap();
        std::os::unix::fs::symlink("..", folder.root.join("up")).unwrap();
        assert!(folder.find("within.html").is_some());
        assert!(folder.find("out.js").is_none());
        assert!(folder.find("up/outside.js").is_none());
    }

    #[test]
    fn a_path_is_held_below_at_and_above_its_bound() {
        for (bytes, fine) in [(MAX_PATH_BYTES - 1, true), (MAX_PATH_BYTES, true), (MAX_PATH_BYTES + 1, false)]
        {
            assert_eq!(is_plain(&"a".repeat(bytes)), fine, "{bytes}");
        }
    }

    #[test]
    fn a_folder_without_a_page_is_refused_with_what_to_name() {
        let folder = tempfile::tempdir().unwrap();
        let name = ViewerName::parse("ohif").unwrap();
        let error = Folder::open(&name, folder.path()).unwrap_err();
        assert!(error.to_string().contains("index.html"), "{error}");
        let error = Folder::open(&name, &folder.path().join("absent")).unwrap_err();
        assert!(error.to_string().contains("cannot be opened"), "{error}");
    }
}
