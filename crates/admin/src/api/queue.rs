//! Queues: a report per destination, jobs one by one, the story of a study, and what is done to them.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use causeway_core::{RemoteName, Uid};
use causeway_forward::admin::{DestinationReport, StudyStory};
use causeway_forward::delivery::{Change, Changed, Filter, JobRow, JobState, Which};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Caller, name};
use crate::problem::Problem;
use crate::state::Node;

/// Jobs that are listed when no limit is given, and at most.
const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 10_000;

pub(crate) async fn report(
    State(node): State<Node>,
    caller: Caller,
) -> Result<Json<Vec<DestinationReport>>, Problem> {
    Ok(Json(node.forwarder.report(&caller).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    remote: Option<String>,
    state: Option<String>,
    study: Option<String>,
    after: Option<i64>,
    limit: Option<u32>,
}

pub(crate) async fn jobs(
    State(node): State<Node>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Json<Vec<JobRow>>, Problem> {
    let filter = Filter {
        remote: asked.remote.as_deref().map(name).transpose()?,
        state: asked.state.as_deref().map(state).transpose()?,
        study: asked.study.as_deref().map(uid).transpose()?,
        after: asked.after.unwrap_or(0),
        limit: asked.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT),
    };
    Ok(Json(node.forwarder.jobs(&caller, filter).await?))
}

fn state(text: &str) -> Result<JobState, Problem> {
    let known = JobState::ALL.into_iter().find(|state| state.as_str() == text);
    known.ok_or_else(|| Problem::bad_request("a state is waiting, sending, delivered, parked or cancelled"))
}

fn uid(text: &str) -> Result<Uid, Problem> {
    Uid::parse(text).map_err(|error| Problem::bad_request(error.to_string()))
}

pub(crate) async fn story(
    State(node): State<Node>,
    caller: Caller,
    Path(study): Path<String>,
) -> Result<Json<StudyStory>, Problem> {
    let story = node.forwarder.story(&caller, uid(&study)?).await?;
    story.map(Json).ok_or_else(|| Problem::not_found("nothing is known of this study"))
}

pub(crate) async fn change(
    State(node): State<Node>,
    caller: Caller,
    Path((job, change)): Path<(i64, String)>,
) -> Result<StatusCode, Problem> {
    let change = match change.as_str() {
        "retry" => Change::Retry,
        "park" => Change::Park,
        "cancel" => Change::Cancel,
        _ => return Err(Problem::not_found("a job can be retried, parked or cancelled")),
    };
    match node.forwarder.change(&caller, job, change).await? {
        Changed::Done(_) => Ok(StatusCode::NO_CONTENT),
        Changed::Unknown => Err(Problem::not_found(format!("there is no job {job}"))),
        Changed::NotFrom(state) => {
            let words = format!("job {job} is {}: that cannot be done to it", state.as_str());
            Err(Problem::new(StatusCode::CONFLICT, words))
        }
    }
}

/// Which deliveries are meant, and where they are to go.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Meant {
    remote: Option<RemoteName>,
    study: Option<Uid>,
    route: Option<RemoteName>,
    to: Option<RemoteName>,
}

pub(crate) async fn change_many(
    State(node): State<Node>,
    caller: Caller,
    Path(verb): Path<String>,
    Json(Meant { remote, study, route, to }): Json<Meant>,
) -> Result<Json<Value>, Problem> {
    let which = Which { remote, study, route };
    if to.is_some() && verb != "reroute" {
        return Err(Problem::bad_request("only a reroute has a remote that it goes to").at("to"));
    }
    let forwarder = &node.forwarder;
    let changed = match verb.as_str() {
        "retry" => forwarder.change_many(&caller, which, Change::Retry).await?,
        "park" => forwarder.change_many(&caller, which, Change::Park).await?,
        "cancel" => forwarder.change_many(&caller, which, Change::Cancel).await?,
        "reroute" => {
            let to =
                to.ok_or_else(|| Problem::bad_request("a reroute names the remote to go to").at("to"))?;
            forwarder.reroute(&caller, which, to).await?
        }
        "pause" => {
            forwarder.pause(&caller, which).await?;
            return Ok(Json(json!({})));
        }
        "resume" => {
            forwarder.resume(&caller, which).await?;
            return Ok(Json(json!({})));
        }
        _ => {
            let words = "what is queued can be retried, parked, cancelled, rerouted, paused or resumed";
            return Err(Problem::not_found(words));
        }
    };
    Ok(Json(json!({ "changed": changed })))
}
