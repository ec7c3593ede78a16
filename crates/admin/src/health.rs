//! Health, for those who keep the node running: alive, and ready to be called.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use causeway_archive::DiskState;
use serde_json::{Value, json};

use crate::state::Node;

/// The process answers.
pub(crate) async fn live() -> Response {
    Json(json!({ "status": "live" })).into_response()
}

/// The spool was replayed, both doors are open, and the node is not about to stop. A full disk is told of and does not make it
/// unready: what is kept can be read, and is delivered.
pub(crate) async fn ready(State(node): State<Node>) -> Response {
    if node.is_ready() {
        let disks: Vec<_> = node.archive.disks().iter().map(disk).collect();
        Json(json!({ "status": "ready", "room": node.archive.room(), "disks": disks })).into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "not ready" }))).into_response()
    }
}

/// A disk: anyone may ask, so that it is not told how large it is.
fn disk(state: &DiskState) -> Value {
    json!({ "disk": state.disk.as_str(), "room": state.level })
}
