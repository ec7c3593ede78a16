//! The same image of one maker in many transfer syntaxes: decompressed, the pixels are those of the file that never
//! was compressed. Samples are found beside the repository or by `CAUSEWAY_SAMPLES`.
#![expect(clippy::unwrap_used, clippy::print_stderr, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use bytes::Bytes;
use causeway_core::Uid;
use causeway_core::transfer_syntax::Layout;
use causeway_dataset::decompress::{Decompressor, Turn};
use causeway_dataset::file_meta::{Part10Reader, Step};
use causeway_dataset::pixels::Codec;

/// Uncompressed files, each with those that hold the same pixels compressed without loss.
const FAMILIES: &[(&str, &[&str])] = &[
    (
        "cornerstone3d/CTImage.dcm_LittleEndianExplicitTransferSyntax_1.2.840.10008.1.2.1.dcm",
        &[
            "cornerstone3d/2-CTImage.dcm_JPEG2000LosslessOnlyTransferSyntax_1.2.840.10008.1.2.4.90.dcm",
            "cornerstone3d/CTImage.dcm_JPEG2000LosslessOnlyTransferSyntax_1.2.840.10008.1.2.4.90.dcm",
            "cornerstone3d/CTImage.dcm_JPEGLSLosslessTransferSyntax_1.2.840.10008.1.2.4.80.dcm",
            "cornerstone3d/CTImage.dcm_JPEGProcess14SV1TransferSyntax_1.2.840.10008.1.2.4.70.dcm",
            "cornerstone3d/CTImage.dcm_JPEGProcess14TransferSyntax_1.2.840.10008.1.2.4.57.dcm",
            "cornerstone3d/CTImage.dcm_RLELosslessTransferSyntax_1.2.840.10008.1.2.5.dcm",
        ],
    ),
    (
        "dicomparser/CT1_UNC.explicit_little_endian.dcm",
        &[
            "cornerstone3d/CT1_J2KR",
            "dicomparser/CT1_UNC.fragmented_bot_jpeg_ls.80.dcm",
            "dicomparser/CT1_UNC.fragmented_no_bot_jpeg_ls.80.dcm",
            "dicomparser/CT1_UNC.not_fragmented_bot_jpeg_ls.80.dcm",
        ],
    ),
    (
        "cornerstone3d/TestPattern_RGB.dcm",
        &[
            "cornerstone3d/TestPattern_JPEG-LS-Lossless.dcm",
            "cornerstone3d/TestPattern_JPEG-Lossless_RGB.dcm",
        ],
    ),
    (
        "dcm_qa_ts/1.dcm",
        &[
            "dcm_qa_ts/4.dcm",
            "dcm_qa_ts/5.dcm",
            "dcm_qa_ts/6.dcm",
            "dcm_qa_ts/7.dcm",
            "dcm_qa_ts/8.dcm",
            "dcm_qa_ts/9.dcm",
        ],
    ),
    (
        "dicomparser/CT0012.explicit_little_endian.dcm",
        &[
            "dicomparser/CT0012.fragmented_no_bot_jpeg_lossless.57.dcm",
            "dicomparser/CT0012.fragmented_no_bot_jpeg_lossless.70.dcm",
            "dicomparser/CT0012.fragmented_no_bot_jpeg_ls.80.dcm",
            "dicomparser/CT0012.not_fragmented_bot_jpeg_ls.80.dcm",
            "dicomparser/CT0012.not_fragmented_no_bot_jpeg_ls.80.dcm",
            "dicomparser/CT0012.not_fragmented_bot_rle.dcm",
            "dicomparser/CT0012.not_fragmented_no_bot_rle.dcm",
        ],
    ),
    ("highdicom/sm_image.dcm", &["highdicom/sm_image_jpegls.dcm", "highdicom/sm_image_jpegls_nobot.dcm"]),
];

fn samples() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples");
    let folder = std::env::var_os("CAUSEWAY_SAMPLES").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("no samples at {}: nothing tested", folder.display());
    None
}

/// Transfer syntax and data set of a file.
fn parts(path: &Path) -> (Uid, Bytes) {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut reader = Part10Reader::new();
    match reader.feed(Bytes::from(bytes)).unwrap() {
        Step::Done(parsed) => (parsed.meta.transfer_syntax, parsed.rest),
        _ => panic!("{}: no File Meta Information", path.display()),
    }
}

fn decompressed(path: &Path, to: Layout) -> Vec<u8> {
    let (syntax, data_set) = parts(path);
    let mut decompressor = Decompressor::new(&syntax, to).unwrap();
    let (mut out, mut at) = (Vec::new(), 0);
    loop {
        let turn = decompressor.turn().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        match turn {
            Turn::Done => return out,
            Turn::Has(bytes) => out.extend(bytes),
            Turn::Wants | Turn::WantsFrom(_) => {
                if let Turn::WantsFrom(from) = turn {
                    at = usize::try_from(from).unwrap();
                }
                let piece = data_set.slice(at..data_set.len().min(at + 70_000));
                at += piece.len();
                if piece.is_empty() {
                    decompressor.end();
                } else {
                    decompressor.give(piece);
                }
            }
        }
    }
}

/// The value of the pixel data, which stand last or nearly so.
fn pixels(data_set: &[u8], layout: Layout) -> &[u8] {
    let header = data_set.windows(4).rposition(|four| four == [0xE0, 0x7F, 0x10, 0]).unwrap();
    let at = if layout == Layout::ImplicitLittleEndian { header + 4 } else { header + 8 };
    let length = u32::from_le_bytes(data_set.get(at..at + 4).unwrap().try_into().unwrap());
    data_set.get(at + 4..at + 4 + usize::try_from(length).unwrap()).unwrap()
}

#[test]
fn compressed_without_loss_the_pixels_are_those_that_were_not_compressed() {
    let Some(folder) = samples() else { return };
    for (original, compressed) in FAMILIES {
        let (_, data_set) = parts(&folder.join(original));
        let expected = pixels(&data_set, Layout::ExplicitLittleEndian);
        for name in *compressed {
            for to in [Layout::ExplicitLittleEndian, Layout::ImplicitLittleEndian] {
                let out = decompressed(&folder.join(name), to);
                assert!(pixels(&out, to) == expected, "{name} is not {original} in {to:?}");
            }
        }
    }
}

#[test]
fn everything_with_a_codec_is_decompressed() {
    let Some(folder) = samples() else { return };
    let mut count = 0;
    for folder in ["cornerstone3d", "dicomparser", "dcm_qa_ts", "highdicom"].map(|name| folder.join(name)) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let (syntax, _) = parts(&path);
            if Codec::of(&syntax).is_none() {
                continue;
            }
            let out = decompressed(&path, Layout::ExplicitLittleEndian);
            assert!(pixels(&out, Layout::ExplicitLittleEndian).len() > 200, "{}", path.display());
            count += 1;
        }
    }
    assert!(count > 40, "{count}");
}
