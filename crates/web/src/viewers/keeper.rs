//! The thread of one viewer: finds files, makes those that were built for the root of a server fit, and packs text
//! with gzip. What it has packed it keeps, as long as the file on disk is the same and there is room.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::time::SystemTime;

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};

use super::folder::{Folder, FolderError};
use super::kinds::{Treatment, media_of};
use super::{moved, ohif};

/// Largest file that is made fit and packed, in bytes; a larger one goes out as it lies on disk.
const MAX_PACKED_BYTES: u64 = 32 * 1024 * 1024;
/// Packed bytes kept for one viewer. When more come, keeping begins anew.
const MAX_KEPT_BYTES: usize = 96 * 1024 * 1024;
/// Packed files kept for one viewer.
const MAX_KEPT_FILES: usize = 4096;
/// Questions that wait for the thread; more wait for a place.
const MAX_WAITING_QUESTIONS: usize = 64;

/// What someone wants of a viewer.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// A file within the folder.
    pub(super) path: String,
    /// How many folders below the viewer's own it was asked for: a page needs to know.
    pub(super) depth: usize,
    /// In which form it may come.
    pub(super) coding: Coding,
}

/// Content codings (RFC 9110 §8.4.1) that are spoken here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// Packed, where it is worth it.
    Gzip,
    /// As it is.
    Identity,
}

/// What there is.
pub(super) enum Found {
    /// All of it, and the coding it is in.
    Whole { bytes: Bytes, coding: Coding, digest: [u8; 32] },
    /// A file to be read, and its length.
    Open { file: File, bytes: u64, digest: [u8; 32] },
}

/// A viewer's files, by its thread. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Keeper {
    questions: mpsc::Sender<(Question, oneshot::Sender<Option<Found>>)>,
}

impl Keeper {
    /// Starts the thread; it ends when nobody can ask any more.
    pub(super) fn start(folder: Folder) -> Result<Self, FolderError> {
        let (questions, mut asked) =
            mpsc::channel::<(Question, oneshot::Sender<Option<Found>>)>(MAX_WAITING_QUESTIONS);
        let mut desk = Desk { folder, kept: HashMap::new(), kept_bytes: 0 };
        let work = move || {
            while let Some((question, answer)) = asked.blocking_recv() {
                // Who has gone away needs no answer.
                let _ = answer.send(desk.find(&question));
            }
        };
        std::thread::Builder::new().name("viewer".to_owned()).spawn(work).map_err(FolderError::NoThread)?;
        Ok(Self { questions })
    }

    /// The file, if there is one.
    pub(super) async fn find(&self, question: Question) -> Option<Found> {
        let (answer, answered) = oneshot::channel();
        self.questions.send((question, answer)).await.ok()?;
        answered.await.ok().flatten()
    }
}

/// A file made fit and packed.
#[derive(Clone)]
struct Packed {
    bytes: Bytes,
    digest: [u8; 32],
    length: u64,
    modified: Option<SystemTime>,
}

struct Desk {
    folder: Folder,
    kept: HashMap<String, Packed>,
    kept_bytes: usize,
}

impl Desk {
    fn find(&mut self, question: &Question) -> Option<Found> {
        let (file, metadata) = self.folder.read(&question.path)?;
        let treatment = media_of(&question.path).1;
        if metadata.len() > MAX_PACKED_BYTES || treatment == Treatment::AsItIs {
            return Some(Found::Open { file, bytes: metadata.len(), digest: digest_of_state(&metadata) });
        }
        let packed = self.packed(question, treatment, file, &metadata).ok()?;
        match question.coding {
            Coding::Gzip => {
                Some(Found::Whole { digest: packed.digest, bytes: packed.bytes, coding: Coding::Gzip })
            }
            Coding::Identity => {
                let mut bytes = Vec::new();
                GzDecoder::new(packed.bytes.as_ref()).read_to_end(&mut bytes).ok()?;
                let digest = Sha256::digest(packed.digest).into();
                Some(Found::Whole { digest, bytes: bytes.into(), coding: Coding::Identity })
            }
        }
    }

    fn packed(
        &mut self,
        question: &Question,
        treatment: Treatment,
        file: File,
        metadata: &Metadata,
    ) -> io::Result<Packed> {
        let (length, modified) = (metadata.len(), metadata.modified().ok());
        let known = self.kept.get(&question.path);
        if let Some(packed) = known.filter(|known| known.length == length && known.modified == modified) {
            return Ok(packed.clone());
        }
        let mut text = Vec::new();
        file.take(MAX_PACKED_BYTES).read_to_end(&mut text)?;
        let text = self.fitted(question, treatment, text);
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(&text)?;
        let bytes = Bytes::from(packer.finish()?);
        let packed = Packed { bytes, digest: Sha256::digest(&text).into(), length, modified };
        // A page differs by where it is asked for, and is small.
        if treatment != Treatment::Page {
            self.keep(question.path.clone(), packed.clone());
        }
        Ok(packed)
    }

    fn keep(&mut self, path: String, packed: Packed) {
        if self.kept_bytes + packed.bytes.len() > MAX_KEPT_BYTES || self.kept.len() >= MAX_KEPT_FILES {
            self.kept.clear();
            self.kept_bytes = 0;
        }
        self.kept_bytes += packed.bytes.len();
        if let Some(before) = self.kept.insert(path, packed) {
            self.kept_bytes -= before.bytes.len();
        }
    }

    /// The file as its reader needs it below the viewer's path.
    fn fitted(&self, question: &Question, treatment: Treatment, text: Vec<u8>) -> Vec<u8> {
        let has = |path: &str| self.folder.find(path).is_some();
        let own_depth = question.path.matches('/').count();
        match treatment {
            Treatment::Page => moved::page(&text, question.depth, &has),
            Treatment::Style => moved::style(&text, own_depth, &has),
            Treatment::Manifest => moved::manifest(&text, own_depth, &has),
            Treatment::Script if question.path == ohif::SETTINGS => {
                ohif::settings(&moved::script(&text, &has))
            }
            Treatment::Script => moved::script(&text, &has),
            Treatment::Packed | Treatment::AsItIs => text,
        }
    }
}

/// What tells a file from what it was before, without reading it.
fn digest_of_state(metadata: &Metadata) -> [u8; 32] {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    let mut hasher = Sha256::new();
    hasher.update(metadata.len().to_be_bytes());
    hasher.update(since.unwrap_or_default().as_nanos().to_be_bytes());
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::viewers::name::ViewerName;

    fn desk() -> (tempfile::TempDir, Desk) {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("index.html", "<script src=\"/app.js\">"),
            ("app.js", "r.p=\"/\";"),
            ("app-config.js", "window.config={};"),
            ("a.png", "png"),
        ] {
            std::fs::write(folder.path().join(path), text).unwrap();
        }
        let opened = Folder::open(&ViewerName::parse("v").unwrap(), folder.path()).unwrap();
        (folder, Desk { folder: opened, kept: HashMap::new(), kept_bytes: 0 })
    }

    fn ask(desk: &mut Desk, path: &str, depth: usize, coding: Coding) -> Option<Found> {
        desk.find(&Question { path: path.to_owned(), depth, coding })
    }

    fn plain(desk: &mut Desk, path: &str, depth: usize) -> String {
        match ask(desk, path, depth, Coding::Identity) {
            Some(Found::Whole { bytes, .. }) => String::from_utf8(bytes.to_vec()).unwrap(),
            Some(Found::Open { .. }) | None => panic!("{path} is no text"),
        }
    }

    #[test]
    fn text_is_made_fit_and_other_files_are_opened() {
        let (_keep, mut desk) = desk();
        assert_eq!(plain(&mut desk, "index.html", 1), "<script src=\"../app.js\">");
        assert!(plain(&mut desk, "app.js", 0).contains("self.PUBLIC_URL"));
        assert!(matches!(ask(&mut desk, "a.png", 0, Coding::Gzip), Some(Found::Open { bytes: 3, .. })));
        assert!(ask(&mut desk, "none.js", 0, Coding::Gzip).is_none());
    }

    #[test]
    fn the_settings_of_ohif_keep_what_was_there_and_name_this_node() {
        let (_keep, mut desk) = desk();
        let settings = plain(&mut desk, "app-config.js", 0);
        assert!(settings.starts_with("window.config={};"), "{settings}");
        assert!(settings.contains("../../dicom-web"), "{settings}");
    }

    #[test]
    fn a_page_is_made_for_each_place_and_a_script_once() {
        let (_keep, mut desk) = desk();
        assert_ne!(plain(&mut desk, "index.html", 0), plain(&mut desk, "index.html", 2));
        plain(&mut desk, "app.js", 0);
        plain(&mut desk, "app.js", 0);
        assert_eq!(desk.kept.keys().collect::<Vec<_>>(), ["app.js"]);
    }

    #[test]
    fn a_file_that_was_exchanged_is_read_again() {
        let (keep, mut desk) = desk();
        plain(&mut desk, "app.js", 0);
        std::fs::write(keep.path().join("app.js"), "another text").unwrap();
        assert_eq!(plain(&mut desk, "app.js", 0), "another text");
        assert_eq!(desk.kept_bytes, desk.kept.values().map(|packed| packed.bytes.len()).sum::<usize>());
    }

    #[test]
    fn keeping_begins_anew_above_its_bound_of_files() {
        let (_keep, mut desk) = desk();
        let packed = Packed { bytes: Bytes::from_static(b"x"), digest: [0; 32], length: 1, modified: None };
        for (index, left) in (0..=MAX_KEPT_FILES).zip(1..) {
            desk.keep(index.to_string(), packed.clone());
            let wanted = if index < MAX_KEPT_FILES { left } else { 1 };
            assert_eq!((desk.kept.len(), desk.kept_bytes), (wanted, wanted));
        }
    }

    #[test]
    fn keeping_begins_anew_above_its_bound_of_bytes() {
        let (_keep, mut desk) = desk();
        let half = Packed {
            bytes: Bytes::from(vec![0; MAX_KEPT_BYTES / 2]),
            digest: [0; 32],
            length: 1,
            modified: None,
        };
        for (name, left) in [("a", 1), ("b", 2), ("c", 1)] {
            desk.keep(name.to_owned(), half.clone());
            assert_eq!(desk.kept.len(), left);
        }
    }
}
