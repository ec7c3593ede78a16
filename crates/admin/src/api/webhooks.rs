//! Webhooks: list, put, remove. The secret is shown once, when it is made.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use causeway_core::EventKind;
use causeway_forward::{Since, Webhook};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Caller, name, removed};
use crate::problem::Problem;
use crate::state::Node;

pub(crate) async fn list(State(node): State<Node>, caller: Caller) -> Result<Json<Value>, Problem> {
    let webhooks = node.forwarder.webhooks(&caller).await?;
    Ok(Json(webhooks.into_iter().map(told).collect()))
}

fn told(webhook: Webhook) -> Value {
    let Webhook { record, after, failures, next_at, words, changed_at } = webhook;
    json!({
        "name": record.name, "url": record.url, "kinds": record.kinds, "after": after, "failures": failures,
        "next_at": next_at, "words": words, "changed_at": changed_at,
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    url: String,
    #[serde(default)]
    kinds: Vec<EventKind>,
    #[serde(default)]
    since: Since,
}

pub(crate) async fn put(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
    Json(Wanted { url, kinds, since }): Json<Wanted>,
) -> Result<Json<Value>, Problem> {
    let name = name(&text)?;
    let secret = node.forwarder.put_webhook(&caller, name.clone(), url, kinds, since).await?;
    Ok(Json(json!({ "name": name, "secret": secret })))
}

pub(crate) async fn remove(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    removed(node.forwarder.remove_webhook(&caller, name(&text)?).await?, "webhook", &text)
}
