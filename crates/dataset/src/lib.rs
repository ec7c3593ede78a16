//! Bytes to attributes and back: scanner, heads, character sets, File Meta Information, DICOM JSON and XML,
//! transcoding, pixels decoded, frames and long values found, pictures, presentation states, reports as text.
//!
//! Lives here: everything that knows how a data set is laid out (PS3.5), pure and synchronous. Never here: files,
//! sockets, async, the meaning of a query. Foreign bytes pass the bounded [`scanner`] and nothing else.

pub mod bulk;
pub mod cda;
pub mod charset;
pub mod compose;
pub mod decompress;
pub mod dicomdir;
pub mod dictionary;
pub mod error;
pub mod file_meta;
pub mod frames;
mod gather;
pub mod head;
pub mod identifier;
pub mod json;
pub mod manifest;
pub mod model;
pub mod pixels;
pub mod presentation;
pub mod render;
pub mod report;
pub mod scanner;
mod scope;
pub mod transcode;
pub mod transform;
mod value;
pub mod xml;

#[cfg(test)]
mod testing;

pub use error::Error;
