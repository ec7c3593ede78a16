//! Copies under the original identity that are due of what came back: list, try again at once, give up.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use causeway_archive::WayBack;
use causeway_core::Uid;

use super::{Caller, removed};
use crate::problem::Problem;
use crate::state::Node;

pub(crate) async fn list(State(node): State<Node>, caller: Caller) -> Result<Json<Vec<WayBack>>, Problem> {
    Ok(Json(node.archive.ways_back(&caller).await?))
}

pub(crate) async fn retry(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    let done = node.archive.retry_way_back(&caller, uid(&text)?).await?;
    removed(done, "copy due of instance", &text)
}

pub(crate) async fn discard(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    let done = node.archive.discard_way_back(&caller, uid(&text)?).await?;
    removed(done, "copy due of instance", &text)
}

fn uid(text: &str) -> Result<Uid, Problem> {
    Uid::parse(text).map_err(|_| Problem::bad_request("an instance is named by its SOP Instance UID"))
}
