//! The payload of a request for storage commitment (PS3.18 §13.4.1.4): one data set, as DICOM JSON or as XML, by itself
//! or in parts that together are one request.
//!
//! It is small beside what a request stores, and so it is gathered whole, within its bound, and read on a thread.

use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use bytes::{Bytes, BytesMut};
use causeway_core::commitment::{Inquiry, MAX_DATA_SET_BYTES, MAX_REFERENCES, Unusable};
use causeway_core::transfer_syntax::Layout;
use causeway_core::{Attributes, Class, Uid};
use causeway_dataset::compose::{ComposeError, Composed, Refused};
use causeway_dataset::{identifier, json, xml};

use crate::body::RequestBody;
use crate::data_set::{self, Form};
use crate::media::MediaType;
use crate::multipart::read::{Head, MultipartError, Reader, Step};
use crate::problem::Problem;
use crate::threads;

/// Most bytes of a request: as many references as are taken, each written at length.
pub(crate) const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;
/// Most data sets that one request is made of.
const MAX_DATA_SETS: usize = 1000;
/// A body longer than this is read on a thread.
const MAX_READ_IN_PLACE_BYTES: usize = 64 * 1024;

/// What is taken, as a capabilities description tells it (PS3.18 Table 13.1.3-1).
pub(crate) const TAKEN: &[&str] = &[
    "application/dicom+json",
    "application/dicom+xml",
    "multipart/related; type=\"application/dicom+json\"",
    "multipart/related; type=\"application/dicom+xml\"",
];

/// What a body is said to be.
pub(super) struct Payload {
    form: Form,
    parts: Option<Box<Reader>>,
    /// How long it is said to be.
    said_bytes: usize,
}

/// What the header fields say, or why it is not taken.
pub(super) fn payload(headers: &HeaderMap) -> Result<Payload, Problem> {
    data_set::refuse_encoded(headers)?;
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = text.and_then(MediaType::parse).ok_or_else(not_taken)?;
    let (form, parts) = if media.essence == "multipart/related" {
        let form = media.parameter("type").and_then(Form::of).ok_or_else(not_taken)?;
        (form, Some(data_set::reader(&media)?))
    } else {
        (Form::of(&media.essence).ok_or_else(not_taken)?, None)
    };
    let said = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let said_bytes = said.and_then(|text| text.parse().ok()).unwrap_or_default();
    Ok(Payload { form, parts, said_bytes })
}

fn not_taken() -> Problem {
    let taken = TAKEN.join(" or ");
    Problem::unsupported_media_type(format!("the Content-Type is not taken here; taken: {taken}"))
}

/// Why a body is no request.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Unread {
    /// More bytes, data sets or references than are taken.
    #[error(
        "a request for storage commitment has at most {MAX_REFERENCES} references, {MAX_DATA_SETS} data sets and \
         {MAX_BODY_BYTES} bytes; ask in several, each under its own Transaction UID"
    )]
    TooLarge,
    #[error("the multipart body is malformed: {0}")]
    Framing(#[from] MultipartError),
    #[error("a part of the body is not {}, or is coded for the mail", .0.media_type())]
    Part(Form),
    #[error("the body cannot be read: {0}")]
    Compose(ComposeError),
    #[error("a data set refers to a value elsewhere, which no request for storage commitment has")]
    Elsewhere,
    #[error("a data set cannot be read")]
    DataSet,
    #[error("the body is no Storage Commitment Request Module (PS3.18 §J.1): {0}")]
    Module(Unusable),
}

impl From<ComposeError> for Unread {
    fn from(error: ComposeError) -> Self {
        match error {
            ComposeError::TooMany { .. } | ComposeError::TooLong { .. } => Self::TooLarge,
            error => Self::Compose(error),
        }
    }
}

impl From<Unusable> for Unread {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::TooMany => Self::TooLarge,
            unusable @ Unusable::Attribute { .. } => Self::Module(unusable),
        }
    }
}

impl From<Unread> for Problem {
    fn from(unread: Unread) -> Self {
        let words = unread.to_string();
        if unread == Unread::TooLarge { Self::too_large(words) } else { Self::bad_request(words) }
    }
}

/// Reads a request.
pub(super) async fn read(
    payload: Payload,
    mut body: RequestBody,
    transaction: Uid,
) -> Result<Inquiry, Problem> {
    if payload.said_bytes > MAX_BODY_BYTES {
        return Err(Unread::TooLarge.into());
    }
    let mut bytes = BytesMut::with_capacity(payload.said_bytes);
    while let Some(chunk) = body.chunk().await? {
        if bytes.len().saturating_add(chunk.len()) > MAX_BODY_BYTES {
            return Err(Unread::TooLarge.into());
        }
        bytes.extend_from_slice(&chunk);
    }
    let bytes = bytes.freeze();
    let is_long = bytes.len() > MAX_READ_IN_PLACE_BYTES;
    let read = move || inquiry(payload, bytes, transaction);
    let read = if is_long {
        let failed =
            |class: Class| Problem::inside(class, "a request could not be read on a thread".to_owned());
        threads::run("commitment-read", read).await.map_err(failed)?
    } else {
        read()
    };
    Ok(read?)
}

fn inquiry(payload: Payload, bytes: Bytes, transaction: Uid) -> Result<Inquiry, Unread> {
    let mut made = Made { form: payload.form, data_sets: Vec::new(), left: MAX_DATA_SET_BYTES };
    match payload.parts {
        Some(reader) => made.take_parts(*reader, bytes)?,
        None => made.take(&bytes)?,
    }
    Ok(Inquiry::read(transaction, &made.data_sets)?)
}

/// The data sets of a body.
struct Made {
    form: Form,
    data_sets: Vec<Attributes>,
    /// Bytes of data set that may still be made.
    left: usize,
}

impl Made {
    fn take_parts(&mut self, mut reader: Reader, body: Bytes) -> Result<(), Unread> {
        reader.feed(body);
        let mut part = BytesMut::new();
        loop {
            match reader.step()? {
                Step::NeedMore => return Ok(reader.finish()?),
                Step::Finished => return Ok(()),
                Step::Begin(head) => self.check(&head)?,
                Step::Data(data) => part.extend_from_slice(&data),
                Step::End => self.take(&std::mem::take(&mut part))?,
            }
        }
    }

    /// A part that does not say what it is is what the whole is said to be.
    fn check(&self, head: &Head) -> Result<(), Unread> {
        let is_of = |text: &String| MediaType::parse(text).is_some_and(|media| self.form.is_of(&media));
        let is_of_form = head.content_type.as_ref().is_none_or(is_of);
        if is_of_form && head.is_plain() { Ok(()) } else { Err(Unread::Part(self.form)) }
    }

    /// Reads what one body, or one part, holds.
    fn take(&mut self, text: &[u8]) -> Result<(), Unread> {
        let room = MAX_DATA_SETS.saturating_sub(self.data_sets.len());
        match self.form {
            Form::Json => {
                json::read::read(text, room, self.left)?.into_iter().try_for_each(|one| self.add(one))
            }
            Form::Xml => self.add(xml::read::read(text, self.left)),
        }
    }

    fn add(&mut self, made: Result<Composed, Refused>) -> Result<(), Unread> {
        let Composed { bytes, gaps, .. } = made.map_err(|refused| refused.error)?;
        if self.data_sets.len() == MAX_DATA_SETS {
            return Err(Unread::TooLarge);
        }
        if !gaps.is_empty() {
            return Err(Unread::Elsewhere);
        }
        self.left = self.left.saturating_sub(bytes.len());
        let data_set = identifier::decode_commitment(&bytes, Layout::ExplicitLittleEndian);
        self.data_sets.push(data_set.map_err(|_| Unread::DataSet)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::StatusCode;
    use causeway_core::commitment::{Answer, Named, Reference};
    use causeway_dataset::xml::write_attributes;
    use proptest::prelude::*;
    use std::time::Duration;

    fn uid(text: &str) -> Uid {
        Uid::parse(text).unwrap()
    }

    fn named(count: usize) -> Vec<Named> {
        let one = |number| Named {
            reference: Reference { sop_class: uid("1.2.840"), sop_instance: uid(&format!("1.2.{number}")) },
            within: None,
        };
        (0..count).map(one).collect()
    }

    /// A request: an answer that commits to all has the same form.
    fn module(count: usize) -> Attributes {
        Answer { fates: named(count).into_iter().map(|named| (named, None)).collect() }.attributes()
    }

    fn json(count: usize) -> Vec<u8> {
        module(count).to_json().into_bytes()
    }

    fn xml(count: usize) -> Vec<u8> {
        let mut out = Vec::new();
        write_attributes(&module(count), &mut out);
        out
    }

    async fn ask(content_type: &str, body: impl Into<Body>) -> Result<Vec<Named>, StatusCode> {
        let headers = [(CONTENT_TYPE, content_type.parse().unwrap())].into_iter().collect();
        let payload = payload(&headers).map_err(|problem| problem.status())?;
        let body = RequestBody::new(body.into(), Duration::from_secs(10));
        let read = read(payload, body, uid("1.9")).await.map_err(|problem| problem.status())?;
        assert_eq!(read.transaction, uid("1.9"));
        Ok(read.named)
    }

    fn parts(kind: &str, bodies: &[Vec<u8>]) -> Vec<u8> {
        let mut out = Vec::new();
        for body in bodies {
            out.extend(format!("--b\r\nContent-Type: {kind}\r\n\r\n").bytes());
            out.extend(body);
            out.extend(b"\r\n");
        }
        out.extend(b"--b--\r\n");
        out
    }

    const JSON: &str = "application/dicom+json";
    const XML: &str = "application/dicom+xml";
    const JSON_PARTS: &str = "multipart/related; type=\"application/dicom+json\"; boundary=b";
    const XML_PARTS: &str = "multipart/related; type=\"application/dicom+xml\"; boundary=b";

    #[tokio::test]
    async fn a_request_is_read_in_each_form_that_is_taken() {
        assert_eq!(ask(JSON, json(2)).await, Ok(named(2)));
        assert_eq!(ask(XML, xml(2)).await, Ok(named(2)));
        assert_eq!(ask(JSON_PARTS, parts(JSON, &[json(1), json(2)])).await, Ok(named(2)));
        assert_eq!(ask(XML_PARTS, parts("text/xml", &[xml(1), xml(3)])).await, Ok(named(3)));
        let array = [b"[", &*json(1), b",", &*json(2), b"]"].concat();
        assert_eq!(ask(JSON, array).await, Ok(named(2)), "an array of data sets");
        assert_eq!(ask(JSON, json(5000)).await, Ok(named(5000)), "on a thread");
    }

    #[tokio::test]
    async fn what_is_no_request_is_refused_by_what_is_wrong() {
        let bad = Err(StatusCode::BAD_REQUEST);
        for body in ["", "{", "[]", "{}", "null", "\"x\"", r#"{"00081199":{"vr":"SQ","Value":[{}]}}"#] {
            assert_eq!(ask(JSON, body).await, bad, "{body}");
        }
        let elsewhere = r#"{"00420011":{"vr":"OB","BulkDataURI":"file:///etc/passwd"}}"#;
        assert_eq!(ask(JSON, elsewhere).await, bad);
        let entity = "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY a \"b\">]><NativeDicomModel/>";
        for body in ["", "<", "<NativeDicomModel/>", entity] {
            assert_eq!(ask(XML, body).await, bad, "{body}");
        }
        assert_eq!(ask(XML, json(1)).await, bad, "another form than was said");
        assert_eq!(ask(JSON_PARTS, parts("text/plain", &[json(1)])).await, bad);
        assert_eq!(ask(JSON_PARTS, "--b\r\n\r\n{}").await, bad, "cut off");
        assert_eq!(ask(JSON_PARTS, "--b--").await, bad, "no part");
        let coded = "--b\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--b--";
        assert_eq!(ask(JSON_PARTS, coded).await, bad);
        let unsupported = Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        for kind in
            ["application/json", "text/plain", "application/dicom", "multipart/related; boundary=b", "x"]
        {
            assert_eq!(ask(kind, json(1)).await, unsupported, "{kind}");
        }
    }

    #[tokio::test]
    async fn references_are_held_to_their_number_at_and_above_it() {
        assert_eq!(ask(JSON, json(MAX_REFERENCES)).await.map(|named| named.len()), Ok(MAX_REFERENCES));
        let too_large = Err(StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(ask(JSON, json(MAX_REFERENCES + 1)).await, too_large);
        assert_eq!(ask(XML, xml(MAX_REFERENCES + 1)).await, too_large);
        let half = [json(1), json(MAX_REFERENCES)];
        assert_eq!(ask(JSON_PARTS, parts(JSON, &half)).await, too_large);
    }

    #[tokio::test]
    async fn data_sets_and_bytes_are_held_to_their_number_below_at_and_above_it() {
        for (count, fine) in [(MAX_DATA_SETS - 1, true), (MAX_DATA_SETS, true), (MAX_DATA_SETS + 1, false)] {
            let array = format!("[{}]", vec![String::from_utf8(json(1)).unwrap(); count].join(","));
            assert_eq!(ask(JSON, array).await.is_ok(), fine, "{count} in an array");
            assert_eq!(ask(XML_PARTS, parts(XML, &vec![xml(1); count])).await.is_ok(), fine, "{count} parts");
        }
        let padded = |length: usize| {
            let mut body = json(1);
            body.resize(length, b' ');
            body
        };
        assert_eq!(ask(JSON, padded(MAX_BODY_BYTES - 1)).await, Ok(named(1)));
        assert_eq!(ask(JSON, padded(MAX_BODY_BYTES)).await, Ok(named(1)));
        assert_eq!(ask(JSON, padded(MAX_BODY_BYTES + 1)).await, Err(StatusCode::PAYLOAD_TOO_LARGE));
    }

    #[tokio::test]
    async fn a_body_that_is_said_to_be_too_long_is_not_read() {
        let headers: HeaderMap = [
            (CONTENT_TYPE, JSON.parse().unwrap()),
            (CONTENT_LENGTH, (MAX_BODY_BYTES + 1).to_string().parse().unwrap()),
        ]
        .into_iter()
        .collect();
        let never = futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
        let body = RequestBody::new(Body::from_stream(never), Duration::from_secs(10));
        let refused = read(payload(&headers).unwrap(), body, uid("1.9")).await.unwrap_err();
        assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>, is_xml: bool, is_in_parts: bool) {
            let form = if is_xml { Form::Xml } else { Form::Json };
            let parts = is_in_parts.then(|| Box::new(Reader::new("b").unwrap()));
            let _ = inquiry(Payload { form, parts, said_bytes: 0 }, bytes.into(), uid("1.9"));
        }
    }
}
