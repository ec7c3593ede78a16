//! C-FIND (PS3.4 §C.4.1): the identifier becomes a query, each answer a pending response.

use std::time::Duration;

use causeway_archive::{Answers, SearchError};
use causeway_core::{Attributes, Class, Status};
use causeway_dataset::identifier;
use causeway_dimse::message::{CFindRq, CFindRsp};
use causeway_dimse::{Association, Command, Context, Error};

use super::{Stream, layout};
use crate::door::{Door, Visitor};
use crate::extended;
use crate::identifier::answer::answer;
use crate::identifier::find::{FindRequest, find_request};
use crate::identifier::{Hierarchy, Refusal, Root};

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
        Ok(bytes) => read(context, options(door, association, context), &bytes),
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

/// What holds for queries on `context`: what was negotiated, or what the administrator settled.
fn options<S: Stream>(door: &Door, association: &Association<S>, context: &Context) -> Hierarchy {
    let granted = extended::Query::of(association.agreement().extended_for(&context.abstract_syntax));
    if granted.relational || door.config.relational_queries {
        Hierarchy::Relational
    } else {
        Hierarchy::Strict
    }
}

fn read(context: &Context, hierarchy: Hierarchy, bytes: &[u8]) -> Result<FindRequest, Refused> {
    let Some(root) = Root::of(&context.abstract_syntax) else {
        return Err(Refused::with(Status::SOP_CLASS_NOT_SUPPORTED, "C-FIND on a context of another service"));
    };
    let identifier = identifier::decode(bytes, layout(context))
        .map_err(|error| Refused::with(Status::UNABLE_TO_PROCESS, &error.to_string()))?;
    Ok(find_request(root, hierarchy, identifier)?)
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
    let FindRequest { query, requested, has_unsupported_keys } = find;
    let level = query.level;
    let pending =
        request.answer(if has_unsupported_keys { Status::PENDING_UNSUPPORTED_KEYS } else { Status::PENDING });
    let pending = Command::CFindRsp(pending);
    let mut found = match door.archive.search(&visitor.caller.principal, query).await {
        Ok(found) => found,
        Err(error) => return Ok(failed(visitor, request, &error)),
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
            Ok(Some(match_)) => {
                let shown = answer(&requested, level, &match_, &door.ae_title);
                let bytes = identifier::encode(&shown, layout(context));
                association.feed(context.id, &pending, Some(&bytes)).await?;
                sent += 1;
            }
            Ok(None) => return Ok(request.answer(Status::SUCCESS)),
            Err(error) => return Ok(failed(visitor, request, &SearchError::Catalog(error))),
        }
    }
}

/// The next answer, however long the catalog looks for it; nothing when the peer cancelled meanwhile.
async fn next<S: Stream>(
    found: &mut Answers,
    association: &mut Association<S>,
    message_id: u16,
) -> Result<Option<Result<Option<Attributes>, causeway_archive::CatalogError>>, Error> {
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
