//! Backups of a node, wherever its catalog and its objects are: taken while it serves (`make`), also of what is new since an
//! earlier one (`earlier`), put back where there is nothing (`restore`), be that a node of the same kind or of another.
//!
//! A backup is a folder: `catalog.db`, a copy of the catalog as it stood at one moment, which is a file of SQLite whatever it
//! was copied of; `objects`, what its rows tell of; `objects.txt`, a list of that; `manifest.json`, written last, so that what
//! was broken off is no backup. Objects of a store that seals are sealed in the backup, too, those of the spool among them.
//! All of it blocks: it belongs to commands that do nothing else.

mod earlier;
mod make;
mod restore;

use std::collections::BTreeMap;
use std::path::Path;

use causeway_catalog::{KnownObject, Snapshot};
use causeway_core::{Digest, ObjectKey};
use causeway_store::carry::{self, Kept, Opened};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use earlier::Since;
pub use make::{Node, Wanted, make};
pub use restore::{Restored, Target, restore};

/// The form of the manifest that this version writes, and the newest that it reads.
const FORM: u32 = 2;
const CATALOG: &str = "catalog.db";
const OBJECTS: &str = "objects";
const LIST: &str = "objects.txt";
const MANIFEST: &str = "manifest.json";
/// Rows that are read at a time.
const ROWS_AT_A_TIME: u32 = 500;
/// Objects that are carried at the same time: an object store takes its time.
const CARRIED_AT_ONCE: usize = 8;
/// Most objects that are named where something is wrong with them; the rest are counted.
const MAX_NAMED: usize = 1000;

/// What is done with the objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Carry {
    /// They are linked, which takes no room and no time, on the same file system only.
    Link,
    /// They are copied, and held against their digests on the way.
    Copy,
    /// They are only listed, for others to copy.
    List,
}

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The form of this document.
    pub form: u32,
    /// The version of the program that took it.
    pub program: String,
    /// When the catalog stood so.
    pub made_at: Timestamp,
    /// The version of the catalog's tables.
    pub catalog_version: i64,
    /// SHA-256 of `catalog.db`.
    pub catalog_sha256: Digest,
    /// Rows of the catalog, by table.
    pub counts: BTreeMap<String, u64>,
    /// What was done with the objects.
    pub carried: Carry,
    /// Whether they are sealed, with the keys of the store that they are of.
    #[serde(default)]
    pub is_sealed: bool,
    /// How many there are, those of what was removed and can be brought back among them.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many of them were linked from an earlier backup.
    #[serde(default)]
    pub linked: u64,
    /// Those that were deleted for good while the backup was taken. It does not tell of them any more.
    #[serde(default)]
    pub deleted: Named,
    /// Those that rows tell of and that were not there.
    pub missing: Named,
    /// Those whose bytes are not what was stored; they are in the backup as they are, where they can be read.
    pub damaged: Named,
    /// Those that lie in the spools of other nodes, which did not give them.
    #[serde(default)]
    pub elsewhere: Named,
}

impl Manifest {
    /// The one of the backup in a folder.
    fn read(folder: &Path) -> Result<Self, BackupError> {
        let text =
            std::fs::read(folder.join(MANIFEST)).map_err(|error| BackupError::Manifest(error.to_string()))?;
        let manifest: Self =
            serde_json::from_slice(&text).map_err(|error| BackupError::Manifest(error.to_string()))?;
        if manifest.form > FORM { Err(BackupError::Newer(manifest.form)) } else { Ok(manifest) }
    }

    /// Whether everything is in it.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.missing.count == 0 && self.damaged.count == 0 && self.elsewhere.count == 0
    }

    /// Whether it tells of an object that it is not here, or not as it was, as far as that can be known.
    fn tells_of(&self, key: &ObjectKey) -> bool {
        [&self.missing, &self.damaged, &self.elsewhere].iter().any(|named| named.may_name(key))
    }

    /// Rows that tell of objects.
    fn rows(&self) -> u64 {
        let count = |table: &str| self.counts.get(table).copied().unwrap_or_default();
        count("instance") + count("removed")
    }
}

/// Objects that are named, as far as there is room.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// How many.
    pub count: u64,
    /// The first of them.
    pub first: Vec<ObjectKey>,
}

impl Named {
    fn add(&mut self, key: &ObjectKey) {
        self.count += 1;
        if self.first.len() < MAX_NAMED {
            self.first.push(key.clone());
        }
    }

    fn may_name(&self, key: &ObjectKey) -> bool {
        self.count > self.first.len() as u64 || self.first.contains(key)
    }
}

impl FromIterator<ObjectKey> for Named {
    fn from_iter<I: IntoIterator<Item = ObjectKey>>(keys: I) -> Self {
        let mut named = Self::default();
        keys.into_iter().for_each(|key| named.add(&key));
        named
    }
}

/// Why a backup was not taken or not put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The catalog cannot be copied or read.
    #[error("the catalog: {0}")]
    Catalog(#[from] causeway_catalog::Error),
    /// A file cannot be read or written.
    #[error(transparent)]
    Store(#[from] causeway_store::Error),
    /// The manifest cannot be read.
    #[error("this is no backup: its manifest.json cannot be read ({0})")]
    Manifest(String),
    /// It is of a newer version.
    #[error("the backup is of form {0}, this program knows form {FORM}; use a newer program")]
    Newer(u32),
    /// There is a node where it is to be put.
    #[error("there is a catalog at {0}; a backup is put back where there is nothing")]
    There(String),
    /// Its objects are sealed.
    #[error(
        "the objects of the backup are sealed: give the file with their keys (--keys, or [store.encryption] keys)"
    )]
    NoKeys,
    /// They cannot be linked.
    #[error("{0} cannot be linked: take the backup with --objects copy, or list")]
    NoLinks(&'static str),
    /// There is no going on from an earlier one.
    #[error("no backup can go on from {0}: {1}; take it without --since")]
    Since(String, &'static str),
    /// A part of the work came to a sudden end.
    #[error("it was broken off")]
    BrokenOff,
    /// What is there is not what the manifest says.
    #[error("the backup is not whole: {0}")]
    NotWhole(String),
}

/// How far it is: objects and bytes done, of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Objects done.
    pub objects: u64,
    /// Objects in all.
    pub of: u64,
}

/// The digest of a whole file.
fn sha256(path: &Path) -> Result<Digest, BackupError> {
    let mut hasher = Sha256::new();
    carry::read(path, &mut |bytes| {
        hasher.update(bytes);
        Ok(())
    })?;
    Ok(Digest(hasher.finalize().into()))
}

/// Holds what passes against what a row tells of it.
struct Tap {
    skip: u64,
    bytes: u64,
    hasher: Sha256,
}

impl Tap {
    fn new(known: &KnownObject) -> Self {
        let skip = known.data_set.map_or(0, |(offset, _)| offset);
        Self { skip, bytes: 0, hasher: Sha256::new() }
    }

    fn see(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
        self.skip -= skipped as u64;
        self.hasher.update(bytes.get(skipped..).unwrap_or_default());
    }

    /// Whether what was seen is what a row tells of: of what was removed no more is known than how long it is.
    fn is(self, known: &KnownObject) -> bool {
        let digest = Digest(self.hasher.finalize().into());
        self.bytes == known.object_bytes && known.data_set.is_none_or(|(_, expected)| digest == expected)
    }
}

/// Carries an object from one place to another; gives whether it is what a row tells of.
async fn carry_whole(known: &KnownObject, object: Opened, to: &Kept) -> Result<bool, causeway_store::Error> {
    let mut tap = Tap::new(known);
    to.put(&known.object, object, &mut |bytes| tap.see(bytes)).await?;
    Ok(tap.is(known))
}

/// The objects that a copy of a catalog tells of, some at a time.
struct Rows<'s> {
    snapshot: &'s Snapshot,
    after: i64,
    of: Of,
    form: u32,
}

/// What objects are of.
#[derive(Clone, Copy)]
enum Of {
    Kept,
    Removed,
    None,
}

impl<'s> Rows<'s> {
    const fn new(snapshot: &'s Snapshot, manifest: &Manifest) -> Self {
        Self { snapshot, after: 0, of: Of::Kept, form: manifest.form }
    }

    /// The next of them; none at the end.
    fn next(&mut self) -> Result<Vec<KnownObject>, BackupError> {
        loop {
            let (rows, then) = match self.of {
                Of::Kept => (self.snapshot.kept(self.after, ROWS_AT_A_TIME)?, Of::Removed),
                // Form 1 did not carry them.
                Of::Removed if self.form < 2 => return Ok(Vec::new()),
                Of::Removed => (self.snapshot.removed(self.after, ROWS_AT_A_TIME)?, Of::None),
                Of::None => return Ok(Vec::new()),
            };
            match rows.last() {
                Some((last, _)) => {
                    self.after = *last;
                    return Ok(rows.into_iter().map(|(_, known)| known).collect());
                }
                None => (self.after, self.of) = (0, then),
            }
        }
    }
}
