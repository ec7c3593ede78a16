//! How long things are kept, and why they go: ages (`age`), and who removes what for which reason (`removal`).

mod age;
mod removal;

pub use age::{Age, AgeError, MAX_AGE_SECONDS};
pub use removal::{Reason, ReasonError, Removal, RemovalMark};
