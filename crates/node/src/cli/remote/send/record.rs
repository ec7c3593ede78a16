//! What a remote said it took, noted on disk while a command sends, so that the same command can go on after an
//! interruption. One line of JSON each; the file is gone when all is sent.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use causeway_core::Uid;
use serde_json::{Value, json};

/// Most that is read of a record: more lines than any command has sent.
const MAX_RECORD_BYTES: u64 = 1024 * 1024 * 1024;

/// The record of one command.
pub(super) struct Record {
    taken: BTreeSet<String>,
    /// None where nothing can be noted.
    file: Option<(PathBuf, File)>,
}

impl Record {
    /// The record of the command that `command` names; emptied where it is to begin afresh.
    pub(super) fn open(remote: &str, command: &str, afresh: bool) -> anyhow::Result<Self> {
        let folder = folder().context("neither XDG_STATE_HOME nor HOME is set")?;
        Self::open_in(&folder.join("causeway/sent"), remote, command, afresh)
    }

    fn open_in(folder: &Path, remote: &str, command: &str, afresh: bool) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let path = folder.join(format!("{remote}-{command}.ndjson"));
        let unusable = || format!("{} cannot be written", path.display());
        let mut options = OpenOptions::new();
        options.read(true).create(true);
        let file = if afresh { options.write(true).truncate(true) } else { options.append(true) };
        let mut file = file.open(&path).with_context(unusable)?;
        let taken = read(&file);
        // Whatever was cut off in the middle of a line ends there.
        if !taken.is_empty() {
            file.write_all(b"\n").with_context(unusable)?;
        }
        Ok(Self { taken, file: Some((path, file)) })
    }

    /// No record: nothing was taken before, and nothing is noted.
    pub(super) const fn none() -> Self {
        Self { taken: BTreeSet::new(), file: None }
    }

    /// Whether the remote took a file of these bytes.
    pub(super) fn has(&self, digest: &str) -> bool {
        self.taken.contains(digest)
    }

    /// Notes that it did.
    pub(super) fn note(&mut self, instance: Option<&Uid>, digest: &str) -> anyhow::Result<()> {
        if let Some((path, file)) = &mut self.file {
            let line = json!({ "sop_instance": instance, "sha256": digest });
            let written = file.write_all(format!("{line}\n").as_bytes());
            written.with_context(|| format!("{} cannot be written", path.display()))?;
        }
        self.taken.insert(digest.to_owned());
        Ok(())
    }

    /// Makes sure that what was noted outlasts a power cut.
    pub(super) fn settle(&self) -> anyhow::Result<()> {
        let Some((path, file)) = &self.file else { return Ok(()) };
        file.sync_data().with_context(|| format!("{} cannot be written", path.display()))
    }

    /// All is sent: there is nothing to go on with.
    pub(super) fn forget(self) {
        if let Some((path, _)) = self.file {
            // One that stays is read by no other command, and skips only what was taken.
            let _ = fs::remove_file(path);
        }
    }
}

/// Where a user's programs keep what they must remember (XDG Base Directory Specification).
fn folder() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    variable("XDG_STATE_HOME")
        .or_else(|| variable("HOME").map(|home| home.join(".local/state")))
        .or_else(|| variable("LOCALAPPDATA"))
}

/// The digests noted; lines that cannot be read say nothing.
fn read(file: &File) -> BTreeSet<String> {
    let lines = BufReader::new(file.take(MAX_RECORD_BYTES)).lines().map_while(Result::ok);
    let digest = |line: String| {
        let noted: Value = serde_json::from_str(&line).ok()?;
        noted.get("sha256").and_then(Value::as_str).map(str::to_owned)
    };
    lines.filter_map(digest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(byte: u8) -> String {
        format!("{byte:064}")
    }

    fn open(folder: &Path, command: u8, afresh: bool) -> Record {
        Record::open_in(folder, "pacs", &command.to_string(), afresh).unwrap()
    }

    #[test]
    fn the_same_command_knows_what_was_taken_until_all_is_sent() {
        let folder = tempfile::tempdir().unwrap();
        let mut record = open(folder.path(), 1, false);
        record.note(Some(&Uid::parse("1.2").unwrap()), &digest(7)).unwrap();
        record.settle().unwrap();
        drop(record);
        assert!(!open(folder.path(), 2, false).has(&digest(7)), "another command");
        let record = open(folder.path(), 1, false);
        assert!(record.has(&digest(7)) && !record.has(&digest(8)));
        record.forget();
        assert!(!open(folder.path(), 1, false).has(&digest(7)));
    }

    #[test]
    fn a_line_that_was_cut_off_says_nothing_and_harms_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let mut record = open(folder.path(), 1, false);
        record.note(None, &digest(7)).unwrap();
        let (path, mut file) = record.file.take().unwrap();
        file.write_all(b"{\"sop_instance\":\"1.2\",\"sha2").unwrap();
        drop(file);
        let mut record = open(folder.path(), 1, false);
        record.note(None, &digest(8)).unwrap();
        drop(record);
        let record = open(folder.path(), 1, false);
        assert!(record.has(&digest(7)) && record.has(&digest(8)));
        assert_eq!(record.taken.len(), 2, "{}", fs::read_to_string(path).unwrap());
    }

    #[test]
    fn afresh_nothing_was_taken() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path(), 1, false).note(None, &digest(7)).unwrap();
        assert!(!open(folder.path(), 1, true).has(&digest(7)));
        assert!(!open(folder.path(), 1, false).has(&digest(7)));
    }
}
