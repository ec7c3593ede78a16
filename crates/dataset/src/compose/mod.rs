//! A data set made of its form on the web: DICOM JSON (PS3.18 Annex F) or the Native DICOM Model (PS3.19 Annex A).
//!
//! Lives here: what the two have in common: [`Composed`], which is the data set in Explicit VR Little Endian with gaps
//! for values that are elsewhere; `builder`, which lays out elements; `values`, which makes value fields; [`pixels`],
//! what compressed pixel data become; `description`, what is said of them; `boxes`, what is around a codestream. The readers are `json::read` and `xml::read`. Never here: the values that are
//! elsewhere, and where they come from.
//!
//! What is read is foreign: depth, bytes and numbers are held to their bounds, and what breaks one is an error of that
//! data set.

mod boxes;
mod builder;
mod description;
mod error;
mod gap;
pub mod pixels;
mod values;

use causeway_core::Uid;

pub use boxes::{CodestreamFinder, MAX_BOX_HEADER_BYTES};
pub(crate) use builder::{Builder, Place};
pub use description::{Description, Told};
pub use error::ComposeError;
pub use gap::{Gap, MAX_VALUE_BYTES, SEQUENCE_END, begin_fragment, begin_fragments, begin_value, padding};
pub(crate) use values::{Given, Values};

/// A data set in Explicit VR Little Endian. Its text is UTF-8, and says so where it is more than ASCII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// Which it is.
    pub named: Named,
    /// The data set but for its gaps.
    pub bytes: Vec<u8>,
    /// Where elements are to be put whose values are elsewhere, in order.
    pub gaps: Vec<Gap>,
    /// The transfer syntax that the pixel data are said to be in: Transfer Syntax UID (0002,0010) or Available Transfer
    /// Syntax UID (0008,3002), neither of which is part of the data set.
    pub transfer_syntax: Option<Uid>,
    /// Number of Frames (0028,0008); 1 where it does not say.
    pub frames: u32,
    /// What it says of its pixels.
    pub told: Told,
    /// Whether a value was changed to fit its attribute: a number rounded to the length of DS.
    pub is_coerced: bool,
}

/// Which instance a data set is, as far as it says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Named {
    /// SOP Class UID (0008,0016).
    pub sop_class: Option<Uid>,
    /// SOP Instance UID (0008,0018).
    pub sop_instance: Option<Uid>,
}

/// A data set that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Which it is, as far as it was read.
    pub named: Named,
    /// What is wrong with it.
    pub error: ComposeError,
}
