//! Fetching by C-GET (PS3.4 §C.4.3.2): what a remote gives on our own association goes into the archive as if it had been
//! stored here, and the remote is told what became of it.
//!
//! Never here: who decides what is fetched, and when.

use std::time::Duration;

use bytes::Bytes;
use causeway_archive::{Announced, Archive, Body, BodyError};
use causeway_core::transfer_syntax::Layout;
use causeway_core::{AeTitle, Attributes, Door, Envelope, Principal, Remote, Status, Uid};
use causeway_dataset::identifier;
use causeway_dimse::message::{CStoreRq, Progress};
use causeway_dimse::scu::{
    Call, GetRequest, Given, Keeper, Offers, Response, Retrieved, Wish, connect, contexts_to_be_given,
};
use causeway_dimse::{Error, Settings};
use causeway_tls::Security;
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};

/// How long the remote may take to take up the connection.
const CONNECT: Duration = Duration::from_secs(10);

/// Who calls, and how the line is secured.
#[derive(Debug, Clone)]
pub struct Calling<'a> {
    /// Our AE title.
    pub ae_title: &'a AeTitle,
    /// What [`Tls::towards`](causeway_tls::Tls::towards) says of the remote.
    pub security: Security,
}

/// What is to be fetched.
#[derive(Debug, Clone)]
pub struct Pull {
    /// The information model: Patient or Study Root of C-GET.
    pub model: Uid,
    /// The keys (PS3.4 §C.4.3.1.3.1).
    pub keys: Attributes,
    /// SOP classes of the instances that are to come, as far as they fit one association: at most 127.
    pub sop_classes: Vec<Uid>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// How the remote says it went.
    pub retrieved: Retrieved,
    /// Instances that are here now, or were before.
    pub kept: u64,
    /// Instances that came and were not taken, each answered with its reason.
    pub refused: u64,
}

/// Why nothing was asked for.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The remote is not called over DIMSE.
    #[error("the remote has no host and port to call")]
    NoAddress,
    /// The association failed.
    #[error(transparent)]
    Association(#[from] Error),
}

/// Fetches what `pull` names from `remote` and takes it in for `principal`, who must be allowed to store. `report` hears
/// how far it is, and says whether to go on.
///
/// # Errors
/// When the remote cannot be called, does not serve C-GET to us, or the association breaks. What was taken in by then
/// stays.
pub async fn pull(
    archive: &Archive,
    principal: &Principal,
    remote: &Remote,
    calling: Calling<'_>,
    pull: &Pull,
    report: impl FnMut(&Progress) -> Wish + Send,
) -> Result<Pulled, PullError> {
    let Calling { ae_title, security } = calling;
    let call = Call::to(remote, ae_title, security, Settings::default(), CONNECT);
    let call = Call {
        contexts: contexts_to_be_given(&pull.model, &pull.sop_classes),
        offers: Offers::to_be_given(&pull.sop_classes),
        ..call.ok_or(PullError::NoAddress)?
    };
    let mut requestor = connect(&call).await?;
    let context = requestor.accepted_for(&pull.model).next().cloned();
    let context = context.ok_or_else(|| Error::NotServed(pull.model.clone()))?;
    let request = GetRequest {
        sop_class: pull.model.clone(),
        identifier: identifier::encode(&pull.keys, Layout::of(&context.transfer_syntax)),
    };
    let envelope = Envelope {
        door: Door::Dimse,
        received_at: Timestamp::UNIX_EPOCH,
        calling_ae: Some(call.called.clone()),
        remote: Some(remote.name.clone()),
        source_address: None,
    };
    let mut intake = Intake { archive, principal, envelope, report, wish: Wish::More, kept: 0, refused: 0 };
    let retrieved = requestor.get(context.id, request, &mut intake).await?;
    let Intake { kept, refused, .. } = intake;
    // All is answered; how the remote takes the goodbye does not matter.
    let _ = requestor.release().await;
    Ok(Pulled { retrieved, kept, refused })
}

/// Takes in what comes.
struct Intake<'a, R> {
    archive: &'a Archive,
    principal: &'a Principal,
    envelope: Envelope,
    report: R,
    wish: Wish,
    kept: u64,
    refused: u64,
}

impl<R: FnMut(&Progress) -> Wish + Send> Keeper for Intake<'_, R> {
    async fn keep<S: AsyncRead + AsyncWrite + Unpin + Send>(
        &mut self,
        request: &CStoreRq,
        given: &mut Given<'_, S>,
    ) -> Response {
        let announced = Announced {
            sop_class: Some(request.sop_class.clone()),
            sop_instance: Some(request.sop_instance.clone()),
            transfer_syntax: given.context().transfer_syntax.clone(),
        };
        let envelope = self.envelope.clone();
        match self.archive.ingest(self.principal, envelope, announced, &mut Incoming(given), None).await {
            Ok(_) => {
                self.kept += 1;
                Response { status: Status::SUCCESS, comment: None }
            }
            Err(error) => {
                self.refused += 1;
                let status = error.store_status();
                tracing::warn!(
                    remote = ?self.envelope.remote, instance = %request.sop_instance, %status, %error,
                    "an instance that was fetched was not taken"
                );
                Response { status, comment: Some(error.to_string()) }
            }
        }
    }

    fn hear(&mut self, progress: &Progress) {
        self.wish = (self.report)(progress);
    }

    fn wish(&mut self) -> Wish {
        self.wish
    }
}

/// The data set as it is given.
struct Incoming<'a, 'b, S>(&'a mut Given<'b, S>);

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Body for Incoming<'_, '_, S> {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        self.0.chunk().await.map_err(|broken| BodyError { words: broken.words, class: broken.class })
    }
}
