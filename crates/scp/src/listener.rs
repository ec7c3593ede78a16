//! The listener: takes connections, runs an association on each, drains them when the node stops.

use std::net::SocketAddr;
use std::sync::Arc;

use causeway_archive::Archive;
use causeway_core::AeTitle;
use causeway_dimse::{Abort, Error, accept};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::config::Config;
use crate::door::{Door, Visitor};
use crate::gate::Gate;
use crate::report;
use crate::services::{self, End};

/// Connections beyond the limit of associations that are still answered with a rejection; more wait in the backlog.
const REJECTED_AT_ONCE: usize = 64;
/// How long the listener waits after the system had no connection to give, so that it does not spin.
const AFTER_FAILURE: std::time::Duration = std::time::Duration::from_millis(100);

/// Serves associations on `listener` until `shutdown` completes; those under way are then given
/// `[dimse] drain_seconds` to finish.
pub async fn serve(
    listener: TcpListener,
    archive: Archive,
    ae_title: AeTitle,
    config: Config,
    shutdown: impl Future<Output = ()>,
) {
    let drain = config.drain();
    let limit = config.associations as usize;
    let (stop, stopped) = watch::channel(false);
    let mut front = Front {
        listener,
        door: Arc::new(Door { archive, config, ae_title }),
        places: Arc::new(Semaphore::new(limit)),
        connections: Arc::new(Semaphore::new(limit + REJECTED_AT_ONCE)),
        stopped,
        tasks: JoinSet::new(),
    };
    tokio::select! {
        () = front.take_calls() => {}
        () = shutdown => {}
    }
    // No new caller from here on; idle associations end at once, busy ones after the message they are at.
    let Front { listener, mut tasks, .. } = front;
    drop(listener);
    let _ = stop.send(true);
    let drained = tokio::time::timeout(drain, async { while tasks.join_next().await.is_some() {} });
    if drained.await.is_err() {
        tracing::warn!(
            associations = tasks.len(),
            "associations were still busy when the node stopped and were cut off"
        );
    }
}

struct Front {
    listener: TcpListener,
    door: Arc<Door>,
    /// Associations that may be open.
    places: Arc<Semaphore>,
    /// Connections that may be open.
    connections: Arc<Semaphore>,
    stopped: watch::Receiver<bool>,
    tasks: JoinSet<()>,
}

impl Front {
    async fn take_calls(&mut self) {
        loop {
            let Ok(connection) = Arc::clone(&self.connections).acquire_owned().await else { return };
            let taken = tokio::select! {
                taken = self.listener.accept() => taken,
                Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    report_panic(ended);
                    continue;
                }
            };
            match taken {
                Ok((stream, from)) => self.answer(stream, from, connection),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    fn answer(&mut self, stream: TcpStream, from: SocketAddr, connection: OwnedSemaphorePermit) {
        let place = Arc::clone(&self.places).try_acquire_owned().ok();
        let (door, stopped) = (Arc::clone(&self.door), self.stopped.clone());
        self.tasks.spawn(async move {
            converse(&door, stream, from, place.is_none(), stopped).await;
            drop((place, connection));
        });
    }
}

fn report_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "an association failed by a fault of ours");
    }
}

/// One connection from its first byte to its last.
async fn converse(
    door: &Door,
    stream: TcpStream,
    from: SocketAddr,
    is_full: bool,
    stopped: watch::Receiver<bool>,
) {
    let address = from.ip().to_canonical();
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%address, %error, "the connection was gone before it began");
        return;
    }
    let gate = Gate::new(door, is_full);
    let accepted = accept(stream, address, &door.config.settings(), &gate).await;
    let mut association = match accepted {
        Ok(association) => association,
        Err(error) => return tell_refusal(&error, from),
    };
    let Some(caller) = gate.into_caller() else { return };
    let visitor = Visitor { caller, ae_title: association.proposal().calling.clone(), address };
    tell_accepted(&visitor, &association);
    report::contexts(&door.archive, &visitor, association.proposal(), association.agreement());
    let ended = services::serve(door, &visitor, &mut association, stopped).await;
    match ended {
        Ok(End::Released) => tracing::debug!(calling = %visitor.ae_title, %address, "association released"),
        Ok(End::Stopped) => association.abort(Abort::BY_USER).await,
        Err(error) => {
            report::broken(&door.archive, &visitor, &error);
            tracing::info!(calling = %visitor.ae_title, %address, %error, "association ended");
        }
    }
}

fn tell_refusal(error: &Error, from: SocketAddr) {
    match error {
        // The gate said why, with the remedy.
        Error::Refused { .. } => tracing::info!(address = %from.ip(), %error, "association refused"),
        _ => tracing::info!(address = %from.ip(), %error, "no association came of a connection"),
    }
}

fn tell_accepted(visitor: &Visitor, association: &causeway_dimse::Association<TcpStream>) {
    let answers = &association.agreement().answers;
    tracing::info!(
        calling = %visitor.ae_title, address = %visitor.address, who = visitor.caller.principal.name,
        contexts = answers.len(), "association accepted"
    );
    for answer in answers {
        if let (Err(refusal), Some(service)) = (&answer.result, &answer.abstract_syntax) {
            let name = causeway_core::sop_class::name(service).unwrap_or_default();
            tracing::info!(calling = %visitor.ae_title, %service, name, %refusal, "a presentation context was refused");
        }
    }
}
