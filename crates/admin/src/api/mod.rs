//! The REST interface: one file per kind of thing. JSON in, JSON out, problems as RFC 9457.

pub(crate) mod doctor;
pub(crate) mod errands;
pub(crate) mod events;
pub(crate) mod holds;
pub(crate) mod incidents;
pub(crate) mod links;
pub(crate) mod node;
pub(crate) mod nodes;
pub(crate) mod procedure_steps;
pub(crate) mod queue;
pub(crate) mod quotas;
pub(crate) mod remotes;
pub(crate) mod removed;
pub(crate) mod retention;
pub(crate) mod routes;
pub(crate) mod store_move;
pub(crate) mod tokens;
pub(crate) mod transforms;
pub(crate) mod verification;
pub(crate) mod visits;
pub(crate) mod way_back;
pub(crate) mod webhooks;
pub(crate) mod worklist;

use std::str::FromStr;
use std::sync::Arc;

use axum::Extension;
use axum::http::StatusCode;
use causeway_core::{Principal, RemoteName, Uid};
use serde::Deserialize;

use crate::problem::Problem;

/// Who asks.
pub(crate) type Caller = Extension<Arc<Principal>>;

/// From where on a list is told.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct From {
    /// What stands last in what is known.
    after: String,
}

/// A name in a path.
fn name(text: &str) -> Result<RemoteName, Problem> {
    RemoteName::from_str(text).map_err(|error| Problem::bad_request(error.to_string()))
}

/// A study in a path.
fn study_uid(text: &str) -> Result<Uid, Problem> {
    Uid::parse(text).map_err(|_| Problem::bad_request("a study is named by its Study Instance UID"))
}

/// The name in the path and the name in the body are one.
fn same_name(path: &str, body: &RemoteName) -> Result<(), Problem> {
    if name(path)? == *body {
        Ok(())
    } else {
        Err(Problem::bad_request("the name in the URL is another than in the body"))
    }
}

/// What became of a removal.
fn removed(was_there: bool, what: &str, name: &str) -> Result<StatusCode, Problem> {
    if was_there {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found(format!("there is no {what} '{name}'")))
    }
}
