//! The table of contents: every resource of the administrator's door and the file that answers for it.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::map_response;
use axum::routing::{delete, get, post, put};

use crate::api::{
    doctor, errands, events, holds, incidents, links, node, nodes, procedure_steps, queue, quotas, remotes,
    removed, retention, routes, store_move, tokens, transforms, verification, visits, way_back, webhooks,
    worklist,
};
use crate::problem::{dressed, method_not_allowed};
use crate::state::Node;
use crate::{health, metrics, page};

/// Where the REST interface begins.
pub const BASE: &str = "/api/v1";

/// What anyone may ask: whether the node lives and is ready. No word of what it keeps.
pub fn open(node: Node) -> Router {
    Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .with_state(node)
}

/// What is about the keeping of what was taken.
fn keeping() -> Router<Node> {
    Router::new()
        .route("/verification", get(verification::show).post(verification::begin).delete(verification::stop))
        .route("/verification/findings", get(verification::findings))
        .route("/store/move", get(store_move::show).post(store_move::begin).delete(store_move::stop))
        .route("/removed", get(removed::list))
        .route("/removed/{study}", delete(removed::end_grace))
        .route("/removed/{study}/restore", post(removed::restore))
        .route("/holds", get(holds::list))
        .route("/holds/{study}", put(holds::put).delete(holds::remove))
        .route("/retention", get(retention::list))
        .route("/retention/{name}", put(retention::put).delete(retention::remove))
        .route("/retention/{name}/enable", post(retention::enable))
        .route("/retention/{name}/disable", post(retention::disable))
        .route("/retention-preview", get(retention::preview))
        .route("/quotas", get(quotas::list))
        .route("/quotas/{name}", put(quotas::put).delete(quotas::remove))
}

/// What only those may ask who said who they are.
pub fn closed(node: Node) -> Router {
    let api = Router::new()
        .route("/node", get(node::show))
        .route("/nodes", get(nodes::list))
        .route("/doctor", get(doctor::examine))
        .route("/incidents", get(incidents::list).delete(incidents::forget))
        .route("/remotes", get(remotes::list))
        .route("/remotes/{name}", put(remotes::put).get(remotes::show).delete(remotes::remove))
        .route("/remotes/{name}/acceptances", get(remotes::acceptances))
        .route("/remotes/{name}/echo", post(remotes::echo))
        .route("/remotes/{name}/find", post(visits::find))
        .route("/remotes/{name}/retrieve", post(visits::retrieve))
        .route("/remotes/{name}/send", post(visits::send))
        .route("/link/invites", get(links::list))
        .route("/link/invites/{name}", put(links::invite).delete(links::revoke))
        .route("/link/accept", post(links::accept))
        .route("/link/{name}", get(links::show))
        .route("/routes", get(routes::list))
        .route("/routes/{name}", put(routes::put).delete(routes::remove))
        .route("/routes/{name}/place", post(routes::place))
        .route("/routes/{name}/rehearsal", post(routes::rehearse))
        .route("/studies/{study}/routes", get(routes::explain))
        .route("/studies/{study}/story", get(queue::story))
        .route("/queue", get(queue::report))
        .route("/queue/jobs", get(queue::jobs))
        .route("/queue/jobs/{job}/{change}", post(queue::change))
        .route("/queue/{change}", post(queue::change_many))
        .route("/events", get(events::feed))
        .route("/webhooks", get(webhooks::list))
        .route("/webhooks/{name}", put(webhooks::put).delete(webhooks::remove))
        .route("/commitments", get(errands::commitments))
        .route("/notices", get(errands::notices))
        .route("/way-back", get(way_back::list))
        .route("/way-back/{instance}", delete(way_back::discard))
        .route("/way-back/{instance}/retry", post(way_back::retry))
        .route("/tokens", get(tokens::list))
        .route("/tokens/{name}", put(tokens::put).delete(tokens::remove))
        .route("/transforms", get(transforms::list))
        .route("/transforms/{name}", put(transforms::put).get(transforms::show).delete(transforms::remove))
        .route(
            "/transforms/{name}/try",
            post(transforms::attempt).layer(DefaultBodyLimit::max(causeway_archive::MAX_TRIED_BYTES)),
        )
        .route("/worklist", get(worklist::list).post(worklist::add))
        .route("/worklist/matches", get(worklist::matches))
        .route("/worklist/{id}", get(worklist::show).put(worklist::put).delete(worklist::remove))
        .route("/procedure-steps", get(procedure_steps::list))
        .route("/procedure-steps/{uid}", get(procedure_steps::show))
        .merge(keeping());
    Router::new()
        .route("/", get(page::first))
        .route("/metrics", get(metrics::show))
        .nest(BASE, api)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(map_response(dressed))
        .with_state(node)
}
