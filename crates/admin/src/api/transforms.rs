//! Transforms: list, show, put, remove, and what one would make of a file.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use causeway_core::Transform;

use super::{Caller, name, removed, same_name};
use crate::problem::Problem;
use crate::state::Node;

/// Media type of a file (PS3.10).
const FILE: &str = "application/dicom";

pub(crate) async fn list(State(node): State<Node>, caller: Caller) -> Result<Json<Vec<Transform>>, Problem> {
    Ok(Json(node.archive.transforms(&caller)?))
}

pub(crate) async fn show(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<Json<Transform>, Problem> {
    match node.archive.plan(&caller, &name(&text)?)? {
        Some(plan) => Ok(Json(plan.transform().clone())),
        None => Err(unknown(&text)),
    }
}

pub(crate) async fn put(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
    Json(transform): Json<Transform>,
) -> Result<StatusCode, Problem> {
    same_name(&text, &transform.name)?;
    node.archive.put_transform(&caller, transform).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn remove(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    removed(node.archive.remove_transform(&caller, &name(&text)?).await?, "transform", &text)
}

/// Applies it to the file in the body and keeps nothing: gives the changed file, or with `Accept: application/json` the
/// list of what is different.
pub(crate) async fn attempt(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
    headers: HeaderMap,
    file: Bytes,
) -> Result<Response, Problem> {
    let tried = node.archive.try_transform(&caller, &name(&text)?, file)?.ok_or_else(|| unknown(&text))?;
    let tried = tried.map_err(|error| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))?;
    let wants_list = headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.starts_with("application/json"));
    Ok(if wants_list {
        Json(tried.differences).into_response()
    } else {
        ([(CONTENT_TYPE, FILE)], tried.file).into_response()
    })
}

fn unknown(name: &str) -> Problem {
    Problem::not_found(format!("there is no transform '{name}'"))
}
