//! Data sets whose pixels are coded, given plain.

use causeway_core::transfer_syntax::Layout::{
    ExplicitLittleEndian as Explicit, ImplicitLittleEndian as Implicit,
};
use proptest::prelude::*;

use super::*;
use crate::testing::{Content, Ends, Made, write};

const RLE: &str = "1.2.840.10008.1.2.5";
const PHOTOMETRIC: Tag = Tag::new(0x0028, 0x0004);
const PLANAR: Tag = Tag::new(0x0028, 0x0006);
const ICON: Tag = Tag::new(0x0088, 0x0200);

/// RLE of one byte plane in which each sample has the next number.
fn rle(planes: &[&[u8]]) -> Vec<u8> {
    let number = |size: usize| u32::try_from(size).unwrap();
    let mut words = vec![number(planes.len())];
    let mut body = Vec::new();
    for plane in planes {
        words.push(64 + number(body.len()));
        body.push(u8::try_from(plane.len() - 1).unwrap());
        body.extend(*plane);
        body.extend(vec![0; body.len() % 2]);
    }
    words.resize(16, 0);
    words.into_iter().flat_map(u32::to_le_bytes).chain(body).collect()
}

fn us(tag: Tag, value: u16) -> Made {
    Made::bytes(tag, Vr::US, &value.to_le_bytes())
}

fn image(rows: u16, columns: u16, samples: u16, bits: u16, frames: &str) -> Vec<Made> {
    let mut elements = vec![us(Tag::new(0x0028, 0x0002), samples)];
    elements.push(Made::text(PHOTOMETRIC, Vr::CS, if samples == 1 { "MONOCHROME2 " } else { "RGB " }));
    if samples > 1 {
        elements.push(us(PLANAR, 0));
    }
    elements.push(Made::text(Tag::NUMBER_OF_FRAMES, Vr::IS, frames));
    elements.extend([us(Tag::ROWS, rows), us(Tag::COLUMNS, columns), us(Tag::BITS_ALLOCATED, bits)]);
    elements
}

fn coded(fragments: &[Vec<u8>]) -> Made {
    let fragments = [vec![vec![]], fragments.to_vec()].concat();
    Made { tag: Tag::PIXEL_DATA, vr: Vr::OB, value: Content::Fragments(fragments) }
}

/// What comes out of `bytes`, given in pieces and from where they are wanted.
fn plain(bytes: &[u8], syntax: &str, to: Layout, piece: usize) -> Result<(Vec<u8>, usize), Error> {
    given(bytes, syntax, to, piece, 1)
}

/// The same where each piece is so many times as long as the one before it, as an answer over a network begins; and begins
/// so again where other bytes are wanted.
fn given(
    bytes: &[u8],
    syntax: &str,
    to: Layout,
    first: usize,
    growth: usize,
) -> Result<(Vec<u8>, usize), Error> {
    let mut decompressor = Decompressor::new(&Uid::parse(syntax).unwrap(), to).unwrap();
    let (mut out, mut at, mut most, mut length) = (Vec::new(), 0, 0, first);
    for _ in 0..100_000 {
        match decompressor.turn()? {
            Turn::Done => return Ok((out, most)),
            Turn::Has(bytes) => {
                most = most.max(bytes.len());
                out.extend(bytes);
            }
            turn => {
                if let Turn::WantsFrom(from) = turn {
                    at = usize::try_from(from).unwrap();
                    length = first;
                }
                let piece = &bytes[at..bytes.len().min(at + length)];
                at += piece.len();
                length = length.saturating_mul(growth).min(1 << 20);
                if piece.is_empty() {
                    decompressor.end();
                } else {
                    decompressor.give(Bytes::copy_from_slice(piece));
                }
            }
        }
    }
    panic!("it does not come to an end");
}

fn check(elements: &[Made], expected: &[Made], syntax: &str) {
    let bytes = write(elements, Explicit);
    for to in [Explicit, Implicit] {
        for piece in [1, 5, 64, 1000, 1 << 20] {
            let (out, _) = plain(&bytes, syntax, to, piece).unwrap();
            assert_eq!(out, write(expected, to), "{to:?} {piece}");
        }
        for (first, growth) in [(1, 2), (5, 3), (12, 100), (40, 1000)] {
            let (out, _) = given(&bytes, syntax, to, first, growth).unwrap();
            assert_eq!(out, write(expected, to), "{to:?} {first} and {growth} times as much");
        }
    }
}

#[test]
fn frames_are_decoded_and_all_else_stays() {
    let head = [Made::text(Tag::PATIENT_ID, Vr::LO, "P1")];
    let tail = [Made::bytes(Tag::new(0xFFFC, 0xFFFC), Vr::OB, &[0; 2])];
    let frames = [rle(&[&[1, 2], &[3, 4]]), rle(&[&[5, 6], &[7, 8]])];
    let image = image(1, 2, 1, 16, "2 ");
    let elements = [&head[..], &image, &[coded(&frames)], &tail].concat();
    let pixels = Made::bytes(Tag::PIXEL_DATA, Vr::OW, &[3, 1, 4, 2, 7, 5, 8, 6]);
    check(&elements, &[&head[..], &image, &[pixels], &tail].concat(), RLE);
}

#[test]
fn a_value_of_odd_length_is_padded_once() {
    let image = image(1, 1, 1, 8, "3 ");
    let frames = [rle(&[&[1]]), rle(&[&[2]]), rle(&[&[3]])];
    let elements = [&image[..], &[coded(&frames)]].concat();
    let pixels = Made::bytes(Tag::PIXEL_DATA, Vr::OB, &[1, 2, 3, 0]);
    check(&elements, &[&image[..], &[pixels]].concat(), RLE);
}

#[test]
fn colour_gets_the_planar_configuration_that_is_missing() {
    let mut image = image(1, 2, 3, 8, "1 ");
    let planar = image.remove(2);
    assert_eq!(planar.tag, PLANAR);
    let elements = [&image[..], &[coded(&[rle(&[&[1, 2], &[3, 4], &[5, 6]])])]].concat();
    let pixels = Made::bytes(Tag::PIXEL_DATA, Vr::OB, &[1, 3, 5, 2, 4, 6]);
    image.insert(2, planar);
    check(&elements, &[&image[..], &[pixels]].concat(), RLE);
}

#[test]
fn photometric_interpretation_says_what_came_out() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/codecs/");
    let frame = std::fs::read(format!("{folder}j2k-lossless-8x3.bin")).unwrap();
    let samples = std::fs::read(format!("{folder}samples-8x3.raw")).unwrap();
    let with = |photometric: &str, planar: u16| {
        let mut image = image(17, 24, 3, 8, "1 ");
        image[1] = Made::text(PHOTOMETRIC, Vr::CS, photometric);
        image[2] = us(PLANAR, planar);
        image
    };
    let elements =
        [&with("YBR_RCT ", 1)[..], &[coded(&[frame[..100].to_vec(), frame[100..].to_vec()])]].concat();
    let pixels = Made::bytes(Tag::PIXEL_DATA, Vr::OB, &samples);
    check(&elements, &[&with("RGB ", 0)[..], &[pixels]].concat(), "1.2.840.10008.1.2.4.90");
}

#[test]
fn offset_tables_do_not_outlive_the_fragments() {
    let image = image(1, 2, 1, 8, "1 ");
    let table = [
        Made::bytes(Tag::new(0x7FE0, 0x0001), Vr::OV, &[0; 8]),
        Made::bytes(Tag::new(0x7FE0, 0x0002), Vr::OV, &[66, 0, 0, 0, 0, 0, 0, 0]),
    ];
    let elements = [&image[..], &table, &[coded(&[rle(&[&[1, 2]])])]].concat();
    let pixels = Made::bytes(Tag::PIXEL_DATA, Vr::OB, &[1, 2]);
    check(&elements, &[&image[..], &[pixels]].concat(), RLE);
}

fn icon(fragment: Vec<u8>) -> Made {
    Made::sequence(
        ICON,
        vec![[&image(1, 2, 1, 8, "1 ")[..], &[coded(&[fragment])]].concat()],
        Ends::ByDelimiter,
    )
}

#[test]
fn a_coded_icon_is_decoded_and_a_broken_one_is_left_out() {
    let image = image(1, 1, 1, 8, "1 ");
    let main = [coded(&[rle(&[&[9]])])];
    let pixels = [Made::bytes(Tag::PIXEL_DATA, Vr::OB, &[9, 0])];
    let native =
        [&self::image(1, 2, 1, 8, "1 ")[..], &[Made::bytes(Tag::PIXEL_DATA, Vr::OB, &[3, 4])]].concat();
    let native = Made::sequence(ICON, vec![native], Ends::ByDelimiter);
    let elements = [&image[..], &[icon(rle(&[&[3, 4]]))], &main].concat();
    check(&elements, &[&image[..], std::slice::from_ref(&native), &pixels].concat(), RLE);
    // One that is native already stays.
    let elements = [&image[..], std::slice::from_ref(&native), &main].concat();
    check(&elements, &[&image[..], &[native], &pixels].concat(), RLE);
    let elements = [&image[..], &[icon(vec![1, 2])], &main].concat();
    check(&elements, &[&image[..], &pixels].concat(), RLE);
}

#[test]
fn the_reason_for_an_icon_left_out_is_told() {
    let elements = [&image(1, 1, 1, 8, "1 ")[..], &[icon(vec![1, 2]), coded(&[rle(&[&[9]])])]].concat();
    let mut decompressor = Decompressor::new(&Uid::parse(RLE).unwrap(), Explicit).unwrap();
    decompressor.give(Bytes::from(write(&elements, Explicit)));
    assert!(matches!(decompressor.turn(), Ok(Turn::Has(_))));
    assert_eq!(decompressor.left_out().len(), 1);
    assert!(decompressor.left_out().is_empty());
}

#[test]
fn coded_icons_are_bounded_at_below_and_above() {
    let with = |bytes: usize| {
        let mut fragment = rle(&[&[3, 4]]);
        fragment.resize(bytes, 0);
        let elements = [&image(1, 1, 1, 8, "1 ")[..], &[icon(fragment), coded(&[rle(&[&[9]])])]].concat();
        plain(&write(&elements, Explicit), RLE, Explicit, 1 << 20)
    };
    assert!(with(survey::MAX_ICON_BYTES - 2).is_ok());
    assert!(with(survey::MAX_ICON_BYTES).is_ok());
    assert!(matches!(with(survey::MAX_ICON_BYTES + 2), Err(Error::IconsTooLong { .. })));
}

#[test]
fn a_data_set_without_coded_pixels_is_laid_out_anew() {
    let elements = [Made::text(Tag::PATIENT_ID, Vr::LO, "P1"), us(Tag::ROWS, 1)];
    check(&elements, &elements, RLE);
    let native = [&image(1, 2, 1, 8, "1 ")[..], &[Made::bytes(Tag::PIXEL_DATA, Vr::OW, &[1, 2])]].concat();
    check(&native, &native, RLE);
}

#[test]
fn what_does_not_fit_is_refused_before_anything_comes_out() {
    let frame = vec![rle(&[&[1]])];
    let refused = |image: Vec<Made>, frames: &[Vec<u8>]| {
        let bytes = write(&[&image[..], &[coded(frames)]].concat(), Explicit);
        let mut decompressor = Decompressor::new(&Uid::parse(RLE).unwrap(), Explicit).unwrap();
        decompressor.give(Bytes::from(bytes));
        decompressor.turn().unwrap_err()
    };
    let pixels = |error: PixelError| Error::Pixels(error);
    assert_eq!(refused(vec![], &frame), pixels(PixelError::Missing("Rows")));
    assert!(matches!(refused(image(0, 1, 1, 8, "1 "), &frame), Error::Pixels(PixelError::Unfit { .. })));
    assert!(matches!(
        refused(image(65535, 65535, 3, 16, "1 "), &frame),
        Error::Pixels(PixelError::FrameTooLarge { .. })
    ));
    assert_eq!(refused(image(1, 1, 1, 8, "1 "), &[]), pixels(PixelError::FrameCount { found: 0, said: 1 }));
    assert!(matches!(refused(image(1, 9, 1, 8, "1 "), &frame), Error::Pixels(PixelError::Codec { .. })));
    // 16,384 × 16,384 bytes a frame: fifteen of them fit a length field, sixteen do not.
    assert_eq!(
        refused(image(16384, 16384, 1, 8, "16"), &frame),
        pixels(PixelError::TooLong { bytes: 1 << 32 })
    );
    assert!(matches!(
        refused(image(16384, 16384, 1, 8, "15"), &frame),
        Error::Pixels(PixelError::Codec { .. })
    ));
}

#[test]
fn fewer_frames_than_said_end_in_an_error() {
    let elements = [&image(1, 1, 1, 8, "3 ")[..], &[coded(&[rle(&[&[1]]), rle(&[&[2]])])]].concat();
    let result = plain(&write(&elements, Explicit), RLE, Explicit, 64);
    assert_eq!(result, Err(PixelError::FrameCount { found: 2, said: 3 }.into()));
}

#[test]
fn bytes_that_end_anywhere_end_in_an_error() {
    let elements = [&image(1, 1, 1, 8, "2 ")[..], &[coded(&[rle(&[&[1]]), rle(&[&[2]])])]].concat();
    let bytes = write(&elements, Explicit);
    let header = bytes.windows(4).position(|four| four == [0xE0, 0x7F, 0x10, 0]).unwrap();
    for end in header + 1..bytes.len() {
        assert!(plain(&bytes[..end], RLE, Explicit, 64).is_err(), "{end}");
    }
}

#[test]
fn one_piece_of_input_never_comes_out_as_many_frames_at_once() {
    // A hundred frames of 64 KiB in one piece of some kilobytes.
    let frame = {
        let mut coded: Vec<u8> = [1u32, 64].into_iter().flat_map(u32::to_le_bytes).collect();
        coded.resize(64, 0);
        coded.extend([129, 5].repeat(512));
        coded
    };
    let elements = [&image(256, 256, 1, 8, "100 ")[..], &[coded(&vec![frame; 100])]].concat();
    let (out, most) = plain(&write(&elements, Explicit), RLE, Explicit, 1 << 20).unwrap();
    assert!(out.len() > 100 * 65536 && most == 65536, "{most}");
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(at: proptest::sample::Index, byte: u8, end: proptest::sample::Index) {
        let frames = [rle(&[&[1, 2, 3], &[4, 5, 6], &[7, 8, 9]]), rle(&[&[1, 2, 3], &[4, 5, 6], &[7, 8, 9]])];
        let elements = [&image(1, 3, 3, 8, "2 ")[..], &[icon(rle(&[&[3, 4]])), coded(&frames)]].concat();
        let mut bytes = write(&elements, Explicit);
        let place = at.index(bytes.len());
        bytes[place] = byte;
        let end = bytes.len() - end.index(bytes.len() / 2);
        for to in [Explicit, Implicit] {
            let _ = plain(&bytes[..end], RLE, to, 50);
        }
    }
}
