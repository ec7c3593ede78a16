//! Writing and reading the beginning of a file.

use causeway_core::limits::MAX_FILE_META_BYTES;
use causeway_core::transfer_syntax::{
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN, Layout,
};
use causeway_core::{Vr, implementation};
use proptest::prelude::*;

use super::*;
use crate::Error;
use crate::testing::{Made, write as write_data_set};

fn uid(text: &str) -> Uid {
    Uid::parse(text).unwrap()
}

fn envelope() -> Envelope {
    serde_json::from_str(
        r#"{"door":"dimse","received_at":"2024-05-06T07:08:09.123Z","calling_ae":"CT01","source_address":"::1"}"#,
    )
    .unwrap()
}

fn meta(transfer_syntax: &str) -> FileMeta {
    FileMeta {
        sop_class: uid("1.2.840.10008.5.1.4.1.1.2"),
        sop_instance: uid("1.2.3.45"),
        transfer_syntax: uid(transfer_syntax),
        receiving_ae: Some(AeTitle::parse("CAUSEWAY").unwrap()),
        envelope: Some(envelope()),
    }
}

fn read(bytes: &[u8]) -> Result<Parsed, Error> {
    read_in_pieces(bytes, usize::MAX)
}

fn read_in_pieces(bytes: &[u8], size: usize) -> Result<Parsed, Error> {
    let mut reader = Part10Reader::new();
    let mut pieces = bytes.chunks(size.min(bytes.len().max(1)));
    while let Some(piece) = pieces.next() {
        if let Step::Done(mut parsed) = reader.feed(Bytes::copy_from_slice(piece))? {
            let rest: Vec<u8> = parsed.rest.iter().copied().chain(pieces.flatten().copied()).collect();
            parsed.rest = Bytes::from(rest);
            return Ok(parsed);
        }
    }
    reader.finish()
}

fn data_set(layout: Layout) -> Vec<u8> {
    write_data_set(
        &[Made::text(Tag::SOP_CLASS_UID, Vr::UI, "1.2"), Made::text(Tag::PATIENT_ID, Vr::LO, "P")],
        layout,
    )
}

fn plain(layout: Layout) -> &'static str {
    match layout {
        Layout::ImplicitLittleEndian => IMPLICIT_VR_LITTLE_ENDIAN,
        Layout::ExplicitBigEndian => EXPLICIT_VR_BIG_ENDIAN,
        Layout::ExplicitLittleEndian | Layout::DeflatedExplicitLittleEndian => EXPLICIT_VR_LITTLE_ENDIAN,
    }
}

const LAYOUTS: [Layout; 3] =
    [Layout::ImplicitLittleEndian, Layout::ExplicitLittleEndian, Layout::ExplicitBigEndian];

#[test]
fn what_was_written_is_read_in_pieces_of_any_size() {
    let meta = meta(EXPLICIT_VR_BIG_ENDIAN);
    let data_set = data_set(Layout::ExplicitBigEndian);
    for header in [write(&meta), write_padded(&meta, 1024).unwrap()] {
        let file = [header.as_slice(), &data_set].concat();
        for size in [1, 2, 7, 131, 132, 133, usize::MAX] {
            let parsed = read_in_pieces(&file, size).unwrap();
            assert_eq!(parsed.data_set_offset, header.len() as u64);
            assert_eq!(parsed.rest, data_set);
            assert_eq!(parsed.meta.sop_class.as_ref(), Some(&meta.sop_class));
            assert_eq!(parsed.meta.sop_instance.as_ref(), Some(&meta.sop_instance));
            assert_eq!(parsed.meta.transfer_syntax, meta.transfer_syntax);
            assert_eq!(parsed.meta.envelope, meta.envelope);
        }
    }
}

#[test]
fn another_reader_agrees() {
    for header in [
        write(&meta(EXPLICIT_VR_LITTLE_ENDIAN)),
        write_padded(&meta(EXPLICIT_VR_LITTLE_ENDIAN), 1024).unwrap(),
    ] {
        let file = [header.as_slice(), &data_set(Layout::ExplicitLittleEndian)].concat();
        let object = dicom_object::from_reader(file.as_slice()).unwrap();
        assert_eq!(object.meta().media_storage_sop_instance_uid.trim_end_matches('\0'), "1.2.3.45");
        assert_eq!(object.meta().implementation_class_uid.trim_end_matches('\0'), implementation::CLASS_UID);
        assert_eq!(object.meta().information_version, [0, 1]);
        // From after the group length element to the data set.
        assert_eq!(object.meta().information_group_length as usize, header.len() - 144);
    }
}

#[test]
fn padding_makes_the_length_asked_for_or_says_what_is_needed() {
    let mut meta = meta(EXPLICIT_VR_LITTLE_ENDIAN);
    let least = write(&meta).len();
    for len in [least, least + 2, least + 200, 4096] {
        assert_eq!(write_padded(&meta, len).unwrap().len(), len);
    }
    let error = write_padded(&meta, least - 2).unwrap_err();
    assert_eq!(error, Error::DoesNotFit { needed: least, wanted: least - 2 });
    assert!(write_padded(&meta, 1025).is_err());
    meta.envelope = None;
    let header = write_padded(&meta, 1024).unwrap();
    assert_eq!(header.len(), 1024);
    assert_eq!(read(&header).unwrap().meta.envelope, None);
    assert!(dicom_object::FileMetaTable::from_reader(&header[128..]).is_ok());
}

#[test]
fn the_largest_header_fits_in_a_kibibyte() {
    let long =
        uid(&"1.".repeat(32).replace("1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.", "1.111111111111111111111111111111"));
    assert!(long.as_str().len() >= 60);
    let mut meta = meta(long.as_str());
    (meta.sop_class, meta.sop_instance) = (long.clone(), long);
    assert!(write_padded(&meta, 1024).is_ok());
    // Over a link, by as many nodes as are kept of it, from a remote with the longest name.
    let (name, nodes) = ("r".repeat(64), vec!["0123456789abcdef"; 16].join(","));
    let envelope = format!(
        r#"{{"door":"link","received_at":"2024-05-06T07:08:09.123Z","remote":"{name}",
            "source_address":"2001:db8:1111:2222:3333:4444:5555:6666","via":"{nodes}"}}"#
    );
    meta.envelope = Some(serde_json::from_str(&envelope).unwrap());
    meta.receiving_ae = Some(AeTitle::parse("CAUSEWAY01234567").unwrap());
    assert!(write_padded(&meta, 1024).is_ok());
}

#[test]
fn a_file_without_preamble_or_without_group_2_is_read() {
    for layout in LAYOUTS {
        let data_set = data_set(layout);
        let header = write(&meta(plain(layout)));
        for start in [128, 132] {
            let parsed = read(&[&header[start..], &data_set].concat()).unwrap();
            assert_eq!(parsed.meta.transfer_syntax.as_str(), plain(layout));
            assert_eq!(parsed.rest, data_set);
        }
        let parsed = read(&data_set).unwrap();
        assert_eq!(parsed.meta.transfer_syntax.as_str(), plain(layout));
        assert_eq!((parsed.data_set_offset, parsed.rest), (0, Bytes::from(data_set)));
        assert_eq!(parsed.meta.sop_class, None);
    }
}

#[test]
fn a_group_without_transfer_syntax_leaves_it_to_be_seen() {
    for layout in LAYOUTS {
        let header = write(&meta("9.9"));
        let at = header.windows(4).position(|bytes| bytes == [2, 0, 0x10, 0]).unwrap();
        let without = [&header[..at], &header[at + 12..]].concat();
        let parsed = read(&[without, data_set(layout)].concat()).unwrap();
        assert_eq!(parsed.meta.transfer_syntax.as_str(), plain(layout));
        assert_eq!(parsed.rest, data_set(layout));
    }
}

#[test]
fn a_wrong_group_length_is_passed_over() {
    for wrong in [0_u32, 4, 1000, u32::MAX] {
        let mut header = write(&meta(IMPLICIT_VR_LITTLE_ENDIAN));
        header[140..144].copy_from_slice(&wrong.to_le_bytes());
        let data_set = data_set(Layout::ImplicitLittleEndian);
        let parsed = read(&[header, data_set.clone()].concat()).unwrap();
        assert_eq!(parsed.rest, data_set, "{wrong}");
    }
}

#[test]
fn deflated_bytes_that_look_like_group_2_are_not_taken_for_it() {
    let header = write(&meta(DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN));
    let rest = [2, 0, 0x16, 0, b'A', b'E', 4, 0, 0, 0, 0, 0];
    let parsed = read(&[header.as_slice(), &rest].concat()).unwrap();
    assert_eq!(parsed.rest.as_ref(), rest);
}

#[test]
fn what_is_no_file_is_refused() {
    assert_eq!(read(b"").unwrap_err(), Error::NotDicom);
    assert_eq!(read(&[0; 4096]).unwrap_err(), Error::NotDicom);
    assert_eq!(read(b"GIF89a..........").unwrap_err(), Error::NotDicom);
    assert_eq!(read(&[b'<'; 4096]).unwrap_err(), Error::NotDicom);
    let header = write(&meta(EXPLICIT_VR_LITTLE_ENDIAN));
    assert!(matches!(read(&header[..header.len() - 1]), Err(Error::FileMeta(_))));
    assert!(matches!(read(&header[..132]), Err(Error::FileMeta(_))));
}

#[test]
fn a_group_2_without_end_is_refused_at_its_bound() {
    let information = |length: usize| {
        let mut file = vec![0; 128];
        file.extend(b"DICM");
        file.extend([2, 0, 0x02, 1, b'O', b'B', 0, 0]);
        file.extend(u32::try_from(length).unwrap().to_le_bytes());
        file.extend(vec![0; length.min(MAX_FILE_META_BYTES)]);
        file.extend(data_set(Layout::ExplicitLittleEndian));
        read(&file)
    };
    assert!(information(MAX_FILE_META_BYTES - 12).is_ok());
    assert_eq!(information(MAX_FILE_META_BYTES - 11).unwrap_err(), Error::FileMetaTooLong);
    assert_eq!(information(u32::MAX as usize).unwrap_err(), Error::FileMetaTooLong);
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(
        bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(2), Just(0)], 0..300),
        size in 1_usize..50,
        prefix: bool,
    ) {
        let mut file = if prefix { [vec![0; 128], b"DICM".to_vec()].concat() } else { Vec::new() };
        file.extend(bytes);
        let whole = read(&file).map(|parsed| (parsed.meta, parsed.data_set_offset, parsed.rest));
        let pieces = read_in_pieces(&file, size).map(|parsed| (parsed.meta, parsed.data_set_offset, parsed.rest));
        prop_assert_eq!(whole, pieces);
    }
}
