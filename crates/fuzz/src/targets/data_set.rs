//! Data sets (PS3.5 §7): the bounded scanner under each of its sinks, in every layout, in pieces of any size.
//!
//! Input: layout (low two bits) and layout to transcode to (next two), size of the pieces, the data set.

use bytes::{Bytes, BytesMut};
use causeway_core::transfer_syntax::Layout;
use causeway_dataset::Error;
use causeway_dataset::head::{Head, HeadCollector};
use causeway_dataset::json::{MetadataWriter, Options, write_metadata};
use causeway_dataset::transcode::Transcoder;
use causeway_dataset::xml;

use super::layout;
use crate::chunks::chunks;

/// Longest binary value that is written into the JSON.
const MAX_INLINE_BYTES: usize = 64;

pub(crate) fn run(data: &[u8]) {
    let Some(([layouts, seed], bytes)) = data.split_first_chunk::<2>() else { return };
    check(bytes, layout(*layouts), layout((layouts >> 2) & 1), *seed);
}

/// Holds each reader of a data set against itself and against the others.
pub(super) fn check(bytes: &[u8], from: Layout, to: Layout, seed: u8) {
    let collected = head(bytes, from, seed);
    let json = metadata(bytes, from, seed);
    // What is deflated may be broken behind the point where the head ends: in small pieces one does not come there.
    if from != Layout::DeflatedExplicitLittleEndian {
        let at_once = head(bytes, from, 0);
        assert_eq!(
            collected.as_ref().map(seen).map_err(ToString::to_string),
            at_once.as_ref().map(seen).map_err(ToString::to_string),
            "in pieces and at once the head differs"
        );
        assert_eq!(
            json.as_ref().map_err(ToString::to_string),
            write_metadata(bytes, from, options()).as_ref().map_err(ToString::to_string),
            "in pieces and at once the JSON differs"
        );
    }
    if let Ok(json) = &json {
        let read: Result<serde_json::Value, _> = serde_json::from_slice(json);
        assert!(read.is_ok(), "no JSON: {:?}", String::from_utf8_lossy(json));
    }
    if let Ok(xml) = xml::write_metadata(bytes, from, options()) {
        let text = String::from_utf8(xml);
        // A line break of a multipart body must not occur in what is one of its parts.
        assert!(text.as_ref().is_ok_and(|text| !text.contains('\r')), "no XML for a part: {text:?}");
    }
    let plain = transcoded(bytes, from, to, seed);
    // A VR that is not as the dictionary has it is lost where none is written, and what it says of the value with it.
    if let (Layout::ExplicitLittleEndian, Ok(transcoded)) = (to, plain) {
        let again = head(&transcoded, to, seed);
        assert!(again.is_ok(), "{from:?} became {to:?} that cannot be read: {again:?} {transcoded:02X?}");
        if let (Ok(before), Ok(after)) = (&collected, &again) {
            assert!(
                agree(before, after, from),
                "{from:?} became another instance as {to:?}: {before:?} {after:?}"
            );
        }
    }
}

/// All that a head says but for where it stood.
fn seen(head: &Head) -> String {
    format!("{head:?}")
}

/// Whether both name the same instance. Of a deflated data set the head ends at the pixel data: what stands out of its
/// order behind them is not seen before it is laid out otherwise.
fn agree(before: &Head, after: &Head, from: Layout) -> bool {
    let ends_early = from == Layout::DeflatedExplicitLittleEndian;
    let uids = |head: &Head| {
        [&head.sop_class, &head.sop_instance, &head.study, &head.series]
            .map(|uid| uid.as_ref().map(ToString::to_string))
    };
    uids(before)
        .iter()
        .zip(uids(after))
        .all(|(before, after)| (ends_early && before.is_none()) || *before == after)
}

fn head(bytes: &[u8], layout: Layout, seed: u8) -> Result<Head, Error> {
    let mut collector = HeadCollector::new(layout);
    for piece in chunks(bytes, seed) {
        collector.feed(piece)?;
    }
    collector.finish()
}

fn options() -> Options {
    Options { bulk_data_uri: "bulk".to_owned(), max_inline_bytes: MAX_INLINE_BYTES, transfer_syntax: None }
}

fn metadata(bytes: &[u8], layout: Layout, seed: u8) -> Result<Vec<u8>, Error> {
    let mut writer = MetadataWriter::new(layout, options());
    for piece in chunks(bytes, seed) {
        writer.feed(piece)?;
    }
    writer.finish()
}

fn transcoded(bytes: &[u8], from: Layout, to: Layout, seed: u8) -> Result<Bytes, Error> {
    let mut transcoder = Transcoder::new(from, to);
    let mut out = BytesMut::new();
    for piece in chunks(bytes, seed) {
        out.extend_from_slice(&transcoder.feed(piece)?);
    }
    out.extend_from_slice(&transcoder.finish()?);
    Ok(out.freeze())
}
