//! C-FIND (PS3.4 §C.4.1): the identifier becomes a query, each answer a pending response.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use causeway_archive::{Answers, SearchError};
use causeway_core::{Attributes, Class, Status};
use causeway_dataset::identifier;
use causeway_dimse::message::{CFindRq, CFindRsp};
use causeway_dimse::{Association, Command, Context, Encoded, Error, Fed};

use super::{Stream, layout};
use crate::door::{Door, Visitor};
use crate::identifier::answer::Shape;
use crate::identifier::find::{FindRequest, find_request};
use crate::identifier::options::QueryOptions;
use crate::identifier::{Hierarchy, Refusal, Root};

pub(super) async fn handle<S: Stream>(
    door: &Door,
    visitor: &Visitor,
    association: &mut Association<S>,
    context: &Context,
    request: &CFindRq,
) -> Result<(), Error> {
    let asked = match association.identifier().await {
        Ok(bytes) => read(context, &options(door, association, context), &bytes),
        Err(Error::TooLarge { .. }) => {
            Err(Refused::with(Status::IDENTIFIER_DOES_NOT_MATCH, "identifier too long"))
        }
        Err(error) => return Err(error),
    };
    let last = match asked {
        Ok(find) => answers(door, visitor, association, context, request, find).await?,
        Err(refused) => refused.0(request.answer(Status::UNABLE_TO_PROCESS)),
    };
    association.send(context.id, &Command::CFindRsp(last), None).await
}

/// What holds for queries on `context`.
fn options<S: Stream>(door: &Door, association: &Association<S>, context: &Context) -> QueryOptions {
    let allowed = if door.config.relational_queries { Hierarchy::Relational } else { Hierarchy::Strict };
    QueryOptions::granted(association.agreement().extended_for(&context.abstract_syntax), allowed)
}

/// A refusal: what it makes of the bare answer.
struct Refused(Box<dyn FnOnce(CFindRsp) -> CFindRsp + Send>);

impl Refused {
    fn with(status: Status, comment: &str) -> Self {
        let comment = Some(comment.to_owned());
        Self(Box::new(move |answer| CFindRsp { status, comment, ..answer }))
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let Refusal { status, offending, comment } = refusal;
        Self(Box::new(move |answer| CFindRsp {
            status,
            offending: vec![offending],
            comment: Some(comment),
            ..answer
        }))
    }
}

fn read(context: &Context, options: &QueryOptions, bytes: &[u8]) -> Result<FindRequest, Refused> {
    let Some(root) = Root::of(&context.abstract_syntax) else {
        return Err(Refused::with(Status::SOP_CLASS_NOT_SUPPORTED, "C-FIND on a context of another service"));
    };
    let identifier = identifier::decode(bytes, layout(context))
        .map_err(|error| Refused::with(Status::UNABLE_TO_PROCESS, &error.to_string()))?;
    Ok(find_request(root, options, identifier)?)
}

/// Sends the pending answers; gives the last.
async fn answers<S: Stream>(
    door: &Door,
    visitor: &Visitor,
    association: &mut Association<S>,
    context: &Context,
    request: &CFindRq,
    find: FindRequest,
) -> Result<CFindRsp, Error> {
    let FindRequest { mut query, requested, has_unsupported_keys } = find;
    let most = door.config.results;
    // One more than are given tells whether there are more.
    query.limit = (most > 0).then(|| most.saturating_add(1));
    let shape = Shape::of(&query, requested, &door.ae_title);
    let mut found = match door.archive.search(&visitor.caller.principal, query).await {
        Ok(found) => found,
        Err(error) => return Ok(failed(visitor, request, &error)),
    };
    let status = if has_unsupported_keys { Status::PENDING_UNSUPPORTED_KEYS } else { Status::PENDING };
    let pending = Encoded::with_data_set(&Command::CFindRsp(request.answer(status)));
    let mut writer = identifier::Writer::new(layout(context));
    let mut sent = 0_u32;
    loop {
        let Some(next) = next(&mut found, association, request.message_id).await? else {
            return Ok(request.answer(Status::CANCEL));
        };
        match next {
            Ok(Some(_)) if most > 0 && sent == most => return Ok(too_many(request, most)),
            Ok(Some(match_)) => {
                let bytes = writer.write(&shape.answer(match_));
                match association.answer(context.id, &pending, bytes, request.message_id).await? {
                    Fed::Taken => sent = sent.saturating_add(1),
                    Fed::Cancelled => return Ok(request.answer(Status::CANCEL)),
                }
            }
            Ok(None) => return Ok(request.answer(Status::SUCCESS)),
            Err(error) => return Ok(failed(visitor, request, &SearchError::Catalog(error))),
        }
    }
}

/// The next answer, however long the catalog looks for it; nothing when the peer cancelled meanwhile. What has been
/// found so far goes out before it is waited for.
async fn next<S: Stream>(
    found: &mut Answers,
    association: &mut Association<S>,
    message_id: u16,
) -> Result<Option<Result<Option<Attributes>, causeway_archive::CatalogError>>, Error> {
    let mut next = pin!(found.next());
    if let Poll::Ready(answer) = poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await {
        return Ok(Some(answer));
    }
    match association.flush_answers(message_id).await? {
        Fed::Taken => {}
        Fed::Cancelled => return Ok(None),
    }
    // Both may be dropped while they wait; a search that is dropped is ended in the catalog.
    tokio::select! {
        answer = next => Ok(Some(answer)),
        cancelled = association.cancelled(message_id) => cancelled.map(|()| None),
    }
}

/// More matches than are given to one query.
fn too_many(request: &CFindRq, most: u32) -> CFindRsp {
    let comment = format!("more than {most} matches: narrow by date, patient, modality");
    CFindRsp { comment: Some(comment), ..request.answer(Status::OUT_OF_RESOURCES) }
}

fn failed(visitor: &Visitor, request: &CFindRq, error: &SearchError) -> CFindRsp {
    let status = match error {
        SearchError::Access(_) => Status::NOT_AUTHORIZED,
        SearchError::Catalog(_) if matches!(error.class(), Class::Exhausted | Class::Transient) => {
            Status::OUT_OF_RESOURCES
        }
        SearchError::Catalog(_) => Status::UNABLE_TO_PROCESS,
    };
    tracing::warn!(calling = %visitor.ae_title, %status, %error, "a query failed");
    CFindRsp { comment: Some(error.to_string()), ..request.answer(status) }
}
