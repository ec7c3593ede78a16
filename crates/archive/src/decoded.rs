//! Instances given decompressed: their bytes through the decompressor, whose work is done on threads of
//! its own. Never here: how pixels are decoded, which is `dataset`'s.

use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::thread::available_parallelism;

use bytes::Bytes;
use causeway_core::Uid;
use causeway_core::transfer_syntax::Layout;
use causeway_dataset::decompress::{Decompressor, Turn};
use causeway_store::{Blob, BlobStream, Pool};
use futures_util::StreamExt;

use crate::error::{RetrieveError, unreadable};

/// Most threads that decode: each may work at a frame of the largest size.
const MAX_THREADS: usize = 8;
/// Turns that may wait for a thread; one more waits at its caller.
const MAX_QUEUED_TURNS: usize = 64;

/// The threads that decode, started when the first instance has to be decoded.
#[derive(Default)]
pub(crate) struct Decoders(OnceLock<Arc<Pool>>);

impl Decoders {
    /// The threads.
    ///
    /// # Errors
    /// When the system has none to give.
    pub(crate) fn pool(&self) -> Result<Arc<Pool>, RetrieveError> {
        if let Some(pool) = self.0.get() {
            return Ok(Arc::clone(pool));
        }
        let threads = available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
        let pool = Arc::new(Pool::new("decode", threads, MAX_QUEUED_TURNS)?);
        // Of two that come here at once one is kept.
        Ok(Arc::clone(self.0.get_or_init(|| pool)))
    }
}

/// An instance that is being decompressed.
pub(crate) struct Decoded {
    pool: Arc<Pool>,
    blob: Blob,
    /// Where in the blob the data set is.
    bytes: Range<u64>,
    stored: BlobStream,
    /// Gone while it works, and after an error.
    decompressor: Option<Decompressor>,
    syntax: Uid,
    /// What came out while it was opened.
    first: Option<Bytes>,
}

impl Decoded {
    /// Begins with what `blob` holds in `bytes`, an instance in that transfer syntax, and decodes the first frame, so
    /// that what cannot be decoded shows before anything is sent.
    pub(crate) async fn begin(
        pool: Arc<Pool>,
        blob: Blob,
        bytes: Range<u64>,
        (sop_instance, syntax): (&Uid, &Uid),
        to: Layout,
    ) -> Result<Self, RetrieveError> {
        let syntax = syntax.clone();
        let decompressor = Decompressor::new(&syntax, to).ok_or_else(|| RetrieveError::NotDecodable {
            stored: syntax.clone(),
            reason: "there is no decoder for it".to_owned(),
        })?;
        let stored = blob.clone().stream(bytes.clone());
        let decompressor = Some(decompressor);
        let mut decoded = Self { pool, blob, bytes, stored, decompressor, syntax, first: None };
        decoded.first = decoded.chunk().await?;
        let left_out = decoded.decompressor.as_mut().map(Decompressor::left_out).unwrap_or_default();
        for reason in left_out {
            tracing::warn!(sop_instance.uid = %sop_instance, reason, "an icon is left out of what is sent");
        }
        Ok(decoded)
    }

    /// The next chunk: at most one frame, or what the bytes read at a time become.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, RetrieveError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        loop {
            match self.turn().await? {
                Turn::Has(bytes) => return Ok(Some(bytes)),
                Turn::Done => return Ok(None),
                Turn::Wants => {}
                Turn::WantsFrom(offset) => {
                    let start = self.bytes.start.saturating_add(offset);
                    self.stored = self.blob.clone().stream(start..self.bytes.end);
                }
            }
            let chunk = self.stored.next().await.transpose()?;
            let Some(decompressor) = &mut self.decompressor else { return Err(broken_off()) };
            match chunk {
                Some(chunk) => decompressor.give(chunk),
                None => decompressor.end(),
            }
        }
    }

    /// One turn of the decompressor, on a thread of the pool.
    async fn turn(&mut self) -> Result<Turn, RetrieveError> {
        let mut decompressor = self.decompressor.take().ok_or_else(broken_off)?;
        let job = move || {
            let turn = decompressor.turn();
            (decompressor, turn)
        };
        let (decompressor, turn) = self.pool.run(job).await?;
        let turn = turn.map_err(|error| RetrieveError::NotDecodable {
            stored: self.syntax.clone(),
            reason: error.to_string(),
        })?;
        self.decompressor = Some(decompressor);
        Ok(turn)
    }
}

fn broken_off() -> RetrieveError {
    unreadable("decoding was broken off before")
}
