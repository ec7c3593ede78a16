//! Whether there is room for more, and a catalog to record it in: disks are looked at at a set pace, and what changes is told once.
//!
//! The store refuses what does not fit by itself; here is who looks, and who may ask how things stand.

use std::future::Future;
use std::time::Duration;

use causeway_core::space::Level;
use causeway_store::DiskState;

use crate::Archive;

/// How long between two looks.
pub const LOOK_PACE: Duration = Duration::from_millis(500);

impl Archive {
    /// Looks at the disks until `shutdown` completes. One such task runs per node.
    pub async fn watch_room_until(&self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        let mut told = Vec::new();
        let mut is_blind = false;
        loop {
            let looked = self.inner.store.look().await;
            match &looked {
                Err(error) if !is_blind => {
                    tracing::warn!(%error, "how much of a disk is free cannot be known; what was seen last holds on");
                }
                _ => {}
            }
            is_blind = looked.is_err();
            told = tell(&told, self.disks());
            tokio::select! {
                () = tokio::time::sleep(LOOK_PACE) => {}
                () = &mut shutdown => return,
            }
        }
    }

    /// Whether the catalog answers. Where it is on a server it may be away.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ask_catalog(&self) -> Result<(), causeway_catalog::Error> {
        self.inner.catalog.ask().await
    }

    /// The disks that are watched, as they were seen last.
    #[must_use]
    pub fn disks(&self) -> Vec<DiskState> {
        self.inner.store.disks()
    }

    /// How the fullest of them stands.
    #[must_use]
    pub fn room(&self) -> Level {
        self.disks().iter().map(|disk| disk.level).max().unwrap_or_default()
    }
}

/// Tells of each disk that stands otherwise than `before`; gives what was told.
fn tell(before: &[DiskState], disks: Vec<DiskState>) -> Vec<DiskState> {
    for state in &disks {
        let was = before.iter().find(|it| it.disk == state.disk).map_or(Level::Ample, |it| it.level);
        if was == state.level {
            continue;
        }
        let (disk, free, total) = (state.disk.as_str(), state.space.free, state.space.total);
        match state.level {
            Level::Ample => tracing::info!(disk, free, total, "the disk has room again"),
            Level::Low => {
                tracing::warn!(disk, free, total, stop = state.marks.stop, "the disk has little room left");
            }
            Level::Full => tracing::error!(
                disk,
                free,
                total,
                "the disk is full but for what the node keeps for itself: nothing more is taken in until there is room"
            ),
        }
    }
    disks
}
