//! What is asked of a directory: pydicom's own reading of it is in the tests over the wire.

use std::collections::BTreeSet;

use dicom_object::InMemDicomObject;
use proptest::prelude::*;

use super::*;
use crate::testing::{self, Ends, Made};

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
const SR: &str = "1.2.840.10008.5.1.4.1.1.88.11";

fn uid(text: &str) -> Uid {
    Uid::parse(text).unwrap()
}

fn ids(series: u32, instance: u32) -> Identifiers {
    Identifiers {
        study: uid("1.2.3"),
        series: uid(&format!("1.2.3.{series}")),
        instance: uid(&format!("1.2.3.{series}.{instance}")),
    }
}

fn keys_of(elements: &[Made]) -> Attributes {
    let mut reader = KeyReader::new(Layout::ExplicitLittleEndian);
    for byte in testing::write(elements, Layout::ExplicitLittleEndian) {
        reader.feed(&[byte]);
    }
    reader.finish()
}

fn head(number: &str) -> Vec<Made> {
    vec![
        Made::text(Tag::SPECIFIC_CHARACTER_SET, Vr::CS, "ISO_IR 100"),
        Made::text(Tag::STUDY_DATE, Vr::DA, "20260102"),
        Made::text(Tag::MODALITY, Vr::CS, "CT"),
        Made::bytes(Tag::PATIENT_NAME, Vr::PN, b"M\xfcller^J"),
        Made::text(Tag::PATIENT_ID, Vr::LO, "P1"),
        Made::text(Tag::INSTANCE_NUMBER, Vr::IS, number),
        Made::bytes(Tag::new(0x7FE0, 0x0010), Vr::OW, &[0; 64]),
    ]
}

fn made(series: u32, files: u32) -> Vec<u8> {
    let mut directory = StudyDirectory::new(uid("2.25.7"));
    for series in 1..=series {
        for number in 1..=files {
            let file_id = ["DICOM".to_owned(), format!("SE{series}"), format!("IM{number}")];
            let (ids, sop_class) = (ids(series, number), uid(CT));
            let transfer_syntax = uid(EXPLICIT_VR_LITTLE_ENDIAN);
            let file = File {
                ids: &ids,
                sop_class: &sop_class,
                transfer_syntax: &transfer_syntax,
                file_id: &file_id,
            };
            directory.add(&file, &keys_of(&head(&number.to_string())));
        }
    }
    directory.finish().unwrap()
}

/// The record that begins at `offset` in the file, read by itself.
fn record(file: &[u8], offset: u32) -> InMemDicomObject {
    let at = offset as usize;
    assert_eq!(file[at..at + 4], [0xFE, 0xFF, 0x00, 0xE0], "no item at {offset}");
    let length = u32::from_le_bytes(file[at + 4..at + 8].try_into().unwrap()) as usize;
    read(&file[at + 8..at + 8 + length])
}

/// What dicom-rs reads from a data set in explicit VR little endian.
fn read(data_set: &[u8]) -> InMemDicomObject {
    let mut file = StudyDirectory::new(uid("2.25.7")).file_meta();
    file.extend_from_slice(data_set);
    dicom_object::from_reader(file.as_slice()).unwrap().into_inner()
}

fn number(object: &InMemDicomObject, element: u16) -> u32 {
    object.element(dicom_core::Tag(0x0004, element)).unwrap().to_int().unwrap()
}

fn text(object: &InMemDicomObject, group: u16, element: u16) -> String {
    object
        .element(dicom_core::Tag(group, element))
        .unwrap()
        .to_str()
        .unwrap()
        .trim_end_matches('\0')
        .to_owned()
}

/// A chain of records that stand beside one another.
fn beside(file: &[u8], first: u32) -> Vec<InMemDicomObject> {
    let mut all = Vec::new();
    let mut at = first;
    while at != 0 {
        let found = record(file, at);
        at = number(&found, 0x1400);
        all.push(found);
    }
    all
}

#[test]
fn every_offset_leads_to_the_record_it_means() {
    let file = made(2, 3);
    let whole = dicom_object::from_reader(file.as_slice()).unwrap();
    assert_eq!(text(&whole, 0x0004, 0x1130), "CAUSEWAY");
    assert_eq!(number(&whole, 0x1200), number(&whole, 0x1202));
    let patients = beside(&file, number(&whole, 0x1200));
    assert_eq!(patients.len(), 1);
    assert_eq!(text(&patients[0], 0x0004, 0x1430), "PATIENT");
    assert_eq!(text(&patients[0], 0x0010, 0x0010), "Müller^J");
    assert_eq!(text(&patients[0], 0x0008, 0x0005), "ISO_IR 192");
    let studies = beside(&file, number(&patients[0], 0x1420));
    assert_eq!(studies.len(), 1);
    assert_eq!(text(&studies[0], 0x0020, 0x000D), "1.2.3");
    assert_eq!(text(&studies[0], 0x0008, 0x0030), "", "what the files do not say is there and empty");
    let series = beside(&file, number(&studies[0], 0x1420));
    let names: Vec<String> = series.iter().map(|series| text(series, 0x0020, 0x000E)).collect();
    assert_eq!(names, ["1.2.3.1", "1.2.3.2"]);
    for (index, one) in series.iter().enumerate() {
        let files = beside(&file, number(one, 0x1420));
        let numbers: Vec<String> = files.iter().map(|file| text(file, 0x0020, 0x0013)).collect();
        assert_eq!(numbers, ["1", "2", "3"]);
        assert_eq!(text(&files[2], 0x0004, 0x1500), format!("DICOM\\SE{}\\IM3", index + 1));
        assert_eq!(text(&files[2], 0x0004, 0x1511), format!("1.2.3.{}.3", index + 1));
        assert!(files[2].element(dicom_core::Tag(0x0008, 0x0005)).is_err(), "ASCII needs no character set");
        assert_eq!(number(&files[0], 0x1420), 0);
    }
}

#[test]
fn a_directory_of_nothing_has_no_records() {
    let file = StudyDirectory::new(uid("2.25.7")).finish().unwrap();
    let whole = dicom_object::from_reader(file.as_slice()).unwrap();
    assert_eq!((number(&whole, 0x1200), number(&whole, 0x1202)), (0, 0));
}

#[test]
fn a_report_is_listed_with_its_title() {
    let code = vec![
        Made::text(Tag::CODE_VALUE, Vr::SH, "18748-4"),
        Made::text(Tag::CODING_SCHEME_DESIGNATOR, Vr::SH, "LN"),
        Made::text(Tag::CODE_MEANING, Vr::LO, "Diagnostic imaging report"),
    ];
    let keys = keys_of(&[
        Made::text(Tag::INSTANCE_NUMBER, Vr::IS, "1"),
        Made::sequence(Tag::new(0x0040, 0xA043), vec![code], Ends::ByDelimiter),
        Made::text(Tag::new(0x0040, 0xA491), Vr::CS, "COMPLETE"),
    ]);
    let record = records::of(&uid(SR));
    assert_eq!(record.name, "SR DOCUMENT");
    let body = body(record, &[], &keys);
    let found = read(&body);
    let title = found.element(dicom_core::Tag(0x0040, 0xA043)).unwrap();
    assert_eq!(text(&title.items().unwrap()[0], 0x0008, 0x0100), "18748-4");
    assert_eq!(text(&found, 0x0040, 0xA491), "COMPLETE");
    assert_eq!(text(&found, 0x0040, 0xA493), "");
}

#[test]
fn a_sop_class_has_one_record_and_an_unknown_one_that_of_an_image() {
    assert_eq!(records::of(&uid(CT)).name, "IMAGE");
    assert_eq!(records::of(&uid("1.2.3")).name, "IMAGE");
    assert_eq!(records::of(&uid("1.2.840.10008.5.1.4.1.1.104.1")).name, "ENCAP DOC");
    let names: Vec<&str> = records::all().map(|record| record.name).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    for record in records::all() {
        assert!(record.name.len() <= 16, "a CS has at most 16 characters: {}", record.name);
    }
}

#[test]
fn a_value_that_is_too_long_for_a_key_is_left_out_and_what_comes_behind_is_not() {
    let of = |length: usize| {
        keys_of(&[
            Made::text(Tag::STUDY_DESCRIPTION, Vr::UT, &"x".repeat(length)),
            Made::text(Tag::PATIENT_ID, Vr::LO, "P1"),
        ])
    };
    assert!(of(16 * 1024).contains(Tag::STUDY_DESCRIPTION));
    assert!(!of(16 * 1024 + 2).contains(Tag::STUDY_DESCRIPTION));
    assert_eq!(of(16 * 1024 + 2).first(Tag::PATIENT_ID), Some("P1"));
}

proptest! {
    #[test]
    fn any_bytes_have_keys_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut reader = KeyReader::new(Layout::ImplicitLittleEndian);
        bytes.chunks(7).for_each(|piece| reader.feed(piece));
        let mut directory = StudyDirectory::new(uid("2.25.7"));
        let (ids, any) = (ids(1, 1), uid(CT));
        let file = File { ids: &ids, sop_class: &any, transfer_syntax: &any, file_id: &[] };
        directory.add(&file, &reader.finish());
        prop_assert!(directory.finish().is_ok());
    }
}
