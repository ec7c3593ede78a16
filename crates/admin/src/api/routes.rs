//! Routes: list, put, remove, and what they would do with a study.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use causeway_core::Uid;
use causeway_forward::RouteRecord;
use causeway_forward::admin::RouteExplained;

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
