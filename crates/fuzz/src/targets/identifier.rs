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
    let Some(once) = again(&read, layout) else { return };
    assert_eq!(again(&once, layout), Some(once));
}

/// What is read of what is written of an identifier. None: it has a value that is none by the VR of the dictionary, and
/// no VR is written.
fn again(read: &Attributes, layout: Layout) -> Option<Attributes> {
    let written = encode(read, layout);
    match decode(&written, layout) {
        Ok(again) => Some(again),
        Err(error) => {
            assert!(
                layout == Layout::ImplicitLittleEndian,
                "{error}: {read:?} was written as {written:02X?}"
            );
            None
        }
    }
}
