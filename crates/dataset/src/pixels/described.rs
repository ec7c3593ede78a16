//! What a compressed stream says of its own pixels, by its headers alone (PS3.18 §10.5.2, Table 10.5.2-1): for metadata
//! that leave it out.

use jxl_oxide::image::BitDepth;
use jxl_oxide::{AllocTracker, InitializeResult, JxlImage, PixelFormat};

use super::jpeg_header::{Header, SOF55};
use super::jpeg2000::Sizes;
use super::{RGB, Representation};
use crate::compose::Description;

/// Bytes of a stream in which its headers are looked for: profiles and small pictures may stand before them.
pub const MAX_HEADERS_BYTES: usize = 1024 * 1024;
/// Most memory for the headers of JPEG XL.
const MAX_WORK_BYTES: usize = 16 * 1024 * 1024;

const GREY: &str = "MONOCHROME2";

/// What the stream of a part of this media type says, by its beginning, up to [`MAX_HEADERS_BYTES`]; none where it does
/// not say, or is of a kind whose headers are not read.
#[must_use]
pub fn described(media_type: &str, head: &[u8]) -> Option<Description> {
    match media_type {
        "image/jpeg" => jpeg(head),
        "image/jls" | "image/x-jls" => jpeg_ls(head),
        "image/jp2" | "image/jpx" | "image/jph" | "image/jphc" => jpeg_2000(head),
        "image/jxl" => jpeg_xl(head),
        _ => None,
    }
}

fn unsigned(
    rows: u16,
    columns: u16,
    samples: u16,
    photometric: &'static str,
    bits_stored: u16,
) -> Description {
    let representation = Representation::Unsigned;
    Description { rows, columns, samples, photometric, bits_stored, representation, frames: 1 }
}

fn jpeg(head: &[u8]) -> Option<Description> {
    let header = Header::read("JPEG", head).ok().filter(|header| header.frame != SOF55)?;
    let photometric = match header.components.as_slice() {
        [_] => GREY,
        [first, second, third] => {
            let is_named_rgb = [first.id, second.id, third.id] == *b"RGB";
            let is_lossless = header.frame & 3 == 3;
            match header.adobe {
                Some(0) => RGB,
                None if is_named_rgb || is_lossless && !header.has_jfif => RGB,
                // Chrominance of less than full size, whichever way it is halved (PS3.5 §8.2.1).
                _ if first.sampling != (1, 1) => "YBR_FULL_422",
                _ => "YBR_FULL",
            }
        }
        _ => return None,
    };
    of_jpeg(&header, photometric)
}

fn jpeg_ls(head: &[u8]) -> Option<Description> {
    let header = Header::read("JPEG-LS", head).ok().filter(|header| header.frame == SOF55)?;
    let photometric = match header.components.len() {
        1 => GREY,
        3 => RGB,
        _ => return None,
    };
    of_jpeg(&header, photometric)
}

fn of_jpeg(header: &Header, photometric: &'static str) -> Option<Description> {
    let Header { rows, columns, precision, .. } = *header;
    let samples = u16::try_from(header.components.len()).ok()?;
    let is_whole = rows > 0 && columns > 0 && (1..=16).contains(&precision);
    is_whole.then(|| unsigned(rows, columns, samples, photometric, precision.into()))
}

/// Of JPEG 2000 and its high-throughput kind, whose codestream begins at the first byte.
fn jpeg_2000(head: &[u8]) -> Option<Description> {
    let sizes = Sizes::read(head)?;
    let [depth, ..] = *sizes.depths.first()?;
    if sizes.depths.iter().any(|[other, ..]| *other != depth) {
        return None;
    }
    let bits_stored = u16::from(depth & 0x7F) + 1;
    let photometric = match (sizes.depths.len(), colour_transform(head)?) {
        (1, _) => GREY,
        (3, Transform::None) => RGB,
        (3, Transform::Reversible) => "YBR_RCT",
        (3, Transform::Irreversible) => "YBR_ICT",
        _ => return None,
    };
    let size = |size: u64| u16::try_from(size).ok().filter(|size| *size > 0);
    let samples = u16::try_from(sizes.depths.len()).ok()?;
    let description = unsigned(size(sizes.rows)?, size(sizes.columns)?, samples, photometric, bits_stored);
    let is_signed = depth & 0x80 != 0;
    let representation = if is_signed { Representation::Signed } else { Representation::Unsigned };
    (bits_stored <= 16).then_some(Description { representation, ..description })
}

/// What was done to the components of JPEG 2000 before they were coded.
enum Transform {
    None,
    Reversible,
    Irreversible,
}

/// By the COD segment of the main header (ISO 15444-1 §A.6.1).
fn colour_transform(codestream: &[u8]) -> Option<Transform> {
    const COD: u8 = 0x52;
    const START_OF_TILE: u8 = 0x90;
    /// Most segments of a main header that are walked over.
    const MAX_SEGMENTS: usize = 1024;
    let mut at = 2;
    for _ in 0..MAX_SEGMENTS {
        let [0xFF, marker, high, low] = *codestream.get(at..)?.first_chunk()? else { return None };
        match marker {
            COD => {
                // Behind the length: style, progression, two of layers, then the transform; the wavelet is the last.
                let segment = codestream.get(at + 4..)?.first_chunk::<10>()?;
                return Some(match (segment[4], segment[9]) {
                    (0, _) => Transform::None,
                    (_, 0) => Transform::Irreversible,
                    (_, _) => Transform::Reversible,
                });
            }
            START_OF_TILE => return None,
            _ => at = at + 2 + usize::from(u16::from_be_bytes([high, low])),
        }
    }
    None
}

fn jpeg_xl(head: &[u8]) -> Option<Description> {
    let tracker = AllocTracker::with_limit(MAX_WORK_BYTES);
    let mut image = JxlImage::builder().alloc_tracker(tracker).build_uninit();
    // Its header is short, and what the reader does with bytes is not ours: a panic there is no description.
    let read = std::panic::AssertUnwindSafe(|| {
        image.feed_bytes(head).ok()?;
        match image.try_init().ok()? {
            InitializeResult::Initialized(image) => Some(image),
            InitializeResult::NeedMoreData(_) => None,
        }
    });
    let image = std::panic::catch_unwind(read).ok()??;
    let metadata = &image.image_header().metadata;
    let bits = match metadata.bit_depth {
        BitDepth::IntegerSample { bits_per_sample } if (1..=16).contains(&bits_per_sample) => bits_per_sample,
        _ => return None,
    };
    let (samples, photometric) = match image.pixel_format() {
        PixelFormat::Gray => (1, GREY),
        PixelFormat::Rgb if metadata.xyb_encoded => (3, "XYB"),
        PixelFormat::Rgb => (3, RGB),
        _ => return None,
    };
    let size = |size: u32| u16::try_from(size).ok().filter(|size| *size > 0);
    Some(unsigned(
        size(image.height())?,
        size(image.width())?,
        samples,
        photometric,
        u16::try_from(bits).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stream(frame: u8, precision: u8, components: &[[u8; 3]], segments: &[u8]) -> Vec<u8> {
        let count = u8::try_from(components.len()).unwrap();
        let mut out = vec![0xFF, 0xD8];
        out.extend(segments);
        out.extend([0xFF, frame, 0, 8 + 3 * count, precision, 0, 2, 0, 3, count]);
        out.extend(components.concat());
        out.extend([0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 0, 0]);
        out
    }

    fn colour(frame: u8, ids: [u8; 3], sampling: u8, segments: &[u8]) -> &'static str {
        let [one, two, three] = ids;
        let components = [[one, sampling, 0], [two, 0x11, 0], [three, 0x11, 0]];
        described("image/jpeg", &stream(frame, 8, &components, segments)).unwrap().photometric
    }

    const ADOBE_RGB: &[u8] = b"\xFF\xEE\x00\x0EAdobe\x00\x64\x00\x00\x00\x00\x00";
    const ADOBE_YCC: &[u8] = b"\xFF\xEE\x00\x0EAdobe\x00\x64\x00\x00\x00\x00\x01";
    const JFIF: &[u8] = b"\xFF\xE0\x00\x06JFIF";

    #[test]
    fn a_jpeg_tells_its_size_and_depth() {
        let grey = described("image/jpeg", &stream(0xC3, 12, &[[1, 0x11, 0]], b"")).unwrap();
        assert_eq!(grey, unsigned(2, 3, 1, GREY, 12));
        assert_eq!(described("image/jpeg", &stream(0xC0, 8, &[[1, 0x11, 0]; 4], b"")), None);
        assert_eq!(described("image/jpeg", &stream(SOF55, 8, &[[1, 0x11, 0]], b"")), None);
        let near = described("image/jls", &stream(SOF55, 16, &[[1, 0x11, 0]; 3], b"")).unwrap();
        assert_eq!(near, unsigned(2, 3, 3, RGB, 16));
    }

    #[test]
    fn the_colours_of_a_jpeg_are_told_by_its_segments_then_by_its_kind() {
        for (found, expected) in [
            (colour(0xC0, [1, 2, 3], 0x11, b""), "YBR_FULL"),
            (colour(0xC0, [1, 2, 3], 0x21, b""), "YBR_FULL_422"),
            (colour(0xC0, [1, 2, 3], 0x22, JFIF), "YBR_FULL_422"),
            (colour(0xC0, *b"RGB", 0x11, b""), RGB),
            (colour(0xC0, [1, 2, 3], 0x11, ADOBE_RGB), RGB),
            (colour(0xC0, *b"RGB", 0x11, ADOBE_YCC), "YBR_FULL"),
            (colour(0xC3, [1, 2, 3], 0x11, b""), RGB),
            (colour(0xC3, [1, 2, 3], 0x11, ADOBE_YCC), "YBR_FULL"),
        ] {
            assert_eq!(found, expected);
        }
    }

    fn codestream(depths: &[[u8; 3]], transform: u8, wavelet: u8) -> Vec<u8> {
        let mut out = vec![0xFF, 0x4F, 0xFF, 0x51];
        out.extend(u16::try_from(38 + 3 * depths.len()).unwrap().to_be_bytes());
        out.extend([0, 0]);
        out.extend([3_u32, 2, 0, 0, 3, 2, 0, 0].into_iter().flat_map(u32::to_be_bytes));
        out.extend(u16::try_from(depths.len()).unwrap().to_be_bytes());
        out.extend(depths.concat());
        out.extend([0xFF, 0x64, 0, 4, 0, 1]);
        out.extend([0xFF, 0x52, 0, 12, 0, 0, 0, 1, transform, 5, 4, 4, 0, wavelet]);
        out
    }

    #[test]
    fn a_jpeg_2000_tells_its_size_depth_sign_and_transform() {
        let of = |codestream: &[u8]| described("image/jp2", codestream);
        let signed = of(&codestream(&[[0x8B, 1, 1]], 0, 1)).unwrap();
        let expected = Description { representation: Representation::Signed, ..unsigned(2, 3, 1, GREY, 12) };
        assert_eq!(signed, expected);
        let colour =
            |transform, wavelet| of(&codestream(&[[7, 1, 1]; 3], transform, wavelet)).unwrap().photometric;
        assert_eq!((colour(0, 1), colour(1, 1), colour(1, 0)), (RGB, "YBR_RCT", "YBR_ICT"));
        assert_eq!(of(&codestream(&[[7, 1, 1], [11, 1, 1], [7, 1, 1]], 0, 1)), None);
        assert_eq!(of(&codestream(&[[16, 1, 1]], 0, 1)), None);
    }

    #[test]
    fn what_is_cut_short_or_of_another_kind_tells_nothing() {
        for (media_type, stream) in [
            ("image/jpeg", stream(0xC0, 8, &[[1, 0x11, 0]], JFIF)),
            ("image/jp2", codestream(&[[7, 1, 1]], 0, 1)),
        ] {
            for end in 0..stream.len() - 10 {
                assert_eq!(described(media_type, &stream[..end]), None, "{media_type} {end}");
            }
        }
        for media_type in ["image/jxl", "image/dicom-rle", "video/mp4", "application/octet-stream"] {
            assert_eq!(described(media_type, b"\xFF\x0A"), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_tell_something_or_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for (media_type, before) in [
                ("image/jpeg", &b"\xFF\xD8\xFF\xC0"[..]), ("image/jls", b"\xFF\xD8"), ("image/jp2", b"\xFF\x4F\xFF\x51"),
                ("image/jxl", b"\xFF\x0A"),
            ] {
                let _ = described(media_type, &[before, &bytes].concat());
            }
        }
    }
}
