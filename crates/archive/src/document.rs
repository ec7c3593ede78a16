//! Documents: encapsulated ones as they are (PS3.3 §C.24.2), and structured reports as text (PS3.18 §8.7.4). Never here:
//! how a report is told, which is `dataset`'s.

use bytes::Bytes;
use causeway_core::StoredInstance;
use causeway_core::transfer_syntax::Layout;
use causeway_dataset::bulk::BulkPath;
use causeway_dataset::cda::{self, CdaError, MAX_DOCUMENT_BYTES};
use causeway_dataset::report::{Collector, Form, ReportError};

use crate::Archive;
use crate::bulk::{BulkData, BulkValue};
use crate::error::RetrieveError;

/// Encapsulated Document, and its length without what fills it up to an even one.
const DOCUMENT: &str = "00420011";
const DOCUMENT_LENGTH: &str = "00420015";
/// Bytes read at a time: few reports are longer.
const READ_BYTES: u64 = 64 * 1024;

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The instance cannot be read.
    #[error(transparent)]
    Retrieve(#[from] RetrieveError),
    /// It can, but no text be made of it.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The same of a clinical document.
    #[error(transparent)]
    Clinical(#[from] CdaError),
}

impl Archive {
    /// The document that an instance encapsulates, without the byte that fills it up to an even length where the
    /// instance says how long the document is; none where it has no document. The instance comes from
    /// [`Archive::select`], which asked for leave.
    ///
    /// # Errors
    /// When the store fails, or the object cannot be read as a data set.
    pub async fn document(&self, instance: &StoredInstance) -> Result<Option<BulkValue>, RetrieveError> {
        let Some(mut document) = self.value(instance, DOCUMENT).await? else { return Ok(None) };
        let said = match self.value(instance, DOCUMENT_LENGTH).await? {
            Some(mut length) => length.chunk().await?,
            None => None,
        };
        let said = said.and_then(|bytes| Some(u64::from(u32::from_le_bytes(*bytes.first_chunk()?))));
        // A length that would take off more than a filling byte is wrong.
        if let Some(length) = said.filter(|length| length.saturating_add(1) == document.bytes()) {
            document.narrow(0..length);
        }
        Ok(Some(document))
    }

    async fn value(&self, instance: &StoredInstance, tag: &str) -> Result<Option<BulkValue>, RetrieveError> {
        let Ok(path) = tag.parse::<BulkPath>() else { return Ok(None) };
        Ok(match self.bulk_data(instance, path).await? {
            Some(BulkData::Value(value)) => Some(value),
            Some(BulkData::Frames(_)) | None => None,
        })
    }

    /// A clinical document (HL7 CDA) as text. The instance comes from [`Archive::select`], which asked for leave.
    ///
    /// # Errors
    /// When the store fails, or it has no such document, or too long or too deep a one.
    pub async fn clinical(&self, instance: &StoredInstance, form: Form) -> Result<Bytes, DocumentError> {
        let mut document = self.document(instance).await?.ok_or(CdaError::NoText)?;
        if document.bytes() > MAX_DOCUMENT_BYTES as u64 {
            return Err(CdaError::TooLong.into());
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = document.chunk().await? {
            bytes.extend_from_slice(&chunk);
        }
        let decoders = self.inner.decoders.pool()?;
        let text = decoders.run(move || cda::tell(&bytes, form)).await.map_err(RetrieveError::from)?;
        Ok(Bytes::from(text?))
    }

    /// A structured report as text. The instance comes from [`Archive::select`], which asked for leave.
    ///
    /// # Errors
    /// When the store fails, or it is no report, or too long or too deep a one.
    pub async fn report(&self, instance: &StoredInstance, form: Form) -> Result<Bytes, DocumentError> {
        let mut pieces = self.pieces(instance).await?;
        let mut collector = Collector::new(Layout::of(&pieces.transfer_syntax));
        let mut at = 0_u64;
        loop {
            let bytes = pieces.some(at, READ_BYTES).await?;
            if bytes.is_empty() {
                break;
            }
            collector.feed(&bytes)?;
            let skippable = collector.skippable();
            collector.skip(skippable);
            at = at.saturating_add(bytes.len() as u64).saturating_add(skippable);
        }
        let report = collector.finish()?;
        let decoders = self.inner.decoders.pool()?;
        let text = decoders.run(move || report.tell(form)).await.map_err(RetrieveError::from)?;
        Ok(Bytes::from(text))
    }
}
