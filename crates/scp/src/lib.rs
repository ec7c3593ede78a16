//! The DIMSE door (PS3.4 §A, §B, §C, §F.7, §K): C-ECHO, C-STORE, C-FIND, C-MOVE, C-GET, the modality worklist,
//! performed procedure steps and storage commitment (§J) over associations that peers ask for.
//!
//! Lives here: the listener, who may ask for what (`gate`), what is negotiated beside (`extended`), identifiers as
//! queries (`identifier`), one file per service. Never here: calls of ours (`forward` makes them), HTTP, SQL,
//! how PDUs are laid out. Every request becomes a call of the archive.
//!
//! Invariant: a status is sent only after what it says is true; Success of a C-STORE means that the instance
//! survives a crash.

mod config;
mod conversation;
mod door;
mod extended;
mod gate;
mod identifier;
mod knock;
mod listener;
mod report;
mod services;

pub use config::{Config, ConfigError};
pub use listener::{Listeners, serve};
