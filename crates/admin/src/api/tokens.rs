//! Bearer tokens: list, make, remove. The secret is shown once, when it is made.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use causeway_core::{Permission, Permissions, Scope, Sight};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Caller, name, removed};
use crate::problem::Problem;
use crate::state::Node;

pub(crate) async fn list(State(node): State<Node>, caller: Caller) -> Result<Json<Value>, Problem> {
    let tokens = node.archive.tokens(&caller)?;
    Ok(Json(tokens.iter().map(told).collect()))
}

/// A token that sees everything has no `sees`.
fn told((name, allow, sight): &(String, Permissions, Sight)) -> Value {
    match sight.scope() {
        None => json!({ "name": name, "allow": allow }),
        Some(scope) => json!({ "name": name, "allow": allow, "sees": scope }),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    allow: Permissions,
    /// What its bearer sees; not given: everything.
    #[serde(default)]
    sees: Option<Scope>,
}

/// Makes a token of 256 random bits, in place of an earlier one of this name.
pub(crate) async fn put(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
    Json(wanted): Json<Wanted>,
) -> Result<Json<Value>, Problem> {
    let name = name(&text)?;
    if let Some(scope) = &wanted.sees {
        scope.check().map_err(|error| Problem::bad_request(error.to_string()).at("sees"))?;
        if wanted.allow.allow(Permission::Admin) {
            return Err(
                Problem::bad_request("who does not see everything cannot be an administrator").at("sees")
            );
        }
    }
    let sight = Sight::from(wanted.sees);
    let secret = node.archive.put_token(&caller, name.to_string(), wanted.allow, sight).await?;
    Ok(Json(json!({ "name": name, "token": secret })))
}

pub(crate) async fn remove(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    removed(node.archive.remove_token(&caller, &text).await?, "token", &text)
}
