//! Legal holds: list, place, take away.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use causeway_archive::Hold;
use serde::Deserialize;

use super::{Caller, From, removed, study_uid};
use crate::problem::Problem;
use crate::state::Node;

pub(crate) async fn list(
    State(node): State<Node>,
    caller: Caller,
    Query(From { after }): Query<From>,
) -> Result<Json<Vec<Hold>>, Problem> {
    Ok(Json(node.archive.holds(&caller, after).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    reason: String,
}

pub(crate) async fn put(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
    Json(Wanted { reason }): Json<Wanted>,
) -> Result<Json<Option<Hold>>, Problem> {
    Ok(Json(node.archive.hold(&caller, study_uid(&text)?, &reason).await?))
}

pub(crate) async fn remove(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    removed(node.archive.release_hold(&caller, study_uid(&text)?).await?, "hold of study", &text)
}
