//! Heads of made, cut and random data sets.

use causeway_core::Element;
use proptest::prelude::*;

use super::*;
use crate::testing::{Content, Ends, Made, data_set, deflated, pieces, plain_layout, sizes, write};

const LAYOUTS: [Layout; 3] =
    [Layout::ImplicitLittleEndian, Layout::ExplicitLittleEndian, Layout::ExplicitBigEndian];

fn object() -> Vec<Made> {
    let item = vec![
        Made::text(Tag::new(0x0040, 0x1001), Vr::SH, "RP1"),
        Made::text(Tag::new(0x0040, 0x0007), Vr::LO, "\u{e9}"),
    ];
    vec![
        Made::text(Tag::SPECIFIC_CHARACTER_SET, Vr::CS, "ISO_IR 192"),
        Made::text(Tag::SOP_CLASS_UID, Vr::UI, "1.2.840.10008.5.1.4.1.1.2"),
        Made::text(Tag::SOP_INSTANCE_UID, Vr::UI, "1.2.3"),
        Made::sequence(
            Tag::new(0x0008, 0x1140),
            vec![vec![Made::text(Tag::PATIENT_ID, Vr::LO, "no")]],
            Ends::ByLength,
        ),
        Made::text(Tag::PATIENT_NAME, Vr::PN, "M\u{fc}ller^A"),
        Made::text(Tag::PATIENT_ID, Vr::LO, "P1 "),
        Made::text(Tag::ISSUER_OF_PATIENT_ID, Vr::LO, "H"),
        Made::text(Tag::STUDY_INSTANCE_UID, Vr::UI, "1.2.4"),
        Made::text(Tag::SERIES_INSTANCE_UID, Vr::UI, "1.2.5"),
        Made::bytes(Tag::ROWS, Vr::US, &[0, 2]),
        Made::sequence(Tag::REQUEST_ATTRIBUTES_SEQUENCE, vec![item, Vec::new()], Ends::ByDelimiter),
        Made::bytes(Tag::PIXEL_DATA, Vr::OW, &[7; 64]),
    ]
}

fn head(bytes: &[u8], layout: Layout) -> Result<Head, Error> {
    let mut collector = HeadCollector::new(layout);
    collector.feed(bytes)?;
    collector.finish()
}

#[test]
fn what_is_kept_is_there_in_every_layout_and_piece() {
    for layout in LAYOUTS {
        let bytes = write(&object(), layout);
        for size in [1, 3, 1000] {
            let mut collector = HeadCollector::new(layout);
            for piece in bytes.chunks(size) {
                collector.feed(piece).unwrap();
            }
            let head = collector.finish().unwrap();
            assert_eq!(head.sop_class.unwrap().as_str(), "1.2.840.10008.5.1.4.1.1.2");
            assert_eq!(head.sop_instance.unwrap().as_str(), "1.2.3");
            assert_eq!(head.study.unwrap().as_str(), "1.2.4");
            assert_eq!(head.series.unwrap().as_str(), "1.2.5");
            assert_eq!((head.patient_id.as_str(), head.issuer.as_str()), ("P1", "H"));
            assert_eq!(head.attributes.first(Tag::PATIENT_NAME), Some("Müller^A"));
            assert_eq!(head.attributes.get(Tag::ROWS), Some(&Element::text(Vr::US, vec!["512".to_owned()])));
            assert!(!head.is_lossy);
            let pixels = head.pixel_data.unwrap();
            assert_eq!((pixels.value_offset, pixels.length), (bytes.len() as u64 - 64, Some(64)));
            let items = head.attributes.get(Tag::REQUEST_ATTRIBUTES_SEQUENCE).unwrap().items();
            assert_eq!(items.len(), 2);
            assert_eq!(items[0].first(Tag::REQUESTED_PROCEDURE_ID), Some("RP1"));
            assert_eq!(items[0].first(Tag::new(0x0040, 0x0007)), Some("é"));
            assert!(!head.attributes.contains(Tag::SPECIFIC_CHARACTER_SET));
            assert!(!head.attributes.contains(Tag::new(0x0008, 0x1140)));
        }
    }
}

#[test]
fn a_deflated_head_is_read() {
    let bytes = deflated(&write(&object(), Layout::ExplicitLittleEndian));
    let head = head(&bytes, Layout::DeflatedExplicitLittleEndian).unwrap();
    assert_eq!(head.patient_id, "P1");
    assert!(head.pixel_data.is_some());
}

#[test]
fn a_data_set_cut_in_its_head_or_in_its_pixels_is_refused() {
    let layout = Layout::ExplicitLittleEndian;
    let bytes = write(&object(), layout);
    assert!(head(&bytes, layout).is_ok());
    assert!(matches!(head(&bytes[..bytes.len() - 1], layout), Err(Error::CutShort { .. })));
    assert!(matches!(head(&bytes[..bytes.len() - 70], layout), Err(Error::CutShort { .. })));
    assert!(matches!(head(&bytes[..bytes.len() - 90], layout), Err(Error::CutShort { .. })));
    let without = object().into_iter().filter(|made| made.tag != Tag::PIXEL_DATA).collect::<Vec<_>>();
    let head = head(&write(&without, layout), layout).unwrap();
    assert_eq!((head.pixel_data, head.patient_id.as_str()), (None, "P1"));
}

#[test]
fn encapsulated_pixel_data_are_found() {
    let pixels =
        Made { tag: Tag::PIXEL_DATA, vr: Vr::OB, value: Content::Fragments(vec![vec![], vec![1, 2]]) };
    let bytes = write(&[Made::text(Tag::PATIENT_ID, Vr::LO, "P1"), pixels], Layout::ExplicitLittleEndian);
    let head = head(&bytes, Layout::ExplicitLittleEndian).unwrap();
    assert_eq!(head.pixel_data, Some(PixelData { value_offset: 10 + 12, length: None }));
}

#[test]
fn long_values_stay_in_the_object() {
    let layout = Layout::ExplicitLittleEndian;
    let comment = |length: usize| {
        let item = vec![Made::text(Tag::new(0x0040, 0x0007), Vr::LO, &"x".repeat(100))];
        let elements = [
            Made::text(Tag::new(0x0010, 0x4000), Vr::LT, &"x".repeat(length)),
            Made::text(Tag::STUDY_INSTANCE_UID, Vr::UI, "1.2"),
            Made::sequence(
                Tag::REQUEST_ATTRIBUTES_SEQUENCE,
                vec![item.clone(); length / 100],
                Ends::ByLength,
            ),
            Made::sequence(Tag::new(0x0040, 0xA043), vec![item], Ends::ByLength),
        ];
        head(&write(&elements, layout), layout).unwrap().attributes
    };
    let kept = comment(MAX_KEPT_VALUE_BYTES);
    assert_eq!(kept.first(Tag::new(0x0010, 0x4000)).map(str::len), Some(MAX_KEPT_VALUE_BYTES));
    // With what holds them the values of the sequence are too many here, and few enough below.
    assert!(!kept.contains(Tag::REQUEST_ATTRIBUTES_SEQUENCE));
    assert!(comment(MAX_KEPT_VALUE_BYTES / 2).contains(Tag::REQUEST_ATTRIBUTES_SEQUENCE));
    let kept = comment(MAX_KEPT_VALUE_BYTES + 2);
    assert!(!kept.contains(Tag::new(0x0010, 0x4000)));
    assert!(kept.contains(Tag::STUDY_INSTANCE_UID));
    assert_eq!(kept.get(Tag::new(0x0040, 0xA043)).unwrap().items().len(), 1);
}

#[test]
fn an_unknown_vr_is_looked_up_and_bad_text_is_told() {
    let elements = [
        Made::text(Tag::SPECIFIC_CHARACTER_SET, Vr::CS, "ISO_IR 192"),
        Made::bytes(Tag::PATIENT_NAME, Vr::UN, b"A^\xff "),
        Made::bytes(Tag::PATIENT_ID, Vr::UN, b"P1"),
        Made::bytes(Tag::ROWS, Vr::UN, &[0, 2]),
    ];
    let head = head(&write(&elements, Layout::ExplicitBigEndian), Layout::ExplicitBigEndian).unwrap();
    assert!(head.is_lossy);
    assert_eq!(head.attributes.first(Tag::PATIENT_NAME), Some("A^\u{FFFD}"));
    assert_eq!(head.patient_id, "P1");
    assert_eq!(head.attributes.first(Tag::ROWS), Some("512"));
}

proptest! {
    #[test]
    fn pieces_of_any_size_give_the_same(elements in data_set(), layout in plain_layout(), sizes in sizes()) {
        let bytes = write(&elements, layout);
        let mut collector = HeadCollector::new(layout);
        for piece in pieces(&bytes, &sizes) {
            collector.feed(piece).unwrap();
        }
        let (whole, pieces) = (head(&bytes, layout).unwrap(), collector.finish().unwrap());
        prop_assert_eq!(whole.attributes, pieces.attributes);
        prop_assert_eq!(whole.pixel_data, pieces.pixel_data);
    }

    #[test]
    fn hostile_bytes_never_panic(elements in data_set(), layout in plain_layout(), at: proptest::sample::Index, byte: u8) {
        let mut bytes = write(&elements, layout);
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = head(&bytes, layout);
    }
}
