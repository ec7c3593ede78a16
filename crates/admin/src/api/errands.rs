//! What is owed to remotes beside instances: commitments, asked of us and by us, and notices of what is available.

use axum::Json;
use axum::extract::{Query, State};
use causeway_forward::errand::{ErrandFilter, ErrandKind, ErrandRow, ErrandState};
use serde::Deserialize;

use super::Caller;
use crate::problem::Problem;
use crate::state::Node;

/// Rows that are listed when no limit is given, and at most.
const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    kind: Option<String>,
    state: Option<String>,
    before: Option<i64>,
    limit: Option<u32>,
}

/// Commitments, newest first.
pub(crate) async fn commitments(
    State(node): State<Node>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Json<Vec<ErrandRow>>, Problem> {
    let kinds = match asked.kind.as_deref() {
        None => vec![ErrandKind::Result, ErrandKind::Request, ErrandKind::Inquiry, ErrandKind::Count],
        Some(text) if text == ErrandKind::Result.as_str() => vec![ErrandKind::Result],
        Some(text) if text == ErrandKind::Request.as_str() => vec![ErrandKind::Request],
        Some(text) if text == ErrandKind::Inquiry.as_str() => vec![ErrandKind::Inquiry],
        Some(text) if text == ErrandKind::Count.as_str() => vec![ErrandKind::Count],
        Some(_) => {
            let words = "a kind of commitment is asked-of-us, asked-over-web, asked-by-us or count";
            return Err(Problem::bad_request(words));
        }
    };
    list(&node, &caller, kinds, &asked).await
}

/// Notices of what is available, newest first.
pub(crate) async fn notices(
    State(node): State<Node>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Json<Vec<ErrandRow>>, Problem> {
    if asked.kind.is_some() {
        return Err(Problem::bad_request("notices are all of one kind"));
    }
    list(&node, &caller, vec![ErrandKind::Notice], &asked).await
}

async fn list(
    node: &Node,
    caller: &Caller,
    kinds: Vec<ErrandKind>,
    asked: &Asked,
) -> Result<Json<Vec<ErrandRow>>, Problem> {
    let filter = ErrandFilter {
        kinds,
        state: asked.state.as_deref().map(state).transpose()?,
        before: asked.before,
        limit: asked.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT),
    };
    Ok(Json(node.forwarder.errands(caller, filter).await?))
}

fn state(text: &str) -> Result<ErrandState, Problem> {
    let known = ErrandState::ALL.into_iter().find(|state| state.as_str() == text);
    known.ok_or_else(|| Problem::bad_request("a state is open, due, awaited, done or given-up"))
}
