//! Taking a backup: the catalog first, then what it tells of. What comes later is in the next one.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use causeway_catalog::{Introduction, KnownObject, MemberSecret, Origin, Snapshot, SpooledBy};
use causeway_core::{Digest, ObjectKey};
use causeway_store::carry::{self, Kept, Lines, Opened, Places};
use causeway_store::sealed::Ring;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use tokio::runtime::Handle;

use super::earlier::{Earlier, Since};
use super::{
    BackupError, CARRIED_AT_ONCE, CATALOG, Carry, FORM, LIST, MANIFEST, Manifest, Named, OBJECTS, Progress,
    Rows, carry_whole, sha256,
};
use crate::members::Fellows;

/// The node that a backup is taken of. It may run, and others with it.
pub struct Node {
    /// Its catalog.
    pub catalog: Origin,
    /// Its objects.
    pub places: Places,
    /// Who asks others that share the catalog for what only their spools have.
    pub fellows: Option<Arc<dyn Fellows>>,
}

/// What is wanted of a backup.
pub struct Wanted {
    /// Its folder, which must be empty or missing.
    pub to: PathBuf,
    /// What is done with the objects.
    pub carry: Carry,
    /// The backup that it goes on from; only where objects are copied.
    pub since: Option<Since>,
    /// What they are sealed with, if they are to be.
    pub keys: Option<Ring>,
    /// When it is taken.
    pub now: Timestamp,
}

/// Takes a backup. What is asked of object stores and of other nodes is done on `runtime`, on whose threads this is not to be
/// called.
///
/// # Errors
/// When something cannot be read or written: then there is no manifest, and what there is is no backup.
pub fn make(
    runtime: &Handle,
    node: Node,
    wanted: Wanted,
    tell: &mut dyn FnMut(Progress),
) -> Result<Manifest, BackupError> {
    let Wanted { to, carry, since, keys, now } = wanted;
    if carry == Carry::Link && !matches!(node.places.objects, Kept::Folder(_)) {
        return Err(BackupError::NoLinks("objects in an object store"));
    }
    let earlier = since.map(|since| Earlier::open(since, keys.as_ref())).transpose()?;
    carry::make_empty(&to)?;
    let snapshot = Snapshot::take(&node.catalog, &to.join(CATALOG))?;
    let mut manifest = begun(&snapshot, carry, keys.is_some(), now)?;
    let root = to.join(OBJECTS);
    carry::make_empty(&root)?;
    let kept = keys.map_or_else(|| Kept::Folder(root.clone()), |ring| Kept::Sealed(root.clone(), ring));
    let catalog = node.catalog.clone();
    let carrier = Carrier::new(node, &snapshot, carry, earlier, root, kept)?;
    let list = Lines::begin(&to.join(LIST))?;
    let mut carried = runtime.block_on(carry_all(&snapshot, Arc::new(carrier), list, &mut manifest, tell))?;
    drop(snapshot);
    let deleted = carried.take_deleted(&catalog)?;
    close_catalog(&to.join(CATALOG), &deleted, &mut manifest)?;
    manifest.deleted = deleted.into_iter().collect();
    manifest.missing = carried.missing.into_iter().collect();
    manifest.elsewhere = carried.elsewhere.into_iter().collect();
    carry::sync_folders(&to)?;
    let text =
        serde_json::to_vec_pretty(&manifest).map_err(|error| BackupError::Manifest(error.to_string()))?;
    carry::write_whole(&to.join(MANIFEST), &text)?;
    Ok(manifest)
}

/// A manifest before anything is carried.
fn begun(
    snapshot: &Snapshot,
    carried: Carry,
    is_sealed: bool,
    made_at: Timestamp,
) -> Result<Manifest, BackupError> {
    Ok(Manifest {
        form: FORM,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        made_at,
        catalog_version: snapshot.version()?,
        // Known when the copy is as it stays.
        catalog_sha256: Digest([0; 32]),
        counts: snapshot.counts()?,
        carried,
        is_sealed,
        objects: 0,
        bytes: 0,
        linked: 0,
        deleted: Named::default(),
        missing: Named::default(),
        damaged: Named::default(),
        elsewhere: Named::default(),
    })
}

/// Takes what was deleted meanwhile out of the copy of the catalog, and notes what it is then.
fn close_catalog(copy: &Path, deleted: &[ObjectKey], manifest: &mut Manifest) -> Result<(), BackupError> {
    if !deleted.is_empty() {
        causeway_catalog::take_out(copy, deleted, manifest.made_at)?;
        let changed = Snapshot::open(copy)?;
        (manifest.catalog_version, manifest.counts) = (changed.version()?, changed.counts()?);
    }
    manifest.catalog_sha256 = sha256(copy)?;
    Ok(())
}

/// What is listed of an object.
fn line(known: &KnownObject) -> String {
    let path = carry::below(Path::new(OBJECTS), &known.object);
    let digest = known.data_set.map_or_else(|| "-".to_owned(), |(_, digest)| digest.to_string());
    format!("{} {} {digest} {}", known.object, known.object_bytes, path.display())
}

/// What came of it.
#[derive(Default)]
struct Carried {
    /// What was not there.
    missing: Vec<ObjectKey>,
    /// What only other nodes have, which did not give it.
    elsewhere: Vec<ObjectKey>,
}

async fn carry_all(
    snapshot: &Snapshot,
    carrier: Arc<Carrier>,
    mut list: Lines,
    manifest: &mut Manifest,
    tell: &mut dyn FnMut(Progress),
) -> Result<Carried, BackupError> {
    let (mut rows, mut carried) = (Rows::new(snapshot, manifest), Carried::default());
    let mut progress = Progress { objects: 0, of: manifest.rows() };
    loop {
        let some = rows.next()?;
        if some.is_empty() {
            list.finish()?;
            return Ok(carried);
        }
        let tasks = some.into_iter().map(|known| tokio::spawn(Arc::clone(&carrier).carry(known)));
        // A task begins when it is spawned: as many are spawned as may be under way.
        let mut fates = stream::iter(tasks).buffered(CARRIED_AT_ONCE);
        while let Some(done) = fates.next().await {
            let (known, fate) = done.map_err(|_| BackupError::BrokenOff)??;
            if carried.note(&known, fate, manifest) {
                list.add(&line(&known))?;
            }
            progress.objects += 1;
            tell(progress);
        }
    }
}

impl Carried {
    /// Takes out what was not there since it was deleted for good meanwhile.
    fn take_deleted(&mut self, catalog: &Origin) -> Result<Vec<ObjectKey>, BackupError> {
        let known = catalog.still_known(&[self.missing.as_slice(), &self.elsewhere].concat())?;
        let known: HashSet<_> = known.into_iter().collect();
        let mut deleted = Vec::new();
        for keys in [&mut self.missing, &mut self.elsewhere] {
            deleted.extend(keys.extract_if(.., |key| !known.contains(key)));
        }
        Ok(deleted)
    }

    /// Gives whether the object is in the backup.
    fn note(&mut self, known: &KnownObject, fate: Fate, manifest: &mut Manifest) -> bool {
        let key = &known.object;
        match fate {
            Fate::Carried | Fate::Linked | Fate::Damaged => {
                manifest.objects += 1;
                manifest.bytes += known.object_bytes;
                manifest.linked += u64::from(matches!(fate, Fate::Linked));
            }
            Fate::Unreadable => {}
            Fate::Missing => self.missing.push(key.clone()),
            Fate::Elsewhere => self.elsewhere.push(key.clone()),
        }
        if matches!(fate, Fate::Damaged | Fate::Unreadable) {
            manifest.damaged.add(key);
        }
        matches!(fate, Fate::Carried | Fate::Linked | Fate::Damaged)
    }
}

/// What became of an object.
enum Fate {
    Carried,
    /// Linked from an earlier backup.
    Linked,
    /// Carried, and not what was stored.
    Damaged,
    /// There, and not to be read.
    Unreadable,
    Missing,
    /// In the spool of another node, which does not give it.
    Elsewhere,
}

/// Carries objects.
struct Carrier {
    places: Places,
    /// The other nodes on the catalog.
    others: Vec<Introduction>,
    fellows: Option<(Arc<dyn Fellows>, MemberSecret)>,
    carry: Carry,
    earlier: Option<Earlier>,
    root: PathBuf,
    kept: Kept,
}

/// Whether a node's spool may have an object.
fn may_have(who: &Introduction, known: &KnownObject) -> bool {
    match &known.spooled_by {
        SpooledBy::Nobody => false,
        SpooledBy::Member(member) => member.uid == who.uid,
        SpooledBy::Anybody => true,
    }
}

impl Carrier {
    fn new(
        node: Node,
        snapshot: &Snapshot,
        carry: Carry,
        earlier: Option<Earlier>,
        root: PathBuf,
        kept: Kept,
    ) -> Result<Self, BackupError> {
        let Node { places, fellows, .. } = node;
        let own = places.spool_id()?;
        let others = snapshot.members()?.into_iter().filter(|who| own.as_ref() != Some(&who.uid));
        let fellows = fellows.zip(snapshot.member_secret()?);
        Ok(Self { others: others.collect(), places, fellows, carry, earlier, root, kept })
    }

    async fn carry(self: Arc<Self>, known: KnownObject) -> Result<(KnownObject, Fate), BackupError> {
        let fate = match self.carry_near(&known).await? {
            Fate::Missing => self.carry_far(&known).await?,
            fate => fate,
        };
        Ok((known, fate))
    }

    /// Carries an object that this node has.
    async fn carry_near(&self, known: &KnownObject) -> Result<Fate, BackupError> {
        let key = &known.object;
        if let Some(earlier) = &self.earlier
            && earlier.link(known, &self.root).await?
        {
            return Ok(Fate::Linked);
        }
        match self.carry {
            Carry::List if self.places.has(key).await? => Ok(Fate::Carried),
            Carry::List => Ok(Fate::Missing),
            Carry::Link => self.link(key),
            Carry::Copy => match self.places.open(key, known.object_bytes).await {
                Ok(Some(object)) => self.copy(known, object).await,
                Ok(None) => Ok(Fate::Missing),
                Err(error) if error.is_damage() => Ok(Fate::Unreadable),
                Err(error) => Err(error.into()),
            },
        }
    }

    /// Carries an object that only another node's spool may have; one that settled since is near now.
    async fn carry_far(&self, known: &KnownObject) -> Result<Fate, BackupError> {
        let others: Vec<_> = self.others.iter().filter(|who| may_have(who, known)).collect();
        if others.is_empty() {
            return Ok(Fate::Missing);
        }
        for who in others {
            if let Some(fate) = self.ask(known, who).await {
                return Ok(fate);
            }
        }
        match self.carry_near(known).await? {
            Fate::Missing => Ok(Fate::Elsewhere),
            fate => Ok(fate),
        }
    }

    /// Asks another node for an object; none: it does not give it.
    async fn ask(&self, known: &KnownObject, who: &Introduction) -> Option<Fate> {
        let (fellows, secret) = self.fellows.as_ref().filter(|_| self.carry != Carry::List)?;
        let blob = fellows.open(who.address.as_ref()?, secret, &known.object).await.ok()?;
        match carry_whole(known, Opened::blob(blob), &self.kept).await {
            Ok(true) => Some(Fate::Carried),
            Ok(false) => Some(Fate::Damaged),
            // Broken off. What cannot be written here is told of when what has settled is written.
            Err(_) => None,
        }
    }

    async fn copy(&self, known: &KnownObject, object: Opened) -> Result<Fate, BackupError> {
        match carry_whole(known, object, &self.kept).await {
            Ok(true) => Ok(Fate::Carried),
            Ok(false) => Ok(Fate::Damaged),
            // It was deleted while it was read.
            Err(causeway_store::Error::NotFound(_)) => Ok(Fate::Missing),
            Err(error) if error.is_damage() => Ok(Fate::Unreadable),
            Err(error) => Err(error.into()),
        }
    }

    fn link(&self, key: &ObjectKey) -> Result<Fate, BackupError> {
        while let Some(from) = self.places.file(key) {
            match carry::link(&from, &self.root, key) {
                Ok(()) => return Ok(Fate::Carried),
                // It settled or was deleted as it was about to be linked.
                Err(_) if !from.exists() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Fate::Missing)
    }
}
