//! Identifiers there and back.

use proptest::prelude::*;

use super::*;
use causeway_core::commitment::{MAX_REFERENCES, Reference, Settlement};
use causeway_core::{Status, Uid};

use crate::testing::{Ends, Made, data_set, plain_layout, write};

const LAYOUTS: [Layout; 4] = [
    Layout::ImplicitLittleEndian,
    Layout::ExplicitLittleEndian,
    Layout::ExplicitBigEndian,
    Layout::DeflatedExplicitLittleEndian,
];

fn query(name: &str) -> Attributes {
    let mut step = Attributes::new();
    step.put_text(Tag::MODALITY, Vr::CS, "CT");
    step.put(Tag::SCHEDULED_PROCEDURE_STEP_ID, Element::empty(Vr::SH));
    let mut query = Attributes::new();
    query.put(Tag::MODALITIES_IN_STUDY, Element::text(Vr::CS, vec!["CT".to_owned(), "MR".to_owned()]));
    query.put_text(Tag::PATIENT_NAME, Vr::PN, name);
    query.put(Tag::STUDY_INSTANCE_UID, Element::empty(Vr::UI));
    query.put_text(Tag::NUMBER_OF_FRAMES, Vr::IS, "12");
    query.put(Tag::ROWS, Element::text(Vr::US, vec!["512".to_owned(), "3".to_owned()]));
    query.put(Tag::new(0x0020, 0x9165), Element::text(Vr::AT, vec!["00100020".to_owned()]));
    query.put(Tag::new(0x0018, 0x9087), Element::text(Vr::FD, vec!["0.1".to_owned()]));
    query.put(
        Tag::REQUEST_ATTRIBUTES_SEQUENCE,
        Element { vr: Vr::SQ, value: Value::Items(vec![step, Attributes::new()]) },
    );
    query
}

#[test]
fn an_identifier_comes_back_as_it_went() {
    for layout in LAYOUTS {
        for name in ["Doe^*", "Müller^Änne=山田"] {
            let bytes = encode(&query(name), layout);
            assert_eq!(bytes.len() % 2, 0);
            assert_eq!(decode(&bytes, layout).unwrap(), query(name), "{layout:?}");
        }
    }
}

#[test]
fn one_writer_writes_many_as_each_would_be_written_alone() {
    for layout in LAYOUTS {
        let mut writer = Writer::new(layout);
        for name in ["Müller", "Miller", "山田", ""] {
            assert_eq!(writer.write(&query(name)), encode(&query(name), layout), "{layout:?} {name}");
        }
    }
}

#[test]
fn the_character_set_is_told_where_it_matters() {
    let term = b"ISO_IR 192";
    let tells = |bytes: &[u8]| bytes.windows(term.len()).any(|window| window == term);
    assert!(tells(&encode(&query("Müller"), Layout::ExplicitLittleEndian)));
    assert!(!tells(&encode(&query("Miller"), Layout::ExplicitLittleEndian)));
    let mut stale = query("Miller");
    stale.put_text(Tag::SPECIFIC_CHARACTER_SET, Vr::CS, "ISO_IR 100");
    assert_eq!(
        encode(&stale, Layout::ImplicitLittleEndian),
        encode(&query("Miller"), Layout::ImplicitLittleEndian)
    );
}

#[test]
fn a_query_in_another_character_set_is_read() {
    let elements = [
        Made::bytes(Tag::new(0x0008, 0), Vr::UL, &[0; 4]),
        Made::text(Tag::SPECIFIC_CHARACTER_SET, Vr::CS, "\\ISO 2022 IR 87"),
        Made::bytes(Tag::PATIENT_NAME, Vr::PN, b"*=\x1b$B;3ED\x1b(B* "),
        Made::text(Tag::new(0x0029, 0x1001), Vr::LO, "private"),
        Made::bytes(Tag::new(0x0029, 0x1002), Vr::OB, &[1, 2]),
        Made::sequence(Tag::REQUEST_ATTRIBUTES_SEQUENCE, vec![], Ends::ByDelimiter),
    ];
    let read = decode(&write(&elements, Layout::ExplicitLittleEndian), Layout::ExplicitLittleEndian).unwrap();
    assert_eq!(read.first(Tag::PATIENT_NAME), Some("*=山田*"));
    assert_eq!(read.first(Tag::new(0x0029, 0x1001)), Some("private"));
    assert_eq!(read.get(Tag::new(0x0029, 0x1002)), Some(&Element::empty(Vr::OB)));
    assert_eq!(read.get(Tag::REQUEST_ATTRIBUTES_SEQUENCE), Some(&Element::empty(Vr::SQ)));
    assert_eq!(read.len(), 4);
}

#[test]
fn an_identifier_is_bounded() {
    let long = |length: usize| vec![0x20; length];
    assert_eq!(
        decode(&long(MAX_IDENTIFIER_BYTES + 1), Layout::ImplicitLittleEndian),
        Err(Error::IdentifierTooLong { limit_bytes: MAX_IDENTIFIER_BYTES })
    );
    let bomb = deflate(&long(MAX_IDENTIFIER_BYTES + 1));
    assert!(decode(&bomb, Layout::DeflatedExplicitLittleEndian).is_err());
    assert!(decode(&[], Layout::ExplicitLittleEndian).unwrap().is_empty());
}

#[test]
fn a_list_too_long_for_a_short_header_is_written_all_the_same() {
    let uids: Vec<String> = (0..9000).map(|number| format!("1.2.3.{number}")).collect();
    let mut list = Attributes::new();
    list.put(Tag::FAILED_SOP_INSTANCE_UID_LIST, Element::text(Vr::UI, uids));
    for layout in LAYOUTS {
        assert_eq!(decode(&encode(&list, layout), layout).unwrap(), list);
    }
}

#[test]
fn the_longest_commitment_that_is_legal_is_read_and_written_and_a_longer_one_refused() {
    let uid = |number: usize| Uid::parse(&format!("1.{:0>62}", number + 1)).unwrap();
    let reference = |number| Reference { sop_class: uid(0), sop_instance: uid(number) };
    let reason = Status::NO_SUCH_OBJECT;
    let settlement = Settlement {
        transaction: uid(0),
        committed: vec![reference(0)],
        failed: (1..MAX_REFERENCES).map(|number| (reference(number), reason)).collect(),
    };
    for layout in LAYOUTS {
        let bytes = encode(&settlement.attributes(), layout);
        let read = decode_commitment(&bytes, layout).unwrap();
        assert_eq!(Settlement::read(&read).unwrap(), settlement, "{layout:?}");
    }
    let long = vec![0x20; MAX_COMMITMENT_BYTES + 1];
    let too_long = Error::IdentifierTooLong { limit_bytes: MAX_COMMITMENT_BYTES };
    assert_eq!(decode_commitment(&long, Layout::ImplicitLittleEndian), Err(too_long));
}

proptest! {
    #[test]
    fn any_identifier_settles(elements in data_set(), from in plain_layout(), to in plain_layout()) {
        // Text may lose padding on the first way; after that nothing changes any more.
        let first = decode(&write(&elements, from), from).unwrap();
        let text = |attributes: &Attributes| attributes.to_json();
        let second = decode(&encode(&first, to), to).unwrap();
        if to != Layout::ImplicitLittleEndian {
            prop_assert_eq!(text(&second), text(&first));
        }
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), layout in plain_layout()) {
        let _ = decode(&bytes, layout);
        let _ = decode(&bytes, Layout::DeflatedExplicitLittleEndian);
    }
}
