//! Compressed pixel data as the web has them (PS3.18 §10.5.2): what a stream says of itself, where the codestream is in its
//! file, and pictures unpacked. What is said fits what comes out.
//!
//! Input: a byte that says of which media type, and the stream.

use causeway_dataset::compose::CodestreamFinder;
use causeway_dataset::pixels::described::described;
use causeway_dataset::pixels::picture::{Colours, unpack};

const MEDIA_TYPES: [&str; 6] =
    ["image/png", "image/gif", "image/jpeg", "image/jls", "image/jp2", "image/jxl"];

pub(crate) fn run(data: &[u8]) {
    let Some((kind, stream)) = data.split_first() else { return };
    let Some(media_type) = MEDIA_TYPES.get(usize::from(kind % 6)) else { return };
    let _ = described(media_type, stream);
    find_codestream(stream);
    let colours = match kind / 6 % 3 {
        0 => Colours::AsTheyAre,
        1 => Colours::Grey,
        _ => Colours::Rgb,
    };
    let mut bytes = 0_u64;
    let unpacked = unpack(media_type, stream, colours, |frame| {
        bytes += frame.len() as u64;
        Ok(())
    });
    if let Ok(said) = unpacked {
        let pixels = u64::from(said.rows) * u64::from(said.columns) * u64::from(said.frames);
        let expected = pixels * u64::from(said.samples) * u64::from(said.bits_allocated() / 8);
        assert_eq!(bytes, expected, "{said:?}");
    }
}

fn find_codestream(stream: &[u8]) {
    let whole = stream.len() as u64;
    let mut finder = CodestreamFinder::new(whole);
    while let Some(at) = finder.wants() {
        let at = usize::try_from(at).unwrap_or(usize::MAX).min(stream.len());
        finder.give(stream.get(at..).unwrap_or_default());
    }
    if let Some(found) = finder.finish() {
        assert!(found.start < found.end && found.end <= whole, "{found:?} of {whole}");
    }
}
