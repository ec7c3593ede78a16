//! How a data set is laid out that nothing is said of: seen from its first element.

use causeway_core::transfer_syntax::{
    EXPLICIT_VR_BIG_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN,
};
use causeway_core::{Tag, Vr};

use crate::dictionary;

/// Bytes that are looked at.
pub(super) const GUESS_BYTES: usize = 8;
/// Highest group that the first element of a data set is believed to have: identification or patient.
const MAX_FIRST_GROUP: u16 = 0x0010;
/// Longest first value that is believed where no VR supports it.
const MAX_FIRST_LENGTH: u32 = 64 * 1024;

/// The plain transfer syntax whose layout `bytes` begin with.
pub(super) fn transfer_syntax(bytes: &[u8]) -> Option<&'static str> {
    let &[g0, g1, e0, e1, v0, v1, l0, l1] = bytes.first_chunk::<GUESS_BYTES>()?;
    let little = Tag::new(u16::from_le_bytes([g0, g1]), u16::from_le_bytes([e0, e1]));
    let big = Tag::new(u16::from_be_bytes([g0, g1]), u16::from_be_bytes([e0, e1]));
    if Vr::from_bytes([v0, v1]).is_some() {
        return match (comes_first(little), comes_first(big)) {
            (true, _) => Some(EXPLICIT_VR_LITTLE_ENDIAN),
            (false, true) => Some(EXPLICIT_VR_BIG_ENDIAN),
            (false, false) => None,
        };
    }
    let length = u32::from_le_bytes([v0, v1, l0, l1]);
    let plausible = comes_first(little) && dictionary::vr_of(little).is_some() && length <= MAX_FIRST_LENGTH;
    plausible.then_some(IMPLICIT_VR_LITTLE_ENDIAN)
}

/// Group 0 is that of commands, group 2 that of files: neither is a data set.
fn comes_first(tag: Tag) -> bool {
    (0x0004..=MAX_FIRST_GROUP).contains(&tag.group())
}
