//! Answers in text, made smaller for those who ask for it (RFC 9110 §8.4, §12.5.3). Never DICOM, images or bulk data,
//! which would cost much and win nothing.
//!
//! Small answers and errors are left as they are: these are the ones that repeat what the caller sent, and an answer
//! whose length betrays whether a guess is in it must not be compressed with it (BREACH). The others repeat nothing of
//! a request but the node's own address and the UIDs that commitment was asked of, beside which nothing stands that the
//! caller does not know; and credentials are in no answer.

use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use axum::http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Frame;

/// Smallest body that is compressed, in bytes: below it a packet is sent either way.
const MIN_BYTES: u64 = 1400;
/// Bytes compressed before others have their turn: about a millisecond.
const PIECE_BYTES: usize = 64 * 1024;
/// Answers are made for one caller and sent once: speed counts, and text shrinks tenfold at any level.
const LEVEL: Compression = Compression::fast();
/// Media types that are text.
const TEXT: [&str; 8] = [
    "application/dicom+json",
    "application/json",
    "application/dicom+xml",
    "application/xml",
    "application/vnd.sun.wadl+xml",
    "text/",
    "multipart/related; type=\"application/dicom+json\"",
    "multipart/related; type=\"application/dicom+xml\"",
];

/// What is sent bit by bit as it happens: packed, it would wait for more to come.
const EVENT_STREAM: &str = "text/event-stream";

/// Whether the caller would rather have gzip than the answer as it is.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    let (mut gzip, mut any, mut identity) = (None, None, None);
    let lines = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    for coding in lines.flat_map(|line| line.split(',')) {
        let (name, weight) = weighted(coding);
        let name = name.trim();
        let place = if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
            &mut gzip
        } else if name == "*" {
            &mut any
        } else if name.eq_ignore_ascii_case("identity") {
            &mut identity
        } else {
            continue;
        };
        *place = Some(weight);
    }
    let gzip = gzip.or(any).unwrap_or_default();
    gzip > 0.0 && gzip >= identity.unwrap_or_default()
}

/// A coding and its weight, 0 to 1; one that cannot be read is 0.
fn weighted(coding: &str) -> (&str, f32) {
    let Some((name, parameters)) = coding.split_once(';') else { return (coding, 1.0) };
    let weight = parameters.trim().strip_prefix(['q', 'Q']).map(str::trim_start);
    let weight =
        weight.and_then(|rest| rest.strip_prefix('=')).and_then(|text| text.trim().parse::<f32>().ok());
    (name, weight.filter(|weight| (0.0..=1.0).contains(weight)).unwrap_or_default())
}

/// The answer in gzip, where it is text, large enough and not coded yet.
pub(crate) fn packed(mut response: Response) -> Response {
    if !is_packable(&response) {
        return response;
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    headers.remove(CONTENT_LENGTH);
    headers.remove(ACCEPT_RANGES);
    // Other bytes of the same meaning: a weak tag, which If-None-Match compares well with the strong one.
    if let Some(tag) = headers.get(ETAG).and_then(weak) {
        headers.insert(ETAG, tag);
    }
    response.map(|body| Body::new(Packed::new(body)))
}

fn is_packable(response: &Response) -> bool {
    let headers = response.headers();
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    response.status().is_success()
        && TEXT.iter().any(|text| kind.starts_with(text))
        && !kind.starts_with(EVENT_STREAM)
        && !headers.contains_key(CONTENT_ENCODING)
        && !headers.contains_key(CONTENT_RANGE)
        && response.body().size_hint().exact().is_none_or(|bytes| bytes >= MIN_BYTES)
}

fn weak(tag: &HeaderValue) -> Option<HeaderValue> {
    let tag = tag.to_str().ok()?;
    if tag.starts_with("W/") { None } else { HeaderValue::try_from(format!("W/{tag}")).ok() }
}

/// A body in gzip: packed piece by piece as it comes, never gathered.
struct Packed {
    body: Body,
    /// Nothing once the end is written.
    encoder: Option<GzEncoder<Vec<u8>>>,
    /// What came and is not packed yet.
    left: Bytes,
    /// Whether a piece was packed since others had their turn.
    is_tired: bool,
}

impl Packed {
    fn new(body: Body) -> Self {
        let encoder = Some(GzEncoder::new(Vec::new(), LEVEL));
        Self { body, encoder, left: Bytes::new(), is_tired: false }
    }

    /// Packs the next piece of what came.
    fn pack(&mut self) -> std::io::Result<()> {
        let piece = self.left.split_to(self.left.len().min(PIECE_BYTES));
        self.is_tired = true;
        self.encoder.as_mut().map_or(Ok(()), |encoder| encoder.write_all(&piece))
    }

    /// What has been packed and waits to be sent.
    fn ready(&mut self) -> Option<Bytes> {
        let written = std::mem::take(self.encoder.as_mut()?.get_mut());
        (!written.is_empty()).then(|| Bytes::from(written))
    }

    /// The last bytes.
    fn finish(&mut self) -> Option<std::io::Result<Bytes>> {
        let encoder = self.encoder.take()?;
        Some(encoder.finish().map(Bytes::from))
    }
}

impl HttpBody for Packed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        loop {
            if std::mem::take(&mut this.is_tired) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if !this.left.is_empty() {
                this.pack().map_err(axum::Error::new)?;
                if let Some(bytes) = this.ready() {
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                continue;
            }
            if this.encoder.is_none() {
                return Poll::Ready(None);
            }
            match ready!(Pin::new(&mut this.body).poll_frame(cx)?) {
                // Trailers are not sent by anyone here.
                Some(frame) => this.left = frame.into_data().unwrap_or_default(),
                None => {
                    let last = this.finish().map(|last| last.map(Frame::data).map_err(axum::Error::new));
                    return Poll::Ready(last);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use http_body_util::BodyExt;

    use super::*;

    fn accepting(value: &str) -> bool {
        is_wanted(&[(ACCEPT_ENCODING, value.parse().unwrap())].into_iter().collect())
    }

    #[test]
    fn gzip_is_given_to_those_who_want_it_at_least_as_much_as_the_bytes_themselves() {
        for value in [
            "gzip",
            "GZIP",
            "x-gzip",
            "br, gzip;q=0.5, deflate",
            "*",
            "gzip;q=0.001",
            "gzip;q=1.0, identity;q=0.5",
            "identity;q=0, *;q=0.1",
            "gzip ; q=1",
            "gzip;q=0.5, identity;q=0.5",
        ] {
            assert!(accepting(value), "{value}");
        }
        for value in [
            "",
            "identity",
            "br",
            "gzip;q=0",
            "*;q=0",
            "gzip;q=0, *",
            "gzip;q=2",
            "gzip;q=x",
            "gzip;q=NaN",
            "gzip;level=9",
            "gzip;q=0.5, identity",
            "gzipped",
            "gzip;q=-1",
            ",,",
            ";q=1",
        ] {
            assert!(!accepting(value), "{value}");
        }
        assert!(!is_wanted(&HeaderMap::new()));
    }

    fn answer(kind: &'static str, bytes: usize) -> Response {
        let mut response = Response::new(Body::from(vec![b'a'; bytes]));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    }

    fn is_packed(response: Response) -> bool {
        packed(response).headers().contains_key(CONTENT_ENCODING)
    }

    #[test]
    fn text_is_packed_from_a_size_on_and_dicom_images_and_errors_never() {
        let at = usize::try_from(MIN_BYTES).unwrap();
        let below = at - 1;
        assert!(!is_packed(answer("application/dicom+json", below)));
        assert!(is_packed(answer("application/dicom+json", at)));
        assert!(is_packed(answer("multipart/related; type=\"application/dicom+xml\"; boundary=x", at)));
        for kind in [
            "text/event-stream",
            "application/dicom",
            "image/jpeg",
            "application/octet-stream",
            "application/problem+json",
            "application/zip",
            "multipart/related; type=\"application/dicom\"; boundary=x",
            "application/x-ndjson",
            "",
        ] {
            assert!(!is_packed(answer(kind, 1 << 20)), "{kind}");
        }
        let mut failed = answer("application/json", at);
        *failed.status_mut() = axum::http::StatusCode::CONFLICT;
        assert!(!is_packed(failed));
        for name in [CONTENT_ENCODING, CONTENT_RANGE] {
            let mut coded = answer("application/json", at);
            coded.headers_mut().insert(name, HeaderValue::from_static("x"));
            assert!(!coded.headers().is_empty() && packed(coded).headers().get(CONTENT_LENGTH).is_none());
        }
    }

    #[test]
    fn the_tag_of_packed_bytes_is_weak() {
        let mut response = answer("application/json", 5000);
        response.headers_mut().insert(ETAG, HeaderValue::from_static("\"x\""));
        let response = packed(response);
        assert_eq!(response.headers().get(ETAG).unwrap(), "W/\"x\"");
        assert!(response.body().size_hint().exact().is_none());
    }

    #[tokio::test]
    async fn what_is_unpacked_is_what_was_packed_however_it_came() {
        let whole: Vec<u8> = (0..300_000u32).flat_map(|n| n.to_string().into_bytes()).collect();
        for chunk in [1000, PIECE_BYTES, PIECE_BYTES + 1, whole.len()] {
            let chunks: Vec<_> =
                whole.chunks(chunk).map(|it| Ok::<_, std::io::Error>(Bytes::copy_from_slice(it))).collect();
            let mut response = Response::new(Body::from_stream(futures_util::stream::iter(chunks)));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let sent = packed(response).into_body().collect().await.unwrap().to_bytes();
            let mut read = Vec::new();
            GzDecoder::new(&sent[..]).read_to_end(&mut read).unwrap();
            assert!(read == whole, "{chunk}");
            assert!(sent.len() < whole.len(), "{chunk}");
        }
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_breaks_off() {
        let chunks = [Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("gone"))];
        let mut response = Response::new(Body::from_stream(futures_util::stream::iter(chunks)));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        assert!(packed(response).into_body().collect().await.is_err());
    }
}
