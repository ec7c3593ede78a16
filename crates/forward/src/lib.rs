//! Delivery: who gets what, and the proof that it got there.
//!
//! Lives here: routes and their conditions, the pure decisions (`failure`, `backoff`, `job`, `health`), the workers
//! that claim jobs with a lease, the senders (C-STORE, STOW-RS, the link), errands (storage commitment, notices), what an
//! administrator sees and does of all this, and what a remote is asked or given while one watches (`visit`). Never here:
//! doors, SQL, where bytes are kept.
//!
//! Invariant: a job is Delivered only when the far side said so of that very instance. The catalog's table of jobs
//! is the truth; a nudge is a hint.
//!
//! ```text
//!  Router (a Dispatcher)         Forwarder                      Sender
//!  plan: record → deliveries ──► claims, steps, concludes ──►   C-STORE | STOW-RS | link
//! ```

pub mod admin;
mod backoff;
mod collect;
pub mod condition;
mod config;
mod dicomweb;
mod errands;
mod failure;
mod health;
mod http;
mod job;
pub mod link;
mod mending;
mod priors;
mod qido;
mod release;
mod route;
mod router;
mod routes;
mod sender;
#[cfg(test)]
mod testing;
pub mod visit;
mod webhooks;
mod worker;

pub use causeway_catalog::{
    Alike, Ask, Completeness, DEFAULT_WAIT_SECONDS, Event, Events, Place, Priors, Role, RouteRecord, Since,
    Then, Webhook, acceptance, delivery, errand,
};
pub use config::{Config, ConfigError};
pub use errands::Config as ErrandsConfig;
pub use route::{
    MAX_DELAY_SECONDS, MAX_DESTINATIONS, MAX_PRIOR_YEARS, MAX_PRIORS, MAX_QUIET_SECONDS, Route, RouteError,
};
pub use router::Router;
pub use routes::{Explained, Routes};
pub use worker::Forwarder;
