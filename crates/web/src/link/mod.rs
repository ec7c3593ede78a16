//! The door for the link from other nodes: pairing, offers, uploads, and what they collect. Beside DICOMweb on the same listener, below
//! [`causeway_core::link::BASE`].
//!
//! Pairing is open to whoever has an invitation; all else to those that were paired, who show their key as a bearer
//! token. What arrives goes the archive's one way in.

mod collect;
mod offer;
mod pair;
mod upload;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use causeway_archive::{Archive, link};
use causeway_core::link::BASE;
use causeway_core::{Principal, RemoteName};

use crate::body::RequestBody;
use crate::config::Config;
use crate::door::Door;
use crate::front;
use crate::problem::Problem;

/// All resources of the link.
pub fn router(archive: Archive, config: Config) -> Router {
    let door = Door::new(archive, config);
    let paired = Router::new()
        .route(&format!("{BASE}/offer"), post(offer::answer))
        .route(&format!("{BASE}/upload"), post(upload::take))
        .route(&format!("{BASE}/collect"), post(collect::ask))
        .route(&format!("{BASE}/collect/{{ticket}}"), post(collect::take))
        .route(&format!("{BASE}/collect/{{ticket}}/said"), post(collect::said))
        .with_state(Arc::clone(&door));
    let open = Router::new().route(&format!("{BASE}/pair"), post(pair::pair)).with_state(Arc::clone(&door));
    front::before(paired, door).merge(open)
}

/// The paired remote that is calling.
fn caller(principal: &Principal) -> Result<RemoteName, Problem> {
    link::paired(principal).ok_or_else(|| {
        Problem::new(
            StatusCode::FORBIDDEN,
            "only a node that was paired with this one calls here: `causeway link invite NAME` here, and `causeway \
             link accept CODE` there",
        )
    })
}

/// A body that is small enough to be held whole.
async fn gathered(mut body: RequestBody, max_bytes: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.chunk().await? {
        if bytes.len() + chunk.len() > max_bytes {
            return Err(Problem::too_large(format!("the request has more than {max_bytes} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
