//! The listener: HTTP/1.1 and HTTP/2 (h2c with prior knowledge) on one port, with the bounds that `axum::serve`
//! does not give: time for a request's head, time without progress, connections at once, a drain with an end.
//!
//! Tasks are spawned here, one per connection; each is counted by a permit and ends with its connection, or with
//! the drain's deadline.

mod guarded;

use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tower::Service;

use crate::config::Limits;
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

/// Serves `routes` on `listener` until `shutdown` completes, then lets requests under way finish, for as long as
/// `limits.drain_seconds`.
///
/// Handlers find the caller's address as `ConnectInfo<SocketAddr>`.
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    limits: &Limits,
    shutdown: impl Future<Output = ()>,
) {
    let builder = Arc::new(builder(limits));
    let connections = usize::try_from(limits.connections).unwrap_or(usize::MAX >> 4);
    let permits = Arc::new(Semaphore::new(connections));
    let graceful = GracefulShutdown::new();
    let mut tasks = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        // Cancel-safe: a permit or a connection that is not returned has not been taken.
        let accepted = tokio::select! {
            accepted = accept(&listener, &permits) => accepted,
            () = &mut shutdown => break,
            Some(_) = tasks.join_next() => continue,
        };
        let (stream, peer, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "the web listener could not accept a connection");
                tokio::time::sleep(AFTER_ACCEPT_FAILURE).await;
                continue;
            }
        };
        let connection = Connection { stream, peer, routes: routes.clone(), limits: limits.clone() };
        let watcher = graceful.watcher();
        let builder = builder.clone();
        tasks.spawn(async move {
            let _permit = permit;
            // A peer that goes away or breaks HTTP is its own affair; what matters was logged by the handler.
            if let Err(error) = connection.converse(&builder, watcher).await {
                tracing::debug!(%error, peer.address = %peer, "connection ended early");
            }
        });
    }
    drop(listener);
    drain(graceful, tasks, limits.drain_timeout()).await;
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = permits.clone().acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    // Answers are written whole; waiting for more to send only delays them. Failing to say so is no harm.
    let _ = stream.set_nodelay(true);
    Ok((stream, peer, permit))
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
    stream: TcpStream,
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
        let Self { stream, peer, routes, limits } = self;
        let opened = Opened::default();
        let io = Guarded::new(stream, opened.clone(), limits.head_timeout(), limits.write_timeout());
        let service = service_fn(move |mut request: Request<Incoming>| {
            opened.set();
            request.extensions_mut().insert(ConnectInfo(peer));
            routes.clone().call(request.map(Body::new))
        });
        watcher.watch(builder.serve_connection(TokioIo::new(io), service)).await
    }
}
