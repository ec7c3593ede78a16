//! The catalog made anew from the store alone: every object is read and recorded as a replay would, in the order in which
//! they came. What stands in no object cannot be had back: see [`NOT_REBUILT`].

use std::pin::pin;

use causeway_catalog::Inserted;
use causeway_core::{InstanceRecord, ObjectKey};
use futures_util::{StreamExt, stream};

use crate::error::IngestError;
use crate::replay::is_of_one_file;
use crate::{Archive, StoreError};

/// Objects that are read at the same time.
const READ_AT_ONCE: usize = 8;

/// What no object tells of.
pub const NOT_REBUILT: [&str; 9] = [
    "remotes, what they take, and links with other nodes",
    "routes, and the deliveries that were open or done",
    "transforms, and under which names instances went out",
    "tokens and webhooks",
    "receipts and storage commitments",
    "the worklist and performed procedure steps",
    "the trail of who did what",
    "what was deleted and whose bytes are gone: what comes again of it is new",
    "which of two with one UID was kept, where both are in the store: the setting [ingest] duplicate decides",
];

/// What came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Instances recorded.
    pub recorded: u64,
    /// Objects whose bytes are kept as another object; they stay.
    pub repeated: u64,
    /// Objects whose instance is kept with other bytes; they stay.
    pub conflicting: u64,
    /// Objects that cannot be read; they stay.
    pub unreadable: u64,
    /// Objects of what was removed; they stay until their grace is over.
    pub removed: u64,
}

impl Archive {
    /// Records all settled objects but those that were removed; to be called before [`Archive::replay`] on a catalog that is
    /// empty: what is in the spool came later. Nothing is removed.
    ///
    /// # Errors
    /// When store or catalog fail. It can be begun again: what was recorded is passed over.
    pub async fn rebuild(&self, mut tell: impl FnMut(Rebuilt)) -> Result<Rebuilt, IngestError> {
        let mut rebuilt = Rebuilt { removed: self.remember_removed().await?, ..Rebuilt::default() };
        let mut position = String::new();
        while let Some(settled) = self.inner.store.settled_after(&position).await? {
            // Read several at once, since an object store takes its time, and recorded in their order.
            let read = move |object: ObjectKey| async move { (self.read_kept(&object).await, object) };
            let mut records = pin!(stream::iter(settled.objects).map(read).buffered(READ_AT_ONCE));
            while let Some((record, object)) = records.next().await {
                if let Some(record) = record.transpose() {
                    self.rebuild_one(&object, record, &mut rebuilt).await?;
                }
            }
            position = settled.position;
            tell(rebuilt);
        }
        self.inner.catalog.sync().await?;
        Ok(rebuilt)
    }

    /// What is to be recorded of an object; none: it was removed, and stays so.
    async fn read_kept(&self, object: &ObjectKey) -> Result<Option<InstanceRecord>, IngestError> {
        if self.inner.catalog.is_removed(object.clone()).await? {
            return Ok(None);
        }
        self.read_record(object).await.map(Some)
    }

    async fn rebuild_one(
        &self,
        object: &ObjectKey,
        record: Result<InstanceRecord, IngestError>,
        rebuilt: &mut Rebuilt,
    ) -> Result<(), IngestError> {
        let recorded = match record {
            Ok(record) => self.record_found(record, self.on_conflict()).await,
            Err(error) => Err(error),
        };
        match recorded {
            Ok(Inserted::New | Inserted::Known) => rebuilt.recorded += 1,
            Ok(Inserted::SameBytes { .. }) => rebuilt.repeated += 1,
            Ok(Inserted::Replaced { object: old }) => {
                rebuilt.conflicting += 1;
                tracing::warn!(%object, %old, "an object takes the place of an older one with its UID; that one stays");
            }
            Ok(Inserted::Conflict | Inserted::Superseded) => {
                rebuilt.conflicting += 1;
                tracing::warn!(%object, "the instance of an object is kept with other bytes; the object stays");
            }
            Err(error) if is_of_one_file(&error) || is_gone(&error) => {
                rebuilt.unreadable += 1;
                tracing::error!(%object, %error, "an object cannot be recorded; it stays");
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn is_gone(error: &IngestError) -> bool {
    matches!(error, IngestError::Store(StoreError::NotFound(_)))
}
