//! The feed of events: in pages that may be waited for, or as server-sent events (WHATWG HTML §9.2).

use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use causeway_core::{EventKind, Principal};
use causeway_forward::admin::{AdminError, MAX_EVENTS};
use causeway_forward::{Event, Events};
use futures_util::stream::{self, StreamExt};
use serde::Deserialize;
use tokio::time::Instant;

use super::Caller;
use crate::problem::Problem;
use crate::state::Node;

/// Events of a page when nothing is said.
const DEFAULT_LIMIT: u32 = 100;
/// Longest wait for something to happen, in seconds.
const MAX_WAIT_SECONDS: u64 = 60;
/// How often the trail is looked at while one waits: a nudge tells of most, and not of all.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// The last event that is known.
    #[serde(default)]
    after: i64,
    limit: Option<u32>,
    /// Kinds, separated by commas.
    kind: Option<String>,
    /// How long to wait for something to happen, in seconds.
    #[serde(default)]
    wait: u64,
}

pub(crate) async fn feed(
    State(node): State<Node>,
    caller: Caller,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let kinds = kinds(asked.kind.as_deref())?;
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let accept = text(ACCEPT.as_str()).unwrap_or_default();
    if accept.contains("text/event-stream") {
        let known = text("last-event-id").and_then(|id| id.parse().ok()).unwrap_or(asked.after);
        // Asked once at once, so that who may not is told so in the answer's status.
        node.forwarder.events(&caller, known, kinds.clone(), 0).await?;
        return Ok(followed(Follower { node, caller, kinds, after: known }));
    }
    let limit = asked.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_EVENTS);
    let until = Instant::now() + Duration::from_secs(asked.wait.min(MAX_WAIT_SECONDS));
    let follower = Follower { node, caller, kinds, after: asked.after };
    Ok(Json(follower.page(limit, until).await?).into_response())
}

fn kinds(asked: Option<&str>) -> Result<Vec<EventKind>, Problem> {
    let names = asked.into_iter().flat_map(|kinds| kinds.split(',')).filter(|name| !name.is_empty());
    names
        .map(|name| name.trim().parse())
        .collect::<Result<_, _>>()
        .map_err(|error: causeway_core::event::EventKindError| Problem::bad_request(error.to_string()))
}

/// Someone who follows the feed.
struct Follower {
    node: Node,
    caller: Caller,
    kinds: Vec<EventKind>,
    after: i64,
}

impl Follower {
    /// The next events, or none when nothing happens until then or the node stops.
    async fn page(&self, limit: u32, until: Instant) -> Result<Events, AdminError> {
        let principal: &Principal = &self.caller;
        let (mut nudges, mut stopping) = (self.node.forwarder.nudges(), self.node.forwarder.stopping());
        let mut after = self.after;
        loop {
            nudges.mark_unchanged();
            let told = self.node.forwarder.events(principal, after, self.kinds.clone(), limit).await?;
            if !told.events.is_empty() || Instant::now() >= until || *stopping.borrow() {
                return Ok(told);
            }
            after = told.last;
            tokio::select! {
                _ = nudges.changed() => {}
                _ = stopping.wait_for(|stopping| *stopping) => {}
                () = tokio::time::sleep_until(until.min(Instant::now() + LOOK)) => {}
            }
        }
    }
}

/// The feed without an end, but for the node's own.
fn followed(follower: Follower) -> Response {
    let pages = stream::unfold(follower, |mut follower| async move {
        let until = Instant::now() + Duration::from_secs(MAX_WAIT_SECONDS);
        let page = follower.page(DEFAULT_LIMIT, until).await.ok()?;
        if page.events.is_empty() && *follower.node.forwarder.stopping().borrow() {
            return None;
        }
        follower.after = page.last;
        Some((page.events, follower))
    });
    let events = pages.flat_map(|page| stream::iter(page.into_iter().map(sent)));
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}

fn sent(event: Event) -> Result<Sent, std::convert::Infallible> {
    let sent = Sent::default().id(event.id.to_string()).event(event.kind.as_str());
    Ok(sent.data(serde_json::to_string(&event).unwrap_or_default()))
}
