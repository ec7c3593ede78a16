//! What tests, benchmarks and the demonstration need to have something to work on.
//!
//! Lives here: makers of samples, a peer that plays bytes, a line that is far and narrow, servers of S3 (`bucket`) and of
//! PostgreSQL (`database`). Never here: anything that the product's own reading or writing of DICOM is made of, so that both
//! are a second opinion on it.

#[cfg(feature = "bucket")]
pub mod bucket;
pub mod database;
pub mod line;
pub mod peer;
pub mod sample;
