//! The head of a data set: what is kept of it at ingest.
//!
//! Lives here: which elements that is and where the walk ends. Gathering them is `crate::gather`'s.

use std::sync::LazyLock;

use causeway_core::limits::{MAX_INFLATED_HEAD_BYTES, MAX_KEPT_VALUE_BYTES};
use causeway_core::query::levels::KEPT;
use causeway_core::transfer_syntax::Layout;
use causeway_core::{Attributes, Tag, Uid, Vr};

use crate::Error;
use crate::gather::{Choice, Gather};
use crate::scanner::{Header, Scanner};

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

/// The first of the elements that hold pixels.
const FIRST_OF_PIXELS: Tag = Tag::new(0x7FE0, 0x0000);

/// Taps a data set: gathers its head, then only walks on to its end, to see that it is whole.
#[derive(Debug)]
pub struct HeadCollector {
    scanner: Scanner<Gather<Wanted>>,
}

/// [`KEPT`] by tag: every element of every object is looked up here.
static BY_TAG: LazyLock<Vec<(Tag, Vr)>> = LazyLock::new(|| {
    let mut kept: Vec<(Tag, Vr)> = KEPT.iter().map(|kept| (kept.tag, kept.vr)).collect();
    kept.sort_unstable_by_key(|(tag, _)| *tag);
    kept
});

#[derive(Debug)]
struct Wanted {
    kept: &'static [(Tag, Vr)],
    pixel_data: Option<PixelData>,
    /// Whether the scan ends at the pixel data. Where passing over them costs nothing it goes on, so that a data
    /// set that was cut short in its pixels is not taken for whole; what is deflated would have to be inflated.
    ends_at_pixels: bool,
}

impl Choice for Wanted {
    const MAX_VALUE_BYTES: usize = MAX_KEPT_VALUE_BYTES;

    #[inline]
    fn keeps(&self, tag: Tag) -> Option<Vr> {
        let index = self.kept.binary_search_by_key(&tag, |(tag, _)| *tag).ok()?;
        self.kept.get(index).map(|(_, vr)| *vr)
    }

    #[inline]
    fn stops_at(&mut self, header: &Header) -> bool {
        if header.is_pixel_data() {
            self.pixel_data = Some(PixelData { value_offset: header.value_offset, length: header.length });
        }
        self.ends_at_pixels && header.depth == 0 && header.tag >= FIRST_OF_PIXELS
    }
}

impl HeadCollector {
    /// A collector for a data set laid out as `layout`.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        let ends_at_pixels = layout == Layout::DeflatedExplicitLittleEndian;
        let gather = Gather::new(Wanted { kept: &BY_TAG, pixel_data: None, ends_at_pixels });
        Self { scanner: Scanner::new(layout, MAX_INFLATED_HEAD_BYTES, gather) }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// When they are no data set.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.scanner.feed(bytes).map(drop)
    }

    /// SOP Class and SOP Instance UID, once both have passed by: that is early, since elements stand in the order of
    /// their tags.
    #[must_use]
    pub fn sop(&self) -> Option<(Uid, Uid)> {
        let attributes = self.scanner.sink().outermost();
        let uid = |tag| attributes.first(tag).and_then(|text| Uid::parse(text).ok());
        Some((uid(Tag::SOP_CLASS_UID)?, uid(Tag::SOP_INSTANCE_UID)?))
    }

    /// What the head said.
    ///
    /// # Errors
    /// When the data set ended in the middle of an element, its pixels included; of a deflated one, of its head.
    pub fn finish(self) -> Result<Head, Error> {
        let Gather { attributes, is_lossy, choice, .. } = self.scanner.finish()?;
        let uid = |tag| attributes.first(tag).and_then(|text| Uid::parse(text).ok());
        let text = |tag| attributes.first(tag).unwrap_or_default().to_owned();
        Ok(Head {
            sop_class: uid(Tag::SOP_CLASS_UID),
            sop_instance: uid(Tag::SOP_INSTANCE_UID),
            study: uid(Tag::STUDY_INSTANCE_UID),
            series: uid(Tag::SERIES_INSTANCE_UID),
            patient_id: text(Tag::PATIENT_ID),
            issuer: text(Tag::ISSUER_OF_PATIENT_ID),
            pixel_data: choice.pixel_data,
            is_lossy,
            attributes,
        })
    }
}

#[cfg(test)]
mod tests;
