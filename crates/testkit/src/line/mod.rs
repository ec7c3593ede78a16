//! A line that is far, narrow and not to be relied on: a TCP proxy that delays, that lets so many bits a second through in
//! each direction, all connections together, and that cuts them all now and then or when it is told to, or one after so many
//! bytes.
//!
//! What is on the line is bounded, and sockets are given small buffers, so that whoever sends feels the line and not the
//! memory before it. A connection takes a round trip to come about, as a handshake does. No packet is lost and no window
//! grows slowly: a line for programs, not for TCP.
//!
//! ```text
//!  client ──► pump: a chunk at a time, in turn ──► wire (pure) ──► in flight ──► far side
//!  client ◄── in flight ◄── wire (pure) ◄── pump ◄──────────────────────────────┘
//! ```
//! Lives here: the proxy. Never here: what is said over it.

mod pump;
mod wire;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Mutex, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use wire::Wire;

/// Buffers of the proxy's sockets, each way, in bytes.
const SOCKET_BUFFER_BYTES: u32 = 64 * 1024;
/// Connections that wait to be taken, at most.
const BACKLOG: u32 = 256;
/// Connections at once, at most; what exceeds it is closed at once.
const MAX_CONNECTIONS: usize = 1024;

/// What a line is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terms {
    /// From a byte sent to the answer, at best.
    pub round_trip: Duration,
    /// Bits a second, in each direction; none: as many as the machine can.
    pub bits_per_second: Option<u64>,
    /// How often all connections are cut; none: only on command.
    pub breaks_every: Option<Duration>,
}

impl Terms {
    /// How long `bytes` occupy such a line by themselves.
    #[must_use]
    pub fn own_time(&self, bytes: u64) -> Duration {
        let rate = self.bits_per_second.filter(|rate| *rate > 0);
        rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(bytes as f64 * 8.0 / rate as f64))
    }
}

/// What has passed so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Bytes that reached the far side.
    pub there: u64,
    /// Bytes that came back.
    pub back: u64,
    /// Connections that were taken.
    pub connections: u64,
    /// Times that all were cut, or one by itself.
    pub breaks: u64,
    /// From the first byte that went in to the last that came out, in either direction.
    pub busy: Duration,
}

/// A running line. It ends when this value goes.
#[derive(Debug)]
pub struct Line {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// One direction: the wire, and what has come out of it.
#[derive(Debug)]
struct Direction {
    /// A fair lock: whoever waits longest is next.
    wire: Mutex<Wire>,
    passed: AtomicU64,
}

#[derive(Debug)]
struct Shared {
    terms: Terms,
    to: SocketAddr,
    there: Direction,
    back: Direction,
    connections: AtomicU64,
    /// Counts breaks; a change cuts.
    breaks: watch::Sender<u64>,
    /// After how many bytes there connections to come are cut, one each.
    cut_after: std::sync::Mutex<VecDeque<u64>>,
    /// Connections that were cut by themselves.
    cuts: AtomicU64,
    span: Span,
}

/// When bytes passed, in microseconds since the line was opened.
#[derive(Debug)]
struct Span {
    opened: Instant,
    /// When the first went in; `u64::MAX`: none yet.
    first: AtomicU64,
    /// When the last came out.
    last: AtomicU64,
}

impl Span {
    fn new() -> Self {
        Self { opened: Instant::now(), first: AtomicU64::new(u64::MAX), last: AtomicU64::new(0) }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn went_in(&self) {
        self.first.fetch_min(self.now(), Ordering::Relaxed);
    }

    fn came_out(&self) {
        self.last.fetch_max(self.now(), Ordering::Relaxed);
    }

    fn busy(&self) -> Duration {
        let (first, last) = (self.first.load(Ordering::Relaxed), self.last.load(Ordering::Relaxed));
        Duration::from_micros(last.saturating_sub(first))
    }
}

impl Line {
    /// Opens a line from `listen` to `to`; port 0 is any free one.
    ///
    /// # Errors
    /// When nothing can be listened to there.
    pub fn open(listen: SocketAddr, to: SocketAddr, terms: Terms) -> io::Result<Self> {
        let listener = socket(listen)?;
        listener.set_reuseaddr(true)?;
        listener.bind(listen)?;
        let listener = listener.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let direction = || Direction {
            wire: Mutex::new(Wire::new(terms.bits_per_second, terms.round_trip / 2, Instant::now())),
            passed: AtomicU64::new(0),
        };
        let shared = Arc::new(Shared {
            terms,
            to,
            there: direction(),
            back: direction(),
            connections: AtomicU64::new(0),
            breaks: watch::Sender::new(0),
            cut_after: std::sync::Mutex::default(),
            cuts: AtomicU64::new(0),
            span: Span::new(),
        });
        let task = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, task })
    }

    /// Where it is entered.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts all connections; what is on the line is lost. New ones are taken at once.
    pub fn cut(&self) {
        self.shared.cut();
    }

    /// The connections that are taken next, one for each number, are cut when so many bytes of them have reached the far
    /// side.
    pub fn cut_after(&self, bytes: impl IntoIterator<Item = u64>) {
        self.shared.cut_after.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
    }

    /// Counts bytes and connections from here on, and the time that they take.
    pub fn count_anew(&self) {
        let Shared { there, back, connections, span, .. } = &*self.shared;
        for counter in [&there.passed, &back.passed, connections, &span.last] {
            counter.store(0, Ordering::Relaxed);
        }
        span.first.store(u64::MAX, Ordering::Relaxed);
    }

    /// What has passed so far.
    #[must_use]
    pub fn count(&self) -> Count {
        let Shared { there, back, connections, breaks, cuts, span, .. } = &*self.shared;
        Count {
            there: there.passed.load(Ordering::Relaxed),
            back: back.passed.load(Ordering::Relaxed),
            connections: connections.load(Ordering::Relaxed),
            breaks: *breaks.borrow() + cuts.load(Ordering::Relaxed),
            busy: span.busy(),
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn cut(&self) {
        self.breaks.send_modify(|breaks| *breaks += 1);
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    let mut next_break = shared.terms.breaks_every.map(|every| Instant::now() + every);
    loop {
        let break_due = async {
            match next_break {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            accepted = listener.accept() => {
                // One that was gone before it was taken is no concern of the others.
                let Ok((client, _)) = accepted else { continue };
                if connections.len() < MAX_CONNECTIONS {
                    shared.connections.fetch_add(1, Ordering::Relaxed);
                    connections.spawn(carry(client, Arc::clone(&shared)));
                }
            }
            () = break_due => {
                shared.cut();
                next_break = shared.terms.breaks_every.map(|every| Instant::now() + every);
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

/// One direction of a connection.
#[derive(Clone, Copy)]
struct Passing<'a> {
    of: &'a Direction,
    span: &'a Span,
    /// After so many bytes it ends with [`io::ErrorKind::QuotaExceeded`].
    most: Option<u64>,
}

/// One connection, until both directions are at their end, one of them fails, or it is cut.
async fn carry(client: TcpStream, shared: Arc<Shared>) {
    let mut breaks = shared.breaks.subscribe();
    let most = shared.cut_after.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let carried = async {
        // The handshake's own round trip; the system has answered it already.
        tokio::time::sleep(shared.terms.round_trip).await;
        let far = socket(shared.to)?.connect(shared.to).await?;
        client.set_nodelay(true)?;
        far.set_nodelay(true)?;
        let (client_reads, client_writes) = client.into_split();
        let (far_reads, far_writes) = far.into_split();
        tokio::try_join!(
            pump::run(client_reads, far_writes, Passing { of: &shared.there, span: &shared.span, most }),
            pump::run(far_reads, client_writes, Passing { of: &shared.back, span: &shared.span, most: None }),
        )
    };
    // However it ends, both sockets are closed with it; what they had not read makes that a reset.
    tokio::select! {
        carried = carried => {
            if carried.is_err_and(|error| error.kind() == io::ErrorKind::QuotaExceeded) {
                shared.cuts.fetch_add(1, Ordering::Relaxed);
            }
        }
        _ = breaks.changed() => {}
    }
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES)?;
    socket.set_send_buffer_size(SOCKET_BUFFER_BYTES)?;
    Ok(socket)
}

#[cfg(test)]
mod tests;
