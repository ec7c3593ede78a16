//! Frames found and cut, in every way that they are told apart.

use proptest::prelude::*;

use super::*;
use crate::testing::{Content, Made, write};
use causeway_core::{Tag, Vr};

const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const RLE: &str = "1.2.840.10008.1.2.5";
const JPEG: &str = "1.2.840.10008.1.2.4.70";
const PLAIN: &str = "1.2.840.10008.1.2.1.98";
const VIDEO: &str = "1.2.840.10008.1.2.4.102";
/// One that nobody knows.
const PRIVATE: &str = "1.2.3.4";
const START: [u8; 12] = [0xFF, 0xD8, 0xFF, 0xE0, 0, 0, 0, 0, 0, 0, 0, 0];
const MIDDLE: [u8; 4] = [7; 4];

fn us(tag: Tag, value: u16) -> Made {
    Made::bytes(tag, Vr::US, &value.to_le_bytes())
}

fn described(rows: u16, columns: u16, samples: u16, photometric: &str, bits: u16, frames: u32) -> Vec<Made> {
    vec![
        us(Tag::new(0x0028, 0x0002), samples),
        Made::text(Tag::new(0x0028, 0x0004), Vr::CS, photometric),
        Made::text(Tag::NUMBER_OF_FRAMES, Vr::IS, &frames.to_string()),
        us(Tag::ROWS, rows),
        us(Tag::COLUMNS, columns),
        us(Tag::BITS_ALLOCATED, bits),
    ]
}

fn native(mut elements: Vec<Made>, value: &[u8]) -> Vec<u8> {
    elements.push(Made::bytes(Tag::PIXEL_DATA, Vr::OW, value));
    write(&elements, Layout::ExplicitLittleEndian)
}

fn encapsulated(frames: u32, extended: &[u64], items: &[&[u8]]) -> Vec<u8> {
    let mut elements = described(2, 2, 1, "MONOCHROME2", 8, frames);
    if !extended.is_empty() {
        let table: Vec<u8> = extended.iter().flat_map(|offset| offset.to_le_bytes()).collect();
        elements.push(Made::bytes(Tag::new(0x7FE0, 0x0001), Vr::OV, &table));
    }
    let items = items.iter().map(|item| item.to_vec()).collect();
    elements.push(Made { tag: Tag::PIXEL_DATA, vr: Vr::OB, value: Content::Fragments(items) });
    write(&elements, Layout::ExplicitLittleEndian)
}

fn table(offsets: &[u32]) -> Vec<u8> {
    offsets.iter().flat_map(|offset| offset.to_le_bytes()).collect()
}

fn chart(bytes: &[u8], syntax: &str, window: usize) -> Result<Option<Chart>, Error> {
    let mut charter = Charter::new(&Uid::parse(syntax).unwrap());
    while let Some(at) = charter.wants() {
        let at = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
        charter.give(&bytes[at..(at + window).min(bytes.len())])?;
    }
    Ok(charter.finish())
}

fn frame(chart: &Chart, bytes: &[u8], number: u32) -> Result<Bytes, Error> {
    let number = NonZeroU32::new(number).unwrap();
    let span = chart.span(number)?;
    let span = usize::try_from(span.start).unwrap()..usize::try_from(span.end).unwrap();
    chart.cut(number, &Bytes::copy_from_slice(bytes.get(span).unwrap_or_default()))
}

fn frames(bytes: &[u8], syntax: &str, window: usize) -> Result<Vec<Bytes>, Error> {
    let chart = chart(bytes, syntax, window)?.expect("there are pixel data");
    (1..=chart.shape().frames).map(|number| frame(&chart, bytes, number)).collect()
}

#[test]
fn native_frames_are_cut_by_their_length() {
    let bytes = native(described(1, 2, 1, "MONOCHROME2", 16, 2), &[1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(frames(&bytes, EXPLICIT, 20).unwrap(), [&[1, 2, 3, 4][..], &[5, 6, 7, 8]]);
    let chart = chart(&bytes, EXPLICIT, 1 << 20).unwrap().unwrap();
    assert_eq!(chart.native_frame_bytes(), Some(4));
    assert!(matches!(frame(&chart, &bytes, 3), Err(Error::Pixels(PixelError::FrameCount { said: 2, .. }))));
}

#[test]
fn pixel_data_that_end_early_have_the_frames_that_are_whole() {
    let bytes = native(described(1, 2, 1, "MONOCHROME2", 16, 3), &[1, 2, 3, 4, 5, 6]);
    let chart = chart(&bytes, EXPLICIT, 64).unwrap().unwrap();
    assert!(frame(&chart, &bytes, 1).is_ok());
    let missing = frame(&chart, &bytes, 2);
    assert_eq!(missing, Err(PixelError::FrameCount { found: 1, said: 3 }.into()));
}

#[test]
fn frames_of_single_bits_begin_within_a_byte() {
    // Three frames of nine bits: all ones, all zeros, ones.
    let bytes = native(described(3, 3, 1, "MONOCHROME2", 1, 3), &[0xFF, 0x01, 0xFC, 0x07]);
    assert_eq!(frames(&bytes, EXPLICIT, 33).unwrap(), [&[0xFF, 1][..], &[0, 0], &[0xFF, 1]]);
}

#[test]
fn halved_chrominance_takes_two_cells_a_pixel_unless_there_are_three() {
    let described = || described(1, 2, 3, "YBR_FULL_422", 8, 2);
    let halved = native(described(), &[1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(frames(&halved, EXPLICIT, 64).unwrap(), [&[1, 2, 3, 4][..], &[5, 6, 7, 8]]);
    let full = native(described(), &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    assert_eq!(frames(&full, EXPLICIT, 64).unwrap(), [&[1, 2, 3, 4, 5, 6][..], &[7, 8, 9, 10, 11, 12]]);
}

#[test]
fn a_data_set_without_pixel_data_has_no_chart() {
    let bytes = write(&described(1, 1, 1, "MONOCHROME2", 8, 1), Layout::ExplicitLittleEndian);
    assert_eq!(chart(&bytes, EXPLICIT, 20), Ok(None));
    assert_eq!(chart(&[], EXPLICIT, 20), Ok(None));
}

#[test]
fn a_table_tells_frames_apart_and_only_the_last_one_is_walked() {
    let basic = table(&[0, 24]);
    let bytes = encapsulated(2, &[], &[&basic, &MIDDLE, &MIDDLE, &[1, 2], &[3, 4]]);
    let all = frames(&bytes, RLE, 20).unwrap();
    assert_eq!(all, [&[7, 7, 7, 7, 7, 7, 7, 7][..], &[1, 2, 3, 4]]);
    let extended = encapsulated(2, &[0, 12], &[&[], &MIDDLE, &[1, 2]]);
    assert_eq!(frames(&extended, RLE, 20).unwrap(), [&MIDDLE[..], &[1, 2]]);
}

#[test]
fn without_a_table_the_fragments_tell() {
    let one = encapsulated(1, &[], &[&[], &MIDDLE, &[1, 2], &[3, 4]]);
    assert_eq!(frames(&one, PRIVATE, 20).unwrap(), [&[7, 7, 7, 7, 1, 2, 3, 4][..]]);
    let each = encapsulated(2, &[], &[&[], &MIDDLE, &[1, 2]]);
    for syntax in [RLE, JPEG, PRIVATE] {
        assert_eq!(frames(&each, syntax, 20).unwrap(), [&MIDDLE[..], &[1, 2]], "{syntax}");
    }
    let marked = encapsulated(2, &[], &[&[], &START, &MIDDLE, &START]);
    assert_eq!(frames(&marked, JPEG, 20).unwrap(), [&[&START[..], &MIDDLE].concat()[..], &START]);
    let long = encapsulated(2, &[], &[&[], &[1, 2], &[3, 4], &MIDDLE]);
    assert_eq!(frames(&long, PLAIN, 20).unwrap(), [&[1, 2, 3, 4][..], &MIDDLE]);
}

#[test]
fn a_video_is_one_however_many_frames_it_has() {
    let bytes = encapsulated(25, &[], &[&[], &MIDDLE, &[1, 2]]);
    for syntax in [VIDEO, "1.2.840.10008.1.2.4.100.1", "1.2.840.10008.1.2.4.108"] {
        assert_eq!(frames(&bytes, syntax, 20).unwrap(), [&[7, 7, 7, 7, 1, 2][..]], "{syntax}");
    }
    for syntax in [PRIVATE, "1.2.840.10008.1.2.4.110", "1.2.840.10008.1.2.4.99"] {
        assert!(chart(&bytes, syntax, 20).is_err(), "{syntax}");
    }
}

#[test]
fn of_long_frames_little_is_read() {
    let long = vec![7; 10_000];
    let offsets = table(&[0, 10_008, 20_016]);
    let native = native(described(100, 100, 1, "MONOCHROME2", 8, 3), &[7; 30_000]);
    let windows = |bytes: &[u8], syntax: &str| {
        let mut charter = Charter::new(&Uid::parse(syntax).unwrap());
        let mut count = 0;
        while let Some(at) = charter.wants() {
            let at = usize::try_from(at).unwrap();
            charter.give(&bytes[at..(at + 128).min(bytes.len())]).unwrap();
            count += 1;
        }
        assert_eq!(charter.finish().map(|chart| chart.shape().frames), Some(3));
        count
    };
    assert_eq!(windows(&native, EXPLICIT), 1);
    // The head, the last fragment, what is behind it.
    assert_eq!(windows(&encapsulated(3, &[], &[&offsets, &long, &long, &long]), RLE), 4);
    // The head, the table, each fragment, what is behind the last.
    assert_eq!(windows(&encapsulated(3, &[], &[&[], &long, &long, &long]), RLE), 5);
}

#[test]
fn what_cannot_be_told_apart_is_refused() {
    let count = |found, said| Err(PixelError::FrameCount { found, said }.into());
    let three = encapsulated(2, &[], &[&[], &MIDDLE, &MIDDLE, &MIDDLE]);
    assert_eq!(chart(&three, RLE, 64), count(3, 2));
    assert_eq!(chart(&three, PRIVATE, 64), count(1, 2));
    assert_eq!(chart(&encapsulated(1, &[], &[&[]]), RLE, 64), count(0, 1));
    assert_eq!(chart(&encapsulated(1, &[], &[]), RLE, 64), count(0, 1));
    // The layout is not that of the transfer syntax.
    let bytes = native(described(1, 1, 1, "MONOCHROME2", 8, 1), &[1, 0]);
    assert!(matches!(chart(&bytes, RLE, 64), Err(Error::Pixels(PixelError::Fragments(_)))));
    assert!(matches!(chart(&three, EXPLICIT, 64), Err(Error::Pixels(PixelError::Fragments(_)))));
}

#[test]
fn a_table_that_points_beside_the_items_is_found_out() {
    let basic = table(&[0, 14]);
    let bytes = encapsulated(2, &[], &[&basic, &MIDDLE, &MIDDLE]);
    assert!(frames(&bytes, RLE, 64).is_err());
    let beyond = table(&[0, 1 << 30]);
    let bytes = encapsulated(2, &[], &[&beyond, &MIDDLE, &MIDDLE]);
    assert!(matches!(chart(&bytes, RLE, 64), Err(Error::CutShort { .. })));
}

#[test]
fn pixel_data_that_break_off_are_refused_wherever_they_do() {
    let bytes = encapsulated(2, &[], &[&table(&[0, 12]), &MIDDLE, &START]);
    for length in 1..bytes.len() - 8 {
        let cut = &bytes[..length];
        assert!(chart(cut, RLE, 20).is_err() || chart(cut, RLE, 20) == Ok(None), "{length}");
    }
}

proptest! {
    #[test]
    fn a_frame_of_bits_is_what_reading_bit_by_bit_gives(
        value in proptest::collection::vec(any::<u8>(), 20), rows in 1_u16..4, columns in 1_u16..6,
    ) {
        let bits = usize::from(rows * columns);
        let count = value.len() * 8 / bits;
        let number = u32::try_from(count).unwrap();
        let bytes = native(described(rows, columns, 1, "MONOCHROME2", 1, number), &value);
        for (index, frame) in frames(&bytes, EXPLICIT, 64).unwrap().iter().enumerate() {
            let bit = |bytes: &[u8], at: usize| bytes[at / 8] >> (at % 8) & 1;
            for at in 0..frame.len() * 8 {
                let expected = if at < bits { bit(&value, index * bits + at) } else { 0 };
                prop_assert_eq!(bit(frame, at), expected);
            }
        }
    }

    #[test]
    fn fragments_come_back_joined_whatever_the_window(
        frames_in in proptest::collection::vec(proptest::collection::vec(
            proptest::collection::vec(any::<u8>(), 0..30), 1..4), 1..5),
        window in MIN_WINDOW_BYTES..200,
    ) {
        let (mut offsets, mut offset) = (Vec::new(), 0);
        for frame in &frames_in {
            offsets.push(offset);
            offset += frame.iter().map(|fragment| u32::try_from(fragment.len() + 8).unwrap()).sum::<u32>();
        }
        let basic = table(&offsets);
        let mut items: Vec<&[u8]> = vec![&basic];
        items.extend(frames_in.iter().flatten().map(Vec::as_slice));
        let bytes = encapsulated(u32::try_from(frames_in.len()).unwrap(), &[], &items);
        let expected: Vec<Vec<u8>> = frames_in.iter().map(|frame| frame.concat()).collect();
        prop_assert_eq!(frames(&bytes, JPEG, window).unwrap(), expected);
    }

    #[test]
    fn any_bytes_are_charted_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..400), window in MIN_WINDOW_BYTES..64,
    ) {
        if let Ok(Some(chart)) = chart(&bytes, RLE, window) {
            let _ = frame(&chart, &bytes, 1);
        }
    }

    #[test]
    fn spoilt_items_are_charted_or_refused(at in 60_usize..200, byte in any::<u8>(), window in MIN_WINDOW_BYTES..64) {
        let mut bytes = encapsulated(3, &[], &[&table(&[0, 20, 40]), &START, &START, &MIDDLE]);
        if let Some(spoilt) = bytes.get_mut(at) {
            *spoilt = byte;
        }
        if let Ok(Some(chart)) = chart(&bytes, JPEG, window) {
            for number in 1..=chart.shape().frames.min(8) {
                let _ = frame(&chart, &bytes, number);
            }
        }
    }
}
