//! The listener: HTTP/1.1 and HTTP/2 (by ALPN over TLS, by prior knowledge without) on one port, with the bounds that
//! `axum::serve` does not give: time for a handshake and for a request's head, time without progress, connections at
//! once, a drain with an end.
//!
//! Tasks are spawned here, one per connection; each is counted by a permit and ends with its connection, or with
//! the drain's deadline.

mod entrance;
mod guarded;

use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use causeway_archive::Archive;
use causeway_tls::{Line, Tls};
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::Service;

use crate::config::Limits;
use entrance::Entrance;
use guarded::{Guarded, Opened};

/// Largest head of a request: request line and header fields.
const MAX_HEAD_BYTES: usize = 256 * 1024;
/// Most header fields of a request.
const MAX_HEADER_FIELDS: usize = 128;
/// Bytes that an HTTP/2 sender may have under way on one stream: uploads should not wait for each acknowledgement.
const STREAM_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// The same for all streams of a connection together.
const CONNECTION_WINDOW_BYTES: u32 = 16 * 1024 * 1024;
/// Largest HTTP/2 frame taken.
const MAX_FRAME_BYTES: u32 = 256 * 1024;
/// Requests at once on one HTTP/2 connection.
const MAX_STREAMS: u32 = 128;
/// Bytes per HTTP/2 stream that may wait to be sent.
const MAX_SEND_BUFFER_BYTES: usize = 1024 * 1024;
/// How long to leave the listener alone when the machine has no more sockets to give.
const AFTER_ACCEPT_FAILURE: Duration = Duration::from_millis(100);

/// Where and how the door is open.
pub struct Opening {
    /// The port.
    pub listener: TcpListener,
    /// TLS, where it is spoken.
    pub tls: Option<Tls>,
    /// Told of handshakes that failed.
    pub archive: Archive,
}

/// Serves `routes` at `opening` until `shutdown` completes, then lets requests under way finish, for as long as
/// `limits.drain_seconds`.
///
/// Handlers find the caller's address as `ConnectInfo<SocketAddr>`.
pub async fn serve(opening: Opening, routes: Router, limits: &Limits, shutdown: impl Future<Output = ()>) {
    let Opening { listener, tls, archive } = opening;
    let builder = Arc::new(builder(limits));
    let entrance = Arc::new(Entrance::new(tls, archive, limits));
    let graceful = GracefulShutdown::new();
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = entrance.accept(&listener) => accepted,
            () = &mut shutdown => break,
            Some(_) = tasks.join_next() => continue,
        };
        let taken = match accepted {
            Ok(taken) => taken,
            Err(error) => {
                tracing::warn!(%error, "the web listener could not accept a connection");
                tokio::time::sleep(AFTER_ACCEPT_FAILURE).await;
                continue;
            }
        };
        let (routes, limits) = (routes.clone(), limits.clone());
        let (entrance, builder) = (Arc::clone(&entrance), Arc::clone(&builder));
        let (watcher, mut stopped) = (graceful.watcher(), stopped.clone());
        tasks.spawn(async move {
            let peer = taken.from;
            let Some((line, _permit)) = entrance.admit(taken, &mut stopped).await else { return };
            let connection = Connection { line, peer, routes, limits };
            // A peer that goes away or breaks HTTP is its own affair; what matters was logged by the handler.
            if let Err(error) = connection.converse(&builder, watcher).await {
                tracing::debug!(%error, peer.address = %peer, "connection ended early");
            }
        });
    }
    drop(listener);
    // Handshakes end here; who listens to nothing any more has no use for the word.
    let _ = stop.send(true);
    drain(graceful, tasks, limits.drain_timeout()).await;
}

async fn drain(graceful: GracefulShutdown, mut tasks: JoinSet<()>, patience: Duration) {
    let open = graceful.count();
    if open > 0 {
        tracing::info!(open, "draining web connections");
    }
    if tokio::time::timeout(patience, graceful.shutdown()).await.is_err() {
        tracing::warn!(left = tasks.len(), "web connections did not finish in time and are closed");
    }
    tasks.shutdown().await;
}

fn builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout())
        .max_headers(MAX_HEADER_FIELDS)
        .max_buf_size(MAX_HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.head_timeout())
        .keep_alive_timeout(limits.head_timeout())
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(MAX_FRAME_BYTES)
        .max_concurrent_streams(MAX_STREAMS)
        .max_send_buf_size(MAX_SEND_BUFFER_BYTES)
        .max_header_list_size(u32::try_from(MAX_HEAD_BYTES).unwrap_or(u32::MAX));
    builder
}

/// One connection, before HTTP is spoken on it.
struct Connection {
    line: Line,
    peer: SocketAddr,
    routes: Router,
    limits: Limits,
}

impl Connection {
    async fn converse(
        self,
        builder: &auto::Builder<TokioExecutor>,
        watcher: Watcher,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let Self { line, peer, routes, limits } = self;
        let opened = Opened::default();
        let io = Guarded::new(line, opened.clone(), limits.head_timeout(), limits.write_timeout());
        let service = service_fn(move |mut request: Request<Incoming>| {
            opened.set();
            request.extensions_mut().insert(ConnectInfo(peer));
            routes.clone().call(request.map(Body::new))
        });
        watcher.watch(builder.serve_connection(TokioIo::new(io), service)).await
    }
}
