//! Deliveries over the wire to peers that follow a script: what is delivered, what is held back, who is blamed.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;
mod cstore;
mod hub;
mod lines;
mod peer;
mod stow;
