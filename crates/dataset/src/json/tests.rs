//! DICOM JSON of made data sets, held against what PS3.18 Annex F says and against another decoder.

use causeway_core::{Attributes, Tag, Uid, Vr};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::testing::{Content, Ends, Made, data_set, deflated, pieces, plain_layout, sizes, write};

const LAYOUTS: [Layout; 3] =
    [Layout::ImplicitLittleEndian, Layout::ExplicitLittleEndian, Layout::ExplicitBigEndian];
const PRIVATE: Tag = Tag::new(0x0029, 0x1001);

fn options() -> Options {
    Options { bulk_data_uri: "http://h/bulk".to_owned(), max_inline_bytes: 8, transfer_syntax: None }
}

fn told_as(elements: &[Made], layout: Layout) -> Value {
    let bytes = write_metadata(&write(elements, layout), layout, options()).unwrap();
    serde_json::from_slice(&bytes)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&bytes)))
}

fn told(elements: &[Made]) -> Value {
    told_as(elements, Layout::ExplicitLittleEndian)
}

#[test]
fn each_kind_of_value_has_its_form() {
    let fd: Vec<u8> = [0.5_f64, f64::NAN].iter().flat_map(|number| number.to_le_bytes()).collect();
    let elements = [
        Made::text(Tag::new(0x0008, 0x0008), Vr::CS, "ORIGINAL\\\\AXIAL"),
        Made::text(Tag::STUDY_DATE, Vr::DA, ""),
        Made::text(Tag::PATIENT_NAME, Vr::PN, "A^B=C\\"),
        Made::text(Tag::new(0x0018, 0x0050), Vr::DS, "1.50 \\-.5\\x"),
        Made::bytes(Tag::new(0x0018, 0x9087), Vr::FD, &fd),
        Made::text(Tag::INSTANCE_NUMBER, Vr::IS, "007"),
        Made::bytes(Tag::new(0x0020, 0x9165), Vr::AT, &[0x10, 0, 0x20, 0]),
        Made::bytes(Tag::ROWS, Vr::US, &[0, 2]),
    ];
    let expected = json!({
        "00080008": { "vr": "CS", "Value": ["ORIGINAL", null, "AXIAL"] },
        "00080020": { "vr": "DA" },
        "00100010": { "vr": "PN", "Value": [{ "Alphabetic": "A^B", "Ideographic": "C" }, null] },
        "00180050": { "vr": "DS", "Value": [1.5, -0.5, "x"] },
        "00189087": { "vr": "FD", "Value": [0.5, "NaN"] },
        "00200013": { "vr": "IS", "Value": [7] },
        "00209165": { "vr": "AT", "Value": ["00100020"] },
        "00280010": { "vr": "US", "Value": [512] },
    });
    for layout in LAYOUTS {
        assert_eq!(told_as(&elements, layout), expected);
    }
}

#[test]
fn short_bytes_are_inline_long_ones_and_pixels_are_not() {
    let icon = vec![Made::bytes(PRIVATE, Vr::OB, &[0; 10]), Made::bytes(Tag::PIXEL_DATA, Vr::OW, &[1, 2])];
    let elements = [
        Made::bytes(PRIVATE, Vr::OB, &[1, 2, 3, 4, 5, 6, 7, 8]),
        Made::bytes(Tag::new(0x0029, 0x1002), Vr::OW, &[1, 2]),
        Made::bytes(Tag::new(0x0029, 0x1003), Vr::UN, &[0; 10]),
        Made::bytes(Tag::new(0x0029, 0x1004), Vr::OB, &[]),
        Made::sequence(Tag::new(0x0088, 0x0200), vec![vec![], icon], Ends::ByLength),
        Made::bytes(Tag::PIXEL_DATA, Vr::OW, &[1, 2]),
    ];
    let expected = json!({
        "00291001": { "vr": "OB", "InlineBinary": "AQIDBAUGBwg=" },
        "00291002": { "vr": "OW", "InlineBinary": "AQI=" },
        "00291003": { "vr": "UN", "BulkDataURI": "http://h/bulk/00291003" },
        "00291004": { "vr": "OB" },
        "00880200": { "vr": "SQ", "Value": [{}, {
            "00291001": { "vr": "OB", "BulkDataURI": "http://h/bulk/00880200/2/00291001" },
            "7FE00010": { "vr": "OW", "BulkDataURI": "http://h/bulk/00880200/2/7FE00010" },
        }] },
        "7FE00010": { "vr": "OW", "BulkDataURI": "http://h/bulk/7FE00010" },
    });
    assert_eq!(told(&elements), expected);
    assert_eq!(told_as(&elements, Layout::ExplicitBigEndian), expected);
}

#[test]
fn encapsulated_pixels_are_bulk() {
    let pixels =
        Made { tag: Tag::PIXEL_DATA, vr: Vr::OB, value: Content::Fragments(vec![vec![], vec![1, 2]]) };
    let elements = [pixels, Made::bytes(Tag::new(0xFFFC, 0xFFFC), Vr::OB, &[0, 0])];
    assert_eq!(
        told(&elements),
        json!({
            "7FE00010": { "vr": "OB", "BulkDataURI": "http://h/bulk/7FE00010" },
            "FFFCFFFC": { "vr": "OB", "InlineBinary": "AAA=" },
        })
    );
}

#[test]
fn group_lengths_are_left_out_and_empty_sequences_have_no_value() {
    let elements = [
        Made::bytes(Tag::new(0x0008, 0), Vr::UL, &[9, 0, 0, 0]),
        Made::sequence(Tag::new(0x0008, 0x1140), vec![], Ends::ByDelimiter),
        Made::sequence(
            Tag::new(0x0008, 0x1115),
            vec![vec![Made::bytes(Tag::new(8, 0), Vr::UL, &[0; 4])]],
            Ends::ByLength,
        ),
    ];
    let expected = json!({ "00081140": { "vr": "SQ" }, "00081115": { "vr": "SQ", "Value": [{}] } });
    assert_eq!(told(&elements), expected);
    assert_eq!(told(&[]), json!({}));
}

#[test]
fn text_is_utf_8_and_says_so() {
    let item = vec![
        Made::text(Tag::SPECIFIC_CHARACTER_SET, Vr::CS, "ISO_IR 144"),
        Made::bytes(Tag::STUDY_DESCRIPTION, Vr::LO, b"\xbb\xb0"),
    ];
    let elements = [
        Made::text(Tag::SPECIFIC_CHARACTER_SET, Vr::CS, "ISO_IR 100"),
        Made::sequence(Tag::new(0x0008, 0x1140), vec![item], Ends::ByLength),
        Made::bytes(Tag::PATIENT_NAME, Vr::PN, b"M\xfcller"),
    ];
    let set = json!({ "vr": "CS", "Value": ["ISO_IR 192"] });
    let expected = json!({
        "00080005": set,
        "00081140": { "vr": "SQ", "Value": [{ "00080005": set, "00081030": { "vr": "LO", "Value": ["ЛА"] } }] },
        "00100010": { "vr": "PN", "Value": [{ "Alphabetic": "Müller" }] },
    });
    assert_eq!(told(&elements), expected);
}

#[test]
fn the_transfer_syntax_stands_in_its_place_and_once() {
    let told = |elements: &[Made]| {
        let options = Options { transfer_syntax: Some(Uid::parse("1.2").unwrap()), ..options() };
        let layout = Layout::ExplicitLittleEndian;
        String::from_utf8(write_metadata(&write(elements, layout), layout, options).unwrap()).unwrap()
    };
    let own = r#""00083002":{"vr":"UI","Value":["1.2"]}"#;
    assert_eq!(told(&[]), format!("{{{own}}}"));
    let before = Made::text(Tag::STUDY_DATE, Vr::DA, "");
    let nested = Made::sequence(
        Tag::new(0x0008, 0x1140),
        vec![vec![Made::text(Tag::STUDY_ID, Vr::SH, "")]],
        Ends::ByLength,
    );
    let other = Made::text(Tag::AVAILABLE_TRANSFER_SYNTAX_UID, Vr::UI, "9.9");
    let after = Made::text(Tag::PATIENT_ID, Vr::LO, "");
    let told = told(&[before, nested, other, after]);
    let expected = format!(
        r#"{{"00080020":{{"vr":"DA"}},"00081140":{{"vr":"SQ","Value":[{{"00200010":{{"vr":"SH"}}}}]}},{own},"00100020":{{"vr":"LO"}}}}"#
    );
    assert_eq!(told, expected);
}

#[test]
fn un_is_read_where_the_dictionary_knows_better() {
    let items = |elements: &[Made]| {
        let mut bytes = Vec::new();
        let sequence = Made::sequence(Tag::new(0x0008, 0x1140), vec![elements.to_vec()], Ends::ByLength);
        bytes.extend(&write(&[sequence], Layout::ImplicitLittleEndian)[8..]);
        bytes
    };
    let inner = items(&[Made::text(Tag::STUDY_ID, Vr::SH, "1"), Made::bytes(PRIVATE, Vr::UN, &[0; 10])]);
    let elements = [
        Made::bytes(Tag::new(0x0008, 0x1140), Vr::UN, &inner),
        Made::bytes(Tag::new(0x0008, 0x1115), Vr::UN, b"no items"),
        Made::bytes(PRIVATE, Vr::UN, b"P1"),
        Made {
            tag: Tag::new(0x0029, 0x10FF),
            vr: Vr::UN,
            value: Content::Items {
                items: vec![vec![Made::text(Tag::STUDY_ID, Vr::SH, "1")]],
                sequence: Ends::ByDelimiter,
                item: Ends::ByLength,
            },
        },
        Made::bytes(Tag::PATIENT_ID, Vr::UN, b"P1"),
        Made::bytes(Tag::ROWS, Vr::UN, &[0, 2]),
    ];
    let expected = json!({
        "00081140": { "vr": "SQ", "Value": [{
            "00200010": { "vr": "SH", "Value": ["1"] },
            "00291001": { "vr": "UN", "BulkDataURI": "http://h/bulk/00081140/1/00291001" },
        }] },
        "00081115": { "vr": "UN", "InlineBinary": "bm8gaXRlbXM=" },
        "00291001": { "vr": "UN", "InlineBinary": "UDE=" },
        "002910FF": { "vr": "SQ", "Value": [{ "00200010": { "vr": "SH", "Value": ["1"] } }] },
        "00100020": { "vr": "LO", "Value": ["P1"] },
        "00280010": { "vr": "US", "Value": [512] },
    });
    assert_eq!(told_as(&elements, Layout::ExplicitBigEndian), expected);
}

#[test]
fn signedness_is_that_of_the_pixels() {
    let smallest = Tag::new(0x0028, 0x0106);
    let told = |representation: u8| {
        let elements = [
            Made::bytes(Tag::new(0x0028, 0x0103), Vr::US, &[representation, 0]),
            Made::bytes(smallest, Vr::US, &[0xFF, 0xFF]),
        ];
        told_as(&elements, Layout::ImplicitLittleEndian)["00280106"].clone()
    };
    assert_eq!(told(0), json!({ "vr": "US", "Value": [65535] }));
    assert_eq!(told(1), json!({ "vr": "SS", "Value": [-1] }));
}

#[test]
fn long_text_is_bulk() {
    let text = |length: usize| told(&[Made::text(Tag::new(0x0040, 0xA160), Vr::UT, &"x".repeat(length))]);
    assert!(text(1024 * 1024)["0040A160"]["Value"].is_array());
    assert_eq!(text(1024 * 1024 + 2)["0040A160"]["BulkDataURI"], json!("http://h/bulk/0040A160"));
}

#[test]
fn pixels_need_not_be_read() {
    let layout = Layout::ExplicitLittleEndian;
    let elements = [
        Made::bytes(Tag::PIXEL_DATA, Vr::OW, &[0; 1000]),
        Made::bytes(Tag::new(0xFFFC, 0xFFFC), Vr::OB, &[0, 0]),
    ];
    let bytes = write(&elements, layout);
    let mut writer = MetadataWriter::new(layout, options());
    let (mut at, mut fed) = (0, 0);
    while at < bytes.len() {
        let skippable = usize::try_from(writer.skippable()).unwrap();
        if skippable > 0 {
            writer.skip(skippable as u64);
            at += skippable;
            continue;
        }
        writer.feed(&bytes[at..at + 1]).unwrap();
        (at, fed) = (at + 1, fed + 1);
    }
    assert_eq!(fed, bytes.len() - 1000);
    assert_eq!(writer.finish().unwrap(), write_metadata(&bytes, layout, options()).unwrap());
}

#[test]
fn a_deflated_data_set_is_read_up_to_its_pixels() {
    let elements =
        [Made::text(Tag::PATIENT_ID, Vr::LO, "P1"), Made::bytes(Tag::PIXEL_DATA, Vr::OW, &[0; 1000])];
    let bytes = deflated(&write(&elements, Layout::ExplicitLittleEndian));
    let told = write_metadata(&bytes, Layout::DeflatedExplicitLittleEndian, options()).unwrap();
    let plain = write_metadata(
        &write(&elements, Layout::ExplicitLittleEndian),
        Layout::ExplicitLittleEndian,
        options(),
    );
    assert_eq!(told, plain.unwrap());
}

#[test]
fn a_data_set_that_ends_in_the_middle_is_refused() {
    let bytes = write(&[Made::text(Tag::PATIENT_ID, Vr::LO, "P123")], Layout::ExplicitLittleEndian);
    let result = write_metadata(&bytes[..bytes.len() - 1], Layout::ExplicitLittleEndian, options());
    assert!(matches!(result, Err(Error::CutShort { .. })));
}

proptest! {
    #[test]
    fn any_data_set_gives_json_the_same_in_pieces(elements in data_set(), layout in plain_layout(), sizes in sizes()) {
        let bytes = write(&elements, layout);
        let whole = write_metadata(&bytes, layout, options()).unwrap();
        let mut writer = MetadataWriter::new(layout, options());
        for piece in pieces(&bytes, &sizes) {
            writer.feed(piece).unwrap();
        }
        prop_assert_eq!(&writer.finish().unwrap(), &whole);
        let text = String::from_utf8(whole).unwrap();
        prop_assert!(Attributes::from_json(&text).is_ok(), "{text}");
    }

    #[test]
    fn big_and_little_endian_tell_the_same(elements in data_set()) {
        prop_assert_eq!(told_as(&elements, Layout::ExplicitBigEndian), told(&elements));
    }

    #[test]
    fn hostile_bytes_never_panic(elements in data_set(), layout in plain_layout(), at: proptest::sample::Index, byte: u8) {
        let mut bytes = write(&elements, layout);
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(json) = write_metadata(&bytes, layout, options()) {
            prop_assert!(serde_json::from_slice::<Value>(&json).is_ok());
        }
    }
}
