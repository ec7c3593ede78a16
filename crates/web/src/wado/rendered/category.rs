//! What an instance is, as far as rendering goes (PS3.18 Table 8.7.2-1), and the media types that each has besides
//! pictures (Table 8.7.4-1). Pure.
//!
//! The SOP class decides, not what a foreign object says of its own media type: a page of a stranger's making must not
//! be taken for one of the node's.

use causeway_core::StoredInstance;

use crate::accept::Offer;

/// What an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Category {
    /// Frames, if anything.
    Image,
    /// A file of another kind in an object, of this media type.
    Document(&'static str),
    /// A clinical document in XML.
    Clinical,
    /// A structured report.
    Report,
    /// One coded stream.
    Video(Stream),
}

/// The family of a video's codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Mpeg2,
    Avc,
    Hevc,
}

/// Media types of a report and of a clinical document, the default first.
pub(super) const OF_A_REPORT: [&str; 3] = [HTML, "text/plain", XML];
pub(super) const HTML: &str = "text/html";
pub(super) const XML: &str = "text/xml";

const STORAGE: &str = "1.2.840.10008.5.1.4.1.1.";
const SYNTAX: &str = "1.2.840.10008.1.2.4.";

impl Category {
    pub(super) fn of(instance: &StoredInstance) -> Self {
        let syntax = instance.transfer_syntax.as_str().strip_prefix(SYNTAX).unwrap_or_default();
        match syntax.split('.').next().unwrap_or_default() {
            "100" | "101" => return Self::Video(Stream::Mpeg2),
            "102" | "103" | "104" | "105" | "106" => return Self::Video(Stream::Avc),
            "107" | "108" => return Self::Video(Stream::Hevc),
            _ => {}
        }
        match instance.sop_class.as_str().strip_prefix(STORAGE).unwrap_or_default() {
            "104.1" => Self::Document("application/pdf"),
            "104.2" => Self::Clinical,
            "104.3" => Self::Document("model/stl"),
            "104.4" => Self::Document("model/obj"),
            "104.5" => Self::Document("model/mtl"),
            class if class.starts_with("88.") => Self::Report,
            _ => Self::Image,
        }
    }
}

/// The media types of a video whose first bytes are these, the default first. Players go by the container: an MP4 file
/// is one whatever codec is in it, and the other containers that PS3.5 §8.2.7 has go by the name of their own.
pub(super) fn of_a_video(stream: Stream, first: &[u8]) -> Vec<&'static str> {
    /// First byte of each packet of an MPEG transport stream (ISO/IEC 13818-1 §2.4.3.2).
    const PACKET: u8 = 0x47;
    let container = match first {
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some("video/mp4"),
        [PACKET, ..] => Some("video/mp2t"),
        _ => None,
    };
    let named = match stream {
        Stream::Mpeg2 => "video/mpeg",
        Stream::Avc => "video/mp4",
        Stream::Hevc => "video/h265",
    };
    let mut all: Vec<&str> = container.into_iter().collect();
    if !all.contains(&named) {
        all.push(named);
    }
    all
}

/// Each of these media types by itself, and as the one part of several.
pub(super) fn offers(media: &[&'static str]) -> Vec<Offer> {
    let alone = media.iter().map(|essence| Offer { essence, root: None });
    let in_parts = media.iter().map(|root| Offer { essence: "multipart/related", root: Some(root) });
    alone.chain(in_parts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn players_go_by_the_container_of_a_video() {
        let mp4 = b"\0\0\0\x18ftypmp42";
        assert_eq!(of_a_video(Stream::Avc, mp4), ["video/mp4"]);
        assert_eq!(of_a_video(Stream::Hevc, mp4), ["video/mp4", "video/h265"]);
        assert_eq!(of_a_video(Stream::Mpeg2, b"\0\0\x01\xBA"), ["video/mpeg"]);
        assert_eq!(of_a_video(Stream::Avc, b"\x47\x40\0"), ["video/mp2t", "video/mp4"]);
        assert_eq!(of_a_video(Stream::Hevc, b""), ["video/h265"]);
    }

    #[test]
    fn what_is_alone_comes_before_what_is_in_parts() {
        let names: Vec<String> = offers(&["a/b", "c/d"]).iter().map(Offer::name).collect();
        assert_eq!(
            names,
            ["a/b", "c/d", "multipart/related; type=\"a/b\"", "multipart/related; type=\"c/d\""]
        );
    }
}
