//! What was done to a folder, act by act, and what a loss of power at any moment may leave of it.
//!
//! The acts are those of the real store, on real files. What follows from them is the weakest file system that one may
//! meet: bytes that were not synced are there, not there, in part, or zeros; of names that were not synced any may be
//! lost while later ones stay, as long as what they build upon is there; a file that was moved is gone from its old
//! folder once that is synced, and is in its new one for sure once that is. The catalog is SQLite's own file; of its log
//! whatever was not synced may be cut off at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use causeway_store::disk::{self, Act, Witness};

use crate::random::Random;

/// Bytes of a header of the log, and of one of its frames with its page (SQLite's file format, §4).
const LOG_HEADER_BYTES: usize = 32;
const FRAME_BYTES: usize = 24 + 4096;

/// A sync that is taken out of the record, as if the code had left it out: the simulation must find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    Nothing,
    /// Files are not synced before they are renamed.
    FileSync,
    /// The spool is not synced after a rename.
    SpoolSync,
    /// Where files settle is not synced.
    ObjectsSync,
    /// The catalog is not synced before files settle.
    CatalogSync,
}

/// One act that was done, by names below the root.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Done {
    Create(PathBuf),
    /// And what was in the file then.
    Write(PathBuf, Vec<u8>),
    Sync(PathBuf),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    MakeFolder(PathBuf),
    SyncFolder(PathBuf),
    /// Whoever asked was answered.
    Told,
}

#[derive(Debug)]
struct Entry {
    done: Done,
    /// Length of the catalog's log then, and how much of it is on disk.
    log_bytes: u64,
    log_synced_bytes: u64,
}

/// What is there at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Left {
    files: BTreeMap<PathBuf, Vec<u8>>,
    folders: BTreeSet<PathBuf>,
    catalog: Vec<u8>,
    log: Vec<u8>,
}

#[derive(Default)]
struct Record {
    entries: Vec<Entry>,
    log_synced_bytes: u64,
    /// Length of the log when something began that syncs it before it moves or removes a file.
    before_sync: Option<u64>,
    /// The log as it was at the end.
    log: Vec<u8>,
}

/// The record of a folder.
pub(crate) struct Journal {
    root: PathBuf,
    before: Left,
    record: Mutex<Record>,
}

static JOURNALS: Mutex<BTreeMap<PathBuf, Arc<Journal>>> = Mutex::new(BTreeMap::new());

struct Witnesses;

impl Witness for Witnesses {
    fn before(&self, _: Act<'_>) -> io::Result<()> {
        Ok(())
    }

    fn after(&self, act: Act<'_>) {
        let path = match act {
            Act::Create(path) | Act::Write(path) | Act::Sync(path) | Act::Remove(path) => path,
            Act::MakeFolder(path) | Act::SyncFolder(path) | Act::Rename { from: path, .. } => path,
        };
        let journals = lock(&JOURNALS);
        let Some(journal) = path.ancestors().find_map(|root| journals.get(root)).cloned() else { return };
        drop(journals);
        journal.note(act);
    }
}

impl Journal {
    /// Begins the record of a folder; what is there now is on disk.
    pub(crate) fn begin(root: &Path) -> Arc<Self> {
        disk::watch(Box::new(Witnesses));
        let before = Left::found(root);
        let log_synced_bytes = before.log.len() as u64;
        let record = Mutex::new(Record { log_synced_bytes, ..Record::default() });
        let journal = Arc::new(Self { root: root.to_owned(), before, record });
        lock(&JOURNALS).insert(root.to_owned(), Arc::clone(&journal));
        journal
    }

    /// Ends it, before the node is closed: that writes what a loss of power does not.
    pub(crate) fn end(&self) {
        lock(&JOURNALS).remove(&self.root);
        lock(&self.record).log = std::fs::read(self.root.join("catalog.db-wal")).unwrap_or_default();
    }

    /// How many acts there are so far.
    pub(crate) fn moment(&self) -> usize {
        lock(&self.record).entries.len()
    }

    /// What comes now syncs the catalog before it moves or removes a file.
    pub(crate) fn expect_sync(&self) {
        lock(&self.record).before_sync = Some(self.log_bytes());
    }

    /// Whoever asked is answered; gives the moment.
    pub(crate) fn tell(&self) -> usize {
        self.push(Done::Told);
        self.moment()
    }

    fn note(&self, act: Act<'_>) {
        let below = |path: &Path| path.strip_prefix(&self.root).unwrap_or(path).to_owned();
        self.push(match act {
            Act::Create(path) => Done::Create(below(path)),
            Act::Write(path) => Done::Write(below(path), std::fs::read(path).unwrap_or_default()),
            Act::Sync(path) => Done::Sync(below(path)),
            Act::Rename { from, to } => Done::Rename(below(from), below(to)),
            Act::Remove(path) => Done::Remove(below(path)),
            Act::MakeFolder(path) => Done::MakeFolder(below(path)),
            Act::SyncFolder(path) => Done::SyncFolder(below(path)),
        });
    }

    fn push(&self, done: Done) {
        let log_bytes = self.log_bytes();
        let mut record = lock(&self.record);
        // A log that did not grow was not synced: the sync is a commit of its own.
        let settles = matches!(&done, Done::Rename(_, to) if to.starts_with("objects"));
        let is_synced = settles || matches!(done, Done::Remove(_) | Done::Told);
        if is_synced && record.before_sync.take_if(|before| log_bytes > *before).is_some() {
            record.log_synced_bytes = log_bytes;
        }
        // What was never recorded may be removed before the sync that is expected, but nobody is told before it.
        if done == Done::Told {
            record.before_sync = None;
        }
        let log_synced_bytes = record.log_synced_bytes;
        record.entries.push(Entry { done, log_bytes, log_synced_bytes });
    }

    fn log_bytes(&self) -> u64 {
        std::fs::metadata(self.root.join("catalog.db-wal")).map_or(0, |log| log.len())
    }

    /// What a loss of power after `moment` acts may leave, as chance has it. The record has ended.
    pub(crate) fn left(&self, moment: usize, broken: Broken, random: &mut Random) -> Left {
        let record = lock(&self.record);
        let entries = &record.entries[..moment];
        let (files, folders) = Names::of(&self.before, entries, broken).lose(&self.before, random);
        let synced = match entries.last() {
            _ if broken == Broken::CatalogSync => self.before.log.len() as u64,
            Some(last) => last.log_synced_bytes,
            None => self.before.log.len() as u64,
        };
        let log = &record.log;
        let written = record.entries.get(moment).map_or(log.len() as u64, |next| next.log_bytes);
        let log = cut(log, synced as usize, written as usize, random);
        Left { files, folders, catalog: self.before.catalog.clone(), log }
    }
}

/// The log up to the end of a commit that is not before what was synced.
fn cut(log: &[u8], synced: usize, written: usize, random: &mut Random) -> Vec<u8> {
    let ends = (0..).map(|frame| LOG_HEADER_BYTES + frame * FRAME_BYTES).skip(1);
    let commits: Vec<usize> = ends
        .take_while(|end| *end <= written.min(log.len()))
        // The frame that ends a commit says how long the file is then.
        .filter(|end| log[end - FRAME_BYTES + 4..end - FRAME_BYTES + 8] != [0; 4])
        .filter(|end| *end > synced)
        .collect();
    let kept = random.below(commits.len() + 1);
    let end = if kept == 0 { synced } else { commits[kept - 1] };
    log[..end.min(log.len())].to_vec()
}

/// An act on names, and the acts that it builds upon.
struct Step {
    done: Done,
    file: usize,
    upon: Vec<usize>,
    is_durable: bool,
    /// Of a rename: the old name is gone for sure.
    is_away: bool,
}

/// The contents that a file had, and which of them is on disk.
#[derive(Default)]
struct File {
    versions: Vec<Vec<u8>>,
    synced: usize,
}

/// The acts up to a moment, sorted by what they are about.
struct Names {
    steps: Vec<Step>,
    files: Vec<File>,
    /// The file that has a name, and the last step that touched it.
    names: BTreeMap<PathBuf, usize>,
    touched: BTreeMap<PathBuf, usize>,
}

impl Names {
    fn of(before: &Left, entries: &[Entry], broken: Broken) -> Self {
        let mut names =
            Self { steps: Vec::new(), files: Vec::new(), names: BTreeMap::new(), touched: BTreeMap::new() };
        for (name, bytes) in &before.files {
            names.names.insert(name.clone(), names.files.len());
            names.files.push(File { versions: vec![bytes.clone()], synced: 0 });
        }
        for entry in entries {
            names.add(&entry.done, broken);
        }
        names
    }

    fn add(&mut self, done: &Done, broken: Broken) {
        match done {
            Done::Create(name) => {
                self.names.insert(name.clone(), self.files.len());
                self.files.push(File { versions: vec![Vec::new()], synced: 0 });
                self.step(done, &[name]);
            }
            Done::Write(name, bytes) => self.file(name).versions.push(bytes.clone()),
            Done::Sync(_) if broken == Broken::FileSync => {}
            Done::Sync(name) => {
                let file = self.file(name);
                file.synced = file.versions.len() - 1;
            }
            Done::Rename(from, to) => {
                self.step(done, &[from, to]);
                if let Some(file) = self.names.remove(from) {
                    self.names.insert(to.clone(), file);
                }
            }
            Done::Remove(name) => {
                self.step(done, &[name]);
                self.names.remove(name);
            }
            Done::MakeFolder(name) => self.step(done, &[name]),
            Done::SyncFolder(name) if broken == Broken::SpoolSync && name.starts_with("spool") => {}
            Done::SyncFolder(name) if broken == Broken::ObjectsSync && name.starts_with("objects") => {}
            Done::SyncFolder(name) => self.sync(name),
            Done::Told => {}
        }
    }

    fn file(&mut self, name: &Path) -> &mut File {
        let index = self.names[name];
        &mut self.files[index]
    }

    fn step(&mut self, done: &Done, names: &[&PathBuf]) {
        let folder = names.last().and_then(|name| name.parent());
        let about = names.iter().map(|name| name.as_path()).chain(folder);
        let upon = about.filter_map(|name| self.touched.get(name).copied()).collect();
        let file = names.first().and_then(|name| self.names.get(*name).copied()).unwrap_or(usize::MAX);
        for name in names {
            self.touched.insert((*name).clone(), self.steps.len());
        }
        self.steps.push(Step { done: done.clone(), file, upon, is_durable: false, is_away: false });
    }

    /// The names in a folder are on disk, and what they build upon. A file that was moved away from it is not for that
    /// where it was moved to.
    fn sync(&mut self, folder: &Path) {
        for step in &mut self.steps {
            if let Done::Rename(from, _) = &step.done {
                step.is_away |= from.parent() == Some(folder);
            }
        }
        let is_in = |step: &Step| match &step.done {
            Done::Create(name) | Done::Remove(name) | Done::MakeFolder(name) | Done::Rename(_, name) => {
                name.parent() == Some(folder)
            }
            Done::Write(..) | Done::Sync(_) | Done::SyncFolder(_) | Done::Told => false,
        };
        let mut pending: Vec<usize> = (0..self.steps.len()).filter(|at| is_in(&self.steps[*at])).collect();
        while let Some(at) = pending.pop() {
            if !std::mem::replace(&mut self.steps[at].is_durable, true) {
                pending.extend(self.steps[at].upon.iter().copied());
            }
        }
    }

    /// The files and folders that are left.
    fn lose(&self, before: &Left, random: &mut Random) -> (BTreeMap<PathBuf, Vec<u8>>, BTreeSet<PathBuf>) {
        let mut names: BTreeMap<PathBuf, usize> =
            before.files.keys().cloned().enumerate().map(|(file, name)| (name, file)).collect();
        let mut folders = before.folders.clone();
        // Now little is lost, now much.
        let odds = random.below(5);
        let mut kept: Vec<bool> = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let stands = step.upon.iter().all(|at| kept[*at]);
            let keep = step.is_durable || (stands && random.below(4) < odds);
            kept.push(keep);
            if !keep {
                if let (Done::Rename(from, _), true) = (&step.done, step.is_away) {
                    names.remove(from);
                }
                continue;
            }
            match &step.done {
                Done::Create(name) => drop(names.insert(name.clone(), step.file)),
                Done::Rename(from, to) => {
                    // The new name may be there before the old one is gone.
                    if step.is_away || !step.is_durable || random.below(4) > 0 {
                        names.remove(from);
                    }
                    names.insert(to.clone(), step.file);
                }
                Done::Remove(name) => drop(names.remove(name)),
                Done::MakeFolder(name) => drop(folders.insert(name.clone())),
                Done::Write(..) | Done::Sync(_) | Done::SyncFolder(_) | Done::Told => {}
            }
        }
        let files = names.into_iter().map(|(name, file)| (name, self.files[file].left(random))).collect();
        (files, folders)
    }
}

impl File {
    /// What is on disk, and what may be of what was written since.
    fn left(&self, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.versions[self.synced].clone();
        for pair in self.versions[self.synced..].windows(2) {
            let [old, new] = pair else { continue };
            // Appended, or else written anew from the front.
            let from = if new.len() > old.len() { old.len() } else { 0 };
            let to = match random.below(4) {
                0 => continue,
                // As long as it was to be, and empty.
                1 => from,
                2 => from + random.below(new.len() - from + 1),
                _ => new.len(),
            };
            bytes.resize(bytes.len().max(new.len()), 0);
            bytes[from..to].copy_from_slice(&new[from..to]);
        }
        bytes
    }
}

impl Left {
    /// A node that has nothing yet, but for a catalog.
    pub(crate) fn nothing(catalog: Vec<u8>) -> Self {
        let folders = ["spool", "objects"].map(PathBuf::from).into();
        Self { folders, catalog, ..Self::default() }
    }

    fn found(root: &Path) -> Self {
        let mut left = Self {
            catalog: std::fs::read(root.join("catalog.db")).unwrap_or_default(),
            log: std::fs::read(root.join("catalog.db-wal")).unwrap_or_default(),
            ..Self::default()
        };
        let mut pending = vec![root.to_owned()];
        while let Some(folder) = pending.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let name = entry.path().strip_prefix(root).unwrap().to_owned();
                if entry.file_type().unwrap().is_dir() {
                    left.folders.insert(name);
                    pending.push(entry.path());
                } else if name.components().count() > 1 {
                    left.files.insert(name, std::fs::read(entry.path()).unwrap());
                }
            }
        }
        left
    }

    /// Makes it so.
    pub(crate) fn write_to(&self, root: &Path) {
        // Parents come before what is in them.
        for folder in &self.folders {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        for (name, bytes) in &self.files {
            std::fs::write(root.join(name), bytes).unwrap();
        }
        std::fs::write(root.join("catalog.db"), &self.catalog).unwrap();
        std::fs::write(root.join("catalog.db-wal"), &self.log).unwrap();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
