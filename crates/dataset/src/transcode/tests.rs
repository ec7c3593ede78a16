//! Data sets laid out anew: what the scanner tells of them stays the same.

use causeway_core::{Tag, Vr};
use proptest::prelude::*;

use super::*;
use crate::scanner::tests::scan;
use crate::testing::{Content, Ends, Event, Made, data_set, deflated, pieces, plain_layout, sizes, write};

use Layout::{
    DeflatedExplicitLittleEndian as Deflated, ExplicitBigEndian as Big, ExplicitLittleEndian as Explicit,
    ImplicitLittleEndian as Implicit,
};

fn relaid(bytes: &[u8], from: Layout, to: Layout) -> Result<Vec<u8>, Error> {
    let mut transcoder = Transcoder::new(from, to);
    let mut out = transcoder.feed(bytes)?.to_vec();
    out.extend(transcoder.finish()?);
    Ok(out)
}

/// Every sequence and item ended by a delimiter, as the transcoder writes them.
fn delimited(elements: &[Made]) -> Vec<Made> {
    let of = |made: &Made| match &made.value {
        Content::Items { items, .. } => {
            let items = items.iter().map(|item| delimited(item)).collect();
            let (sequence, item) = (Ends::ByDelimiter, Ends::ByDelimiter);
            Made { value: Content::Items { items, sequence, item }, ..made.clone() }
        }
        _ => made.clone(),
    };
    elements.iter().map(of).collect()
}

#[test]
fn a_data_set_without_private_elements_is_the_same_from_every_layout() {
    let item = vec![Made::bytes(Tag::ROWS, Vr::US, &[0, 2])];
    let elements = [
        Made::bytes(Tag::new(0x0008, 0), Vr::UL, &[9, 0, 0, 0]),
        Made::text(Tag::PATIENT_ID, Vr::LO, "P1"),
        Made::sequence(Tag::new(0x0008, 0x1140), vec![item, vec![]], Ends::ByLength),
        Made::bytes(Tag::new(0x0020, 0x9165), Vr::AT, &[0x10, 0, 0x20, 0]),
        Made::bytes(Tag::PIXEL_DATA, Vr::OW, &[1, 2, 3, 4]),
    ];
    for to in [Explicit, Implicit] {
        let expected = write(&delimited(&elements[1..]), to);
        for from in [Explicit, Implicit, Big] {
            assert_eq!(relaid(&write(&elements, from), from, to).unwrap(), expected, "{from:?} {to:?}");
        }
        assert_eq!(relaid(&deflated(&write(&elements, Explicit)), Deflated, to).unwrap(), expected);
    }
}

#[test]
fn implicit_elements_get_the_vr_that_fits() {
    let elements = [
        Made::bytes(Tag::new(0x0028, 0x0103), Vr::US, &[1, 0]),
        Made::bytes(Tag::new(0x0028, 0x0106), Vr::US, &[0xFF, 0xFF]),
        Made::bytes(Tag::new(0x0028, 0x3006), Vr::OW, &[0; 4]),
        Made::text(Tag::new(0x0029, 0x0010), Vr::LO, "ACME"),
        Made::bytes(Tag::new(0x0029, 0x1001), Vr::UN, &[1, 2]),
        Made::bytes(Tag::new(0x6000, 0x3000), Vr::OW, &[0; 2]),
        Made::bytes(Tag::PIXEL_DATA, Vr::OW, &[0; 2]),
    ];
    let out = relaid(&write(&elements, Implicit), Implicit, Explicit).unwrap();
    let vrs: Vec<Vr> = scan(&out, Explicit).unwrap().headers.iter().map(|header| header.vr).collect();
    assert_eq!(vrs, [Vr::US, Vr::SS, Vr::OW, Vr::LO, Vr::UN, Vr::OW, Vr::OW]);
}

#[test]
fn a_value_too_long_for_its_vr_becomes_un() {
    for (length, vr) in [(0xFFFE, Vr::US), (0x1_0000, Vr::UN)] {
        let bytes = write(&[Made::bytes(Tag::ROWS, Vr::US, &vec![7; length])], Implicit);
        let found = scan(&relaid(&bytes, Implicit, Explicit).unwrap(), Explicit).unwrap();
        assert_eq!((found.headers[0].vr, found.headers[0].length), (vr, u32::try_from(length).ok()));
    }
}

#[test]
fn un_of_undefined_length_stays() {
    let value = Content::Items {
        items: vec![vec![Made::text(Tag::STUDY_ID, Vr::SH, "1 ")]],
        sequence: Ends::ByDelimiter,
        item: Ends::ByDelimiter,
    };
    let elements = [
        Made { tag: Tag::new(0x0029, 0x10FF), vr: Vr::UN, value },
        Made::bytes(Tag::new(0x0066, 0x0016), Vr::OF, &[0; 4]),
    ];
    for from in [Implicit, Explicit, Big] {
        for to in [Implicit, Explicit] {
            assert_eq!(relaid(&write(&elements, from), from, to).unwrap(), write(&elements, to));
        }
    }
}

#[test]
fn odd_lengths_are_made_even() {
    let elements = [
        Made::bytes(Tag::SOP_INSTANCE_UID, Vr::UI, b"1.2"),
        Made::bytes(Tag::PATIENT_ID, Vr::LO, b"P"),
        Made::bytes(Tag::PIXEL_DATA, Vr::OW, &[1, 2, 3]),
    ];
    let even = [
        Made::bytes(Tag::SOP_INSTANCE_UID, Vr::UI, b"1.2\0"),
        Made::bytes(Tag::PATIENT_ID, Vr::LO, b"P "),
        Made::bytes(Tag::PIXEL_DATA, Vr::OW, &[1, 2, 3, 0]),
    ];
    let expected = write(&even, Explicit);
    assert_eq!(relaid(&write(&elements, Explicit), Explicit, Explicit).unwrap(), expected);
    assert_eq!(relaid(&write(&elements, Implicit), Implicit, Explicit).unwrap(), expected);
}

#[test]
fn encapsulated_pixels_pass_into_explicit_only() {
    let pixels = Content::Fragments(vec![vec![], vec![1, 2], vec![3, 4, 5, 6]]);
    let elements = [Made { tag: Tag::PIXEL_DATA, vr: Vr::OB, value: pixels }];
    let bytes = write(&elements, Explicit);
    assert_eq!(relaid(&bytes, Explicit, Explicit).unwrap(), bytes);
    assert!(matches!(relaid(&bytes, Explicit, Implicit), Err(Error::CannotRelay(_))));
}

#[test]
fn other_layouts_are_not_written() {
    for to in [Big, Deflated] {
        let bytes = write(&[Made::text(Tag::PATIENT_ID, Vr::LO, "P1")], Explicit);
        assert!(matches!(relaid(&bytes, Explicit, to), Err(Error::CannotRelay(_))));
    }
}

#[test]
fn a_data_set_that_ends_in_the_middle_is_refused() {
    let bytes = write(&[Made::bytes(Tag::PIXEL_DATA, Vr::OW, &[0; 8])], Big);
    assert!(matches!(relaid(&bytes[..bytes.len() - 3], Big, Explicit), Err(Error::CutShort { .. })));
}

/// What does not depend on the layout: VRs of private elements are lost on the way through implicit VR.
fn values(events: &[Event]) -> Vec<Event> {
    let nameless = |event: &Event| match event {
        Event::Element(tag, _, value) => Event::Element(*tag, Vr::UN, value.clone()),
        Event::BeginSequence(tag, _) => Event::BeginSequence(*tag, Vr::UN),
        other => other.clone(),
    };
    events.iter().map(nameless).collect()
}

proptest! {
    #[test]
    fn the_values_stay(elements in data_set(), from in plain_layout(), explicit: bool, sizes in sizes()) {
        let to = if explicit { Explicit } else { Implicit };
        let bytes = write(&elements, from);
        let whole = relaid(&bytes, from, to).unwrap();
        let mut transcoder = Transcoder::new(from, to);
        let mut out = Vec::new();
        for piece in pieces(&bytes, &sizes) {
            out.extend(transcoder.feed(piece).unwrap());
        }
        out.extend(transcoder.finish().unwrap());
        prop_assert_eq!(&out, &whole);
        // The same data set written little endian at once.
        let expected = scan(&write(&elements, if from == Implicit { Implicit } else { Explicit }), if from == Implicit { Implicit } else { Explicit }).unwrap();
        prop_assert_eq!(values(&scan(&whole, to).unwrap().events), values(&expected.events));
    }

    #[test]
    fn hostile_bytes_never_panic(elements in data_set(), from in plain_layout(), at: proptest::sample::Index, byte: u8) {
        let mut bytes = write(&elements, from);
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(out) = relaid(&bytes, from, Explicit) {
            prop_assert!(scan(&out, Explicit).is_ok());
        }
    }
}
