//! Associations over streams: against ourselves, against the hostile, against programs that others wrote.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking, and a skipped one says so"
)]

mod association;
mod common;
mod convoy;
mod courier;
mod cuts;
mod dcmtk;
mod event;
mod get;
mod hostile;
mod pipeline;
mod states;
