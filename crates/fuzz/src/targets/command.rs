//! Command sets (PS3.7 §6.3.1): what is read of one can be written, and reads the same again.

use causeway_dimse::Command;
use causeway_dimse::message::{Decoded, decode, encode};

pub(crate) fn run(data: &[u8]) {
    let Ok(read) = decode(data) else { return };
    // What is malformed is answered, and never written again.
    if matches!(read.command, Command::Malformed(_)) {
        return;
    }
    let once = again(&read);
    let twice = again(&once);
    assert_eq!(twice.command.field(), read.command.field());
    assert_eq!(twice.has_data_set, read.has_data_set);
    // Not the command as it came: of a comment only what is ASCII is written, and no padding.
    assert_eq!(twice.command, once.command);
}

/// What is read of what is written of a command.
fn again(read: &Decoded) -> Decoded {
    let written = encode(&read.command, read.has_data_set);
    assert!(written.len().is_multiple_of(2), "an odd length: {written:02X?}");
    decode(&written).unwrap_or_else(|words| {
        assert_eq!(words, "", "{:?} was written as {written:02X?}", read.command);
        Decoded { command: read.command.clone(), has_data_set: read.has_data_set }
    })
}
