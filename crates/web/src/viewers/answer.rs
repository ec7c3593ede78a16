//! A viewer's files over HTTP: which file a URL means, what a browser may keep and for how long, and the headers
//! under which its page may run: isolated, so that it has shared memory for its decoders, and talking to this node
//! alone.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    ETAG, LOCATION, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use tokio::io::AsyncReadExt;

use super::VIEWERS;
use super::folder::{PAGE, is_plain};
use super::keeper::{Coding, Found, Keeper, Question};
use super::kinds::{is_hashed, is_page_of_its_own, media_of};
use super::name::ViewerName;
use crate::percent;
use crate::problem::Problem;
use crate::streamed::Streamed;
use crate::wado::etag;

const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_EMBEDDER_POLICY: HeaderName = HeaderName::from_static("cross-origin-embedder-policy");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// A name that belongs to one content.
const FOR_A_YEAR: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Kept, but asked about each time.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("public, no-cache");
/// Bytes read from disk at once.
const CHUNK_BYTES: usize = 128 * 1024;

/// All viewers, as the handlers find them.
pub(super) struct Shelf {
    keepers: BTreeMap<ViewerName, Keeper>,
    policy: HeaderValue,
}

impl Shelf {
    /// Pages may talk to where they come from, and to `own_origin`, which links in answers may begin with.
    pub(super) fn new(keepers: BTreeMap<ViewerName, Keeper>, own_origin: Option<&str>) -> Self {
        let policy = HeaderValue::from_str(&policy(own_origin.unwrap_or_default()))
            .unwrap_or(HeaderValue::from_static("default-src 'self'"));
        Self { keepers, policy }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &ViewerName> {
        self.keepers.keys()
    }
}

/// What a page may load and whom it may talk to. Viewers compile WebAssembly, make workers of text and show what
/// they have loaded (PDF, pictures) from memory.
fn policy(own_origin: &str) -> String {
    format!(
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' blob:; \
         worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; font-src 'self' data:; \
         img-src 'self' data: blob: {own_origin}; media-src 'self' data: blob: {own_origin}; \
         connect-src 'self' data: blob: {own_origin}; object-src 'self' blob:; frame-src 'self' blob:; \
         base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
    )
}

/// `/viewers/x` is meant as `/viewers/x/`: the page's addresses are relative to its folder.
pub(super) async fn to_its_folder(State(shelf): State<Arc<Shelf>>, uri: Uri) -> Response {
    let Some((keeper, rest)) = shelf.asked(uri.path()) else { return absent() };
    let (_, name) = (keeper, rest.name);
    let location = match uri.query() {
        Some(query) => format!("{name}/?{query}"),
        None => format!("{name}/"),
    };
    (StatusCode::PERMANENT_REDIRECT, [(LOCATION, location)]).into_response()
}

/// A file of a viewer, or its page where the path is one that only the page itself knows.
pub(super) async fn file(State(shelf): State<Arc<Shelf>>, uri: Uri, headers: HeaderMap) -> Response {
    let Some((keeper, asked)) = shelf.asked(uri.path()) else { return absent() };
    let coding = coding(&headers);
    let path = asked.path.trim_end_matches('/');
    let path = if path.is_empty() { PAGE } else { path };
    if !is_plain(path) {
        return absent();
    }
    let question = |path: &str| Question { path: path.to_owned(), depth: asked.depth, coding };
    if let Some(found) = keeper.find(question(path)).await {
        return shelf.answer(path, found, &headers);
    }
    let page = if is_page_of_its_own(path) { keeper.find(question(PAGE)).await } else { None };
    page.map_or_else(absent, |page| shelf.answer(PAGE, page, &headers))
}

/// What a URL asks for.
struct Asked {
    name: String,
    path: String,
    /// Folders below the viewer's own.
    depth: usize,
}

impl Shelf {
    fn asked(&self, path: &str) -> Option<(&Keeper, Asked)> {
        let path = path.strip_prefix(VIEWERS)?.strip_prefix('/')?;
        let (name, rest) = path.split_once('/').unwrap_or((path, ""));
        let path = percent::decode(rest).ok()?.into_owned();
        let name = ViewerName::parse(name).ok()?;
        let keeper = self.keepers.get(&name)?;
        Some((keeper, Asked { name: name.to_string(), path, depth: rest.matches('/').count() }))
    }

    fn answer(&self, path: &str, found: Found, headers: &HeaderMap) -> Response {
        let tag = etag::header(match &found {
            Found::Whole { digest, .. } | Found::Open { digest, .. } => digest,
        });
        let mut response = match (etag::not_modified(headers, &tag), found) {
            (Some(unchanged), _) => unchanged,
            (None, Found::Whole { bytes, coding, .. }) => whole(bytes, coding),
            (None, Found::Open { file, bytes, .. }) => opened(file, bytes),
        };
        let own = [
            (CONTENT_TYPE, HeaderValue::from_static(media_of(path).0)),
            (ETAG, tag),
            (CACHE_CONTROL, if is_hashed(path) { FOR_A_YEAR } else { ASK_AGAIN }),
            (VARY, HeaderValue::from_static("accept-encoding")),
            (CONTENT_SECURITY_POLICY, self.policy.clone()),
            (CROSS_ORIGIN_OPENER_POLICY, HeaderValue::from_static("same-origin")),
            (CROSS_ORIGIN_EMBEDDER_POLICY, HeaderValue::from_static("require-corp")),
            (CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin")),
            // The URL of a page names studies.
            (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ];
        response.headers_mut().extend(own);
        response
    }
}

fn whole(bytes: Bytes, coding: Coding) -> Response {
    let length = HeaderValue::from(bytes.len());
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(CONTENT_LENGTH, length);
    if coding == Coding::Gzip {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

fn opened(file: File, bytes: u64) -> Response {
    let mut response = Response::new(Body::new(Streamed::new(Box::pin(chunks(file)), Some(bytes))));
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(bytes));
    response
}

/// The file from its beginning; a failure to read ends the answer early, which the receiver sees by its length.
fn chunks(file: File) -> impl Stream<Item = io::Result<Bytes>> {
    stream::try_unfold(tokio::fs::File::from_std(file), |mut file| async move {
        let mut chunk = BytesMut::with_capacity(CHUNK_BYTES);
        let read = file.read_buf(&mut chunk).await?;
        Ok((read > 0).then(|| (chunk.freeze(), file)))
    })
}

fn absent() -> Response {
    Problem::not_found("there is no viewer here, or it has no such file").into_response()
}

/// The coding to answer with: gzip where it is named and not refused (RFC 9110 §12.5.3).
fn coding(headers: &HeaderMap) -> Coding {
    let named = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let takes = named.flat_map(|line| line.split(',')).any(|entry| {
        let (name, weight) = entry.split_once(';').unwrap_or((entry, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
        name.trim().eq_ignore_ascii_case("gzip") && weight.is_some_and(|weight| weight > 0.0)
    });
    if takes { Coding::Gzip } else { Coding::Identity }
}

#[cfg(test)]
mod tests;
