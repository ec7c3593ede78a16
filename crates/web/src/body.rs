//! A request's body as it comes in: chunk by chunk, each within its time and fast enough on the whole, never gathered.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::StatusCode;
use bytes::Bytes;
use causeway_archive::BodyError;
use causeway_core::Class;
use http_body_util::BodyExt;
use tokio::time::Instant;

use crate::problem::Problem;

/// Least that a sender must bring for each second that it is waited for, in bytes: who drips holds a place that others
/// need. A line of 9600 bit/s is as fast.
const MIN_BYTES_A_SECOND: u64 = 1024;

/// A body that is read in chunks, each of which must come within a time.
pub(crate) struct RequestBody {
    body: Body,
    patience: Duration,
    progress: Progress,
}

/// What came while the sender was waited for, and for how long that was; begun anew when it is as long as the patience.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    waited: Duration,
    bytes: u64,
}

impl Progress {
    /// Counts what came after a wait. False: it is too little for all the time.
    fn count(&mut self, waited: Duration, bytes: usize, patience: Duration) -> bool {
        self.waited += waited;
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if self.waited < patience {
            return true;
        }
        let is_enough = self.bytes >= self.waited.as_secs().saturating_mul(MIN_BYTES_A_SECOND);
        *self = Self::default();
        is_enough
    }
}

/// Why a body ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BrokenOff {
    /// No chunk came in time.
    #[error("the sender paused longer than the node waits")]
    Paused,
    /// They came, and too few.
    #[error("the sender is slower than {MIN_BYTES_A_SECOND} bytes a second")]
    Drips,
    /// The connection broke, or the framing did.
    #[error("the request's body broke off")]
    Lost,
}

impl RequestBody {
    pub(crate) fn new(body: Body, patience: Duration) -> Self {
        Self { body, patience, progress: Progress::default() }
    }

    /// The next chunk, never empty; `None` at the regular end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, BrokenOff> {
        loop {
            let begun = Instant::now();
            let frame = tokio::time::timeout(self.patience, self.body.frame()).await;
            let frame = frame.map_err(|_| BrokenOff::Paused)?;
            let Some(frame) = frame.transpose().map_err(|_| BrokenOff::Lost)? else { return Ok(None) };
            // Trailers and empty frames say nothing.
            let data = frame.into_data().unwrap_or_default();
            // Only the time that we wait counts, not what we take for our own work.
            if !self.progress.count(begun.elapsed(), data.len(), self.patience) {
                return Err(BrokenOff::Drips);
            }
            if !data.is_empty() {
                return Ok(Some(data));
            }
        }
    }

    /// Whether it is known to be empty before anything is read.
    pub(crate) fn is_empty(&self) -> bool {
        self.body.is_end_stream()
    }
}

impl causeway_archive::Body for RequestBody {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        let broken = |error: BrokenOff| BodyError { words: error.to_string(), class: Class::Peer };
        Self::chunk(self).await.map_err(broken)
    }
}

impl From<BrokenOff> for Problem {
    fn from(error: BrokenOff) -> Self {
        let status = match error {
            BrokenOff::Paused | BrokenOff::Drips => StatusCode::REQUEST_TIMEOUT,
            BrokenOff::Lost => StatusCode::BAD_REQUEST,
        };
        Self::new(status, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[test]
    fn who_brings_as_much_as_the_time_asks_for_is_read_on_and_who_brings_less_is_not() {
        let second = Duration::from_secs(1);
        let ends = |bytes: usize| {
            let mut progress = Progress::default();
            !(0..100).all(|_| progress.count(second, bytes, PATIENCE))
        };
        assert!(ends(1) && ends(1023));
        assert!(!ends(1024) && !ends(1025));
    }

    #[test]
    fn a_pause_within_the_patience_is_forgiven_and_what_was_brought_before_is_not_counted_for_ever() {
        let mut progress = Progress::default();
        assert!(progress.count(PATIENCE - Duration::from_secs(1), 0, PATIENCE));
        assert!(progress.count(Duration::from_secs(1), 10 * 1024, PATIENCE));
        assert!(progress.count(Duration::ZERO, 1 << 30, PATIENCE));
        assert!(progress.count(PATIENCE, 0, PATIENCE));
        assert!(!progress.count(PATIENCE, 0, PATIENCE));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_drips_is_ended() {
        let drops = futures_util::stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b"a")), ()))
        });
        let mut body = RequestBody::new(Body::from_stream(drops), PATIENCE);
        let mut read = 0;
        let end = loop {
            match body.chunk().await {
                Ok(Some(_)) => read += 1,
                other => break other,
            }
        };
        assert_eq!((end, read), (Err(BrokenOff::Drips), 9));
    }
}
