//! C-FIND of the modality worklist (PS3.4 §K.4.1): each pending response is one scheduled procedure step.

use std::time::Duration;

use causeway_archive::{CatalogError, Entries, WorklistItem};
use causeway_core::{Class, Status};
use causeway_dataset::identifier;
use causeway_dimse::message::{CFindRq, CFindRsp};
use causeway_dimse::{Association, Command, Context, Error};

use super::{Stream, layout};
use crate::door::{Door, Visitor};
use crate::identifier::Refusal;
use crate::identifier::worklist::{WorklistRequest, worklist_request};

/// Answers between two looks for a cancel: a look is a call of the system.
const ANSWERS_PER_LOOK: usize = 16;
/// Time between two looks while the catalog searches.
const PAUSE_BETWEEN_LOOKS: Duration = Duration::from_millis(200);

pub(super) async fn handle<S: Stream>(
    door: &Door,
    visitor: &Visitor,
    association: &mut Association<S>,
    context: &Context,
    request: &CFindRq,
) -> Result<(), Error> {
    let asked = match association.identifier().await {
        Ok(bytes) => identifier::decode(&bytes, layout(context))
            .map_err(|error| refused(request, Status::UNABLE_TO_PROCESS, error.to_string()))
            .and_then(|identifier| {
                worklist_request(identifier).map_err(|refusal| mismatch(request, refusal))
            }),
        Err(Error::TooLarge { .. }) => {
            Err(refused(request, Status::IDENTIFIER_DOES_NOT_MATCH, "identifier too long"))
        }
        Err(error) => return Err(error),
    };
    let last = match asked {
        Ok(asked) => answers(door, visitor, association, context, request, asked).await?,
        Err(refusal) => refusal,
    };
    association.send(context.id, &Command::CFindRsp(last), None).await
}

fn refused(request: &CFindRq, status: Status, comment: impl Into<String>) -> CFindRsp {
    CFindRsp { comment: Some(comment.into()), ..request.answer(status) }
}

fn mismatch(request: &CFindRq, refusal: Refusal) -> CFindRsp {
    let Refusal { status, offending, comment } = refusal;
    CFindRsp { offending: vec![offending], ..refused(request, status, comment) }
}

/// Sends the pending answers; gives the last.
async fn answers<S: Stream>(
    door: &Door,
    visitor: &Visitor,
    association: &mut Association<S>,
    context: &Context,
    request: &CFindRq,
    asked: WorklistRequest,
) -> Result<CFindRsp, Error> {
    let status = if asked.has_unsupported_keys { Status::PENDING_UNSUPPORTED_KEYS } else { Status::PENDING };
    let pending = Command::CFindRsp(request.answer(status));
    let mut found = match door.archive.worklist(&visitor.caller.principal, asked.query.clone()) {
        Ok(found) => found,
        Err(error) => return Ok(refused(request, Status::NOT_AUTHORIZED, error.to_string())),
    };
    let mut sent = 0_usize;
    loop {
        if sent.is_multiple_of(ANSWERS_PER_LOOK) && association.try_cancelled(request.message_id)? {
            return Ok(request.answer(Status::CANCEL));
        }
        let Some(next) = next(&mut found, association, request.message_id).await? else {
            return Ok(request.answer(Status::CANCEL));
        };
        match next {
            Ok(Some(item)) => {
                let bytes = identifier::encode(&asked.answer(&item.attributes), layout(context));
                association.feed(context.id, &pending, Some(&bytes)).await?;
                sent += 1;
            }
            Ok(None) => return Ok(request.answer(Status::SUCCESS)),
            Err(error) => return Ok(failed(visitor, request, &error)),
        }
    }
}

/// The next entry, however long the catalog looks for it; nothing when the peer cancelled meanwhile.
async fn next<S: Stream>(
    found: &mut Entries,
    association: &mut Association<S>,
    message_id: u16,
) -> Result<Option<Result<Option<WorklistItem>, CatalogError>>, Error> {
    let next = found.next();
    tokio::pin!(next);
    loop {
        // The search itself goes on between two looks.
        tokio::select! {
            answer = &mut next => return Ok(Some(answer)),
            () = tokio::time::sleep(PAUSE_BETWEEN_LOOKS) => {
                if association.try_cancelled(message_id)? {
                    return Ok(None);
                }
            }
        }
    }
}

fn failed(visitor: &Visitor, request: &CFindRq, error: &CatalogError) -> CFindRsp {
    let status = match error.class() {
        Class::Exhausted | Class::Transient => Status::OUT_OF_RESOURCES,
        Class::Peer | Class::Caller | Class::Bug => Status::UNABLE_TO_PROCESS,
    };
    tracing::warn!(calling = %visitor.ae_title, %status, %error, "a query of the worklist failed");
    refused(request, status, error.to_string())
}
