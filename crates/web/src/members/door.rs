//! What has not settled, for the nodes that share this one's catalog: whole, or a range of it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{AUTHORIZATION, CONTENT_RANGE, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use causeway_archive::{Archive, StoreError};
use causeway_core::ObjectKey;

use super::{OBJECTS, SCHEME};
use crate::problem::Problem;
use crate::range::{self, Wanted};
use crate::streamed::Streamed;

/// All resources.
pub fn router(archive: Archive) -> Router {
    Router::new().route(&format!("{OBJECTS}/{{object}}"), get(object)).with_state(Arc::new(archive))
}

async fn object(
    State(archive): State<Arc<Archive>>,
    Path(object): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let unknown = || Problem::new(StatusCode::NOT_FOUND, "there is no such object");
    let object = ObjectKey::parse(&object).map_err(|_| unknown())?;
    let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|value| value.strip_prefix(SCHEME)).unwrap_or_default().trim();
    let blob = match archive.open_for_fellow(&object, shown).await {
        Ok(Some(blob)) => blob,
        Ok(None) => {
            return Err(Problem::new(StatusCode::FORBIDDEN, "only nodes that share this catalog call here"));
        }
        Err(StoreError::NotFound(_)) => return Err(unknown()),
        Err(error) => return Err(Problem::inside(error.class(), error.to_string())),
    };
    let whole = blob.bytes();
    // An object never changes: no version is told.
    let wanted = range::wanted(&headers, whole, &HeaderValue::from_static("\"\""));
    let part = match wanted {
        Wanted::Whole => 0..whole,
        Wanted::Part(part) => part,
        Wanted::Beyond => {
            return Err(Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "the object ends before that"));
        }
    };
    let is_whole = part == (0..whole);
    let bytes = part.end - part.start;
    let content_range = HeaderValue::try_from(range::content_range(&part, whole)).ok();
    let mut response = Body::new(Streamed::new(blob.stream(part), Some(bytes))).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    if let Some(value) = content_range.filter(|_| !is_whole) {
        headers.insert(CONTENT_RANGE, value);
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}
