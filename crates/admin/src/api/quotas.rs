//! Quotas: list, set, remove.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use causeway_archive::Quota;
use causeway_core::keeping::quota::{Fill, WhenFull};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Caller, name, removed};
use crate::problem::Problem;
use crate::state::Node;

pub(crate) async fn list(State(node): State<Node>, caller: Caller) -> Result<Json<Value>, Problem> {
    let quotas = node.archive.quotas(&caller).await?;
    Ok(Json(quotas.into_iter().map(told).collect()))
}

fn told(quota: Quota) -> Value {
    let Quota { remote, limit, when_full, used, instances, changed_at } = quota;
    json!({
        "remote": remote, "bytes": limit, "when_full": when_full, "used": used, "instances": instances,
        "fill": Fill::of(used, limit), "changed_at": changed_at,
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// Bytes that may be kept.
    bytes: u64,
    #[serde(default)]
    when_full: WhenFull,
}

pub(crate) async fn put(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
    Json(Wanted { bytes, when_full }): Json<Wanted>,
) -> Result<StatusCode, Problem> {
    node.archive.put_quota(&caller, name(&text)?, bytes, when_full).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn remove(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    removed(node.archive.remove_quota(&caller, name(&text)?).await?, "quota of remote", &text)
}
