//! An S3 server on a folder (`s3s-fs`): checks signatures and checksums, and knows parts, ranges and listings as the real ones
//! do. It can be gone and come back at the same address.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::{JoinHandle, JoinSet};

/// Connections that may wait to be taken.
const BACKLOG: u32 = 1024;

/// A key that is asked for.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its name.
    pub id: String,
    /// The secret.
    pub secret: String,
}

/// A server. Dropped, it is gone, and its connections with it; what it keeps stays in its folder.
pub struct Bucket {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Bucket {
    /// Serves the buckets that are folders of `folder`, making one of the name `bucket`. Without a key anyone may do
    /// anything.
    ///
    /// # Errors
    /// When the folder cannot be used or the address not be had.
    pub fn open(listen: SocketAddr, folder: &Path, bucket: &str, key: Option<Key>) -> io::Result<Self> {
        std::fs::create_dir_all(folder.join(bucket))?;
        let files = FileSystem::new(folder).map_err(|error| io::Error::other(format!("{error:?}")))?;
        let mut builder = S3ServiceBuilder::new(files);
        if let Some(Key { id, secret }) = key {
            builder.set_auth(SimpleAuth::from_single(id, secret));
        }
        let listener = bind(listen)?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(serve(listener, builder.build()));
        Ok(Self { address, task })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it, so that its address is free once this returns.
    pub async fn close(mut self) {
        self.task.abort();
        // It ends by being told to.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn bind(listen: SocketAddr) -> io::Result<TcpListener> {
    let socket = if listen.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(listen)?;
    socket.listen(BACKLOG)
}

async fn serve(listener: TcpListener, service: S3Service) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                // An answer in two writes would wait for the acknowledgement of the first.
                let _ = stream.set_nodelay(true);
                let service = service.clone();
                connections.spawn(async move {
                    let http = Builder::new(TokioExecutor::new());
                    // A connection that breaks is its caller's affair.
                    let _ = http.serve_connection(TokioIo::new(stream), service).await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
