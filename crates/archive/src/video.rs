//! Videos (PS3.5 §8.2.5 to §8.2.9): one coded stream in as many fragments as it took, read from where they are. A part of
//! it can be read without what stands before. Never here: containers and codecs.

use std::collections::VecDeque;

use causeway_core::StoredInstance;
use causeway_dataset::frames::{ITEM_HEADER_BYTES, MAX_FRAGMENTS, fragment_bytes};

use crate::bulk::BulkValue;
use crate::error::RetrieveError;
use crate::{Archive, Frames};

impl Archive {
    /// The coded stream of a video; none where the instance has no pixel data in fragments. The instance comes from
    /// [`Archive::select`], which asked for leave.
    ///
    /// # Errors
    /// When the store fails, or the fragments cannot be told apart.
    pub async fn video(&self, instance: &StoredInstance) -> Result<Option<BulkValue>, RetrieveError> {
        let Some(Frames { mut pieces, chart, .. }) = self.frames(instance).await? else { return Ok(None) };
        let Some(items) = chart.items() else { return Ok(None) };
        let broken = |error: causeway_dataset::Error| RetrieveError::Frames(error.to_string());
        let mut left = VecDeque::new();
        let mut at = items.start;
        while at < items.end && left.len() < MAX_FRAGMENTS {
            let begin = at.saturating_add(ITEM_HEADER_BYTES as u64);
            let header = pieces.all(at..begin).await?;
            at = begin.saturating_add(fragment_bytes(&header).map_err(broken)?);
            left.push_back(begin..at);
        }
        Ok(Some(BulkValue { pieces, left }))
    }
}
