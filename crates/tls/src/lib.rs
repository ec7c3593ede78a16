//! TLS for DIMSE (PS3.15 §B.12), for the web listener and towards the server of the catalog: who calls, who is called, and that nobody else listens.
//!
//! Lives here: the handshake as server and as client, certificates from files and when they run out, whom they are
//! trusted from, and words for what goes wrong. Never here: DICOM, and who may do what once he is known.
//!
//! Invariant: a stream is given out only after its handshake; a certificate that is told of was presented in it, and
//! its key was proven to be in the peer's hands.

mod certificate;
mod client;
mod config;
mod expiry;
mod explain;
mod files;
mod hush;
mod inlet;
pub mod make;
mod material;
mod refusal;
mod server;
mod setting;
mod stream;
mod suites;
mod tls;
mod trust;
mod watch;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use certificate::{Certificate, Unreadable};
pub use client::{Security, pinned};
pub use config::{CatalogConfig, ClientCertificates, Config, ConfigError, WebConfig};
pub use expiry::{Expiry, Notice, Role, Urgency, WARNING_DAYS};
pub use files::LoadError;
pub use hush::Hush;
pub use refusal::{HandshakeError, Reason, Refused};
pub use setting::{Setting, Table};
pub use stream::Line;
pub use suites::install;
pub use tls::Tls;
pub use watch::Watch;
