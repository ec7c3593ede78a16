//! The node itself.

use axum::Json;
use axum::extract::State;
use causeway_core::{Permission, implementation};
use serde_json::{Value, json};

use super::Caller;
use crate::problem::Problem;
use crate::state::Node;

/// What the node calls itself and what it has taken since its start.
pub(crate) async fn show(State(node): State<Node>, caller: Caller) -> Result<Json<Value>, Problem> {
    causeway_archive::access::allow(&caller, Permission::Admin)?;
    let counters = node.archive.counters();
    Ok(Json(json!({
        "aeTitle": node.ae_title,
        "dimsePort": node.dimse_port,
        "version": env!("CARGO_PKG_VERSION"),
        "implementationVersion": implementation::VERSION_NAME,
        "taken": counters.taken,
        "repeated": counters.repeated,
        "refused": counters.refused,
    })))
}
