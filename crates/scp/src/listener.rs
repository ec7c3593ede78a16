//! The listeners: they take connections, run an association on each, and drain them when the node stops.

use std::net::SocketAddr;
use std::sync::Arc;

use causeway_archive::Archive;
use causeway_core::AeTitle;
use causeway_tls::{Certificate, HandshakeError, Hush, Line, Tls};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::config::Config;
use crate::conversation::{Call, converse};
use crate::door::Door;
use crate::report;

/// Connections beyond the limit of associations that are still answered with a rejection; more wait in the backlog.
const REJECTED_AT_ONCE: usize = 64;
/// TLS handshakes under way at once; more wait in the backlog. They have a number of their own, so that who stalls in
/// one takes no place from those who are through, or who call without TLS.
const HANDSHAKES_AT_ONCE: usize = 256;
/// How long a listener waits after the system had no connection to give, so that it does not spin.
const AFTER_FAILURE: std::time::Duration = std::time::Duration::from_millis(100);

/// Where callers come in.
pub struct Listeners {
    /// Without TLS.
    pub plain: TcpListener,
    /// With it.
    pub secure: Option<TcpListener>,
}

/// Serves associations on `listeners` until `shutdown` completes; those under way are then given
/// `[dimse] drain_seconds` to finish.
pub async fn serve(
    listeners: Listeners,
    archive: Archive,
    ae_title: AeTitle,
    tls: Tls,
    config: Config,
    shutdown: impl Future<Output = ()>,
) {
    let drain = config.drain();
    let limit = config.associations as usize;
    let (stop, stopped) = watch::channel(false);
    let house = House {
        door: Arc::new(Door::new(archive, config, ae_title, tls)),
        places: Arc::new(Semaphore::new(limit)),
        connections: Arc::new(Semaphore::new(limit + REJECTED_AT_ONCE)),
        handshakes: Arc::new(Semaphore::new(HANDSHAKES_AT_ONCE)),
        hush: Arc::default(),
        stopped,
    };
    let Listeners { plain, secure } = listeners;
    let mut front =
        Entrance { listener: plain, way: Way::Plain, house: house.clone(), tasks: JoinSet::new() };
    let mut guarded =
        secure.map(|listener| Entrance { listener, way: Way::Tls, house, tasks: JoinSet::new() });
    tokio::select! {
        () = front.take_calls() => {}
        () = async { if let Some(guarded) = &mut guarded { guarded.take_calls().await } }, if guarded.is_some() => {}
        () = shutdown => {}
    }
    // No new caller from here on; idle associations end at once, busy ones after the message they are at.
    let mut tasks = vec![front.close()];
    tasks.extend(guarded.map(Entrance::close));
    let _ = stop.send(true);
    let drained = tokio::time::timeout(drain, async {
        for tasks in &mut tasks {
            while tasks.join_next().await.is_some() {}
        }
    });
    if drained.await.is_err() {
        tracing::warn!(
            associations = tasks.iter().map(JoinSet::len).sum::<usize>(),
            "associations were still busy when the node stopped and were cut off"
        );
    }
}

/// What all entrances share.
#[derive(Clone)]
struct House {
    door: Arc<Door>,
    /// Associations that may be open.
    places: Arc<Semaphore>,
    /// Connections that may be open, but for those in a handshake.
    connections: Arc<Semaphore>,
    /// Handshakes that may be under way.
    handshakes: Arc<Semaphore>,
    hush: Arc<Hush>,
    stopped: watch::Receiver<bool>,
}

/// What a caller has to pass first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Plain,
    Tls,
}

struct Entrance {
    listener: TcpListener,
    way: Way,
    house: House,
    tasks: JoinSet<()>,
}

impl Entrance {
    async fn take_calls(&mut self) {
        let before = match self.way {
            Way::Plain => Arc::clone(&self.house.connections),
            Way::Tls => Arc::clone(&self.house.handshakes),
        };
        loop {
            let Ok(permit) = Arc::clone(&before).acquire_owned().await else { return };
            let taken = tokio::select! {
                taken = self.listener.accept() => taken,
                Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    report_panic(ended);
                    continue;
                }
            };
            match taken {
                Ok((stream, from)) => {
                    let (house, way) = (self.house.clone(), self.way);
                    self.tasks.spawn(async move { house.answer(way, stream, from, permit).await });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    /// Listens no longer; gives what is under way.
    fn close(self) -> JoinSet<()> {
        self.tasks
    }
}

fn report_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "an association failed by a fault of ours");
    }
}

impl House {
    async fn answer(self, way: Way, stream: TcpStream, from: SocketAddr, permit: OwnedSemaphorePermit) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(address = %from.ip(), %error, "the connection was gone before it began");
            return;
        }
        let (line, certificate, connection) = match way {
            Way::Plain => (Line::Plain(stream), None, permit),
            Way::Tls => {
                let Some((line, certificate)) = self.shake(stream, from).await else { return };
                let Ok(connection) = Arc::clone(&self.connections).acquire_owned().await else { return };
                drop(permit);
                (line, certificate, connection)
            }
        };
        let place = Arc::clone(&self.places).try_acquire_owned().ok();
        let call = Call { line, certificate, from, is_full: place.is_none() };
        converse(&self.door, call, self.stopped).await;
        drop((place, connection));
    }

    /// The handshake with a caller, unless the node stops meanwhile.
    async fn shake(&self, stream: TcpStream, from: SocketAddr) -> Option<(Line, Option<Certificate>)> {
        let mut stopped = self.stopped.clone();
        let shaken = tokio::select! {
            shaken = self.door.tls.accept(stream) => shaken,
            _ = stopped.wait_for(|stopped| *stopped) => return None,
        };
        shaken.map_err(|error| self.tell_refused(&error, from)).ok()
    }

    fn tell_refused(&self, error: &HandshakeError, from: SocketAddr) {
        let address = from.ip().to_canonical();
        if *error == HandshakeError::Silent {
            // Whoever looks whether the port is there.
            return tracing::debug!(%address, %error, "no TLS handshake came of a connection");
        }
        report::handshake(&self.door.archive, address, error.to_string());
        if let Some(kept) = self.hush.ask(address, &error.to_string(), Instant::now()) {
            tracing::warn!(%address, kept_back = kept, "refused in the TLS handshake: {error}");
        }
    }
}
