//! A value on its way out: whole, or the range of its bytes that was asked for (RFC 9110 §14).

use std::ops::Range;

use axum::http::header::CONTENT_RANGE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use causeway_archive::{BulkValue, RetrieveError};
use futures_util::{Stream, StreamExt, stream};

use crate::problem::Problem;
use crate::range;

/// The value's chunks. The first is read at once, so that what fails at once is told in a status.
pub(super) async fn chunks(
    mut value: BulkValue,
) -> Result<impl Stream<Item = Result<Bytes, RetrieveError>> + Send + 'static, RetrieveError> {
    let first = value.chunk().await?.unwrap_or_default();
    let rest = stream::try_unfold(value, |mut value| async {
        let chunk = value.chunk().await?;
        Ok(chunk.map(|chunk| (chunk, value)))
    });
    Ok(stream::iter([Ok(first)]).chain(rest))
}

/// Says that the answer is `part` of something of `whole` bytes.
pub(super) fn mark(response: &mut Response, part: &Range<u64>, whole: u64) {
    put(response.headers_mut(), CONTENT_RANGE, range::content_range(part, whole));
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
}

/// 416, with the length there is (RFC 9110 §15.5.17); `words` tell it to people.
pub(super) fn beyond(whole: u64, words: String) -> Response {
    let mut response = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, words).into_response();
    put(response.headers_mut(), CONTENT_RANGE, format!("bytes */{whole}"));
    response
}

/// Puts a header field, where the value can be one.
pub(super) fn put(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}
