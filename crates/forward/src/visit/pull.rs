//! Retrieval by C-GET (PS3.4 §C.4.3.2): what a remote gives on our own association goes into the archive as if it had
//! been stored here, and the remote is told what became of it.
//!
//! Never here: what is fetched, and by which way.

use bytes::Bytes;
use causeway_archive::{Announced, Archive, Body, BodyError};
use causeway_core::transfer_syntax::Layout;
use causeway_core::{Attributes, Door, Envelope, Principal, RemoteName, Status, Uid, sop_class};
use causeway_dataset::identifier;
use causeway_dimse::Error;
use causeway_dimse::message::{CStoreRq, Progress};
use causeway_dimse::scu::{
    Call, GetRequest, Given, Keeper, Offers, Response, Wish, connect, contexts_to_be_given,
};
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};

use super::retrieve::{Final, Telling};

/// For whom and from whom.
pub(super) struct Taking<'a> {
    pub(super) archive: &'a Archive,
    pub(super) principal: &'a Principal,
    pub(super) remote: &'a RemoteName,
}

/// What came of it.
pub(super) enum Pulled {
    /// It was asked, and this was its answer.
    Answered(Final),
    /// It was not asked: it does not serve C-GET to us, or will not take the part of the one who gives.
    NotServed,
}

/// Fetches what `keys` name, of these SOP classes: at most 127.
pub(super) async fn pull(
    taking: Taking<'_>,
    call: &Call,
    keys: &Attributes,
    sop_classes: &[Uid],
    telling: &mut Telling,
) -> Result<Pulled, Error> {
    let model = Uid::parse(sop_class::STUDY_ROOT_GET).map_err(|_| Error::Misuse("the SOP class of C-GET"))?;
    let call = Call {
        offers: Offers::to_be_given(sop_classes),
        ..call.with_contexts(contexts_to_be_given(&model, sop_classes))
    };
    let mut requestor = connect(&call).await?;
    let context = requestor.accepted_for(&model).next().cloned();
    let gives = requestor.roles().iter().any(|role| role.provider);
    let Some(context) = context.filter(|_| gives) else {
        let _ = requestor.release().await;
        return Ok(Pulled::NotServed);
    };
    let layout = Layout::of(&context.transfer_syntax);
    let identifier = identifier::encode(keys, layout);
    let request = GetRequest { sop_class: model, identifier };
    let envelope = Envelope {
        door: Door::Dimse,
        received_at: Timestamp::UNIX_EPOCH,
        calling_ae: Some(call.called.clone()),
        remote: Some(taking.remote.clone()),
        source_address: None,
        came_back: None,
        via: causeway_core::Via::default(),
    };
    let mut intake = Intake { taking, envelope, telling };
    let retrieved = requestor.get(context.id, request, &mut intake).await?;
    // All is answered; how the remote takes the goodbye does not matter.
    let _ = requestor.release().await;
    Ok(Pulled::Answered(Final { retrieved, layout }))
}

/// Takes in what comes.
struct Intake<'a> {
    taking: Taking<'a>,
    envelope: Envelope,
    telling: &'a mut Telling,
}

impl Keeper for Intake<'_> {
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
        let Taking { archive, principal, .. } = self.taking;
        let envelope = self.envelope.clone();
        match archive.ingest(principal, envelope, announced, &mut Incoming(given), None).await {
            Ok(_) => {
                self.telling.kept();
                Response { status: Status::SUCCESS, comment: None }
            }
            Err(error) => {
                let status = error.store_status();
                tracing::warn!(
                    remote = %self.taking.remote, instance = %request.sop_instance, %status, %error,
                    "an instance that was fetched was not taken"
                );
                self.telling.refused(&request.sop_instance, &error);
                Response { status, comment: Some(error.to_string()) }
            }
        }
    }

    fn hear(&mut self, progress: &Progress) {
        self.telling.heard(progress);
    }

    fn wish(&mut self) -> Wish {
        self.telling.wish()
    }

    async fn stopped(&mut self) {
        self.telling.closed().await;
    }
}

/// The data set as it is given.
struct Incoming<'a, 'b, S>(&'a mut Given<'b, S>);

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Body for Incoming<'_, '_, S> {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        self.0.chunk().await.map_err(|broken| BodyError { words: broken.words, class: broken.class })
    }
}
