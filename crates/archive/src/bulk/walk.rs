//! All long values of an instance, one after the other (PS3.18 §10.4.3.3.5): those that its metadata name by a
//! BulkDataURI. They are named as the data set is passed over, a few at a time, and opened one by one.

use std::collections::VecDeque;

use causeway_core::StoredInstance;
use causeway_dataset::bulk::list::BulkList;
pub use causeway_dataset::bulk::list::Listed;

use super::{BulkData, BulkValue, READ_BYTES};
use crate::Archive;
use crate::error::{RetrieveError, unreadable};
use crate::metadata::MAX_INLINE_BYTES;
use crate::pieces::Pieces;

/// The way through the long values of an instance.
pub struct BulkWalk {
    archive: Archive,
    instance: StoredInstance,
    pieces: Pieces,
    list: BulkList,
    /// Named, and not given yet.
    named: VecDeque<Listed>,
    /// What values are read from while none is: a data set that is laid out anew is so only once.
    idle: Option<Pieces>,
}

impl Archive {
    /// Sets out through the long values of an instance. The instance comes from [`Archive::select`], which asked for
    /// leave.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn bulk_walk(&self, instance: StoredInstance) -> Result<BulkWalk, RetrieveError> {
        let pieces = self.pieces(&instance).await?;
        let list = BulkList::new(&pieces.transfer_syntax, MAX_INLINE_BYTES);
        Ok(BulkWalk { archive: self.clone(), instance, pieces, list, named: VecDeque::new(), idle: None })
    }
}

impl BulkWalk {
    /// Whose values these are.
    #[must_use]
    pub const fn instance(&self) -> &StoredInstance {
        &self.instance
    }

    /// The name of the next value; none behind the last.
    ///
    /// # Errors
    /// When the store fails, or the object cannot be read as a data set.
    pub async fn next(&mut self) -> Result<Option<Listed>, RetrieveError> {
        loop {
            if let Some(listed) = self.named.pop_front() {
                return Ok(Some(listed));
            }
            let Some(at) = self.list.wants() else { return Ok(None) };
            let bytes = self.pieces.some(at, READ_BYTES).await?;
            self.named.extend(self.list.give(&bytes).map_err(unreadable)?);
        }
    }

    /// Opens a value that was named. None where it turns out to be no image after all.
    ///
    /// # Errors
    /// When the store fails, or its fragments cannot be told apart into frames.
    pub async fn open(&mut self, listed: &Listed) -> Result<Option<BulkData>, RetrieveError> {
        let Some(at) = listed.at.clone() else {
            return self.archive.bulk_data(&self.instance, listed.path.clone()).await;
        };
        let pieces = match self.idle.take() {
            Some(pieces) => pieces,
            None => self.archive.pieces(&self.instance).await?,
        };
        Ok(Some(BulkData::Value(BulkValue { pieces, left: [at].into() })))
    }

    /// Gives a value back that was read.
    pub fn close(&mut self, value: BulkValue) {
        self.idle = Some(value.pieces);
    }
}
