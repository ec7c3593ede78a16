//! A request's body as it comes in: chunk by chunk, each within its time, never gathered.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::StatusCode;
use bytes::Bytes;
use http_body_util::BodyExt;

use crate::problem::Problem;

/// A body that is read in chunks, each of which must come within a time.
pub(crate) struct RequestBody {
    body: Body,
    patience: Duration,
}

/// Why a body ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BrokenOff {
    /// No chunk came in time.
    #[error("the sender paused longer than the node waits")]
    Paused,
    /// The connection broke, or the framing did.
    #[error("the request's body broke off")]
    Lost,
}

impl RequestBody {
    pub(crate) const fn new(body: Body, patience: Duration) -> Self {
        Self { body, patience }
    }

    /// The next chunk, never empty; `None` at the regular end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, BrokenOff> {
        loop {
            let frame = tokio::time::timeout(self.patience, self.body.frame()).await;
            let frame = frame.map_err(|_| BrokenOff::Paused)?;
            let Some(frame) = frame.transpose().map_err(|_| BrokenOff::Lost)? else { return Ok(None) };
            match frame.into_data() {
                Ok(data) if !data.is_empty() => return Ok(Some(data)),
                // Trailers and empty frames say nothing.
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// Whether it is known to be empty before anything is read.
    pub(crate) fn is_empty(&self) -> bool {
        self.body.is_end_stream()
    }
}

impl From<BrokenOff> for Problem {
    fn from(error: BrokenOff) -> Self {
        let status = match error {
            BrokenOff::Paused => StatusCode::REQUEST_TIMEOUT,
            BrokenOff::Lost => StatusCode::BAD_REQUEST,
        };
        Self::new(status, error.to_string())
    }
}
