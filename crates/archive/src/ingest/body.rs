//! A data set on its way in: chunks, as they come off the wire.

use std::future::Future;

use bytes::Bytes;
use causeway_core::Class;

/// The far side stopped in the middle.
#[derive(Debug, thiserror::Error)]
#[error("{words}")]
pub struct BodyError {
    /// What happened.
    pub words: String,
    /// What it calls for.
    pub class: Class,
}

/// A stream of chunks. `None` is its regular end, which the door vouches for; anything else is an error.
pub trait Body: Send {
    /// The next chunk.
    fn chunk(&mut self) -> impl Future<Output = Result<Option<Bytes>, BodyError>> + Send;

    /// How many bytes are to come, where that was said: one for which there is no room is refused at once.
    fn announced_bytes(&self) -> Option<u64> {
        None
    }

    /// What its beginning is to be known by after the process has ended, where it may be gone on with then.
    fn mark(&self) -> Option<Bytes> {
        None
    }
}

/// A body that is there already.
pub struct OneChunk(Option<Bytes>);

impl OneChunk {
    /// The body `bytes`.
    #[must_use]
    pub const fn new(bytes: Bytes) -> Self {
        Self(Some(bytes))
    }
}

impl Body for OneChunk {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        Ok(self.0.take())
    }
}
