//! DICOM JSON of a stored data set (PS3.18 Annex F).
//!
//! Lives here: [`MetadataWriter`]; `writer`, the sink that writes as it is told; `scalar`, the form of single
//! values. Nothing is kept of the data set but the value at hand. Never here: the JSON of attributes that were
//! decoded before, which is [`causeway_core::Attributes`]'s own.

mod scalar;
mod writer;

use causeway_core::Uid;
use causeway_core::limits::MAX_INFLATED_HEAD_BYTES;
use causeway_core::transfer_syntax::Layout;

use crate::Error;
use crate::scanner::Scanner;
pub(crate) use writer::MAX_UNKNOWN_BYTES;
use writer::Writer;

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
///
/// Of a deflated data set nothing is read beyond its pixel data, since passing over them means inflating them.
#[derive(Debug)]
pub struct MetadataWriter {
    scanner: Scanner<Writer>,
}

impl MetadataWriter {
    /// A writer for a data set laid out as `layout`.
    #[must_use]
    pub fn new(layout: Layout, options: Options) -> Self {
        let stops_at_pixel_data = layout == Layout::DeflatedExplicitLittleEndian;
        let writer = Writer::new(options, stops_at_pixel_data);
        Self { scanner: Scanner::new(layout, MAX_INFLATED_HEAD_BYTES, writer) }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// When they are no data set.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.scanner.feed(bytes)?;
        self.scanner.sink().check()
    }

    /// Bytes that come next and need not be fed: the reader may pass over them with [`Self::skip`].
    #[must_use]
    pub const fn skippable(&self) -> u64 {
        self.scanner.skippable()
    }

    /// Passes over bytes that are not fed.
    pub fn skip(&mut self, bytes: u64) {
        self.scanner.skip(bytes);
    }

    /// The JSON object.
    ///
    /// # Errors
    /// When the data set ended in the middle.
    pub fn finish(self) -> Result<Vec<u8>, Error> {
        let writer = self.scanner.finish()?;
        writer.check()?;
        Ok(writer.finish())
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

#[cfg(test)]
mod tests;
