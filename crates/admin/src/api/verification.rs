//! The verification: begin it, see how far it is and what it found, stop it.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use causeway_archive::verify::DEFAULT_BYTES_PER_SECOND;
use causeway_archive::{Finding, Mends, Verification};
use serde::Deserialize;

use super::{Caller, From};
use crate::problem::Problem;
use crate::state::Node;

/// What is wanted of one.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Wanted {
    /// Whether what is found is mended.
    repair: bool,
    /// Bytes that are read in a second, at most.
    bytes_per_second: Option<u64>,
}

pub(crate) async fn begin(
    State(node): State<Node>,
    caller: Caller,
    Json(Wanted { repair, bytes_per_second }): Json<Wanted>,
) -> Result<(StatusCode, Json<Verification>), Problem> {
    let mends = if repair { Mends::WhatItCan } else { Mends::Nothing };
    let rate = bytes_per_second.unwrap_or(DEFAULT_BYTES_PER_SECOND);
    match node.archive.begin_verification(&caller, mends, rate).await? {
        Some(begun) => Ok((StatusCode::CREATED, Json(begun))),
        None => {
            Err(Problem::new(StatusCode::CONFLICT, "a verification is under way; see it, or stop it first"))
        }
    }
}

pub(crate) async fn show(State(node): State<Node>, caller: Caller) -> Result<Json<Verification>, Problem> {
    let latest = node.archive.verification(&caller).await?;
    latest.map(Json).ok_or_else(|| Problem::not_found("nothing was verified yet"))
}

pub(crate) async fn stop(State(node): State<Node>, caller: Caller) -> Result<StatusCode, Problem> {
    if node.archive.stop_verification(&caller).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found("no verification is under way"))
    }
}

pub(crate) async fn findings(
    State(node): State<Node>,
    caller: Caller,
    Query(From { after }): Query<From>,
) -> Result<Json<Vec<Finding>>, Problem> {
    Ok(Json(node.archive.findings(&caller, after).await?))
}
