//! How long things are kept, and why they go: ages (`age`), who removes what for which reason (`removal`), what rules say of a
//! study (`retention`), and how full a quota is (`quota`).

mod age;
pub mod quota;
mod removal;
pub mod retention;

pub use age::{Age, AgeError, MAX_AGE_SECONDS};
pub use removal::{Reason, ReasonError, Removal, RemovalMark};
