//! What compressed pixel data in a part of their own become: the media types of PS3.18 Table 8.7.3-5 and the transfer
//! syntaxes that each stands for.

use causeway_core::Uid;
use causeway_core::transfer_syntax::{ALL, EXPLICIT_VR_LITTLE_ENDIAN, Layout};

use crate::pixels;

/// The form that pixel data have in a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// Samples one after another.
    Native,
    /// Fragments, in this transfer syntax.
    Encapsulated(Uid),
}

/// A media type and a transfer syntax that do not go together, or one that is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("pixel data as {media_type} in transfer syntax {syntax} are not taken")]
pub struct UnknownForm {
    /// Media type of the part.
    pub media_type: String,
    /// Transfer syntax that it names.
    pub syntax: String,
}

/// Bytes of a part that are enough to tell how it is compressed.
pub const MAX_HEAD_BYTES: usize = 64 * 1024;

/// The syntaxes of a media type, the first of which holds where nothing else says.
fn syntaxes(media_type: &str) -> Option<&'static [&'static str]> {
    Some(match media_type {
        "image/jpeg" => &[
            "1.2.840.10008.1.2.4.70",
            "1.2.840.10008.1.2.4.50",
            "1.2.840.10008.1.2.4.51",
            "1.2.840.10008.1.2.4.57",
        ],
        "image/dicom-rle" | "image/x-dicom-rle" => &["1.2.840.10008.1.2.5"],
        "image/jls" | "image/x-jls" => &["1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"],
        "image/jp2" => &["1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"],
        "image/jpx" => &["1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.93"],
        "image/jphc" | "image/jph" => {
            &["1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"]
        }
        "image/jxl" => &["1.2.840.10008.1.2.4.110", "1.2.840.10008.1.2.4.111", "1.2.840.10008.1.2.4.112"],
        "video/mpeg" => &[
            "1.2.840.10008.1.2.4.101",
            "1.2.840.10008.1.2.4.100",
            "1.2.840.10008.1.2.4.100.1",
            "1.2.840.10008.1.2.4.101.1",
        ],
        "video/mp4" => &[
            "1.2.840.10008.1.2.4.102",
            "1.2.840.10008.1.2.4.102.1",
            "1.2.840.10008.1.2.4.103",
            "1.2.840.10008.1.2.4.103.1",
            "1.2.840.10008.1.2.4.104",
            "1.2.840.10008.1.2.4.104.1",
            "1.2.840.10008.1.2.4.105",
            "1.2.840.10008.1.2.4.105.1",
            "1.2.840.10008.1.2.4.106",
            "1.2.840.10008.1.2.4.106.1",
        ],
        "video/h265" => &["1.2.840.10008.1.2.4.107", "1.2.840.10008.1.2.4.108"],
        _ => return None,
    })
}

/// Whether parts of this media type, in lower case, are bulk data (PS3.18 §8.7.3.3), or pictures that become pixel data
/// (Table 10.5.2-1).
#[must_use]
pub fn is_bulk(media_type: &str) -> bool {
    media_type == "application/octet-stream"
        || pixels::picture::is_picture(media_type)
        || syntaxes(media_type).is_some()
}

/// Whether a transfer syntax has its pixels in fragments (PS3.5 §A.4).
fn is_encapsulated(uid: &str) -> bool {
    let is_flat = uid == EXPLICIT_VR_LITTLE_ENDIAN;
    let mut known = ALL.iter().filter(|syntax| syntax.layout == Layout::ExplicitLittleEndian);
    !is_flat && known.any(|syntax| syntax.uid == uid)
}

/// The form of pixel data that came as `media_type`. It is that of the part's own transfer syntax (`named`); else
/// `told`, what the metadata say, if it goes with the media type; else what the beginning of the part shows (`head`, up
/// to [`MAX_HEAD_BYTES`]).
///
/// # Errors
/// When the media type is none of pixel data, or the part names a transfer syntax that does not go with it.
pub fn form(
    media_type: &str,
    named: Option<&str>,
    told: Option<&Uid>,
    head: &[u8],
) -> Result<Form, UnknownForm> {
    let unknown = || UnknownForm {
        media_type: media_type.to_owned(),
        syntax: named.unwrap_or("its default").to_owned(),
    };
    let uid = |text: &str| Uid::parse(text).map_err(|_| unknown());
    if media_type == "application/octet-stream" {
        return match named {
            None | Some(EXPLICIT_VR_LITTLE_ENDIAN) => Ok(Form::Native),
            Some(named) if is_encapsulated(named) => uid(named).map(Form::Encapsulated),
            Some(_) => Err(unknown()),
        };
    }
    let syntaxes = syntaxes(media_type).ok_or_else(unknown)?;
    if let Some(named) = named {
        return if syntaxes.contains(&named) { uid(named).map(Form::Encapsulated) } else { Err(unknown()) };
    }
    let told = told.map(Uid::as_str).filter(|told| syntaxes.contains(told));
    let shown = || shown(media_type, head).filter(|shown| syntaxes.contains(shown));
    let syntax = told.or_else(shown).or_else(|| syntaxes.first().copied());
    uid(syntax.unwrap_or_default()).map(Form::Encapsulated)
}

/// The transfer syntax that a stream itself shows.
fn shown(media_type: &str, head: &[u8]) -> Option<&'static str> {
    match media_type {
        "image/jpeg" => pixels::jpeg_syntax(head),
        "image/jls" | "image/x-jls" => pixels::jpeg_ls_syntax(head),
        "image/jp2" => jpeg_2000_syntax(head),
        _ => None,
    }
}

/// Of JPEG 2000 by its wavelet, the last byte of the COD segment (ISO 15444-1 §A.6.1): the reversible one loses nothing.
fn jpeg_2000_syntax(head: &[u8]) -> Option<&'static str> {
    const COD: &[u8] = b"\xFF\x52";
    /// From the marker to the transformation: length, style, four of general parameters, four of code blocks.
    const TRANSFORMATION_AT: usize = 13;
    let at = memchr::memmem::find(head, COD)?;
    match head.get(at + TRANSFORMATION_AT)? {
        0 => Some("1.2.840.10008.1.2.4.91"),
        1 => Some("1.2.840.10008.1.2.4.90"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(media_type: &str, named: Option<&str>, told: Option<&str>, head: &[u8]) -> Option<String> {
        let told = told.map(|told| Uid::parse(told).unwrap());
        match form(media_type, named, told.as_ref(), head) {
            Ok(Form::Native) => Some("native".to_owned()),
            Ok(Form::Encapsulated(uid)) => Some(uid.as_str().replace("1.2.840.10008.1.2.", "")),
            Err(_) => None,
        }
    }

    #[test]
    fn octets_are_samples_unless_their_part_says_otherwise() {
        let octets = |named, told| of("application/octet-stream", named, told, b"");
        assert_eq!(octets(None, Some("1.2.840.10008.1.2.4.90")).as_deref(), Some("native"));
        assert_eq!(octets(Some(EXPLICIT_VR_LITTLE_ENDIAN), None).as_deref(), Some("native"));
        assert_eq!(octets(Some("1.2.840.10008.1.2.4.90"), None).as_deref(), Some("4.90"));
        assert_eq!(octets(Some("1.2.840.10008.1.2.2"), None), None);
        assert_eq!(octets(Some("*"), None), None);
    }

    #[test]
    fn the_part_decides_then_the_metadata_then_the_stream() {
        let jp2 = |named, told, head| of("image/jp2", named, told, head);
        let (lossless, lossy) = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91");
        let stream = b"\xFF\x4F\xFF\x52\x00\x0C\x00\x00\x00\x01\x00\x05\x04\x04\x00\x00";
        assert_eq!(jp2(Some(lossy), Some(lossless), b"").as_deref(), Some("4.91"));
        assert_eq!(jp2(None, Some(lossy), b"").as_deref(), Some("4.91"));
        assert_eq!(jp2(None, Some("1.2.840.10008.1.2.4.50"), stream).as_deref(), Some("4.91"));
        assert_eq!(jp2(None, None, b"").as_deref(), Some("4.90"));
        assert_eq!(jp2(Some("1.2.840.10008.1.2.4.50"), None, b""), None);
    }

    #[test]
    fn each_syntax_of_a_media_type_is_one_that_is_encapsulated() {
        for media_type in [
            "image/jpeg",
            "image/dicom-rle",
            "image/jls",
            "image/jp2",
            "image/jpx",
            "image/jphc",
            "image/jxl",
            "video/mpeg",
            "video/mp4",
            "video/h265",
        ] {
            for syntax in syntaxes(media_type).unwrap() {
                assert!(is_encapsulated(syntax), "{syntax}");
                assert!(of(media_type, Some(syntax), None, b"").is_some());
            }
        }
        assert_eq!(of("image/png", None, None, b""), None);
        assert!(!is_encapsulated("1.2.840.10008.1.2"));
    }
}
