//! The head of a data set: what is kept of it at ingest.
use causeway_core::transfer_syntax::Layout;
use causeway_core::{Attributes, Uid};

use crate::Error;

/// What the head said.
#[derive(Debug, Clone, Default)]
pub struct Head {
    /// The attributes of [`causeway_core::query::levels::KEPT`] that are there.
    pub attributes: Attributes,
    /// SOP Class UID (0008,0016).
    pub sop_class: Option<Uid>,
    /// SOP Instance UID (0008,0018).
    pub sop_instance: Option<Uid>,
    /// Study Instance UID (0020,000D).
    pub study: Option<Uid>,
    /// Series Instance UID (0020,000E).
    pub series: Option<Uid>,
    /// Patient ID (0010,0020), empty when there is none.
    pub patient_id: String,
    /// Issuer of Patient ID (0010,0021), empty when there is none.
    pub issuer: String,
    /// Where the pixel data are.
    pub pixel_data: Option<PixelData>,
    /// Whether text could not be read as its character set says.
    pub is_lossy: bool,
}

/// Where the pixel data are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PixelData {
    /// Where their value begins, in bytes from the start of the (inflated) data set.
    pub value_offset: u64,
    /// Their length; `None`: undefined (encapsulated).
    pub length: Option<u32>,
}

/// Taps a data set up to its pixel data.
pub struct HeadCollector {}

impl HeadCollector {
    /// A collector for a data set laid out as `layout`.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        let _ = layout;
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

    /// Whether the head is complete; further bytes are ignored.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        false
    }

    /// What the head said.
    ///
    /// # Errors
    /// When the data set ended in the middle of its head.
    pub fn finish(self) -> Result<Head, Error> {
        Ok(Head::default())
    }
}
