//! Data sets whose pixels are compressed, given plain (PS3.5 §A.4): fragments, offset tables, frames, in pieces of any
//! size; what comes out is a data set.
//!
//! Input: transfer syntax (low bits) and layout to write (bit 7), size of the pieces, the data set.

use bytes::Bytes;
use causeway_core::Uid;
use causeway_core::transfer_syntax::Layout;
use causeway_dataset::Error;
use causeway_dataset::decompress::{Decompressor, Turn};
use causeway_dataset::head::HeadCollector;

use crate::chunks::chunks;

const SYNTAXES: [&str; 7] = [
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.110",
    "1.2.840.10008.1.2.8.1",
    "1.2.840.10008.1.2.1.98",
];

/// What comes out is held against this and no further: frames of any size may be claimed.
const MAX_OUT_BYTES: usize = 4 * 1024 * 1024;

pub(crate) fn run(data: &[u8]) {
    let Some(([kind, seed], bytes)) = data.split_first_chunk::<2>() else { return };
    let to = if kind & 0x80 == 0 { Layout::ExplicitLittleEndian } else { Layout::ImplicitLittleEndian };
    let syntax = SYNTAXES.get(usize::from(kind & 0x7F) % SYNTAXES.len());
    let Some(syntax) = syntax.and_then(|text| Uid::parse(text).ok()) else { return };
    let Some(decompressor) = Decompressor::new(&syntax, to) else { return };
    let Ok(Some(plain)) = decompressed(decompressor, bytes, *seed) else { return };
    if to == Layout::ImplicitLittleEndian {
        // A VR that is not as the dictionary has it is lost, and what it says of the value with it.
        return;
    }
    let mut collector = HeadCollector::new(to);
    let read = collector.feed(&plain).and_then(|()| collector.finish());
    assert!(read.is_ok(), "what came out is no data set: {read:?} {plain:02X?}");
}

/// All that comes out; none when that is more than is looked at.
fn decompressed(mut decompressor: Decompressor, bytes: &[u8], seed: u8) -> Result<Option<Vec<u8>>, Error> {
    let mut out = Vec::new();
    let mut rest = chunks(bytes, seed);
    loop {
        match decompressor.turn()? {
            Turn::Wants => match rest.next() {
                Some(piece) => decompressor.give(Bytes::copy_from_slice(piece)),
                None => decompressor.end(),
            },
            Turn::WantsFrom(offset) => {
                let offset = usize::try_from(offset).unwrap_or(usize::MAX);
                rest = chunks(bytes.get(offset..).unwrap_or_default(), seed);
            }
            Turn::Has(piece) => out.extend_from_slice(&piece),
            Turn::Done => return Ok(Some(out)),
        }
        if out.len() > MAX_OUT_BYTES {
            return Ok(None);
        }
    }
}
