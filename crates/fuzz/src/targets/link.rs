//! What another node sends over a link: the frames of an upload, and the code of an invitation. However it is cut, the
//! same is found, and never more than was sent or its packing allows.
//!
//! Input: size of the pieces, bytes.

use bytes::Bytes;
use causeway_core::link::code::InviteCode;
use causeway_core::link::frame::{Found, MAX_DATA_BYTES, Reader};

pub(crate) fn run(data: &[u8]) {
    let Some((size, bytes)) = data.split_first() else { return };
    let pieces = found(bytes, usize::from(*size) + 1);
    let whole = found(bytes, usize::MAX);
    assert_eq!(pieces, whole, "how it is cut makes a difference");
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(code) = text.parse::<InviteCode>()
    {
        assert_eq!(code.to_line().parse(), Ok(code), "a code is not read back as it was");
    }
}

/// Instances begun, ended and withdrawn, the bytes of their data, and whether all of it was an upload.
fn found(bytes: &[u8], size: usize) -> (usize, usize, usize, Vec<u8>, bool) {
    let mut reader = Reader::default();
    let (mut begun, mut ended, mut withdrawn, mut data) = (0, 0, 0, Vec::new());
    for piece in bytes.chunks(size) {
        reader.feed(Bytes::copy_from_slice(piece));
        loop {
            match reader.find() {
                Ok(Some(Found::Begin(_))) => begun += 1,
                Ok(Some(Found::Data(some))) => {
                    assert!(some.len() <= MAX_DATA_BYTES, "more than a frame may have");
                    data.extend_from_slice(&some);
                }
                Ok(Some(Found::End)) => ended += 1,
                Ok(Some(Found::Withdrawn)) => withdrawn += 1,
                Ok(None) => break,
                Err(_) => return (begun, ended, withdrawn, data, false),
            }
        }
    }
    (begun, ended, withdrawn, data, reader.finish().is_ok())
}
