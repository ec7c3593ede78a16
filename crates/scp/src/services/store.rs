//! C-STORE (PS3.4 §B.2): the data set streams from the association into the archive; the status tells what became
//! of it there.

use bytes::Bytes;
use causeway_archive::{Announced, Body, BodyError, IngestError};
use causeway_core::{Status, sop_class};
use causeway_dimse::message::CStoreRq;
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
    if request.sop_class != context.abstract_syntax {
        while association.chunk().await?.is_some() {}
        let mut answer = request.answer(Status::SOP_CLASS_NOT_SUPPORTED);
        answer.comment = Some("SOP class is not that of the presentation context".to_owned());
        return association.send(context.id, &Command::CStoreRsp(answer), None).await;
    }
    let announced = Announced {
        sop_class: Some(request.sop_class.clone()),
        sop_instance: Some(request.sop_instance.clone()),
        transfer_syntax: context.transfer_syntax.clone(),
    };
    let mut body = Incoming { association, broken: None };
    let principal = &visitor.caller.principal;
    let ingested = door.archive.ingest(principal, visitor.envelope(), announced, &mut body, None).await;
    if let Some(broken) = body.broken {
        return Err(broken);
    }
    // A sender that is refused early still sends to the end; it is answered then.
    while association.chunk().await?.is_some() {}
    let mut answer = request.answer(Status::SUCCESS);
    if let Err(error) = ingested {
        answer.status = error.store_status();
        answer.comment = Some(error.to_string());
        let what = sop_class::name(&request.sop_class).unwrap_or(request.sop_class.as_str());
        report::request(&door.archive, visitor, format!("C-STORE of {what}"), error.to_string());
        tell(visitor, request, &error, answer.status);
    }
    association.send(context.id, &Command::CStoreRsp(answer), None).await
}

fn tell(visitor: &Visitor, request: &CStoreRq, error: &IngestError, status: Status) {
    tracing::warn!(
        calling = %visitor.ae_title, instance = %request.sop_instance, %status, %error,
        "an instance was not taken"
    );
}

/// The data set as it arrives; remembers how the association failed.
struct Incoming<'a, S> {
    association: &'a mut Association<S>,
    broken: Option<Error>,
}

impl<S: Stream> Body for Incoming<'_, S> {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        match self.association.chunk().await {
            Ok(chunk) => Ok(chunk),
            Err(error) => {
                let words = error.to_string();
                let class = error.class();
                self.broken = Some(error);
                Err(BodyError { words, class })
            }
        }
    }
}
