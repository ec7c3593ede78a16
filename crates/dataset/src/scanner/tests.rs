//! The scanner on made, broken and random bytes.

use causeway_core::limits::MAX_SEQUENCE_DEPTH;
use causeway_core::transfer_syntax::Layout;
use causeway_core::{Tag, Vr};
use proptest::prelude::*;

use super::*;
use crate::testing::{
    Content, Ends, Event, Made, Recorder, data_set, deflated, expected, plain_layout, write,
};

const NO_LIMIT: u64 = u64::MAX;
use Layout::{ExplicitLittleEndian as Explicit, ImplicitLittleEndian as Implicit};

pub(crate) fn scan(bytes: &[u8], layout: Layout) -> Result<Recorder, Error> {
    let mut scanner = Scanner::new(layout, NO_LIMIT, Recorder::default());
    scanner.feed(bytes)?;
    scanner.finish()
}

fn scan_in_pieces(bytes: &[u8], layout: Layout, sizes: &[usize]) -> Result<Recorder, Error> {
    let mut scanner = Scanner::new(layout, NO_LIMIT, Recorder::default());
    let (mut rest, mut turn) = (bytes, 0);
    while !rest.is_empty() {
        let size = sizes.get(turn % sizes.len().max(1)).copied().unwrap_or(1).clamp(1, rest.len());
        let (piece, after) = rest.split_at(size);
        scanner.feed(piece)?;
        (rest, turn) = (after, turn + 1);
    }
    scanner.finish()
}

fn nested(levels: usize, ends: Ends) -> Vec<Made> {
    let mut inner = vec![Made::text(Tag::PATIENT_ID, Vr::LO, "1")];
    for _ in 0..levels {
        inner = vec![Made::sequence(Tag::new(0x0040, 0xA730), vec![inner], ends)];
    }
    inner
}

#[test]
fn an_implicit_data_set_has_its_vrs_from_the_dictionary() {
    let elements = [Made::text(Tag::PATIENT_NAME, Vr::PN, "Doe^J"), Made::bytes(Tag::ROWS, Vr::US, &[0, 2])];
    let found = scan(&write(&elements, Implicit), Implicit).unwrap();
    assert_eq!(found.events, expected(&elements, Implicit));
    let [name, rows] = found.headers.as_slice() else { panic!() };
    assert_eq!((name.offset, name.value_offset, name.length), (0, 8, Some(6)));
    assert_eq!((rows.offset, rows.value_offset, rows.depth), (14, 22, 0));
}

#[test]
fn an_unknown_vr_of_an_undefined_length_is_walked_as_implicit_little_endian() {
    let unknown = Made {
        tag: Tag::new(0x0029, 0x1010),
        vr: Vr::UN,
        value: Content::Items {
            items: vec![vec![Made::text(Tag::PATIENT_ID, Vr::LO, "77")]],
            sequence: Ends::ByDelimiter,
            item: Ends::ByDelimiter,
        },
    };
    for layout in [Explicit, Layout::ExplicitBigEndian] {
        let elements = [unknown.clone(), Made::bytes(Tag::ROWS, Vr::US, &[1, 0])];
        let found = scan(&write(&elements, layout), layout).unwrap();
        assert_eq!(found.events, expected(&elements, layout));
        assert_eq!(found.headers[1].layout, Implicit);
        assert!(!found.headers[1].is_big_endian());
        assert_eq!(found.headers[2].layout, layout);
    }
}

#[test]
fn the_depth_is_held_at_below_and_above_the_bound() {
    for ends in [Ends::ByLength, Ends::ByDelimiter] {
        for layout in [Implicit, Explicit] {
            for (levels, fine) in
                [(MAX_SEQUENCE_DEPTH - 1, true), (MAX_SEQUENCE_DEPTH, true), (MAX_SEQUENCE_DEPTH + 1, false)]
            {
                let found = scan(&write(&nested(levels, ends), layout), layout);
                assert_eq!(found.is_ok(), fine, "{levels} levels {ends:?} {layout:?}");
                assert!(fine || matches!(found, Err(Error::TooDeep { .. })));
            }
        }
    }
}

#[test]
fn a_data_set_nested_a_hundred_thousand_deep_is_refused_at_the_bound() {
    let mut bytes = Vec::new();
    for _ in 0..100_000 {
        bytes.extend([0x40, 0x00, 0x30, 0xA7, b'S', b'Q', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
        bytes.extend([0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF]);
    }
    assert_eq!(scan(&bytes, Explicit).err(), Some(Error::TooDeep { offset: 20 * MAX_SEQUENCE_DEPTH as u64 }));
}

#[test]
fn a_few_bytes_that_claim_four_gigabytes_are_cut_short_and_hold_nothing() {
    let mut bytes = vec![0x10, 0x00, 0x10, 0x00, b'U', b'T', 0, 0, 0xFE, 0xFF, 0xFF, 0xFF];
    bytes.extend([b'x'; 10]);
    assert_eq!(scan(&bytes, Explicit).err(), Some(Error::CutShort { offset: 22 }));
}

#[test]
fn a_nested_length_beyond_its_parent_is_refused_and_one_that_fits_is_not() {
    let item = |length: u8| {
        let mut bytes = vec![0x40, 0x00, 0x75, 0x02, b'S', b'Q', 0, 0, 18, 0, 0, 0];
        bytes.extend([0xFE, 0xFF, 0x00, 0xE0, 10, 0, 0, 0]);
        bytes.extend([0x10, 0x00, 0x20, 0x00, b'L', b'O', length, 0, b'7', b'7']);
        bytes
    };
    assert!(scan(&item(2), Explicit).is_ok());
    assert!(scan(&item(1), Explicit).is_ok(), "one byte is left over");
    let refused = scan(&item(3), Explicit).err();
    assert_eq!(refused, Some(Error::TooLong { tag: Tag::PATIENT_ID, offset: 20, length: 3, left: 2 }));
}

#[test]
fn an_item_beyond_its_sequence_is_refused() {
    let mut bytes = vec![0x40, 0x00, 0x75, 0x02, b'S', b'Q', 0, 0, 8, 0, 0, 0];
    bytes.extend([0xFE, 0xFF, 0x00, 0xE0, 1, 0, 0, 0]);
    assert!(matches!(scan(&bytes, Explicit), Err(Error::TooLong { tag: Tag::ITEM, left: 0, .. })));
}

#[test]
fn something_else_than_an_item_in_a_sequence_is_refused() {
    let mut bytes = vec![0x40, 0x00, 0x75, 0x02, b'S', b'Q', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF];
    bytes.extend([0x10, 0x00, 0x20, 0x00, b'L', b'O', 0, 0]);
    assert!(matches!(scan(&bytes, Explicit), Err(Error::NotAnItem { tag: Tag::PATIENT_ID, offset: 12 })));
}

#[test]
fn an_undefined_length_is_refused_where_the_vr_allows_none() {
    let bytes = [0x40, 0x00, 0x60, 0xA1, b'U', b'T', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF];
    assert!(matches!(scan(&bytes, Explicit), Err(Error::UndefinedLength { .. })));
}

#[test]
fn missing_and_needless_delimiters_are_tolerated() {
    let patient = [0x10, 0x00, 0x20, 0x00, b'L', b'O', 2, 0, b'7', b'7'];
    let end_of_item = [0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0];
    let end_of_sequence = [0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0];
    let sequence = |length: u32| {
        let mut bytes = vec![0x40, 0x00, 0x75, 0x02, b'S', b'Q', 0, 0];
        bytes.extend(length.to_le_bytes());
        bytes
    };
    let item = |length: u32| {
        let mut bytes = vec![0xFE, 0xFF, 0x00, 0xE0];
        bytes.extend(length.to_le_bytes());
        bytes
    };
    let whole: [Vec<Vec<u8>>; 4] = [
        // The delimiter of the item is missing.
        vec![sequence(u32::MAX), item(u32::MAX), patient.to_vec(), end_of_sequence.to_vec()],
        // The delimiters are there although lengths tell the ends.
        vec![sequence(34), item(18), patient.to_vec(), end_of_item.to_vec(), end_of_sequence.to_vec()],
        // The sequence's length tells the end of an item without one.
        vec![sequence(18), item(u32::MAX), patient.to_vec()],
        // Delimiters of nothing.
        vec![sequence(18), item(10), patient.to_vec(), end_of_item.to_vec(), end_of_sequence.to_vec()],
    ];
    let next = [0x40, 0x00, 0x01, 0x10, b'S', b'H', 0, 0];
    for mut parts in whole {
        parts.push(next.to_vec());
        let found = scan(&parts.concat(), Explicit).unwrap();
        let events = [
            Event::BeginSequence(Tag::REQUEST_ATTRIBUTES_SEQUENCE, Vr::SQ),
            Event::BeginItem,
            Event::Element(Tag::PATIENT_ID, Vr::LO, b"77".to_vec()),
            Event::EndItem,
            Event::EndSequence,
            Event::Element(Tag::REQUESTED_PROCEDURE_ID, Vr::SH, Vec::new()),
        ];
        assert_eq!(found.events, events);
    }
}

#[test]
fn an_element_without_a_vr_in_explicit_data_is_read_by_its_length() {
    let mut bytes = vec![0x08, 0x00, 0x60, 0x00, 2, 0, 0, 0, b'C', b'T'];
    bytes.extend([0x10, 0x00, 0x20, 0x00, b'L', b'O', 2, 0, b'7', b'7']);
    let found = scan(&bytes, Explicit).unwrap();
    let elements = [Made::text(Tag::MODALITY, Vr::CS, "CT"), Made::text(Tag::PATIENT_ID, Vr::LO, "77")];
    assert_eq!(found.events, expected(&elements, Explicit));
    assert_eq!(found.headers[0].layout, Implicit);
}

#[test]
fn explicit_data_under_an_implicit_name_are_recognised() {
    let elements = [Made::text(Tag::MODALITY, Vr::CS, "CT"), Made::text(Tag::PATIENT_ID, Vr::LO, "77")];
    let found = scan(&write(&elements, Explicit), Implicit).unwrap();
    assert_eq!(found.events, expected(&elements, Explicit));
}

#[test]
fn bytes_that_look_like_a_long_header_and_are_none_are_not_lost_between_pieces() {
    // In implicit layout `OB` and two zeros are a length; read as a VR the next four bytes would be one beyond all.
    let value = vec![0xEE; usize::from(u16::from_le_bytes(*b"OB"))];
    let element = [&[0x09, 0x00, 0x01, 0x10, b'O', b'B', 0, 0][..], &value].concat();
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_le_bytes();
    let item = [&[0xFE, 0xFF, 0x00, 0xE0][..], &length(&element), &element].concat();
    let bytes = [&[0x40, 0x00, 0x75, 0x02][..], &length(&item), &item].concat();
    let whole = scan(&bytes, Implicit).unwrap();
    assert_eq!(whole.headers.last().unwrap().length, Some(u32::from(u16::from_le_bytes(*b"OB"))));
    for size in 1..=13 {
        let in_pieces = scan_in_pieces(&bytes, Implicit, &[size]).unwrap();
        assert_eq!(in_pieces.events, whole.events, "pieces of {size}");
    }
}

#[test]
fn a_vr_of_a_later_edition_is_walked_over() {
    let mut bytes = vec![0x08, 0x00, 0x60, 0x00, b'Z', b'Z', 0, 0, 2, 0, 0, 0, b'C', b'T'];
    bytes.extend([0x08, 0x00, 0x61, 0x00, b'Z', b'Y', 2, 0, b'C', b'T']);
    bytes.extend([0x08, 0x00, 0x70, 0x00, b'?', b'?', 2, 0, b'C', b'T']);
    let found = scan(&bytes, Explicit).unwrap();
    let values: Vec<_> =
        found.events.iter().map(|event| matches!(event, Event::Element(_, _, v) if v == b"CT")).collect();
    assert_eq!(values, [true, true, true]);
}

#[test]
fn zero_bytes_after_the_last_element_mean_nothing_and_others_do() {
    let elements = [Made::text(Tag::MODALITY, Vr::CS, "CT")];
    for zeros in [1, 7, 8, 100] {
        let mut bytes = write(&elements, Explicit);
        bytes.resize(bytes.len() + zeros, 0);
        assert_eq!(scan(&bytes, Explicit).unwrap().events, expected(&elements, Explicit));
    }
    let mut bytes = write(&elements, Explicit);
    bytes.extend([1, 2, 3]);
    assert_eq!(scan(&bytes, Explicit).err(), Some(Error::CutShort { offset: 13 }));
}

#[test]
fn fragments_are_told_one_by_one() {
    let fragments = Content::Fragments(vec![Vec::new(), vec![1, 2, 3, 4], vec![5]]);
    let elements = [Made { tag: Tag::PIXEL_DATA, vr: Vr::OB, value: fragments }];
    let bytes = write(&elements, Explicit);
    assert_eq!(scan(&bytes, Explicit).unwrap().events, expected(&elements, Explicit));
    for end in 1..bytes.len() {
        let cut = scan(&bytes[..end], Explicit);
        assert!(matches!(cut, Err(Error::CutShort { .. })), "cut at {end}");
    }
}

#[test]
fn a_sink_that_stops_at_the_pixel_data_is_told_nothing_of_them() {
    let elements = [Made::bytes(Tag::ROWS, Vr::US, &[1, 0]), Made::bytes(Tag::PIXEL_DATA, Vr::OW, &[0; 64])];
    let bytes = write(&elements, Explicit);
    let sink = Recorder { stop: true, ..Recorder::default() };
    let mut scanner = Scanner::new(Explicit, NO_LIMIT, sink);
    assert_eq!(scanner.feed(&bytes[..30]), Ok(Progress::Stopped));
    assert_eq!(scanner.feed(&bytes[30..]), Ok(Progress::Stopped));
    assert_eq!(scanner.skippable(), u64::MAX);
    assert_eq!(scanner.finish().unwrap().events, expected(&elements[..1], Explicit));
}

#[test]
fn what_no_one_wants_can_be_passed_over_unread() {
    struct Tags(Vec<Tag>);
    impl Sink for Tags {
        fn element(&mut self, header: &Header) -> Flow {
            self.0.push(header.tag);
            Flow::Skip
        }
        fn value(&mut self, _: &[u8]) {
            panic!("no value was wanted");
        }
        fn end_element(&mut self) {
            panic!("no value was wanted");
        }
    }
    let elements = [
        Made::bytes(Tag::PIXEL_DATA, Vr::OW, &[0; 64]),
        Made::bytes(Tag::new(0xFFFC, 0xFFFC), Vr::OB, &[0; 6]),
    ];
    let bytes = write(&elements, Explicit);
    let mut scanner = Scanner::new(Explicit, NO_LIMIT, Tags(Vec::new()));
    assert_eq!(scanner.skippable(), 0);
    scanner.feed(&bytes[..20]).unwrap();
    assert_eq!(scanner.skippable(), 56);
    scanner.skip(16);
    scanner.skip(1000);
    assert_eq!(scanner.skippable(), 0);
    scanner.feed(&bytes[76..88]).unwrap();
    scanner.skip(6);
    assert_eq!(scanner.finish().unwrap().0, [Tag::PIXEL_DATA, Tag::new(0xFFFC, 0xFFFC)]);
}

#[test]
fn inflating_stops_at_the_bound() {
    let elements = [Made::bytes(Tag::new(0x0042, 0x0011), Vr::OB, &[0; 100_000])];
    let plain = write(&elements, Explicit);
    let bytes = deflated(&plain);
    assert!(bytes.len() < 1000);
    let run = |limit: u64| {
        let mut scanner = Scanner::new(Layout::DeflatedExplicitLittleEndian, limit, Recorder::default());
        scanner.feed(&bytes).and_then(|_| scanner.finish()).map(|sink| sink.events)
    };
    let whole = plain.len() as u64;
    assert_eq!(run(whole + 1), Ok(expected(&elements, Explicit)));
    assert_eq!(run(whole), Ok(expected(&elements, Explicit)));
    assert_eq!(run(whole - 1), Err(Error::InflatesTooFar { limit: whole - 1 }));
}

#[test]
fn a_deflated_stream_that_is_cut_or_garbage_is_refused() {
    let layout = Layout::DeflatedExplicitLittleEndian;
    let elements = [Made::bytes(Tag::new(0x0042, 0x0011), Vr::OB, &[7; 1000])];
    let bytes = deflated(&write(&elements, Explicit));
    assert!(scan(&bytes[..bytes.len() - 2], layout).is_err());
    assert_eq!(scan(&[0xFF; 40], layout).err(), Some(Error::Inflate));
    let mut padded = bytes;
    padded.push(0);
    assert_eq!(scan(&padded, layout).unwrap().events, expected(&elements, Explicit));
}

proptest! {
    #[test]
    fn what_is_written_is_what_is_told(elements in data_set(), layout in plain_layout()) {
        let found = scan(&write(&elements, layout), layout).unwrap();
        prop_assert_eq!(found.events, expected(&elements, layout));
    }

    #[test]
    fn any_chunking_tells_the_same(
        elements in data_set(),
        layout in plain_layout(),
        sizes in proptest::collection::vec(1_usize..40, 1..8),
    ) {
        let bytes = write(&elements, layout);
        let whole = scan(&bytes, layout).unwrap();
        let pieces = scan_in_pieces(&bytes, layout, &sizes).unwrap();
        prop_assert_eq!(&whole.events, &pieces.events);
        prop_assert_eq!(whole.headers, pieces.headers);
        let deflated = scan_in_pieces(&deflated(&write(&elements, Explicit)), Layout::DeflatedExplicitLittleEndian, &sizes);
        prop_assert_eq!(deflated.unwrap().events, expected(&elements, Explicit));
    }

    #[test]
    fn offsets_point_at_what_they_name(elements in data_set(), layout in plain_layout()) {
        let bytes = write(&elements, layout);
        let found = scan(&bytes, layout).unwrap();
        let mut values = found.events.iter().filter_map(|event| match event {
            Event::Element(tag, _, value) => Some((*tag, value)),
            _ => None,
        });
        for header in found.headers.iter().filter(|header| header.vr != Vr::SQ && header.length.is_some()) {
            let (tag, value) = values.next().unwrap();
            let start = usize::try_from(header.value_offset).unwrap();
            prop_assert_eq!(tag, header.tag);
            prop_assert_eq!(&bytes[start..start + value.len()], value.as_slice());
        }
    }

    #[test]
    fn a_cut_data_set_is_never_taken_for_a_whole_one_inside_an_element(
        elements in data_set(),
        layout in plain_layout(),
        at in any::<prop::sample::Index>(),
    ) {
        let bytes = write(&elements, layout);
        prop_assume!(!bytes.is_empty());
        let cut = at.index(bytes.len());
        if let Ok(found) = scan(&bytes[..cut], layout) {
            let all = expected(&elements, layout);
            prop_assert_eq!(&found.events[..], &all[..found.events.len()]);
        }
    }

    #[test]
    fn random_bytes_end_well_in_any_chunking(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        layout in plain_layout(),
        sizes in proptest::collection::vec(1_usize..20, 1..5),
    ) {
        let whole = scan(&bytes, layout).map(|sink| sink.events);
        let pieces = scan_in_pieces(&bytes, layout, &sizes).map(|sink| sink.events);
        prop_assert_eq!(whole, pieces);
    }

    #[test]
    fn mutated_data_sets_end_well_in_any_chunking(
        elements in data_set(),
        layout in plain_layout(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        sizes in proptest::collection::vec(1_usize..20, 1..5),
    ) {
        let mut bytes = write(&elements, layout);
        prop_assume!(!bytes.is_empty());
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let whole = scan(&bytes, layout).map(|sink| sink.events);
        let pieces = scan_in_pieces(&bytes, layout, &sizes).map(|sink| sink.events);
        prop_assert_eq!(whole, pieces);
        let _ = scan(&deflated(&bytes), Layout::DeflatedExplicitLittleEndian);
    }
}
