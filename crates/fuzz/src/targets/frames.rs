//! Where the frames of an image are (PS3.5 §8.1.1, §A.4): the head, offset tables, fragments, with any bytes at any
//! place; and the frames cut out. What native frames are cut from is as long as they are.
//!
//! Input: transfer syntax, size of the pieces, the data set.

use std::num::NonZeroU32;

use bytes::Bytes;
use causeway_core::Uid;
use causeway_dataset::bulk::{Bulk, BulkFinder};
use causeway_dataset::frames::{Chart, Charter, MIN_WINDOW_BYTES};

const SYNTAXES: [&str; 8] = [
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.1.98",
    "1.2.840.10008.1.2.4.102",
];

/// Frames that are cut of those that there are.
const MAX_FRAMES: u32 = 64;

pub(crate) fn run(data: &[u8]) {
    let Some(([kind, seed], bytes)) = data.split_first_chunk::<2>() else { return };
    let syntax = SYNTAXES.get(usize::from(*kind) % SYNTAXES.len());
    let Some(syntax) = syntax.and_then(|text| Uid::parse(text).ok()) else { return };
    let window = MIN_WINDOW_BYTES + usize::from(*seed);
    value(&syntax, bytes, window);
    let Some(chart) = chart(&syntax, bytes, window) else { return };
    let frames = chart.shape().frames;
    for number in (1..=frames.min(MAX_FRAMES)).filter_map(NonZeroU32::new) {
        let Ok(span) = chart.span(number) else { continue };
        assert!(span.start <= span.end, "a frame ends before it begins: {span:?}");
        let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
        let Some(some) = bytes.get(at(span.start)..at(span.end)) else { continue };
        let cut = chart.cut(number, &Bytes::copy_from_slice(some));
        match (chart.native_frame_bytes(), cut) {
            (Some(length), Ok(frame)) => assert_eq!(frame.len() as u64, length),
            (Some(_), Err(error)) => assert!(some.is_empty(), "a native frame is not cut: {error}"),
            (None, Ok(frame)) => assert!(frame.len() <= some.len()),
            (None, Err(_)) => {}
        }
    }
    let beyond = frames.checked_add(1).and_then(NonZeroU32::new);
    assert!(beyond.is_none_or(|number| chart.span(number).is_err()));
}

/// Gives what is wanted until no more is, which is never as often as there are bytes.
fn chart(syntax: &Uid, bytes: &[u8], window: usize) -> Option<Chart> {
    let mut charter = Charter::new(syntax);
    let mut turns = 0;
    while let Some(at) = charter.wants() {
        charter.give(from(bytes, at, window)).ok()?;
        turns += 1;
        assert!(turns <= bytes.len() + 8, "it does not come to an end");
    }
    charter.finish()
}

/// Looks for the pixel data as for any other value.
fn value(syntax: &Uid, bytes: &[u8], window: usize) {
    let Ok(path) = "7FE00010".parse() else { return };
    let mut finder = BulkFinder::new(syntax, path);
    while let Some(at) = finder.wants() {
        if finder.give(from(bytes, at, window)).is_err() {
            return;
        }
    }
    if let Some(Bulk::Value(range)) = finder.finish() {
        assert!(range.start <= range.end, "a value ends before it begins: {range:?}");
    }
}

fn from(bytes: &[u8], at: u64, window: usize) -> &[u8] {
    let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
    rest.get(..window).unwrap_or(rest)
}
