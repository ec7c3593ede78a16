//! DICOM JSON of a stored data set (PS3.18 Annex F).
use causeway_core::Uid;
use causeway_core::transfer_syntax::Layout;

use crate::Error;

/// How to write.
#[derive(Debug, Clone)]
pub struct Options {
    /// What every BulkDataURI begins with; the path of the attribute follows: `…/7FE00010`,
    /// `…/00400275/1/00091001` (item numbers count from 1).
    pub bulk_data_uri: String,
    /// Largest binary value that is written inline, in bytes. Pixel data never are.
    pub max_inline_bytes: usize,
    /// Transfer syntax to tell in Available Transfer Syntax UID (0008,3002).
    pub transfer_syntax: Option<Uid>,
}

/// Writes the DICOM JSON object of a data set that arrives in pieces.
pub struct MetadataWriter {}

impl MetadataWriter {
    /// A writer for a data set laid out as `layout`.
    #[must_use]
    pub fn new(layout: Layout, options: Options) -> Self {
        let _ = (layout, options);
        Self {}
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// When they are no data set.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let _ = bytes;
        Ok(())
    }

    /// Bytes that come next and need not be fed: the reader may pass over them with [`Self::skip`].
    #[must_use]
    pub const fn skippable(&self) -> u64 {
        0
    }

    /// Passes over bytes that are not fed.
    pub const fn skip(&mut self, bytes: u64) {
        let _ = bytes;
    }

    /// The JSON object.
    ///
    /// # Errors
    /// When the data set ended in the middle.
    pub fn finish(self) -> Result<Vec<u8>, Error> {
        Ok(b"{}".to_vec())
    }
}

/// The DICOM JSON object of a data set that is all there.
///
/// # Errors
/// When it is no data set.
pub fn write_metadata(data_set: &[u8], layout: Layout, options: Options) -> Result<Vec<u8>, Error> {
    let mut writer = MetadataWriter::new(layout, options);
    writer.feed(data_set)?;
    writer.finish()
}
