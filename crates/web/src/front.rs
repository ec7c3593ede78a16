//! What every request passes on its way in and out: an id, the question of who is calling, one log line, and the
//! headers that all answers share. Thin on purpose: it runs for every single search.
//!
//! The log names the route, never the query: a search's URL is patient data.

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, VARY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use causeway_core::Principal;
use tokio::time::Instant;

use crate::door::Door;
use crate::problem::Internal;
use crate::{auth, cors};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Puts this before `routes`.
pub(crate) fn before(routes: Router, door: Arc<Door>) -> Router {
    routes.layer(from_fn_with_state(door, pass))
}

async fn pass(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = door.request_id();
    let origin = cors::allowed_origin(&door.config.cors, request.headers());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let (mut response, caller) = answer(&door, request, next, origin.is_some()).await;
    log(&id, &method, route.as_ref(), caller.as_deref(), started, &response);
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(X_REQUEST_ID, value);
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
    headers.entry(VARY).or_insert(HeaderValue::from_static("accept, authorization, origin"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(origin) = origin {
        cors::expose(headers, origin);
    }
    response
}

/// A preflight carries no credentials, so it is answered before anyone asks for them.
async fn answer(
    door: &Door,
    request: Request,
    next: Next,
    known_origin: bool,
) -> (Response, Option<Arc<Principal>>) {
    if known_origin && cors::is_preflight(request.method(), request.headers()) {
        return (cors::preflight_answer(), None);
    }
    let (mut parts, body) = request.into_parts();
    match auth::identify(door, &parts).await {
        Ok(caller) => {
            parts.extensions.insert(caller.clone());
            (next.run(Request::from_parts(parts, body)).await, Some(caller))
        }
        Err(problem) => (problem.into_response(), None),
    }
}

fn log(
    id: &str,
    method: &Method,
    route: Option<&MatchedPath>,
    caller: Option<&Principal>,
    started: Instant,
    response: &Response,
) {
    let status = response.status().as_u16();
    let route = route.map_or("-", MatchedPath::as_str);
    let who = caller.map_or("-", |principal| principal.name.as_str());
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    if let Some(Internal(error)) = response.extensions().get() {
        tracing::warn!(request.id = id, %method, route, who, status, milliseconds, error, "request failed");
    } else if method.is_safe() {
        tracing::debug!(request.id = id, %method, route, who, status, milliseconds, "request");
    } else {
        tracing::info!(request.id = id, %method, route, who, status, milliseconds, "request");
    }
}
