//! What was removed and can be brought back: list it, bring a study back, end its grace.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use causeway_archive::{RemovedStudy, Restored};

use super::{Caller, From, study_uid};
use crate::problem::Problem;
use crate::state::Node;

pub(crate) async fn list(
    State(node): State<Node>,
    caller: Caller,
    Query(From { after }): Query<From>,
) -> Result<Json<Vec<RemovedStudy>>, Problem> {
    Ok(Json(node.archive.removed(&caller, after).await?))
}

pub(crate) async fn restore(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<Json<Restored>, Problem> {
    let restored = node.archive.restore(&caller, study_uid(&text)?).await?;
    restored.map(Json).ok_or_else(|| nothing(&text))
}

pub(crate) async fn end_grace(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    match node.archive.end_grace(&caller, study_uid(&text)?).await? {
        0 => Err(nothing(&text)),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}

fn nothing(study: &str) -> Problem {
    Problem::not_found(format!("nothing that was removed of study {study} is there any more"))
}
