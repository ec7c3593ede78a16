//! What tests, benchmarks and the demonstration need to have something to work on.
//!
//! Lives here: makers of samples. Never here: anything that the product's own reading or writing of DICOM is
//! made of, so that a sample is a second opinion on it.

pub mod sample;
