//! Long values that metadata name by a BulkDataURI (PS3.18 §10.4.1.1.5), read from where they are in the stored data
//! set. Never here: how they are found, which is `dataset`'s.

mod walk;

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;
use causeway_core::StoredInstance;
use causeway_dataset::bulk::{Bulk, BulkFinder, BulkPath};

use crate::error::{RetrieveError, unreadable};
use crate::pieces::Pieces;
use crate::{Archive, Frames};

pub use walk::{BulkWalk, Listed};

/// Bytes read at a time on the way to the value.
const READ_BYTES: u64 = 16 * 1024;
/// Most bytes of the value read at a time.
const CHUNK_BYTES: u64 = 512 * 1024;

/// What a path leads to.
pub enum BulkData {
    /// A value.
    Value(BulkValue),
    /// The pixel data of the instance, or of an icon in it, in fragments.
    Frames(Frames),
}

/// A value, opened for reading: its bytes as they are, little endian.
pub struct BulkValue {
    pub(crate) pieces: Pieces,
    /// Where the bytes are in the data set, in their order.
    pub(crate) left: VecDeque<Range<u64>>,
}

impl Archive {
    /// The value at `path` in an instance; none where there is no such attribute. The instance comes from
    /// [`Archive::select`], which asked for leave.
    ///
    /// # Errors
    /// When the store fails, or the object cannot be read as a data set.
    pub async fn bulk_data(
        &self,
        instance: &StoredInstance,
        path: BulkPath,
    ) -> Result<Option<BulkData>, RetrieveError> {
        let mut pieces = self.pieces(instance).await?;
        let mut finder = BulkFinder::new(&pieces.transfer_syntax, path);
        while let Some(at) = finder.wants() {
            let bytes = pieces.some(at, READ_BYTES).await?;
            finder.give(&bytes).map_err(unreadable)?;
        }
        match finder.finish() {
            None => Ok(None),
            Some(Bulk::Value(left)) => Ok(Some(BulkData::Value(BulkValue { pieces, left: [left].into() }))),
            Some(Bulk::Frames) => Ok(self.frames(instance).await?.map(BulkData::Frames)),
            Some(Bulk::Icon(items_offset, shape)) => {
                let shape = shape.map_err(|error| RetrieveError::Frames(error.to_string()))?;
                let icon = self.icon(instance, pieces, items_offset, shape).await?;
                Ok(icon.map(BulkData::Frames))
            }
        }
    }
}

impl BulkValue {
    /// Bytes that are left to read.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.left.iter().map(length).fold(0, u64::saturating_add)
    }

    /// Leaves out what is not in `range`, counted from the first byte that is left.
    pub fn narrow(&mut self, range: Range<u64>) {
        let mut before = 0_u64;
        for extent in &mut self.left {
            let whole = extent.clone();
            let at = |offset: u64| whole.start.saturating_add(offset.saturating_sub(before)).min(whole.end);
            *extent = at(range.start)..at(range.end);
            before = before.saturating_add(length(&whole));
        }
    }

    /// Up to `most` of the next bytes, which stay the next ones.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn peek(&mut self, most: u64) -> Result<Bytes, RetrieveError> {
        match self.left.iter().find(|extent| length(extent) > 0) {
            Some(extent) => self.pieces.some(extent.start, length(extent).min(most)).await,
            None => Ok(Bytes::new()),
        }
    }

    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// When the store fails, or the data set ends before the value does.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, RetrieveError> {
        while self.left.front().is_some_and(|extent| length(extent) == 0) {
            self.left.pop_front();
        }
        let Some(extent) = self.left.front_mut() else { return Ok(None) };
        let chunk = self.pieces.some(extent.start, length(extent).min(CHUNK_BYTES)).await?;
        if chunk.is_empty() {
            return Err(unreadable("the data set ends in the middle of a value"));
        }
        extent.start = extent.start.saturating_add(chunk.len() as u64);
        Ok(Some(chunk))
    }
}

const fn length(extent: &Range<u64>) -> u64 {
    extent.end.saturating_sub(extent.start)
}
