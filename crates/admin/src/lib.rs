//! The administrator's door: the REST interface at `/api/v1`, health, metrics, the first page.
//!
//! Lives here: how remotes, routes, queues and tokens are told and changed over HTTP. Never here: rules of its own
//! (the archive and the forwarder have them), and the question of who is calling (`node` puts the web door's in
//! front; handlers find an `Extension<Arc<Principal>>`).

mod api;
mod health;
mod metrics;
mod page;
mod problem;
mod router;
mod state;

pub use router::{BASE, closed, open};
pub use state::{LinkFace, Node};
