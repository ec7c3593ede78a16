//! Cross-origin requests of web viewers (WHATWG Fetch, CORS protocol), by setting only: an origin that is not
//! named in `[web] cors` gets no header, and its browser keeps the answer from it.

use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;

/// Seconds that a browser may remember the answer to a preflight.
const MAX_AGE_SECONDS: u32 = 600;

/// The origin of this request, when the settings let it in.
pub(crate) fn allowed_origin(allowed: &[String], headers: &HeaderMap) -> Option<HeaderValue> {
    if allowed.is_empty() {
        return None;
    }
    let origin = headers.get(ORIGIN)?;
    let known = allowed.iter().any(|name| name.trim_end_matches('/').as_bytes() == origin.as_bytes());
    known.then(|| origin.clone())
}

/// Whether this asks for leave to ask.
pub(crate) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The leave.
pub(crate) fn preflight_answer() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers
        .insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, POST, DELETE, OPTIONS"));
    let named = "accept, authorization, content-type, if-none-match, range";
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(named));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(MAX_AGE_SECONDS));
    response
}

/// Lets the page of `origin` read this answer.
pub(crate) fn expose(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    let named = "allow, content-location, etag, location, retry-after, warning, x-request-id";
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(named));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_must_be_named_to_the_letter() {
        let allowed = ["https://viewer.example.org".to_owned()];
        let from = |origin: &'static str| {
            let headers = [(ORIGIN, HeaderValue::from_static(origin))].into_iter().collect();
            allowed_origin(&allowed, &headers).is_some()
        };
        assert!(from("https://viewer.example.org"));
        assert!(!from("https://viewer.example.org.evil.example"));
        assert!(!from("http://viewer.example.org"));
        assert!(!from("null"));
        assert!(allowed_origin(&[], &HeaderMap::new()).is_none());
    }
}
