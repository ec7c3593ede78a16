//! Visits at a remote: find, retrieve, send. What is heard of one is told line by line as JSON (NDJSON), the last line
//! being its `end`; who breaks off the answer stops the visit.

mod form;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use causeway_forward::visit::{FindLine, Question, Retrieval, Visit};
use futures_util::stream;
use serde::Serialize;

use self::form::Form;
use super::{Caller, name};
use crate::problem::Problem;
use crate::state::Node;

pub(crate) async fn find(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
    Json(question): Json<Question>,
) -> Result<Response, Problem> {
    let visit = node.forwarder.find(&caller, &name(&text)?, &question)?;
    Ok(told(visit, |line| match line {
        FindLine::Match(found) => format!("{{\"match\":{}}}\n", found.to_json()),
        FindLine::End(end) => json(&serde_json::json!({ "end": end })),
    }))
}

pub(crate) async fn retrieve(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
    Json(retrieval): Json<Retrieval>,
) -> Result<Response, Problem> {
    let visit = node.forwarder.retrieve(&caller, &name(&text)?, retrieval, node.dimse_port)?;
    Ok(told(visit, |line| json(&line)))
}

/// Files as a form carries them (RFC 7578), `curl -F file=@image.dcm`, or one as the body itself.
pub(crate) async fn send(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let files = Form::of(&headers, body)?;
    let visit = node.forwarder.send(&caller, &name(&text)?, files)?;
    Ok(told(visit, |line| json(&line)))
}

/// One line. What is told here can always be written.
fn json(line: &impl Serialize) -> String {
    let mut text = serde_json::to_string(line).unwrap_or_default();
    text.push('\n');
    text
}

/// The answer that tells `visit` as it goes.
fn told<L: Send + 'static>(visit: Visit<L>, write: impl Fn(L) -> String + Send + 'static) -> Response {
    let lines = stream::unfold((visit, write), |(mut visit, write)| async move {
        let line = visit.next().await?;
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(write(line))), (visit, write)))
    });
    let headers = [(CONTENT_TYPE, "application/x-ndjson"), (CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(lines)).into_response()
}
