//! Retention rules: list, put, enable, disable, remove, and what they would do.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use causeway_archive::{Preview, RetentionRule, Standing};
use causeway_core::keeping::retention::Rule;
use serde::Deserialize;

use super::{Caller, name, removed};
use crate::problem::Problem;
use crate::state::Node;

pub(crate) async fn list(
    State(node): State<Node>,
    caller: Caller,
) -> Result<Json<Vec<RetentionRule>>, Problem> {
    Ok(Json(node.archive.rules(&caller).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    rule: Rule,
    /// Without it the rule is only previewed.
    #[serde(default)]
    standing: Standing,
}

pub(crate) async fn put(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
    Json(Wanted { rule, standing }): Json<Wanted>,
) -> Result<StatusCode, Problem> {
    node.archive.put_rule(&caller, name(&text)?, rule, standing).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn enable(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    let was_there = node.archive.enable_rule(&caller, name(&text)?, Standing::Enabled).await?;
    removed(was_there, "retention rule", &text)
}

pub(crate) async fn disable(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    let was_there = node.archive.enable_rule(&caller, name(&text)?, Standing::Disabled).await?;
    removed(was_there, "retention rule", &text)
}

pub(crate) async fn remove(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    removed(node.archive.remove_rule(&caller, name(&text)?).await?, "retention rule", &text)
}

/// Of which rule, and from where on.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Which {
    /// None: of all.
    rule: Option<String>,
    /// What the last answer said comes next.
    after: i64,
}

pub(crate) async fn preview(
    State(node): State<Node>,
    caller: Caller,
    Query(Which { rule, after }): Query<Which>,
) -> Result<Json<Preview>, Problem> {
    let only = rule.as_deref().map(name).transpose()?;
    let preview = node.archive.preview(&caller, only, after).await?;
    let named = rule.unwrap_or_default();
    preview.map(Json).ok_or_else(|| Problem::not_found(format!("there is no retention rule '{named}'")))
}
