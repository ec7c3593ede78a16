//! Health, for those who keep the node running: alive, and ready to be called.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use causeway_archive::DiskState;
use causeway_archive::settle::Away;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::state::Node;

/// How long the catalog is given to answer.
const CATALOG_SECONDS: Duration = Duration::from_secs(5);

/// The process answers.
pub(crate) async fn live() -> Response {
    Json(json!({ "status": "live" })).into_response()
}

/// The spool was replayed, both doors are open, the node is not about to stop, and the catalog answers. A full disk and an object
/// store that is away are told of and do not make it unready: what is kept can be read, and what comes is spooled while there
/// is room.
pub(crate) async fn ready(State(node): State<Node>) -> Response {
    if node.is_ready() {
        let answer = timeout(CATALOG_SECONDS, node.archive.ask_catalog()).await;
        if !matches!(answer, Ok(Ok(()))) {
            let away = json!({ "status": "not ready", "catalog": "away" });
            return (StatusCode::SERVICE_UNAVAILABLE, Json(away)).into_response();
        }
        let disks: Vec<_> = node.archive.disks().iter().map(disk).collect();
        let store = node.archive.store_away().as_ref().map_or_else(|| json!({ "state": "well" }), away);
        Json(json!({ "status": "ready", "room": node.archive.room(), "disks": disks, "store": store }))
            .into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "not ready" }))).into_response()
    }
}

/// A disk: anyone may ask, so that it is not told how large it is.
fn disk(state: &DiskState) -> Value {
    json!({ "disk": state.disk.as_str(), "room": state.level })
}

/// An object store that is away: why is for the administrator.
fn away(away: &Away) -> Value {
    json!({ "state": "away", "since": away.since })
}
