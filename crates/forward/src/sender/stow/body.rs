//! The body of a STOW request: a multipart stream (RFC 2046 §5.1), never whole in memory, and what is known of it
//! while it goes out: when the far side last took some, and which part could not be read here.

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use causeway_archive::Object;
use futures_util::stream::{self, Stream, StreamExt};
use tokio::time::Instant;

/// Most bytes that are handed over at once: small enough that a slow line shows progress within its time.
const PIECE_BYTES: usize = 64 * 1024;

/// A part that could not be read to its end here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// Which part, from 0.
    pub(super) part: usize,
    /// Why.
    pub(super) words: String,
}

/// How an upload goes. All clones are one.
#[derive(Debug, Clone)]
pub(super) struct Upload(Arc<Progress>);

#[derive(Debug)]
struct Progress {
    begun: Instant,
    taken: Mutex<Option<Instant>>,
    fault: OnceLock<Fault>,
}

impl Upload {
    /// An upload that begins now.
    pub(super) fn new() -> Self {
        let progress = Progress { begun: Instant::now(), taken: Mutex::default(), fault: OnceLock::new() };
        Self(Arc::new(progress))
    }

    /// Whether anything of the body was taken: without it the far side had no say in what failed.
    pub(super) fn was_taken(&self) -> bool {
        self.taken().is_some()
    }

    /// The part that could not be read here, if one could not.
    pub(super) fn fault(&self) -> Option<&Fault> {
        self.0.fault.get()
    }

    /// Completes when nothing was taken for `limit`.
    pub(super) async fn silent_for(&self, limit: Duration) {
        loop {
            let until = self.taken().unwrap_or(self.0.begun) + limit;
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }

    fn taken(&self) -> Option<Instant> {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

/// The request's body.
pub(super) fn multipart(
    objects: Vec<Object>,
    boundary: String,
    upload: &Upload,
) -> impl Stream<Item = Result<Bytes, io::Error>> + use<> {
    let end = format!("\r\n--{boundary}--\r\n");
    let (noted, taken) = (upload.clone(), upload.clone());
    let parts = stream::iter(objects.into_iter().enumerate())
        .flat_map(move |(at, object)| part(at, object, &boundary, noted.clone()));
    parts.chain(stream::once(async move { Ok(Bytes::from(end)) })).inspect(move |_| taken.take())
}

fn part(
    at: usize,
    object: Object,
    boundary: &str,
    upload: Upload,
) -> impl Stream<Item = Result<Bytes, io::Error>> + use<> {
    let head = format!(
        "\r\n--{boundary}\r\nContent-Type: application/dicom; transfer-syntax={}\r\n\r\n",
        object.transfer_syntax
    );
    let before = stream::iter([Ok(Bytes::from(head)), Ok(object.file_meta.clone())]);
    let data_set = stream::unfold(Some((object, Bytes::new())), move |state| {
        let upload = upload.clone();
        async move {
            let (mut object, mut rest) = state?;
            while rest.is_empty() {
                rest = match object.chunk().await {
                    Ok(chunk) => chunk?,
                    Err(error) => {
                        // The client tells a failing body and a failing line not apart: this is how we know.
                        let _ = upload.0.fault.set(Fault { part: at, words: error.to_string() });
                        return Some((Err(io::Error::other(error)), None));
                    }
                };
            }
            let piece = rest.split_to(rest.len().min(PIECE_BYTES));
            Some((Ok(piece), Some((object, rest))))
        }
    });
    before.chain(data_set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn silence_counts_from_what_was_taken_last() {
        let (upload, begun) = (Upload::new(), Instant::now());
        let moment = Duration::from_millis(100);
        assert!(!upload.was_taken());
        let other = upload.clone();
        let takes = async move {
            for _ in 0..3 {
                tokio::time::sleep(moment).await;
                other.take();
            }
        };
        tokio::join!(takes, upload.silent_for(moment * 4));
        assert!(begun.elapsed() >= moment * 7);
        assert!(upload.was_taken());
    }
}
