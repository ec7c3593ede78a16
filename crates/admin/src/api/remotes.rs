//! Remotes: list, show, put, remove, echo.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use causeway_core::{Permission, Remote};
use causeway_forward::acceptance::Acceptance;
use causeway_forward::admin::Echoed;

use super::{Caller, name, removed, same_name};
use crate::problem::Problem;
use crate::state::Node;

pub(crate) async fn list(State(node): State<Node>, caller: Caller) -> Result<Json<Vec<Remote>>, Problem> {
    causeway_archive::access::allow(&caller, Permission::Admin)?;
    Ok(Json(node.archive.remotes().to_vec()))
}

pub(crate) async fn show(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<Json<Remote>, Problem> {
    causeway_archive::access::allow(&caller, Permission::Admin)?;
    match node.archive.remote(&name(&text)?) {
        Some(remote) => Ok(Json(remote)),
        None => Err(Problem::not_found(format!("there is no remote '{text}'"))),
    }
}

/// What it was found to take and to refuse.
pub(crate) async fn acceptances(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<Json<Vec<Acceptance>>, Problem> {
    Ok(Json(node.forwarder.acceptances(&caller, name(&text)?).await?))
}

pub(crate) async fn put(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
    Json(remote): Json<Remote>,
) -> Result<StatusCode, Problem> {
    same_name(&text, &remote.name)?;
    let known = node.archive.remote(&remote.name).and_then(|known| known.link);
    if remote.link.is_some() && remote.link != known {
        let words = "a link is made by pairing: `causeway link invite`, `causeway link accept`";
        return Err(Problem::bad_request(words).at("link"));
    }
    if remote.dimse.is_none() && remote.dicomweb.is_none() && known.is_none() {
        return Err(Problem::bad_request("a remote has an AE title, a DICOMweb URL, or both"));
    }
    if let Some(other) = same_ae_title(&node, &remote) {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            format!(
                "remote '{}' has this AE title already; give each of the two addresses of its own",
                other.name
            ),
        ));
    }
    if remote.dicomweb.as_ref().is_some_and(|web| !is_http(&web.url)) {
        return Err(Problem::bad_request("a DICOMweb URL begins with http:// or https://"));
    }
    node.archive.check_transform_of(&remote)?;
    node.archive.put_remote(&caller, remote).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Another remote that could not be told from this one when it calls.
fn same_ae_title(node: &Node, remote: &Remote) -> Option<Remote> {
    let ae_title = &remote.dimse.as_ref()?.ae_title;
    let remotes = node.archive.remotes();
    let same = |other: &&Remote| {
        other.name != remote.name
            && other.dimse.as_ref().is_some_and(|dimse| dimse.ae_title == *ae_title)
            && (other.addresses.is_empty() || remote.addresses.is_empty() || overlap(other, remote))
    };
    remotes.iter().find(same).cloned()
}

/// Whether both may call from some address.
fn overlap(one: &Remote, other: &Remote) -> bool {
    one.addresses.iter().any(|it| other.addresses.iter().any(|network| it.overlaps(network)))
}

fn is_http(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}

pub(crate) async fn remove(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    let name = name(&text)?;
    let routes = node.forwarder.routes(&caller)?;
    if let Some(route) = routes.iter().find(|route| route.to.contains(&name)) {
        let words = format!("route '{}' sends to '{text}'; remove or change the route first", route.name);
        return Err(Problem::new(StatusCode::CONFLICT, words));
    }
    removed(node.archive.remove_remote(&caller, &name).await?, "remote", &text)
}

pub(crate) async fn echo(
    State(node): State<Node>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<Json<Echoed>, Problem> {
    match node.forwarder.echo(&caller, &name(&text)?).await? {
        Some(echoed) => Ok(Json(echoed)),
        None => Err(Problem::not_found(format!("there is no remote '{text}'"))),
    }
}
