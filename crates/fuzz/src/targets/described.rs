//! Data sets told in JSON and in XML (PS3.18 Annex F, PS3.19 §A.1): what is made of them is a data set that can be
//! scanned and told again, with its bulk data in place.
//!
//! Input: the document.

use causeway_core::transfer_syntax::Layout;
use causeway_dataset::compose::{Composed, Description, begin_value, padding};
use causeway_dataset::pixels::Representation;
use causeway_dataset::{json, xml};

use super::data_set;

/// Most data sets of one document.
const MAX_DATA_SETS: usize = 100;
/// Most bytes that they make.
const MAX_BYTES: usize = 1 << 20;
/// What stands in for what a stream says of its pixels.
const DESCRIPTION: Description = Description {
    rows: 2,
    columns: 3,
    samples: 3,
    photometric: "RGB",
    bits_stored: 8,
    representation: Representation::Unsigned,
    frames: 2,
};
/// What stands in for bulk data.
const BULK: &[u8] = b"odd";

pub(crate) fn run_json(data: &[u8]) {
    let Ok(made) = json::read::read(data, MAX_DATA_SETS, MAX_BYTES) else { return };
    assert!(made.len() <= MAX_DATA_SETS, "{} data sets", made.len());
    let made: Vec<Composed> = made.into_iter().flatten().collect();
    assert!(made.iter().map(|made| made.bytes.len()).sum::<usize>() <= 2 * MAX_BYTES, "too many bytes");
    made.iter().for_each(check);
}

pub(crate) fn run_xml(data: &[u8]) {
    if let Ok(made) = xml::read::read(data, MAX_BYTES) {
        check(&made);
    }
}

fn check(made: &Composed) {
    let bytes = filled(made);
    let layout = Layout::ExplicitLittleEndian;
    let options =
        json::Options { bulk_data_uri: "/b".to_owned(), max_inline_bytes: MAX_BYTES, transfer_syntax: None };
    let told = json::write_metadata(&bytes, layout, options);
    assert!(told.is_ok(), "{told:?}: {made:?} was made");
    data_set::check(&bytes, layout, Layout::ExplicitLittleEndian, 0);
    if let Ok(told) = told {
        let again = json::read::read(&told, 1, 2 * MAX_BYTES);
        assert!(again.is_ok(), "{again:?}: {}", String::from_utf8_lossy(&told));
    }
}

/// The data set with something in each of its gaps.
fn filled(made: &Composed) -> Vec<u8> {
    let (mut bytes, mut given) = (Vec::new(), 0);
    assert!(made.gaps.is_sorted_by_key(|gap| gap.at), "gaps are out of order: {:?}", made.gaps);
    let mut gaps: Vec<_> = made.gaps.iter().chain(&made.told.missing).collect();
    gaps.sort_by_key(|gap| (gap.at, gap.tag));
    for gap in gaps {
        assert!(given <= gap.at && gap.at <= made.bytes.len(), "a gap is out of place: {gap:?}");
        bytes.extend_from_slice(made.bytes.get(given..gap.at).unwrap_or_default());
        given = gap.at;
        if made.told.missing.contains(gap) {
            bytes.extend(DESCRIPTION.element(gap).unwrap_or_default());
            continue;
        }
        bytes.extend(begin_value(gap, BULK.len() as u64).unwrap_or_default());
        bytes.extend_from_slice(BULK);
        bytes.extend_from_slice(padding(gap.vr, BULK.len() as u64));
    }
    bytes.extend_from_slice(made.bytes.get(given..).unwrap_or_default());
    bytes
}
