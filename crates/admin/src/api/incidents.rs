//! Incidents: what was refused to whom, and what would change it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use causeway_core::IncidentRecord;

use super::Caller;
use crate::problem::Problem;
use crate::state::Node;

pub(crate) async fn list(
    State(node): State<Node>,
    caller: Caller,
) -> Result<Json<Vec<IncidentRecord>>, Problem> {
    Ok(Json(node.archive.incidents(&caller).await?))
}

pub(crate) async fn forget(State(node): State<Node>, caller: Caller) -> Result<StatusCode, Problem> {
    node.archive.forget_incidents(&caller).await?;
    Ok(StatusCode::NO_CONTENT)
}
