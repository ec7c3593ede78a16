//! QIDO-RS (PS3.18 §10.6): a URL becomes the same `Query` that C-FIND builds, the archive answers, rows become
//! DICOM JSON or XML.

mod answer;
mod fields;
mod keys;
mod parse;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use causeway_core::{Level, Principal, Uid};

use crate::accept::{self, FOR_DATA_SETS};
use crate::base_url::base_url;
use crate::door::{Caller, Door};
use crate::problem::Problem;
use crate::target::Target;

/// Where a search takes place: the level it answers at, and the study and series that its path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) level: Level,
    pub(crate) study: Option<Uid>,
    pub(crate) series: Option<Uid>,
}

/// `/studies`.
pub(crate) async fn studies(
    State(door): State<Arc<Door>>,
    Caller(principal): Caller,
    request: Request,
) -> Result<Response, Problem> {
    let scope = Scope { level: Level::Study, study: None, series: None };
    search(&door, &principal, scope, request).await
}

/// `/series` and `/studies/{study}/series`.
pub(crate) async fn series(
    State(door): State<Arc<Door>>,
    Caller(principal): Caller,
    target: Target,
    request: Request,
) -> Result<Response, Problem> {
    let scope = Scope { level: Level::Series, study: target.study, series: None };
    search(&door, &principal, scope, request).await
}

/// `/instances`, `/studies/{study}/instances` and `/studies/{study}/series/{series}/instances`.
pub(crate) async fn instances(
    State(door): State<Arc<Door>>,
    Caller(principal): Caller,
    target: Target,
    request: Request,
) -> Result<Response, Problem> {
    let scope = Scope { level: Level::Instance, study: target.study, series: target.series };
    search(&door, &principal, scope, request).await
}

async fn search(
    door: &Door,
    principal: &Principal,
    scope: Scope,
    request: Request,
) -> Result<Response, Problem> {
    let (uri, headers) = (request.uri(), request.headers());
    let selected = accept::select(FOR_DATA_SETS, headers, uri.query(), door.config.missing_accept)?;
    let search = parse::parse(&scope, uri.query().unwrap_or_default(), door.config.limits.results)
        .map_err(|error| Problem::bad_request(error.to_string()))?;
    let base = base_url(&door.config, uri, headers);
    let asked = answer::Asked { level: scope.level, base, offer: selected.offer, uri, headers };
    answer::answer(&door.archive, principal, search, asked).await
}
