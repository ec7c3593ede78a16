//! The move of objects from one store to another: begin it, see how far it is, stop it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use causeway_archive::StoreMove;
use serde::Deserialize;

use super::Caller;
use crate::problem::Problem;
use crate::state::Node;

/// What is wanted of one.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Wanted {
    /// Whether objects are removed from the old store once they are in the new one.
    remove: bool,
}

pub(crate) async fn begin(
    State(node): State<Node>,
    caller: Caller,
    Json(Wanted { remove }): Json<Wanted>,
) -> Result<(StatusCode, Json<StoreMove>), Problem> {
    Ok((StatusCode::CREATED, Json(node.archive.begin_move(&caller, remove).await?)))
}

pub(crate) async fn show(State(node): State<Node>, caller: Caller) -> Result<Json<StoreMove>, Problem> {
    let latest = node.archive.store_move(&caller).await?;
    latest.map(Json).ok_or_else(|| Problem::not_found("nothing was moved yet"))
}

pub(crate) async fn stop(State(node): State<Node>, caller: Caller) -> Result<StatusCode, Problem> {
    if node.archive.stop_move(&caller).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found("no move is under way"))
    }
}
