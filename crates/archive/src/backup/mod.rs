//! Backups of a node whose catalog is a file and whose store is a folder: taken while it serves (`make`), put back where
//! there is nothing (`restore`).
//!
//! A backup is a folder: `catalog.db`, a copy of the catalog as it stood at one moment; `objects`, what its rows tell of;
//! `objects.txt`, a list of that; `manifest.json`, written last, so that what was broken off is no backup. All of it blocks:
//! it belongs to commands that do nothing else.

mod make;
mod restore;

use std::collections::BTreeMap;
use std::path::Path;

use causeway_core::{Digest, ObjectKey};
use causeway_store::carry;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use make::make;
pub use restore::restore;

/// The form of the manifest that this version writes and reads.
const FORM: u32 = 1;
const CATALOG: &str = "catalog.db";
const OBJECTS: &str = "objects";
const LIST: &str = "objects.txt";
const MANIFEST: &str = "manifest.json";
/// Rows that are read at a time.
const ROWS_AT_A_TIME: u32 = 500;
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
    /// How many there are.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those that rows tell of and that were not there, such as what was deleted meanwhile.
    pub missing: Named,
    /// Those whose bytes are not what was stored; they are in the backup as they are.
    pub damaged: Named,
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

/// Takes the digest of a file's data set, which begins at an offset.
struct Tap {
    skip: u64,
    bytes: u64,
    hasher: Sha256,
}

impl Tap {
    fn new(data_set_offset: u32) -> Self {
        Self { skip: u64::from(data_set_offset), bytes: 0, hasher: Sha256::new() }
    }

    fn see(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
        self.skip -= skipped as u64;
        self.hasher.update(bytes.get(skipped..).unwrap_or_default());
    }

    /// Whether what was seen is what a row tells of.
    fn is(self, object_bytes: u64, digest: Digest) -> bool {
        self.bytes == object_bytes && Digest(self.hasher.finalize().into()) == digest
    }
}
