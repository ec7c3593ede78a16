//! Files (PS3.10 §7.1): File Meta Information in pieces of any size, with and without a preamble, and the data set
//! behind it.
//!
//! Input: size of the pieces, the file.

use bytes::Bytes;
use causeway_core::transfer_syntax::Layout;
use causeway_dataset::Error;
use causeway_dataset::file_meta::{Parsed, Part10Reader, Step};

use super::data_set;
use crate::chunks::chunks;

pub(crate) fn run(data: &[u8]) {
    let Some((seed, file)) = data.split_first() else { return };
    let in_pieces = read(file, *seed);
    let at_once = read(file, 0);
    let told = |parsed: &Parsed| format!("{:?} {}", parsed.meta, parsed.data_set_offset);
    assert_eq!(
        in_pieces.as_ref().map(told).map_err(ToString::to_string),
        at_once.as_ref().map(told).map_err(ToString::to_string),
        "in pieces and at once the header differs"
    );
    let Ok(parsed) = at_once else { return };
    let offset = usize::try_from(parsed.data_set_offset).unwrap_or(usize::MAX);
    let behind = file.get(offset..);
    assert_eq!(behind, Some(&parsed.rest[..]), "what is left is not what lies behind the header");
    let layout = Layout::of(&parsed.meta.transfer_syntax);
    data_set::check(&parsed.rest, layout, Layout::ExplicitLittleEndian, *seed);
}

fn read(file: &[u8], seed: u8) -> Result<Parsed, Error> {
    let mut reader = Part10Reader::new();
    for piece in chunks(file, seed) {
        if let Step::Done(parsed) = reader.feed(Bytes::copy_from_slice(piece))? {
            return Ok(parsed);
        }
    }
    reader.finish()
}
