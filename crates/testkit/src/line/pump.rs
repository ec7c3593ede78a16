//! One direction of one connection: read, handed over to the wire in turn with the other connections, and written when it
//! has arrived.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::Passing;

/// Bytes that a connection hands over at once.
const CHUNK_BYTES: usize = 8 * 1024;
/// How far ahead of the wire bytes are taken: what a router before a narrow line holds.
const MAX_QUEUED: Duration = Duration::from_millis(10);
/// Chunks of one connection that are in flight, or not yet taken by the far side: a receive window of 4 MiB.
const MAX_IN_FLIGHT_CHUNKS: usize = 512;

/// Bytes on their way, and when they arrive.
struct InFlight {
    bytes: Vec<u8>,
    arrives_at: Instant,
}

pub(super) async fn run(
    reads: OwnedReadHalf,
    writes: OwnedWriteHalf,
    passing: Passing<'_>,
) -> io::Result<()> {
    let (sent, arriving) = mpsc::channel(MAX_IN_FLIGHT_CHUNKS);
    tokio::try_join!(send(reads, sent, passing), arrive(arriving, writes, passing))?;
    Ok(())
}

async fn send(
    mut reads: OwnedReadHalf,
    sent: mpsc::Sender<InFlight>,
    passing: Passing<'_>,
) -> io::Result<()> {
    loop {
        // Room first: whoever may not send is not read from.
        let Ok(place) = sent.reserve().await else { return Ok(()) };
        let mut bytes = Vec::with_capacity(CHUNK_BYTES);
        // An end is a chunk of nothing: it, too, takes its time.
        reads.read_buf(&mut bytes).await?;
        let is_end = bytes.is_empty();
        if !is_end {
            passing.span.went_in();
        }
        let mut wire = passing.of.wire.lock().await;
        let passage = wire.take(bytes.len(), Instant::now());
        // Held meanwhile, so that the others come behind in their order.
        if let Some(early) = passage.left_at.checked_sub(MAX_QUEUED) {
            sleep_until(early).await;
        }
        drop(wire);
        place.send(InFlight { bytes, arrives_at: passage.arrives_at });
        if is_end {
            return Ok(());
        }
    }
}

async fn arrive(
    mut arriving: mpsc::Receiver<InFlight>,
    mut writes: OwnedWriteHalf,
    Passing { of, span, most }: Passing<'_>,
) -> io::Result<()> {
    let mut arrived = 0;
    while let Some(InFlight { bytes, arrives_at }) = arriving.recv().await {
        sleep_until(arrives_at).await;
        writes.write_all(&bytes).await?;
        of.passed.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        span.came_out();
        arrived += bytes.len() as u64;
        if most.is_some_and(|most| arrived >= most) {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
    }
    writes.shutdown().await
}
