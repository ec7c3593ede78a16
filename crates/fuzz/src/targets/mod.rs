//! One file for each target. The first bytes of an input say how the rest is fed, so that the engine explores that
//! as well.

pub(crate) mod acceptor;
pub(crate) mod clinical;
pub(crate) mod command;
pub(crate) mod data_set;
pub(crate) mod decompress;
pub(crate) mod described;
pub(crate) mod file;
pub(crate) mod frame;
pub(crate) mod frames;
pub(crate) mod identifier;
pub(crate) mod link;
pub(crate) mod picture;
pub(crate) mod presentation;
pub(crate) mod requestor;
pub(crate) mod sealed;
pub(crate) mod transform;

use causeway_core::transfer_syntax::Layout;

/// The layout that the first byte of an input names.
const fn layout(byte: u8) -> Layout {
    match byte % 4 {
        0 => Layout::ImplicitLittleEndian,
        1 => Layout::ExplicitLittleEndian,
        2 => Layout::ExplicitBigEndian,
        _ => Layout::DeflatedExplicitLittleEndian,
    }
}
