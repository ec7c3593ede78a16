//! Links to other nodes: invite, list and revoke invitations, accept one, see how a link stands. The code of an invitation is shown once.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use causeway_archive::InviteRecord;
use causeway_archive::link::pairing::MAX_INVITE;
use causeway_archive::link::{LinkReport, PairingError};
use causeway_core::RemoteName;
use causeway_core::link::code::{InviteCode, may_be_called};
use causeway_forward::link::AcceptError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Caller, name, removed};
use crate::problem::Problem;
use crate::state::Node;

pub(crate) async fn list(State(node): State<Node>, caller: Caller) -> Result<Json<Value>, Problem> {
    let invites = node.archive.invites(&caller).await?;
    Ok(Json(invites.iter().map(told).collect()))
}

fn told(invite: &InviteRecord) -> Value {
    let InviteRecord { name, created_at, expires_at, used_by } = invite;
    json!({ "name": name, "created_at": created_at, "expires_at": expires_at, "used_by": used_by })
}

/// How a link stands.
pub(crate) async fn show(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<Json<LinkReport>, Problem> {
    let report = node.archive.link_report(&caller, &name(&text)?).await?;
    report.map(Json).ok_or_else(|| Problem::not_found(format!("no remote '{text}' was paired")))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// For how many seconds it is good.
    expires_seconds: u64,
    /// This node's root URL as the other sees it; not given: that of the settings.
    #[serde(default)]
    url: Option<String>,
}

/// Invites a node, in place of an earlier invitation of this name.
pub(crate) async fn invite(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
    Json(wanted): Json<Wanted>,
) -> Result<Json<Value>, Problem> {
    let name = name(&text)?;
    let Some(url) = wanted.url.or_else(|| node.link.url.clone()) else {
        let words = "say where the other node finds this one: --public-url, or [web] public_url";
        return Err(Problem::bad_request(words).at("url"));
    };
    if !may_be_called(&url) {
        let words = "a link leads over https, or to this very machine: set [web.tls], or put a proxy with TLS before \
                     this node, and give its https URL";
        return Err(Problem::bad_request(words).at("url"));
    }
    let good_for = Duration::from_secs(wanted.expires_seconds);
    if good_for.is_zero() || good_for > MAX_INVITE {
        let words =
            format!("an invitation is good for 1 second to {} days", MAX_INVITE.as_secs() / (24 * 3600));
        return Err(Problem::bad_request(words).at("expires_seconds"));
    }
    let secret = node.archive.invite(&caller, name.clone(), good_for).await.map_err(problem)?;
    // Over plain HTTP there is nothing to know it by.
    let certificate = node.link.certificate.filter(|_| url.starts_with("https://"));
    let code = InviteCode { url, secret, certificate };
    Ok(Json(json!({ "name": name, "code": code.to_line() })))
}

pub(crate) async fn revoke(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    removed(node.archive.revoke_invite(&caller, &name(&text)?).await?, "invitation for", &text)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accepted {
    /// As it was printed.
    code: String,
    /// What the node that invited is to be called.
    name: RemoteName,
}

pub(crate) async fn accept(
    State(node): State<Node>,
    caller: Caller,
    Json(accepted): Json<Accepted>,
) -> Result<Json<Value>, Problem> {
    let code: InviteCode =
        accepted.code.parse().map_err(|error| Problem::bad_request(format!("{error}")).at("code"))?;
    match node.forwarder.accept(&caller, &code, accepted.name.clone()).await {
        Ok(told) => Ok(Json(json!({ "name": accepted.name, "node": told.node, "called": told.name }))),
        Err(AcceptError::Pairing(error)) => Err(problem(error)),
        Err(error @ AcceptError::Refused { .. }) => {
            Err(Problem::new(StatusCode::BAD_GATEWAY, error.to_string()))
        }
    }
}

fn problem(error: PairingError) -> Problem {
    match error {
        PairingError::Access(error) => error.into(),
        PairingError::Catalog(error) => Problem::inside(&error),
        PairingError::Own => Problem::new(StatusCode::CONFLICT, error.to_string()),
        PairingError::Unknown | PairingError::Expired | PairingError::Used | PairingError::Malformed(_) => {
            Problem::bad_request(error.to_string())
        }
    }
}
