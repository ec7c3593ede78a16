//! The frame around parts that go out: delimiters and header fields. The bytes between are someone else's.

use std::fmt::Write as _;

use causeway_core::Uid;

/// A boundary that cannot occur in the parts it separates: it is a digest over the digests of all of them, so that
/// to hold it, a part would have to know its own hash. The same parts get the same boundary, which makes the
/// whole answer the same, byte for byte, each time it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Boundary(String);

impl Boundary {
    /// The boundary for parts with this digest over all of them.
    pub(crate) fn of(digest: [u8; 32]) -> Self {
        let mut text = String::with_capacity(64);
        for byte in digest {
            // Writing into a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// Content-Type of the whole, of parts of the media type `root`.
    pub(crate) fn content_type(&self, root: &str) -> String {
        format!("multipart/related; type=\"{root}\"; boundary={}", self.0)
    }

    /// What stands before the first byte of a part. `first`: whether it is the first.
    pub(crate) fn before(&self, place: Place, part: &Part<'_>) -> String {
        let mut text = String::with_capacity(320);
        text.push_str(match place {
            Place::First => "",
            Place::Later => "\r\n",
        });
        let Part { media, transfer_syntax, location, bytes } = part;
        let _ = write!(text, "--{}\r\nContent-Type: {media}; transfer-syntax={transfer_syntax}\r\n", self.0);
        if let Some(bytes) = bytes {
            let _ = write!(text, "Content-Length: {bytes}\r\n");
        }
        let _ = write!(text, "Content-Location: {location}\r\n\r\n");
        text
    }

    /// What stands before a part that is all there, `bytes` long.
    pub(crate) fn before_whole(&self, place: Place, whole: &Whole<'_>) -> String {
        let before = match place {
            Place::First => "",
            Place::Later => "\r\n",
        };
        let Whole { content_type, location, bytes } = whole;
        let mut text =
            format!("{before}--{}\r\nContent-Type: {content_type}\r\nContent-Length: {bytes}\r\n", self.0);
        if let Some(location) = location {
            let _ = write!(text, "Content-Location: {location}\r\n");
        }
        text.push_str("\r\n");
        text
    }

    /// What stands behind the last part.
    pub(crate) fn closing(&self) -> String {
        format!("\r\n--{}--\r\n", self.0)
    }
}

/// Where a part stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    First,
    Later,
}

/// What the header fields of a part say (PS3.18 Table 8.6.1-1).
#[derive(Debug, Clone)]
pub(crate) struct Part<'a> {
    pub(crate) media: &'a str,
    pub(crate) transfer_syntax: &'a Uid,
    /// URL of what it holds.
    pub(crate) location: &'a str,
    /// Bytes of the part, where they are known ahead.
    pub(crate) bytes: Option<u64>,
}

/// What the header fields of a part say that is all there.
#[derive(Debug, Clone)]
pub(crate) struct Whole<'a> {
    pub(crate) content_type: &'a str,
    /// URL of what it shows, where it has one.
    pub(crate) location: Option<&'a str>,
    pub(crate) bytes: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::MediaType;
    use crate::multipart::read::{Reader, Step};
    use bytes::Bytes;

    #[test]
    fn a_part_that_is_all_there_tells_its_length() {
        let boundary = Boundary::of([7; 32]);
        let whole = |location| Whole { content_type: "application/dicom+xml", location, bytes: 3 };
        let text = boundary.before_whole(Place::First, &whole(Some("http://h/1")))
            + "one"
            + &boundary.before_whole(Place::Later, &whole(None))
            + "two"
            + &boundary.closing();
        let name = "07".repeat(32);
        assert_eq!(
            text,
            format!(
                "--{name}\r\nContent-Type: application/dicom+xml\r\nContent-Length: 3\r\n\
                 Content-Location: http://h/1\r\n\r\none\r\n--{name}\r\nContent-Type: application/dicom+xml\r\n\
                 Content-Length: 3\r\n\r\ntwo\r\n--{name}--\r\n"
            )
        );
    }

    #[test]
    fn what_is_written_is_read_back() {
        let boundary = Boundary::of([7; 32]);
        let content_type = MediaType::parse(&boundary.content_type("application/dicom")).unwrap();
        assert_eq!(content_type.parameter("type"), Some("application/dicom"));
        let syntax = Uid::parse("1.2.840.10008.1.2.1").unwrap();
        let part = |bytes| {
            let (media, location) = ("application/dicom", "http://h/dicom-web/studies/1");
            Part { media, transfer_syntax: &syntax, location, bytes }
        };
        let text = boundary.before(Place::First, &part(Some(3)))
            + "one"
            + &boundary.before(Place::Later, &part(None))
            + "two!"
            + &boundary.closing();
        let mut reader = Reader::new(content_type.parameter("boundary").unwrap()).unwrap();
        reader.feed(Bytes::from(text));
        let mut data = Vec::new();
        let mut types = Vec::new();
        loop {
            match reader.step().unwrap() {
                Step::Begin(head) => types.push(head.content_type.unwrap()),
                Step::Data(bytes) => data.push(bytes),
                Step::End => {}
                Step::Finished => break,
                Step::NeedMore => panic!("the body is whole"),
            }
        }
        assert_eq!(data, ["one", "two!"]);
        assert_eq!(types, ["application/dicom; transfer-syntax=1.2.840.10008.1.2.1"; 2]);
    }
}
