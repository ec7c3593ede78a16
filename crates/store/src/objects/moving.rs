//! Moving what settled from the one place to the other while both are read. An object is copied, what passes held against
//! what was noted when it came, and is seen to be there whole; only then may it be removed where it was. Nothing is written
//! down here: what is in the old place and not in the first is what is left to do.
//!
//! An object may be deleted meanwhile. Whoever deletes it on this node sees that it is on its way and leaves a note, which is
//! read here at the end; of another node's the catalog knows, which whoever calls asks behind the copy: nothing is deleted
//! before the catalog says so.

use std::io::Write as _;

use bytes::Bytes;
use causeway_core::{Digest, ExpectedObject, ObjectKey};

use super::Place;
use super::local::LocalObjects;
use super::source::Source;
use crate::error::Error;
use crate::room::Claim;
use crate::{Store, files, layout};

/// How much is written to a file at a time, in bytes.
const WRITE_BYTES: u64 = 1024 * 1024;
/// How the name begins of what is put into one place and looked for in the other.
const APART_NAME: &str = "causeway-apart-";

/// What is known of an object that is to be in a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Where it is.
    pub object: ObjectKey,
    /// Its length.
    pub object_bytes: u64,
    /// SHA-256 of the bytes from there to the end, where it was noted.
    pub digest: Option<(u64, Digest)>,
}

/// What became of an object that was to be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copied {
    /// It is in the first place now.
    Now,
    /// It was already.
    Before,
    /// It is in neither, or was deleted meanwhile.
    Gone,
}

/// The two places of a move, by the URLs that they were set by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovingNames {
    /// Where objects are moved from.
    pub from: String,
    /// Where they are moved to.
    pub to: String,
}

impl From<ExpectedObject> for Known {
    fn from(expected: ExpectedObject) -> Self {
        let ExpectedObject { object, object_bytes, digest_from, digest } = expected;
        Self { object, object_bytes, digest: Some((digest_from, digest)) }
    }
}

impl Known {
    /// Whether an object in the old place is as long as it must be.
    pub(super) fn hold_against(&self, bytes: u64) -> Result<(), Error> {
        if bytes == self.object_bytes {
            return Ok(());
        }
        let words = format!("it has {bytes} bytes, and {} were stored", self.object_bytes);
        Err(Error::DamagedOld { key: self.object.clone(), words })
    }
}

impl Store {
    /// The place that objects settle in, by its URL.
    #[must_use]
    pub fn place_name(&self) -> String {
        self.inner.objects.first.name()
    }

    /// The places of a move; none: there is no other than the one that objects settle in.
    #[must_use]
    pub fn moving(&self) -> Option<MovingNames> {
        let also = self.inner.objects.also.as_ref()?;
        Some(MovingNames { from: also.name(), to: self.place_name() })
    }

    /// Whether the two places are two: settings may name one in two ways. What is put into one is looked for in the other.
    ///
    /// # Errors
    /// When a place fails.
    pub async fn are_apart(&self) -> Result<bool, Error> {
        let objects = &self.inner.objects;
        let Some(also) = &objects.also else { return Ok(true) };
        let name = format!("{APART_NAME}{}", layout::new_key());
        objects.first.put_small(self, &name).await?;
        let is_seen = also.has_small(self, &name).await;
        objects.first.remove_small(self, &name).await?;
        is_seen.map(|is_seen| !is_seen)
    }

    /// Copies an object from the other place to the first, unless it is there in its length; `anew`: even then, for what is
    /// there may not be what was put there, and is to be the only one.
    ///
    /// # Errors
    /// [`Error::DamagedOld`] when it is not what came; else when a disk or an object store fails. Then there is no more of it
    /// in the first place than before.
    pub async fn copy_over(&self, known: Known, anew: bool) -> Result<Copied, Error> {
        let store = self.clone();
        // A task of its own: when whoever asks goes away, an upload is ended all the same.
        let task = tokio::spawn(async move { store.copy_apart(known, anew).await });
        task.await.unwrap_or(Err(Error::Closed))
    }

    async fn copy_apart(&self, known: Known, anew: bool) -> Result<Copied, Error> {
        let objects = &self.inner.objects;
        let key = known.object.clone();
        let _turn = objects.under_way.begin(&key).await;
        if objects.is_doomed(&key) {
            return Ok(Copied::Gone);
        }
        if !anew && objects.first.length(self, &key).await? == Some(known.object_bytes) {
            return Ok(Copied::Before);
        }
        match self.transfer(known).await {
            Ok(()) => {}
            Err(Error::NotFound(_)) => return Ok(Copied::Gone),
            Err(error) => return Err(error),
        }
        if !objects.is_doomed(&key) {
            return Ok(Copied::Now);
        }
        // Deleted while it was on its way: it must not stay.
        self.discard(&key).await?;
        objects.remove_or_doom(self, &key).await?;
        Ok(Copied::Gone)
    }

    async fn transfer(&self, known: Known) -> Result<(), Error> {
        let key = known.object.clone();
        let bytes = known.object_bytes;
        let mut source = self.old_source(known).await?;
        match &self.inner.objects.first {
            Place::Local(local) => self.write_file(local, &key, &mut source).await,
            Place::Remote(remote) => {
                remote.upload(&mut source, &layout::object_path(&key)).await?;
                super::remote::whole(&key, bytes, remote.length(&key).await?)
            }
        }
    }

    async fn old_source(&self, known: Known) -> Result<Source, Error> {
        match &self.inner.objects.also {
            None => Err(Error::NotFound(known.object)),
            Some(Place::Remote(_)) => Ok(Source::old_object(self.clone(), known)),
            Some(Place::Local(local)) => {
                let path = local.path(&known.object);
                let opened = self.inner.readers.run(move || files::open_first([path])).await??;
                let (file, bytes) = opened.ok_or_else(|| Error::NotFound(known.object.clone()))?;
                Source::old_file(self.clone(), file, bytes, known)
            }
        }
    }

    /// Writes a file that takes its place only when it is whole and on disk.
    async fn write_file(
        &self,
        local: &LocalObjects,
        key: &ObjectKey,
        source: &mut Source,
    ) -> Result<(), Error> {
        let part = self.inner.part_path(key);
        let written = self.write_part(local, key, source).await;
        if written.is_err() {
            self.inner.writers.run(move || files::remove(&part)).await??;
        }
        written
    }

    async fn write_part(
        &self,
        local: &LocalObjects,
        key: &ObjectKey,
        source: &mut Source,
    ) -> Result<(), Error> {
        let mut claim = Claim::new(self.inner.room.clone());
        claim.announce(source.bytes())?;
        let path = self.inner.part_path(key);
        let part = path.clone();
        let create = move || files::remove(&part).and_then(|()| files::create(&part));
        let mut file = self.inner.writers.run(create).await??;
        while let Some(bytes) = source.next(WRITE_BYTES).await? {
            claim.take(bytes.len() as u64)?;
            let part = path.clone();
            let write = move || file.write_all(&bytes).map(|()| file).map_err(Error::disk("writing", &part));
            file = self.inner.writers.run(write).await??;
        }
        source.check()?;
        let (local, key) = (local.clone(), key.clone());
        let finish = move || {
            files::sync(&file, &path)?;
            local.take_in(&path, &key)
        };
        self.inner.writers.run(finish).await??;
        claim.written();
        Ok(())
    }

    /// Removes an object from the place that is moved from, when it is whole in the first; gives whether it is.
    ///
    /// # Errors
    /// When a disk or an object store fails.
    pub async fn remove_old(&self, known: &Known) -> Result<bool, Error> {
        let objects = &self.inner.objects;
        let key = &known.object;
        let _turn = objects.under_way.begin(key).await;
        if objects.first.length(self, key).await? != Some(known.object_bytes) {
            return Ok(false);
        }
        match &objects.also {
            None => {}
            Some(Place::Remote(remote)) => remote.remove(key).await?,
            Some(Place::Local(local)) => {
                let path = local.path(key);
                self.inner.writers.run(move || files::remove(&path)).await??;
            }
        }
        Ok(true)
    }
}

impl Place {
    fn name(&self) -> String {
        match self {
            Self::Local(local) => format!("file://{}", local.root().display()),
            Self::Remote(remote) => remote.name().to_owned(),
        }
    }

    /// How long an object is that is here; none: it is not.
    async fn length(&self, store: &Store, key: &ObjectKey) -> Result<Option<u64>, Error> {
        match self {
            Self::Local(local) => {
                let (local, key) = (local.clone(), key.clone());
                store.inner.readers.run(move || local.length(&key)).await?
            }
            Self::Remote(remote) => found(remote.length(key).await),
        }
    }

    async fn put_small(&self, store: &Store, name: &str) -> Result<(), Error> {
        match self {
            Self::Local(local) => {
                let path = local.root().join(name);
                store.inner.writers.run(move || files::create(&path).map(drop)).await?
            }
            Self::Remote(remote) => remote.put_mark(name, Bytes::from_static(b"apart")).await,
        }
    }

    async fn has_small(&self, store: &Store, name: &str) -> Result<bool, Error> {
        match self {
            Self::Local(local) => {
                let path = local.root().join(name);
                store.inner.readers.run(move || Ok(path.exists())).await?
            }
            Self::Remote(remote) => Ok(remote.mark(name, u64::MAX).await?.is_some()),
        }
    }

    async fn remove_small(&self, store: &Store, name: &str) -> Result<(), Error> {
        match self {
            Self::Local(local) => {
                let path = local.root().join(name);
                store.inner.writers.run(move || files::remove(&path)).await?
            }
            Self::Remote(remote) => remote.delete_mark(name).await,
        }
    }
}

fn found(length: Result<u64, Error>) -> Result<Option<u64>, Error> {
    match length {
        Ok(bytes) => Ok(Some(bytes)),
        Err(Error::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
