//! Frames that other coders made, decoded; and broken ones.

use std::path::Path;

use causeway_core::TransferSyntax;
use causeway_core::transfer_syntax::{ALL, DECODABLE};
use proptest::prelude::*;

use super::shape::tests::shape;
use super::*;

const ROWS: u16 = 17;
const COLUMNS: u16 = 24;

/// A coded frame of `testdata/codecs`, and the samples it was made of.
struct Made {
    name: String,
    codec: Codec,
    shape: Shape,
    coded: Vec<u8>,
    samples: Vec<u8>,
}

fn made() -> Vec<Made> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/codecs");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_none_or(|extension| extension != "bin") {
            continue;
        }
        let codec = match name.split('-').next().unwrap() {
            "jpeg" => Codec::Jpeg,
            "jls" => Codec::JpegLs,
            "j2k" | "htj2k" => Codec::Jpeg2000,
            "jxl" => Codec::JpegXl,
            other => panic!("{other}"),
        };
        let kind = name.rsplit('-').next().unwrap();
        let (depth, count) = kind.split_once('x').unwrap();
        let bits: u16 = depth.trim_end_matches('s').parse().unwrap();
        let representation =
            if depth.ends_with('s') { Representation::Signed } else { Representation::Unsigned };
        let shape = Shape {
            representation,
            ..shape(ROWS, COLUMNS, count.parse().unwrap(), bits.next_multiple_of(8))
        };
        let coded = std::fs::read(&path).unwrap();
        let samples = std::fs::read(path.with_file_name(format!("samples-{kind}.raw"))).unwrap();
        all.push(Made { name, codec, shape, coded, samples });
    }
    assert!(all.len() > 40, "{}", all.len());
    all
}

fn numbers(bytes: &[u8], shape: &Shape) -> Vec<i32> {
    match (shape.bits_allocated, shape.representation) {
        (8, _) => bytes.iter().map(|byte| i32::from(*byte)).collect(),
        (_, Representation::Unsigned) => {
            bytes.as_chunks().0.iter().map(|bytes| u16::from_le_bytes(*bytes).into()).collect()
        }
        (_, Representation::Signed) => {
            bytes.as_chunks().0.iter().map(|bytes| i16::from_le_bytes(*bytes).into()).collect()
        }
    }
}

/// The most by which a sample may differ from what was coded.
fn tolerance(name: &str) -> i32 {
    match name {
        _ if name.contains("lossless") || name.contains("near0") => 0,
        _ if name.contains("near2") => 2,
        _ if name.contains("near3") => 3,
        _ if name.contains("near5") => 5,
        "jpeg-baseline-8x1" => 12,
        "jpeg-baseline-8x3" => 24,
        "jpeg-extended-12x1" => 160,
        "j2k-lossy-8x3" => 8,
        "htj2k-lossy-8x1" => 2,
        "jxl-lossy-8x3" => 64,
        other => panic!("{other}"),
    }
}

#[test]
fn frames_of_other_coders_come_out_as_they_went_in() {
    for Made { name, codec, shape, coded, samples } in made() {
        let frame = decode_frame(codec, &shape, &coded).unwrap_or_else(|error| panic!("{name}: {error}"));
        let most = tolerance(&name);
        let pairs = numbers(&frame.bytes, &shape).into_iter().zip(numbers(&samples, &shape));
        let worst = pairs.map(|(found, coded)| (found - coded).abs()).max().unwrap();
        assert!(worst <= most, "{name}: {worst}");
        assert_eq!((frame.photometric, frame.planar), (shape.photometric, Planar::ByPixel), "{name}");
    }
}

#[test]
fn samples_take_the_cells_that_the_data_set_has_for_them() {
    for Made { name, codec, shape, coded, samples } in made() {
        if shape.bits_allocated != 8 || tolerance(&name) != 0 {
            continue;
        }
        let wide = Shape { bits_allocated: 16, ..shape };
        let frame = decode_frame(codec, &wide, &coded).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(frame.bytes.iter().step_by(2).eq(samples.iter()), "{name}");
        assert!(frame.bytes.iter().skip(1).step_by(2).all(|byte| *byte == 0), "{name}");
    }
}

#[test]
fn a_stream_of_another_image_is_refused() {
    for Made { name, codec, shape, coded, .. } in made() {
        for other in [
            Shape { rows: ROWS + 1, ..shape.clone() },
            Shape { rows: ROWS - 1, ..shape.clone() },
            Shape { columns: 1, ..shape.clone() },
            Shape { columns: u16::MAX, rows: 4000, ..shape.clone() },
            Shape { samples: 4 - shape.samples, ..shape.clone() },
        ] {
            assert!(decode_frame(codec, &other, &coded).is_err(), "{name}: {other:?}");
        }
        if shape.bits_allocated == 16 {
            assert!(decode_frame(codec, &Shape { bits_allocated: 8, ..shape }, &coded).is_err(), "{name}");
        }
    }
}

#[test]
fn luminance_and_chrominance_are_named_as_they_come_out() {
    let all = made();
    let find = |name: &str| all.iter().find(|made| made.name == name).unwrap();
    for (name, said, found) in [
        ("jpeg-baseline-8x3", "YBR_FULL_422", "RGB"),
        ("jpeg-lossless1-8x3", "YBR_FULL", "YBR_FULL"),
        ("jls-mode2-near0-8x3", "YBR_FULL_422", "YBR_FULL"),
        ("j2k-lossless-8x3", "YBR_RCT", "RGB"),
        ("j2k-lossy-8x3", "YBR_ICT", "RGB"),
        ("j2k-lossless-8x3", "YBR_FULL", "YBR_FULL"),
    ] {
        let made = find(name);
        let shape = Shape { photometric: said.to_owned(), ..made.shape.clone() };
        let frame = decode_frame(made.codec, &shape, &made.coded).unwrap();
        assert_eq!(frame.photometric, found, "{name} {said}");
    }
}

#[test]
fn plain_and_deflated_frames_have_their_length_or_are_refused() {
    use std::io::Write as _;
    let shape = shape(1, 3, 1, 8);
    for (coded, whole) in
        [(&[1, 2, 3][..], true), (&[1, 2, 3, 0], true), (&[1, 2], false), (&[1, 2, 3, 4, 5], false)]
    {
        assert_eq!(decode_frame(Codec::Uncompressed, &shape, coded).is_ok(), whole, "{coded:?}");
    }
    for (samples, whole) in [(vec![7; 3], true), (vec![7; 2], false), (vec![7; 1_000_000], false)] {
        let mut writer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        writer.write_all(&samples).unwrap();
        let coded = writer.finish().unwrap();
        assert_eq!(decode_frame(Codec::Deflated, &shape, &coded).is_ok(), whole);
    }
    assert!(decode_frame(Codec::Deflated, &shape, &[0xFF; 9]).is_err());
}

#[test]
fn the_list_of_what_is_decodable_is_this_rooms_own() {
    for TransferSyntax { uid, .. } in ALL {
        let codec = Codec::of(&Uid::parse(uid).unwrap());
        assert_eq!(codec.is_some(), DECODABLE.contains(uid), "{uid}");
    }
}

#[test]
fn a_stream_cut_short_gives_no_frame_or_a_whole_one() {
    for Made { codec, shape, coded, .. } in made() {
        for end in (0..coded.len()).step_by(29) {
            if let Ok(frame) = decode_frame(codec, &shape, &coded[..end]) {
                assert_eq!(frame.bytes.len() as u64, shape.frame_bytes());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn hostile_frames_never_panic(
        which: proptest::sample::Index,
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let all = made();
        let Made { codec, shape, mut coded, .. } = all.into_iter().nth(which.index(40)).unwrap();
        for (at, byte) in changes {
            let at = at.index(coded.len());
            coded[at] = byte;
        }
        if let Ok(frame) = decode_frame(codec, &shape, &coded) {
            prop_assert_eq!(frame.bytes.len() as u64, shape.frame_bytes());
        }
    }

    #[test]
    fn hostile_bytes_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..300), rows in 1u16..70, columns in 1u16..70,
    ) {
        for codec in [Codec::Rle, Codec::Deflated, Codec::Uncompressed, Codec::JpegLs, Codec::Jpeg] {
            let shape = shape(rows, columns, 1, 16);
            if let Ok(frame) = decode_frame(codec, &shape, &bytes) {
                prop_assert_eq!(frame.bytes.len() as u64, shape.frame_bytes());
            }
        }
    }
}
