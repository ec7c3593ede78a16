//! What every request passes on its way in and out: an id, the question of who is calling, one log line, and the
//! headers that all answers share. Thin on purpose: it runs for every single search.
//!
//! The log names the route, never the query: a search's URL is patient data.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, VARY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use causeway_archive::BearerError;
use causeway_core::incident::Peer;
use causeway_core::{Incident, IncidentKind, Principal};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::base_url::has_fitting_host;
use crate::door::Door;
use crate::problem::{Internal, Problem};
use crate::rates::{self, Who};
use crate::{auth, cors, gzip, under_way};

/// Longest method that is told of; a caller may call it anything.
const MAX_METHOD_BYTES: usize = 16;
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
    let wants_gzip = gzip::is_wanted(request.headers());
    let (mut response, caller) = answer(&door, request, next, origin.is_some()).await;
    log(&id, &method, route.as_ref(), caller.as_deref(), started, &response);
    if wants_gzip {
        response = gzip::packed(response);
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(X_REQUEST_ID, value);
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
    headers.entry(VARY).or_insert(HeaderValue::from_static("accept, accept-encoding, authorization, origin"));
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
    if !has_fitting_host(request.version(), request.headers()) {
        let words = "a request of HTTP/1.1 has one Host header, and that names a host";
        return (Problem::bad_request(words).into_response(), None);
    }
    let (mut parts, body) = request.into_parts();
    let address = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    match auth::identify(door, &parts).await {
        Ok(caller) => {
            let place = match admit(door, &caller, address) {
                Ok(place) => place,
                Err(response) => return (*response, Some(caller)),
            };
            parts.extensions.insert(caller.clone());
            let response = next.run(Request::from_parts(parts, body)).await;
            (under_way::held(response, place), Some(caller))
        }
        Err(problem) => (refuse(door, problem, address), None),
    }
}

/// A place for a request of `caller`, or the answer for one that asks too often or too much at once.
fn admit(
    door: &Door,
    caller: &Arc<Principal>,
    address: Option<IpAddr>,
) -> Result<OwnedSemaphorePermit, Box<Response>> {
    // Whoever is on this machine and needs no token could do worse to it.
    if !Arc::ptr_eq(caller, &door.local)
        && let Err(wait) = door.rates.take(Who::Name(&caller.name), Instant::now())
    {
        tell(door, &caller.name, address, "[web.limits] requests_per_second");
        let words = "this caller asks more often than it may; wait as long as Retry-After says";
        return Err(Box::new(rates::too_many(wait, words)));
    }
    let busy = "too many requests are under way at once; try again in a moment";
    Arc::clone(&door.places).try_acquire_owned().map_err(|_| Box::new(Problem::busy(busy).into_response()))
}

/// The answer for a caller that is not let in; one that tries again and again is told to wait.
fn refuse(door: &Door, problem: Problem, address: Option<IpAddr>) -> Response {
    if let (Some(error), Some(address)) = (problem.refused_token(), address) {
        door.archive.note(refused_token(error, address.to_canonical()));
    }
    if problem.status() == StatusCode::UNAUTHORIZED
        && let Some(address) = address
        && let Err(wait) = door.refusals.take(Who::at(address), Instant::now())
    {
        tell(door, "-", Some(address), "[web.limits] refusals_per_second");
        let words = "too many requests without a good token have come from this address; get one, and wait as long as \
                     Retry-After says";
        return rates::too_many(wait, words);
    }
    problem.into_response()
}

/// What the book of incidents is told of a token that was not believed: why, and nothing of the token.
fn refused_token(error: BearerError, address: IpAddr) -> Incident {
    Incident {
        kind: IncidentKind::TokenRefused,
        peer: Peer { address, ae_title: String::new() },
        subject: format!("bearer token: {error}"),
        words: format!("a bearer token was refused: {error}"),
        remedy: remedy(error).map(str::to_owned),
    }
}

fn remedy(error: BearerError) -> Option<&'static str> {
    match error {
        BearerError::Unknown | BearerError::TooLong | BearerError::Malformed => Some(
            "`causeway token add NAME --allow …` makes a token that is believed; [auth.oidc] says whose others are",
        ),
        BearerError::UnknownKey | BearerError::Elsewhere => {
            Some("issuer and audience are set in [auth.oidc], and must be those of the token")
        }
        BearerError::Time => Some("the caller needs a fresh token; clocks must agree"),
        BearerError::NoKeys => None,
    }
}

/// Tells once a minute of a caller that was sent away with 429.
fn tell(door: &Door, who: &str, address: Option<IpAddr>, limit: &str) {
    let Some(address) = address.map(|address| address.to_canonical()) else { return };
    if let Some(kept) = door.hush.ask(address, limit, Instant::now()) {
        tracing::warn!(%address, who, kept_back = kept, limit, "a caller asks too often and is told to wait");
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
    let is_safe = method.is_safe();
    let method = if method.as_str().len() <= MAX_METHOD_BYTES { method.as_str() } else { "-" };
    let who = caller.map_or("-", |principal| principal.name.as_str());
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    if let Some(Internal(error)) = response.extensions().get() {
        tracing::warn!(request.id = id, %method, route, who, status, milliseconds, error, "request failed");
    } else if is_safe || response.status() == StatusCode::TOO_MANY_REQUESTS {
        tracing::debug!(request.id = id, %method, route, who, status, milliseconds, "request");
    } else {
        tracing::info!(request.id = id, %method, route, who, status, milliseconds, "request");
    }
}
