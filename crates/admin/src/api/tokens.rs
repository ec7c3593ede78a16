//! Bearer tokens: list, make, remove. The secret is shown once, when it is made.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use causeway_core::Permissions;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Caller, name, removed};
use crate::problem::Problem;
use crate::state::Node;

pub(crate) async fn list(State(node): State<Node>, caller: Caller) -> Result<Json<Value>, Problem> {
    let tokens = node.archive.tokens(&caller)?;
    Ok(Json(tokens.into_iter().map(|(name, allow)| json!({ "name": name, "allow": allow })).collect()))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    allow: Permissions,
}

/// Makes a token of 256 random bits, in place of an earlier one of this name.
pub(crate) async fn put(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
    Json(wanted): Json<Wanted>,
) -> Result<Json<Value>, Problem> {
    let name = name(&text)?;
    let secret = node.archive.put_token(&caller, name.to_string(), wanted.allow).await?;
    Ok(Json(json!({ "name": name, "token": secret })))
}

pub(crate) async fn remove(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    removed(node.archive.remove_token(&caller, &text).await?, "token", &text)
}
