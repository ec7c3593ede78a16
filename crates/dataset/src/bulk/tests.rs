//! Values by the path that the metadata give them.

use proptest::prelude::*;

use super::list::{BulkList, Listed};
use super::*;
use crate::json::{Options, write_metadata};
use crate::testing::{Content, Ends, Made, data_set, plain_layout, write};

const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const SEQUENCE: Tag = Tag::new(0x0040, 0x0275);
const BYTES: Tag = Tag::new(0x0009, 0x1001);

fn syntax(layout: Layout) -> Uid {
    Uid::parse(match layout {
        Layout::ImplicitLittleEndian => "1.2.840.10008.1.2",
        Layout::ExplicitLittleEndian => EXPLICIT,
        Layout::ExplicitBigEndian => "1.2.840.10008.1.2.2",
        Layout::DeflatedExplicitLittleEndian => "1.2.840.10008.1.2.1.99",
    })
    .unwrap()
}

fn find(bytes: &[u8], layout: Layout, path: &str, window: usize) -> Result<Option<Bulk>, Error> {
    let mut finder = BulkFinder::new(&syntax(layout), path.parse().unwrap());
    while let Some(at) = finder.wants() {
        let at = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
        finder.give(&bytes[at..(at + window).min(bytes.len())])?;
    }
    Ok(finder.finish())
}

fn value_of<'a>(bytes: &'a [u8], layout: Layout, path: &str) -> Option<&'a [u8]> {
    let Some(Bulk::Value(range)) = find(bytes, layout, path, 7).unwrap() else { return None };
    bytes.get(usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap())
}

#[test]
fn a_path_is_read_and_written_and_anything_else_is_none() {
    for text in ["7FE00010", "00400275/1/00091001", "00400275/12/00400275/3/00091001"] {
        assert_eq!(text.parse::<BulkPath>().unwrap().to_string(), text);
    }
    for text in
        ["", "7FE0001", "7FE00010/", "7FE00010/1", "7FE00010/0/00091001", "7FE00010/x/00091001", "/7FE00010"]
    {
        assert_eq!(text.parse::<BulkPath>(), Err(BulkPathError), "{text}");
    }
    assert!("7FE00010/+1/00091001".parse::<BulkPath>().is_err());
    assert!("7FE00010/4294967296/00091001".parse::<BulkPath>().is_err());
    let deep =
        |levels: usize| format!("{}00091001", "00400275/1/".repeat(levels)).parse::<BulkPath>().is_ok();
    assert!(deep(MAX_SEQUENCE_DEPTH - 1) && deep(MAX_SEQUENCE_DEPTH) && !deep(MAX_SEQUENCE_DEPTH + 1));
}

#[test]
fn a_value_is_found_in_the_item_that_is_named_and_in_no_other() {
    let item = |value: &[u8]| vec![Made::bytes(BYTES, Vr::OB, value)];
    let inner = Made::sequence(SEQUENCE, vec![item(b"five"), item(b"sixx")], Ends::ByDelimiter);
    let items = vec![item(b"one."), vec![Made::bytes(BYTES, Vr::OB, b"two."), inner], vec![]];
    let elements = [
        Made::bytes(BYTES, Vr::OB, b"zero"),
        Made::sequence(SEQUENCE, items, Ends::ByLength),
        Made { tag: Tag::PIXEL_DATA, vr: Vr::OB, value: Content::Fragments(vec![vec![], vec![1, 2]]) },
    ];
    let layout = Layout::ExplicitLittleEndian;
    let bytes = write(&elements, layout);
    let at = |path: &str| value_of(&bytes, layout, path);
    assert_eq!(at("00091001"), Some(&b"zero"[..]));
    assert_eq!(at("00400275/1/00091001"), Some(&b"one."[..]));
    assert_eq!(at("00400275/2/00091001"), Some(&b"two."[..]));
    assert_eq!(at("00400275/2/00400275/2/00091001"), Some(&b"sixx"[..]));
    for absent in ["00091002", "00400275/3/00091001", "00400275/4/00091001", "00400275/1/00400275/1/00091001"]
    {
        assert_eq!(find(&bytes, layout, absent, 64), Ok(None), "{absent}");
    }
    assert_eq!(find(&bytes, layout, "7FE00010", 64), Ok(Some(Bulk::Frames)));
}

#[test]
fn a_coded_icon_is_told_from_the_pixel_data_of_the_instance() {
    let icon = Made { tag: Tag::PIXEL_DATA, vr: Vr::OB, value: Content::Fragments(vec![vec![], vec![1, 2]]) };
    let us = |tag, value: u16| Made::bytes(tag, Vr::US, &value.to_le_bytes());
    let described = [us(Tag::ROWS, 3), us(Tag::COLUMNS, 4), us(Tag::BITS_ALLOCATED, 8)];
    let items = vec![[&described[..], &[icon]].concat()];
    let sequence = Made::sequence(Tag::new(0x0088, 0x0200), items, Ends::ByDelimiter);
    let bytes = write(&[us(Tag::ROWS, 9), sequence], Layout::ExplicitLittleEndian);
    let found = find(&bytes, Layout::ExplicitLittleEndian, "00880200/1/7FE00010", 64);
    let Ok(Some(Bulk::Icon(offset, Ok(shape)))) = found else { panic!("{found:?}") };
    assert_eq!((shape.rows, shape.columns, shape.frames), (3, 4, 1));
    assert_eq!(bytes[usize::try_from(offset).unwrap()..][..4], [0xFE, 0xFF, 0x00, 0xE0]);
    assert_eq!(find(&bytes, Layout::ExplicitLittleEndian, "7FE00010", 64), Ok(None));
}

#[test]
fn a_value_is_found_in_a_sequence_that_was_written_as_unknown() {
    let inner = Made::sequence(SEQUENCE, vec![vec![Made::bytes(BYTES, Vr::OB, b"deep")]], Ends::ByLength);
    let whole = write(&[inner], Layout::ImplicitLittleEndian);
    // Without its header of eight bytes this is the value of the sequence.
    let elements = [Made::bytes(SEQUENCE, Vr::UN, &whole[8..])];
    let bytes = write(&elements, Layout::ExplicitLittleEndian);
    assert_eq!(value_of(&bytes, Layout::ExplicitLittleEndian, "00400275/1/00091001"), Some(&b"deep"[..]));
    assert_eq!(find(&bytes, Layout::ExplicitLittleEndian, "00400275/2/00091001", 64), Ok(None));
}

/// Every BulkDataURI in the JSON.
fn paths(json: &serde_json::Value, out: &mut Vec<String>) {
    match json {
        serde_json::Value::Object(object) => {
            if let Some(path) = object.get("BulkDataURI").and_then(serde_json::Value::as_str) {
                out.push(path.trim_start_matches('/').to_owned());
            }
            object.values().for_each(|value| paths(value, out));
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| paths(value, out)),
        _ => {}
    }
}

proptest! {
    #[test]
    fn whatever_metadata_name_is_found(elements in data_set(), layout in plain_layout(), window in 1_usize..40) {
        let bytes = write(&elements, layout);
        let options = Options { bulk_data_uri: String::new(), max_inline_bytes: 1, transfer_syntax: None };
        let json = write_metadata(&bytes, layout, options).unwrap();
        let mut named = Vec::new();
        paths(&serde_json::from_slice(&json).unwrap(), &mut named);
        for path in named {
            prop_assert!(find(&bytes, layout, &path, window).unwrap().is_some(), "{}", path);
        }
    }

    #[test]
    fn any_bytes_are_refused_or_hold_what_was_found(
        bytes in proptest::collection::vec(any::<u8>(), 0..300), window in 1_usize..40,
    ) {
        if let Ok(Some(Bulk::Value(range))) = find(&bytes, Layout::ExplicitLittleEndian, "00400275/1/00091001", window) {
            prop_assert!(range.start <= range.end);
        }
    }
}

fn list(bytes: &[u8], layout: Layout, most: usize, window: usize) -> Result<Vec<Listed>, Error> {
    let mut list = BulkList::new(&syntax(layout), most);
    let mut listed = Vec::new();
    while let Some(at) = list.wants() {
        let at = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
        listed.extend(list.give(&bytes[at..(at + window).min(bytes.len())])?);
    }
    Ok(listed)
}

#[test]
fn a_value_is_listed_above_the_length_that_stays_inline_and_not_at_it() {
    let bytes = write(&[Made::bytes(BYTES, Vr::OB, b"four")], Layout::ExplicitLittleEndian);
    let listed = |most| list(&bytes, Layout::ExplicitLittleEndian, most, 64).unwrap();
    assert_eq!((listed(4), listed(5)), (vec![], vec![]));
    assert_eq!(listed(3), [Listed { path: "00091001".parse().unwrap(), at: Some(12..16) }]);
}

#[test]
fn a_value_is_listed_that_stands_in_a_sequence_written_as_unknown() {
    let inner = Made::sequence(SEQUENCE, vec![vec![Made::bytes(BYTES, Vr::OB, b"deep")]], Ends::ByLength);
    let whole = write(&[inner], Layout::ImplicitLittleEndian);
    let before = Made::bytes(Tag::new(0x0008, 0x0060), Vr::CS, b"OT");
    let bytes = write(&[before, Made::bytes(SEQUENCE, Vr::UN, &whole[8..])], Layout::ExplicitLittleEndian);
    let listed = list(&bytes, Layout::ExplicitLittleEndian, 1, 7).unwrap();
    let [Listed { path, at: Some(at) }] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!(path.to_string(), "00400275/1/00091001");
    assert_eq!(&bytes[usize::try_from(at.start).unwrap()..usize::try_from(at.end).unwrap()], b"deep");
}

proptest! {
    #[test]
    fn what_is_listed_is_what_metadata_name_and_is_where_it_is_found(
        elements in data_set(), layout in plain_layout(), window in 1_usize..40,
    ) {
        let bytes = write(&elements, layout);
        let options = Options { bulk_data_uri: String::new(), max_inline_bytes: 1, transfer_syntax: None };
        let json = write_metadata(&bytes, layout, options).unwrap();
        let mut named = Vec::new();
        paths(&serde_json::from_slice(&json).unwrap(), &mut named);
        let listed = list(&bytes, layout, 1, window).unwrap();
        let mut told: Vec<String> = listed.iter().map(|one| one.path.to_string()).collect();
        named.sort();
        told.sort();
        prop_assert_eq!(told, named);
        for Listed { path, at } in listed {
            let found = find(&bytes, layout, &path.to_string(), window).unwrap();
            match found {
                Some(Bulk::Value(range)) => prop_assert_eq!(Some(range), at),
                Some(Bulk::Frames | Bulk::Icon(..)) => prop_assert_eq!(at, None),
                None => prop_assert!(false, "{} is not found", path),
            }
        }
    }

    #[test]
    fn any_bytes_are_refused_or_listed(bytes in proptest::collection::vec(any::<u8>(), 0..300), window in 1_usize..40) {
        let _ = list(&bytes, Layout::ExplicitLittleEndian, 1, window);
    }
}
