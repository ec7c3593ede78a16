//! C-STORE (PS3.4 §B.2): the data set streams from the association into the archive; the status tells what became
//! of it there.

use bytes::Bytes;
use causeway_archive::{Accepted, Announced, Body, BodyError, IngestError};
use causeway_core::{Status, sop_class};
use causeway_dimse::message::{CStoreRq, CStoreRsp};
use causeway_dimse::{Association, Command, Context, Error};

use super::Stream;
use crate::door::{Door, Visitor};
use crate::report;

pub(super) async fn handle<S: Stream>(
    door: &Door,
    visitor: &Visitor,
    association: &mut Association<S>,
    context: &Context,
    request: &CStoreRq,
) -> Result<(), Error> {
    if let Some(refusal) = misplaced(context, request) {
        while association.chunk().await?.is_some() {}
        return association.send(context.id, &Command::CStoreRsp(refusal), None).await;
    }
    let mut body = Incoming { association, broken: None };
    let (principal, announced) = (&visitor.caller.principal, announced(context, request));
    let ingested = door.archive.ingest(principal, visitor.envelope(), announced, &mut body, None).await;
    if let Some(broken) = body.broken {
        return Err(broken);
    }
    // A sender that is refused early still sends to the end; it is answered then.
    while association.chunk().await?.is_some() {}
    let answer = answer(door, visitor, request, ingested);
    association.send(context.id, &Command::CStoreRsp(answer), None).await
}

/// The refusal of an instance that came on a context of another SOP class.
pub(super) fn misplaced(context: &Context, request: &CStoreRq) -> Option<CStoreRsp> {
    (request.sop_class != context.abstract_syntax).then(|| CStoreRsp {
        comment: Some("SOP class is not that of the presentation context".to_owned()),
        ..request.answer(Status::SOP_CLASS_NOT_SUPPORTED)
    })
}

/// What the command and its context say of the data set.
pub(super) fn announced(context: &Context, request: &CStoreRq) -> Announced {
    Announced {
        sop_class: Some(request.sop_class.clone()),
        sop_instance: Some(request.sop_instance.clone()),
        transfer_syntax: context.transfer_syntax.clone(),
    }
}

/// What the sender is told, and our administrator when it is a failure.
pub(super) fn answer(
    door: &Door,
    visitor: &Visitor,
    request: &CStoreRq,
    ingested: Result<Accepted, IngestError>,
) -> CStoreRsp {
    let Err(error) = ingested else { return request.answer(Status::SUCCESS) };
    let (status, words) = (error.store_status(), error.to_string());
    let what = sop_class::name(&request.sop_class).unwrap_or(request.sop_class.as_str());
    report::request(&door.archive, visitor, format!("C-STORE of {what}"), words.clone());
    tracing::warn!(
        calling = %visitor.ae_title, instance = %request.sop_instance, %status, %error,
        "an instance was not taken"
    );
    CStoreRsp { comment: Some(words), ..request.answer(status) }
}

/// The data set as it arrives; remembers how the association failed.
struct Incoming<'a, S> {
    association: &'a mut Association<S>,
    broken: Option<Error>,
}

impl<S: Stream> Body for Incoming<'_, S> {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        let chunk = self.association.chunk().await;
        chunk.map_err(|error| broke(error, &mut self.broken))
    }
}

/// The archive is told of a failed association in words; the failure itself is kept.
pub(super) fn broke(error: Error, kept: &mut Option<Error>) -> BodyError {
    let (words, class) = (error.to_string(), error.class());
    *kept = Some(error);
    BodyError { words, class }
}
