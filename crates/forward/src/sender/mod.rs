//! Sending a batch to a remote and hearing of each instance what the far side says.
//!
//! Lives here: one file per way of sending, and what they share. A sender tells each outcome as it comes; what it
//! has not told when it fails was not attempted. Never here: when to try again.

mod cstore;
mod doubts;
pub(crate) mod link;
mod stow;
mod supply;

use std::sync::Arc;
use std::time::Duration;

use causeway_archive::{Archive, Passage, RetrieveError, Throttle};
use causeway_catalog::Owed;
use causeway_catalog::delivery::Claimed;
use causeway_core::{AeTitle, Class, Clock, Priority, Remote, StoredInstance};
use causeway_dimse::scu::{Known, Said, Terms};
use causeway_tls::Tls;
use tokio::sync::watch;

use crate::failure::{Failure, Kind};
use crate::job::Outcome;
pub(crate) use cstore::{Answered, call, echo, failure};
pub(crate) use doubts::Doubts;

/// A job whose instance is here.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    pub(crate) job: Claimed,
    pub(crate) instance: StoredInstance,
}

impl Ready {
    /// What it goes before.
    pub(crate) const fn priority(&self) -> Priority {
        self.job.priority
    }
}

/// Where outcomes go as they come, and where more comes from.
pub(crate) trait Sink: Send {
    /// Up to `limit` further jobs that are due and whose instances are here; none when there are none, when no more
    /// is to be begun, or when they cannot be had for now.
    fn more(
        &mut self,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Ready>, causeway_catalog::Error>> + Send;

    /// The far side said of SOP classes and transfer syntaxes whether it takes them.
    fn learnt(&mut self, said: Vec<Said>)
    -> impl Future<Output = Result<(), causeway_catalog::Error>> + Send;

    /// Turns true when nothing more is to be begun.
    fn stopped(&self) -> watch::Receiver<bool>;

    /// Receipts of the remote that it was not told of yet, as many as go into one offer.
    fn owed(&mut self) -> impl Future<Output = Result<Vec<Owed>, causeway_catalog::Error>> + Send;

    /// The remote was told of the receipts of these jobs.
    fn told(&mut self, jobs: Vec<i64>) -> impl Future<Output = Result<(), causeway_catalog::Error>> + Send;

    /// One job is decided.
    fn tell(
        &mut self,
        job: &Claimed,
        outcome: &Outcome,
    ) -> impl Future<Output = Result<(), causeway_catalog::Error>> + Send;
}

/// Why a batch broke off.
#[derive(Debug)]
pub(crate) enum Broke {
    /// The destination failed as a whole.
    Destination(Failure),
    /// Outcomes could not be written.
    Catalog(causeway_catalog::Error),
}

impl From<causeway_catalog::Error> for Broke {
    fn from(error: causeway_catalog::Error) -> Self {
        Self::Catalog(error)
    }
}

/// How long the far side may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) connect: Duration,
    pub(crate) response: Duration,
}

/// Who calls.
#[derive(Clone)]
pub(crate) struct Caller {
    /// What we call ourselves over DIMSE.
    pub(crate) ae_title: AeTitle,
    /// How connections are secured, where the remote asks for it.
    pub(crate) tls: Tls,
}

/// How it is sent, whoever the remote is.
pub(crate) struct Way {
    pub(crate) caller: Caller,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) patience: Patience,
    /// Lines over DIMSE.
    pub(crate) terms: Terms,
    /// What the remote was found to take over DIMSE.
    pub(crate) known: Known,
    /// Most bytes in one STOW request.
    pub(crate) request_bytes: u64,
    /// Jobs claimed in one go.
    pub(crate) claim: usize,
    /// How fast bytes may go out.
    pub(crate) throttle: Throttle,
    /// What was sent and not answered before.
    pub(crate) doubts: Arc<Doubts>,
}

/// An open line to a remote, kept from batch to batch.
pub(crate) enum Sender {
    CStore(Box<cstore::CStore>),
    Stow(Box<stow::Stow>),
    Link(Box<link::Link>),
}

impl Sender {
    /// How `remote` is sent to: over its link where it was paired, over DICOMweb where it has a URL, else over DIMSE.
    /// Nothing is connected yet.
    pub(crate) fn to(remote: &Remote, archive: &Archive, way: Way) -> Result<Self, Failure> {
        if let Some(address) = remote.sending_link() {
            return Ok(Self::Link(Box::new(link::Link::new(remote, address, archive.clone(), way))));
        }
        if let Some(address) = &remote.dicomweb {
            return stow::Stow::new(remote, address, archive.clone(), way).map(Box::new).map(Self::Stow);
        }
        cstore::CStore::new(remote, archive.clone(), way).map(Box::new).map(Self::CStore)
    }

    /// Sends `batch`, and what else `sink` gives meanwhile, until there is nothing more.
    pub(crate) async fn send(&mut self, batch: &[Ready], sink: &mut impl Sink) -> Result<(), Broke> {
        match self {
            Self::CStore(sender) => sender.send(batch, sink).await,
            Self::Stow(sender) => sender.send(batch, sink).await,
            Self::Link(sender) => sender.send(batch, sink).await,
        }
    }

    /// Tells the remote of receipts that it gave, where it gives any.
    pub(crate) async fn acknowledge(&mut self, sink: &mut impl Sink) -> Result<(), Broke> {
        match self {
            Self::Link(sender) => sender.acknowledge(sink).await,
            Self::CStore(_) | Self::Stow(_) => Ok(()),
        }
    }

    /// Ends the line in order.
    pub(crate) async fn close(self) {
        if let Self::CStore(sender) = self {
            sender.close().await;
        }
    }
}

/// How a remote is given what is sent to it now. Nothing is sent where its transform cannot be applied.
pub(crate) fn passage(archive: &Archive, remote: &Remote) -> Result<Passage, Failure> {
    archive.passage(remote).map_err(|error| Failure::new(Kind::Refused, error.to_string()))
}

/// Holds back from a remote with a transform what would go to it in a way that applies none: `way` says which.
pub(crate) fn unchanged(archive: &Archive, remote: &Remote, way: &str) -> Result<(), Failure> {
    if passage(archive, remote)?.is_unchanged() {
        return Ok(());
    }
    let words = format!("remote '{}' is given instances through a transform, which {way}", remote.name);
    Err(Failure::new(Kind::Refused, words))
}

/// What an instance calls for that cannot be given as it would have to be.
fn ungiven(error: &RetrieveError) -> Failure {
    match error {
        // No other try would find a decoder for it, or make its transform take it.
        RetrieveError::NotDecodable { .. } | RetrieveError::Transform(_) => {
            Failure::new(Kind::Permanent, error.to_string())
        }
        _ if is_away(error) => Failure::new(Kind::Transient, unreadable_words(error)),
        _ => unreadable(error),
    }
}

/// Whether what has it is away, and not the instance at fault: the node in whose spool it lies, the object store, the
/// database. They come back, after hours too, and nobody is to send anew by hand then.
fn is_away(error: &RetrieveError) -> bool {
    match error {
        RetrieveError::Elsewhere { .. } => true,
        RetrieveError::Store(error) => error.is_of_object_store(),
        RetrieveError::Catalog(error) => error.class() == Class::Transient,
        _ => false,
    }
}

/// An instance that could not be opened, or read to its end, here.
fn unreadable(error: &impl std::fmt::Display) -> Failure {
    Failure::new(Kind::Ours, unreadable_words(error))
}

fn unreadable_words(error: &impl std::fmt::Display) -> String {
    format!("the instance could not be read here: {error}")
}

/// Completes when `stopped` is true.
async fn until_true(stopped: &mut watch::Receiver<bool>) {
    // It is over, too, when nobody can stop us any more.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

#[cfg(test)]
mod tests {
    use std::io;

    use causeway_store::Error as StoreError;

    use super::*;

    #[test]
    fn what_is_away_is_waited_for_and_what_is_at_fault_is_not() {
        let disk = StoreError::Disk {
            operation: "reading an object".to_owned(),
            source: io::Error::other("input/output error"),
        };
        let cases = [
            (
                RetrieveError::Elsewhere { node: "b".to_owned(), because: "refused".to_owned() },
                Kind::Transient,
            ),
            (StoreError::NoAnswer(Duration::from_secs(1)).into(), Kind::Transient),
            (disk.into(), Kind::Ours),
            (RetrieveError::Unreadable("no data set".to_owned()), Kind::Ours),
            (RetrieveError::Transform("it is refused".to_owned()), Kind::Permanent),
        ];
        for (error, kind) in cases {
            assert_eq!(ungiven(&error).kind, kind, "{error}");
        }
    }
}
