//! Routes: list, put, move, remove; what they do with a study, and what a draft would have done.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use causeway_core::Uid;
use causeway_forward::admin::{Rehearsal, RouteExplained};
use causeway_forward::{Place, RouteRecord};
use serde::Deserialize;

use super::{Caller, name, removed, same_name};
use crate::problem::Problem;
use crate::state::Node;

pub(crate) async fn list(
    State(node): State<Node>,
    caller: Caller,
) -> Result<Json<Vec<RouteRecord>>, Problem> {
    Ok(Json(node.forwarder.routes(&caller)?))
}

pub(crate) async fn put(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
    Json(route): Json<RouteRecord>,
) -> Result<StatusCode, Problem> {
    same_name(&text, &route.name)?;
    node.forwarder.put_route(&caller, route).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn place(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
    Json(place): Json<Place>,
) -> Result<StatusCode, Problem> {
    if node.forwarder.move_route(&caller, name(&text)?, place).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::not_found(format!("there is no route '{text}', or none that it could be put before")))
}

/// How far back a draft is tried.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Since {
    /// In seconds; a day when nothing is said.
    #[serde(default = "day")]
    since: u64,
}

const fn day() -> u64 {
    24 * 3600
}

pub(crate) async fn rehearse(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
    Query(Since { since }): Query<Since>,
    Json(draft): Json<RouteRecord>,
) -> Result<Json<Rehearsal>, Problem> {
    same_name(&text, &draft.name)?;
    Ok(Json(node.forwarder.rehearse(&caller, draft, Duration::from_secs(since)).await?))
}

pub(crate) async fn remove(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    removed(node.forwarder.remove_route(&caller, name(&text)?).await?, "route", &text)
}

pub(crate) async fn explain(
    State(node): State<Node>,
    caller: Caller,
    Path(study): Path<String>,
) -> Result<Json<Vec<RouteExplained>>, Problem> {
    let study = Uid::parse(&study).map_err(|error| Problem::bad_request(error.to_string()))?;
    Ok(Json(node.forwarder.explain(&caller, study).await?))
}
