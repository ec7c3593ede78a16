//! Fragments in every order that tells frames apart, and in some that does not.

use super::*;

const JPEG: Framing = Framing::StartMarker(&[&[0xFF, 0xD8, 0xFF]]);

fn item(value: &[u8]) -> Vec<u8> {
    let length = u32::try_from(value.len()).unwrap();
    [&ITEM, length.to_le_bytes().as_slice(), value].concat()
}

fn items(values: &[&[u8]]) -> Vec<u8> {
    let mut bytes: Vec<u8> = values.iter().flat_map(|value| item(value)).collect();
    bytes.extend([&DELIMITER[..], &[0; 4]].concat());
    bytes
}

fn frames_of(framing: Framing, frames: u32, bytes: &[u8], piece: usize) -> Result<Vec<Vec<u8>>, Error> {
    let layout = Layout { framing, frames, frame_bytes: 4 };
    let mut fragments = Fragments::new(layout, &[]);
    let mut found = Vec::new();
    for mut piece in bytes.chunks(piece) {
        loop {
            match fragments.read(&mut piece)? {
                Found::More => break,
                Found::Frame(frame) => found.push(frame),
                Found::End => return Ok(found),
            }
        }
        assert!(piece.is_empty());
    }
    Err(Error::CutShort { offset: 0 })
}

fn start(rest: &[u8]) -> Vec<u8> {
    [&[0xFF, 0xD8, 0xFF], rest].concat()
}

#[test]
fn one_frame_takes_all_fragments() {
    let bytes = items(&[&[], &start(&[1]), &[2, 3], &start(&[4])]);
    for piece in [1, 3, 7, 4096] {
        let found = frames_of(JPEG, 1, &bytes, piece).unwrap();
        assert_eq!(found, [[start(&[1]), vec![2, 3], start(&[4])].concat()]);
    }
}

#[test]
fn a_start_marker_begins_a_frame() {
    let long = start(&[9; 40]);
    let bytes = items(&[&[], &start(&[1]), &[2, 3], &[], &long, &start(&[4]), &[5; 20]]);
    for piece in [1, 3, 7, 13, 4096] {
        let found = frames_of(JPEG, 3, &bytes, piece).unwrap();
        let expected =
            [[start(&[1]), vec![2, 3]].concat(), long.clone(), [start(&[4]), vec![5; 20]].concat()];
        assert_eq!(found, expected, "{piece}");
    }
}

#[test]
fn an_offset_table_tells_frames_without_markers_apart() {
    let table: Vec<u8> = [0u32, 20].into_iter().flat_map(u32::to_le_bytes).collect();
    let bytes = items(&[&table, &[1, 1], &[2, 2], &[3, 3]]);
    assert_eq!(frames_of(JPEG, 2, &bytes, 5).unwrap(), [vec![1, 1, 2, 2], vec![3, 3]]);
    // One that is not of this many frames says nothing.
    assert!(frames_of(JPEG, 3, &bytes, 5).unwrap().len() == 1);
}

#[test]
fn the_extended_offset_table_is_heeded_too() {
    let table: Vec<u8> = [0u64, 20].into_iter().flat_map(u64::to_le_bytes).collect();
    let bytes = items(&[&[], &[1, 1], &[2, 2], &[3, 3]]);
    let layout = Layout { framing: JPEG, frames: 2, frame_bytes: 4 };
    let mut fragments = Fragments::new(layout, &table);
    let mut rest = bytes.as_slice();
    assert_eq!(fragments.read(&mut rest), Ok(Found::Frame(vec![1, 1, 2, 2])));
    assert_eq!(fragments.read(&mut rest), Ok(Found::Frame(vec![3, 3])));
    assert_eq!(fragments.read(&mut rest), Ok(Found::End));
    assert_eq!((fragments.frames(), rest.len()), (2, 0));
}

#[test]
fn each_fragment_is_a_frame_or_as_many_as_its_length_needs() {
    let bytes = items(&[&[], &[1, 1, 1, 1], &[2, 2], &[3, 3]]);
    let by_fragment = frames_of(Framing::EachFragment, 3, &bytes, 3).unwrap();
    assert_eq!(by_fragment, [vec![1; 4], vec![2; 2], vec![3; 2]]);
    let by_length = frames_of(Framing::Length, 2, &bytes, 3).unwrap();
    assert_eq!(by_length, [vec![1; 4], vec![2, 2, 3, 3]]);
}

#[test]
fn more_frames_than_said_are_refused() {
    let bytes = items(&[&[], &[1, 1], &[2, 2], &[3, 3]]);
    let error = frames_of(Framing::EachFragment, 2, &bytes, 4096);
    assert_eq!(error, Err(PixelError::FrameCount { found: 3, said: 2 }.into()));
}

#[test]
fn a_fragment_longer_than_any_frame_is_refused_before_its_bytes_come() {
    let claim = |length: u32| [&item(&[])[..], &ITEM, &length.to_le_bytes()].concat();
    let limit = u32::try_from(MAX_FRAME_BYTES).unwrap();
    for (length, is_fine) in [(limit - 1, true), (limit, true), (limit + 1, false), (u32::MAX, false)] {
        let result = frames_of(JPEG, 1, &claim(length), 4096);
        let is_refused = matches!(result, Err(Error::Pixels(PixelError::FrameTooLarge { .. })));
        assert_eq!(is_refused, !is_fine, "{length}");
    }
}

#[test]
fn something_else_between_fragments_is_refused() {
    let bytes = [item(&[]), vec![0x10, 0, 0x10, 0, 0, 0, 0, 0]].concat();
    assert!(matches!(frames_of(JPEG, 1, &bytes, 9), Err(Error::Pixels(PixelError::Fragments(_)))));
}
