//! Manifests that came with a study, read from where they are stored.

use causeway_core::StoredInstance;
use causeway_core::transfer_syntax::Layout;
use causeway_dataset::manifest::{Manifest, Reader};

use crate::Archive;
use crate::error::{RetrieveError, unreadable};

/// Bytes read at a time.
const READ_BYTES: u64 = 64 * 1024;

impl Archive {
    /// What a Key Object Selection Document names, when it is a manifest. The instance comes from [`Archive::select`],
    /// which asked for leave.
    ///
    /// # Errors
    /// When the store fails, or the document is no data set.
    pub async fn manifest(&self, instance: &StoredInstance) -> Result<Option<Manifest>, RetrieveError> {
        let mut pieces = self.pieces(instance).await?;
        let mut reader = Reader::new(Layout::of(&pieces.transfer_syntax));
        let mut at = 0_u64;
        loop {
            let bytes = pieces.some(at, READ_BYTES).await?;
            if bytes.is_empty() || !reader.feed(&bytes).map_err(unreadable)? {
                return Ok(reader.finish());
            }
            at = at.saturating_add(bytes.len() as u64);
        }
    }
}
