//! Collecting: a node that cannot be called asks whether there is anything for it, says how each instance stands with it,
//! takes those that are to be sent, and says what became of each. What is said of instances comes in requests of its own,
//! as proxies keep back the body of a request until it is whole.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use causeway_archive::link::hatch::Over;
use causeway_core::link::words::{Answer, Collect, Collectable, Collected};
use causeway_core::link::{MAX_COLLECT_SECONDS, MAX_OFFER_BYTES, MAX_OFFERED};
use serde::de::DeserializeOwned;

use super::gathered;
use crate::body::RequestBody;
use crate::door::{Caller, Door};
use crate::problem::Problem;

/// Largest question, in bytes.
const MAX_COLLECT_BYTES: usize = 1024;
/// Largest answer to an offer, and most that is said of instances at once, in bytes.
const MAX_WORDS_BYTES: usize = 4 * MAX_OFFER_BYTES;

/// What there is, as soon as there is something; `null` when there was nothing for as long as the caller waits.
pub(super) async fn ask(
    State(door): State<Arc<Door>>,
    Caller(principal): Caller,
    request: Request,
) -> Result<Json<Option<Collectable>>, Problem> {
    let remote = super::caller(&principal)?;
    let Collect { seconds } = read(&door, request, MAX_COLLECT_BYTES).await?;
    let wait = Duration::from_secs(seconds.min(MAX_COLLECT_SECONDS).into());
    Ok(Json(door.archive.hatch().collect(&remote, wait).await))
}

/// Takes how each instance stands; answers with an upload of those that are to be sent, if any.
pub(super) async fn take(
    State(door): State<Arc<Door>>,
    Caller(principal): Caller,
    Path(ticket): Path<u64>,
    request: Request,
) -> Result<Response, Problem> {
    let remote = super::caller(&principal)?;
    let answer: Answer = read(&door, request, MAX_WORDS_BYTES).await?;
    let pieces = door.archive.hatch().answer(&remote, ticket, answer).await.map_err(over)?;
    let Some(pieces) = pieces else { return Ok(StatusCode::NO_CONTENT.into_response()) };
    let mut response = Response::new(Body::from_stream(pieces));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    Ok(response)
}

/// Takes what became of instances.
pub(super) async fn said(
    State(door): State<Arc<Door>>,
    Caller(principal): Caller,
    Path(ticket): Path<u64>,
    request: Request,
) -> Result<Json<()>, Problem> {
    let remote = super::caller(&principal)?;
    let collected: Collected = read(&door, request, MAX_WORDS_BYTES).await?;
    if collected.said.len() > MAX_OFFERED {
        return Err(Problem::too_large(format!("an offer has at most {MAX_OFFERED} instances")));
    }
    door.archive.hatch().said(&remote, ticket, collected).map_err(over)?;
    Ok(Json(()))
}

async fn read<T: DeserializeOwned>(door: &Door, request: Request, max_bytes: usize) -> Result<T, Problem> {
    let body = RequestBody::new(request.into_body(), door.config.limits.read_timeout());
    let body = gathered(body, max_bytes).await?;
    serde_json::from_slice(&body).map_err(|_| Problem::bad_request("the request is none of a link"))
}

fn over(over: Over) -> Problem {
    Problem::new(StatusCode::GONE, over.to_string())
}
