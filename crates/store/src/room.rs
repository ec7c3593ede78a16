//! How much more may be taken in before a disk is full. The last of each disk stays with the node: its catalog, its trail
//! and its deliveries go on when nothing more comes in.
//!
//! Disks are looked at now and then ([`Store::look`]), never for an instance. In between what comes is counted: each
//! look sets a ceiling to the count, less what was counted and is not on the disk yet.
//!
//! ```text
//!  counted ──────────────────────────────► ceiling = counted then + free − not written yet − kept for the node
//! ```

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use causeway_core::space::{Level, Marks, MarksInBytes};

use crate::error::Error;
use crate::{Space, Store, files};

/// What each blob takes beside its bytes: its header, what is left of its last block, its rows. In bytes.
const BYTES_BESIDE: u64 = 8 * 1024;
/// Most that is set aside for one blob, in bytes: no disk has more.
const MAX_CLAIMED_BYTES: u64 = 1 << 50;

/// What a disk is watched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Disk {
    /// What comes in.
    Spool,
    /// What has settled, in a folder.
    Objects,
    /// The catalog's file.
    Catalog,
}

impl Disk {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Spool => "spool",
            Self::Objects => "objects",
            Self::Catalog => "catalog",
        }
    }
}

/// A disk to watch.
#[derive(Debug, Clone)]
pub struct Watched {
    /// What for.
    pub disk: Disk,
    /// A file or folder on it.
    pub path: PathBuf,
    /// What is to stay free.
    pub marks: Marks,
}

/// A disk as it was seen last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskState {
    /// Which.
    pub disk: Disk,
    /// How it stands.
    pub level: Level,
    /// What is free of it.
    pub space: Space,
    /// What is to stay free.
    pub marks: MarksInBytes,
}

struct Seen {
    watched: Watched,
    state: Option<DiskState>,
}

/// What was counted, in bytes.
#[derive(Debug)]
struct Count {
    /// All that was ever let in.
    counted: u64,
    /// Of these, what is not on the disk yet.
    unwritten: u64,
    /// How far may be counted.
    ceiling: u64,
}

/// The room that is left. Without a disk to watch there is no end of it.
pub(crate) struct Room {
    seen: Mutex<Vec<Seen>>,
    count: Mutex<Count>,
}

impl Default for Room {
    fn default() -> Self {
        let count = Count { counted: 0, unwritten: 0, ceiling: u64::MAX };
        Self { seen: Mutex::default(), count: Mutex::new(count) }
    }
}

impl Room {
    fn seen(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self) -> MutexGuard<'_, Count> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn states(&self) -> Vec<DiskState> {
        self.seen().iter().filter_map(|seen| seen.state).collect()
    }

    /// What is to stay free of `disk`, in bytes.
    pub(crate) fn kept(&self, disk: Disk) -> u64 {
        self.states().iter().find(|state| state.disk == disk).map_or(0, |state| state.marks.stop)
    }

    /// Lets `bytes` in, where they fit.
    fn let_in(&self, bytes: u64) -> Result<(), Error> {
        let mut count = self.count();
        let counted = count.counted.saturating_add(bytes);
        if bytes > MAX_CLAIMED_BYTES || counted > count.ceiling {
            return Err(Error::NoRoom);
        }
        (count.counted, count.unwritten) = (counted, count.unwritten.saturating_add(bytes));
        Ok(())
    }

    /// `bytes` that were let in are on the disk.
    fn written(&self, bytes: u64) {
        let mut count = self.count();
        count.unwritten = count.unwritten.saturating_sub(bytes);
    }

    /// `bytes` that were let in will not be written.
    fn give_back(&self, bytes: u64) {
        let mut count = self.count();
        count.unwritten = count.unwritten.saturating_sub(bytes);
        count.counted = count.counted.saturating_sub(bytes);
    }

    /// Looks at all disks; `measure` says what is free. What is written meanwhile is subtracted twice rather than not at all.
    fn look(&self, measure: impl Fn(&Watched) -> Result<Space, Error>) -> Result<(), Error> {
        let (counted, unwritten) = {
            let count = self.count();
            (count.counted, count.unwritten)
        };
        let watched: Vec<Watched> = self.seen().iter().map(|seen| seen.watched.clone()).collect();
        let spaces = watched.iter().map(measure).collect::<Result<Vec<_>, _>>()?;
        let mut ceiling = u64::MAX;
        for (seen, space) in self.seen().iter_mut().zip(spaces) {
            let marks = seen.watched.marks.of(space.total);
            let free = space.free.saturating_sub(unwritten);
            let was = seen.state.map_or(Level::Ample, |state| state.level);
            let level = marks.judge(was, free);
            seen.state = Some(DiskState { disk: seen.watched.disk, level, space, marks });
            let left = if level == Level::Full { 0 } else { free.saturating_sub(marks.stop) };
            ceiling = ceiling.min(counted.saturating_add(left));
        }
        self.count().ceiling = ceiling;
        Ok(())
    }
}

/// The room that a blob on its way in takes up. Dropped, what it has not written is free again.
pub(crate) struct Claim {
    room: Arc<Room>,
    /// Whether what a blob takes beside its bytes is counted.
    is_begun: bool,
    /// Let in and not come yet.
    ahead: u64,
    /// Come and not on the disk yet.
    held: u64,
}

impl Claim {
    pub(crate) const fn new(room: Arc<Room>) -> Self {
        Self { room, is_begun: false, ahead: 0, held: 0 }
    }

    /// Sets room aside for `bytes` that are to come.
    pub(crate) fn announce(&mut self, bytes: u64) -> Result<(), Error> {
        self.begin()?;
        let more = bytes.saturating_sub(self.ahead);
        self.room.let_in(more)?;
        self.ahead += more;
        Ok(())
    }

    /// `bytes` came: of what was set aside, and beyond it of what is left.
    pub(crate) fn take(&mut self, bytes: u64) -> Result<(), Error> {
        self.begin()?;
        let of_ahead = bytes.min(self.ahead);
        if bytes > of_ahead {
            self.room.let_in(bytes - of_ahead)?;
        }
        self.ahead -= of_ahead;
        self.held += bytes;
        Ok(())
    }

    fn begin(&mut self) -> Result<(), Error> {
        if !self.is_begun {
            self.room.let_in(BYTES_BESIDE)?;
            (self.is_begun, self.held) = (true, self.held + BYTES_BESIDE);
        }
        Ok(())
    }

    /// What came so far is on the disk.
    pub(crate) fn written(&mut self) {
        self.room.written(std::mem::take(&mut self.held));
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.room.give_back(self.held.saturating_add(self.ahead));
    }
}

impl Store {
    /// Watches these disks from now on, and looks at them. Of two that are one, with the same marks, the first is watched.
    ///
    /// # Errors
    /// When a file system does not say what is free.
    pub async fn watch(&self, disks: Vec<Watched>) -> Result<(), Error> {
        let room = self.inner.room.clone();
        self.inner
            .readers
            .run(move || {
                let mut chosen: Vec<(u64, Watched)> = Vec::new();
                for watched in disks {
                    let about = std::fs::metadata(&watched.path);
                    let device = about.map_err(Error::disk("opening", &watched.path))?.dev();
                    if !chosen.iter().any(|(other, it)| *other == device && it.marks == watched.marks) {
                        chosen.push((device, watched));
                    }
                }
                *room.seen() = chosen.into_iter().map(|(_, watched)| Seen { watched, state: None }).collect();
                room.look(|watched| files::space(&watched.path))
            })
            .await?
    }

    /// Looks at the disks again.
    ///
    /// # Errors
    /// When a file system does not say what is free; what was seen before holds on then.
    pub async fn look(&self) -> Result<(), Error> {
        let room = self.inner.room.clone();
        self.inner.readers.run(move || room.look(|watched| files::space(&watched.path))).await?
    }

    /// The disks that are watched, as they were seen last.
    #[must_use]
    pub fn disks(&self) -> Vec<DiskState> {
        self.inner.room.states()
    }
}

#[cfg(test)]
mod tests {
    use causeway_core::space::Amount;

    use super::*;

    const TOTAL: u64 = 100_000_000;

    /// A room of one disk of which a tenth is the node's.
    fn room() -> Arc<Room> {
        let marks = Marks { warn: Some(Amount::Percent(20)), stop: Some(Amount::Percent(10)) };
        let watched = Watched { disk: Disk::Spool, path: PathBuf::new(), marks };
        let room = Room::default();
        room.seen().push(Seen { watched, state: None });
        Arc::new(room)
    }

    fn look(room: &Room, free: u64) -> Level {
        room.look(|_| Ok(Space { free, total: TOTAL })).unwrap();
        room.states()[0].level
    }

    #[test]
    fn what_comes_between_two_looks_is_taken_to_the_last_byte_before_the_reserve() {
        let room = room();
        let left = 50_000;
        look(&room, TOTAL / 10 + BYTES_BESIDE + left);
        let mut claim = Claim::new(room.clone());
        claim.take(left - 1).unwrap();
        claim.take(1).unwrap();
        assert!(matches!(claim.take(1), Err(Error::NoRoom)));
        assert!(matches!(Claim::new(room).take(1), Err(Error::NoRoom)));
    }

    #[test]
    fn what_is_held_and_not_written_is_not_free_for_others() {
        let room = room();
        look(&room, TOTAL / 2);
        let mut held = Claim::new(room.clone());
        held.take(TOTAL / 4).unwrap();
        // The disk does not show it yet.
        look(&room, TOTAL / 2);
        assert!(Claim::new(room.clone()).take(TOTAL / 4).is_err());
        // It does, and it is not subtracted again.
        held.written();
        look(&room, TOTAL / 4);
        let mut other = Claim::new(room.clone());
        other.take(TOTAL / 8).unwrap();
        assert!(other.take(TOTAL / 8).is_err());
    }

    #[test]
    fn what_is_announced_is_set_aside_and_what_does_not_fit_is_refused_before_it_comes() {
        let room = room();
        look(&room, TOTAL);
        let mut large = Claim::new(room.clone());
        assert!(large.announce(TOTAL).is_err());
        assert!(large.announce(u64::MAX).is_err());
        large.announce(TOTAL / 2).unwrap();
        assert!(Claim::new(room.clone()).take(TOTAL / 2).is_err(), "the room is promised");
        // Also when there is none left for others.
        assert_eq!(look(&room, TOTAL / 20), Level::Full);
        large.take(TOTAL / 2).unwrap();
        assert!(large.take(1).is_err());
        drop(large);
        assert_eq!(look(&room, TOTAL), Level::Ample);
        Claim::new(room).take(TOTAL / 2).unwrap();
    }

    #[test]
    fn a_full_disk_takes_nothing_until_there_is_a_tenth_more_than_the_reserve() {
        let room = room();
        let kept = TOTAL / 10;
        assert_eq!(look(&room, kept - 1), Level::Full);
        assert_eq!(look(&room, kept + kept / 10 - 1), Level::Full);
        assert!(Claim::new(room.clone()).take(1).is_err());
        assert_eq!(look(&room, kept + kept / 10), Level::Low);
        Claim::new(room).take(1).unwrap();
    }

    #[test]
    fn a_claim_that_ends_leaves_nothing_behind() {
        let room = room();
        look(&room, TOTAL);
        for bytes in [0, 1, 1_000_000] {
            let mut claim = Claim::new(room.clone());
            claim.announce(bytes / 2).unwrap();
            claim.take(bytes).unwrap();
            drop(claim);
        }
        let count = room.count();
        assert_eq!((count.unwritten, count.counted), (0, 0));
    }

    #[tokio::test]
    async fn two_folders_of_one_disk_are_watched_once_unless_their_marks_differ() {
        let folder = tempfile::tempdir().unwrap();
        let objects = crate::ObjectsConfig::Local(folder.path().join("objects"));
        let spool = folder.path().join("spool");
        let store = Store::open(crate::Config { spool: spool.clone(), objects }).await.unwrap();
        let of = |disk, marks| Watched { disk, path: spool.clone(), marks };
        let marks = Marks { warn: None, stop: Some(Amount::Bytes(7)) };
        let disks = vec![
            of(Disk::Spool, Marks::default()),
            of(Disk::Objects, Marks::default()),
            of(Disk::Catalog, marks),
        ];
        store.watch(disks).await.unwrap();
        let seen: Vec<_> = store.disks().iter().map(|state| (state.disk, state.marks.stop == 7)).collect();
        assert_eq!(seen, [(Disk::Spool, false), (Disk::Catalog, true)]);
    }
}
