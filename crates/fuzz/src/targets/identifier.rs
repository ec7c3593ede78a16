//! Identifiers of queries (PS3.4 §C.4.1.1.3): what is read of one can be written, and reads the same again.
//!
//! Input: layout, the identifier.

use causeway_core::Attributes;
use causeway_core::transfer_syntax::Layout;
use causeway_dataset::identifier::{decode, encode};

use super::layout;

pub(crate) fn run(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    let layout = layout(*kind);
    let Ok(read) = decode(bytes, layout) else { return };
    // Not what came: a VR that the layout does not write is the dictionary's afterwards.
    let once = again(&read, layout);
    assert_eq!(again(&once, layout), once);
}

/// What is read of what is written of an identifier.
fn again(read: &Attributes, layout: Layout) -> Attributes {
    let written = encode(read, layout);
    decode(&written, layout).unwrap_or_else(|error| {
        assert_eq!(error.to_string(), "", "{read:?} was written as {written:02X?}");
        Attributes::default()
    })
}
