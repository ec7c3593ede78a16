//! Bytes to attributes and back: scanner, heads, character sets, File Meta Information, DICOM JSON, transcoding,
//! pixels decoded, and rendered.
//!
//! Lives here: everything that knows how a data set is laid out (PS3.5), pure and synchronous. Never here: files,
//! sockets, async, the meaning of a query. Foreign bytes pass the bounded [`scanner`] and nothing else.

pub mod charset;
pub mod decompress;
pub mod dictionary;
pub mod error;
pub mod file_meta;
mod gather;
pub mod head;
pub mod identifier;
pub mod json;
pub mod pixels;
pub mod render;
pub mod scanner;
mod scope;
pub mod transcode;
mod value;

#[cfg(test)]
mod testing;

pub use error::Error;
