//! Pairing: whoever shows the secret of an invitation is paired. Guesses are counted for each address, as wrong tokens
//! are; what is shown stands in no log.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use causeway_archive::link::PairingError;
use causeway_core::link::words::Pair;
use tokio::time::Instant;

use super::gathered;
use crate::body::RequestBody;
use crate::door::Door;
use crate::problem::Problem;
use crate::rates::{self, Who};

/// Largest request, in bytes.
const MAX_PAIR_BYTES: usize = 4 * 1024;

/// Pairs the caller, or says why not.
pub(super) async fn pair(State(door): State<Arc<Door>>, request: Request) -> Response {
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    // Each is counted beforehand: who guesses asks often, who pairs asks once.
    if let Some(address) = address
        && let Err(wait) = door.refusals.take(Who::at(address), Instant::now())
    {
        let words = "too many pairings were tried from this address; wait as long as Retry-After says";
        return rates::too_many(wait, words);
    }
    match paired(&door, request).await {
        Ok(response) => response,
        Err(problem) => {
            tracing::info!(status = problem.status().as_u16(), "a node was not paired");
            problem.into_response()
        }
    }
}

async fn paired(door: &Door, request: Request) -> Result<Response, Problem> {
    let body = RequestBody::new(request.into_body(), door.config.limits.read_timeout());
    let body = gathered(body, MAX_PAIR_BYTES).await?;
    let pair: Pair =
        serde_json::from_slice(&body).map_err(|_| Problem::bad_request("the request is no pairing"))?;
    let told = door.archive.redeem(&pair).await.map_err(problem)?;
    tracing::info!(remote = told.name, node = %pair.node, "a node was paired");
    Ok(Json(told).into_response())
}

fn problem(error: PairingError) -> Problem {
    let status = match &error {
        PairingError::Access(_) | PairingError::Unknown => StatusCode::FORBIDDEN,
        PairingError::Expired | PairingError::Used => StatusCode::GONE,
        PairingError::Own => StatusCode::CONFLICT,
        PairingError::Malformed(_) => StatusCode::BAD_REQUEST,
        PairingError::Catalog(_) => return Problem::inside(error.class(), error.to_string()),
    };
    Problem::new(status, error.to_string())
}
