//! Modality Performed Procedure Step (PS3.4 §F.7): N-CREATE and N-SET, and its retrieval (§F.8): N-GET.

use causeway_archive::performed::Fault;
use causeway_archive::{PerformedError, SearchError};
use causeway_core::{Attributes, Class, Status, Tag, Uid, Vr, sop_class};
use causeway_dataset::identifier;
use causeway_dimse::message::{NRq, NRsp, Operation};
use causeway_dimse::{Association, Command, Error};

use super::normalized::Request;
use super::{Stream, layout};
use crate::door::{Door, Visitor};
use crate::report;

/// What the standard has an SCP say of a step that has ended (PS3.4 Table F.7.2-2).
const MAY_NO_LONGER_BE_UPDATED: &str = "Performed Procedure Step Object may no longer be updated";
/// The Error ID that goes with it.
const MAY_NO_LONGER_BE_UPDATED_ID: u16 = 0xA710;

/// An answer, and the data set that goes with it.
struct Answer {
    response: NRsp,
    attributes: Option<Attributes>,
}

impl From<NRsp> for Answer {
    fn from(response: NRsp) -> Self {
        Self { response, attributes: None }
    }
}

pub(super) async fn handle<S: Stream>(
    door: &Door,
    visitor: &Visitor,
    association: &mut Association<S>,
    request: Request<'_>,
) -> Result<(), Error> {
    let Request { context, asked, has_data_set } = request;
    let is_retrieval =
        context.abstract_syntax.as_str() == sop_class::MODALITY_PERFORMED_PROCEDURE_STEP_RETRIEVE;
    let answer = match (&asked.operation, &asked.sop_instance) {
        (Operation::Create, uid) if !is_retrieval => match told(association, request).await? {
            Ok(step) => create(door, visitor, asked, uid.clone(), step).await,
            Err(refusal) => refusal.into(),
        },
        (Operation::Set, Some(uid)) if !is_retrieval && has_data_set => {
            match told(association, request).await? {
                Ok(change) => set(door, visitor, asked, uid, change).await,
                Err(refusal) => refusal.into(),
            }
        }
        (Operation::Set, _) if !is_retrieval => asked.answer(Status::MISTYPED_ARGUMENT).into(),
        (Operation::Get(tags), Some(uid)) if is_retrieval => get(door, visitor, asked, uid, tags).await,
        _ => asked.answer(Status::UNRECOGNIZED_OPERATION).into(),
    };
    let bytes = answer.attributes.map(|attributes| identifier::encode(&attributes, layout(context)));
    association.send(context.id, &Command::NRsp(answer.response), bytes.as_deref()).await
}

/// What the peer tells; nothing where it sent no data set. Inner error: the refusal.
async fn told<S: Stream>(
    association: &mut Association<S>,
    request: Request<'_>,
) -> Result<Result<Attributes, NRsp>, Error> {
    if !request.has_data_set {
        return Ok(Ok(Attributes::new()));
    }
    let refuse =
        |status, words: &str| NRsp { comment: Some(words.to_owned()), ..bare(request.asked, status) };
    match association.identifier().await {
        Ok(bytes) => Ok(identifier::decode(&bytes, layout(request.context))
            .map_err(|error| refuse(Status::PROCESSING_FAILURE, &error.to_string()))),
        Err(Error::TooLarge { .. }) => {
            Ok(Err(refuse(Status::RESOURCE_LIMITATION, "the data set is too long")))
        }
        Err(error) => Err(error),
    }
}

async fn create(door: &Door, visitor: &Visitor, asked: &NRq, uid: Option<Uid>, step: Attributes) -> Answer {
    let principal = &visitor.caller.principal;
    match door.archive.create_performed(principal, uid, step.clone()).await {
        Ok(uid) => {
            tracing::info!(calling = %visitor.ae_title, performed.uid = %uid, "a procedure step was begun");
            NRsp { sop_instance: Some(uid), ..asked.answer(Status::SUCCESS) }.into()
        }
        Err(error) => failed(door, visitor, asked, &error, &step),
    }
}

async fn set(door: &Door, visitor: &Visitor, asked: &NRq, uid: &Uid, change: Attributes) -> Answer {
    let principal = &visitor.caller.principal;
    match door.archive.set_performed(principal, uid, change.clone()).await {
        Ok(left) if left.is_empty() => asked.answer(Status::SUCCESS).into(),
        Ok(left) => {
            let comment = Some("all was set but what may not change after N-CREATE".to_owned());
            NRsp { offending: left, comment, ..asked.answer(Status::ATTRIBUTE_LIST_ERROR) }.into()
        }
        Err(error) => failed(door, visitor, asked, &error, &change),
    }
}

async fn get(door: &Door, visitor: &Visitor, asked: &NRq, uid: &Uid, tags: &[Tag]) -> Answer {
    let step = match door.archive.performed(&visitor.caller.principal, uid).await {
        Ok(Some(step)) => step,
        Ok(None) => return failed(door, visitor, asked, &PerformedError::Unknown, &Attributes::new()),
        Err(error) => {
            let error = match error {
                SearchError::Access(error) => PerformedError::Access(error),
                SearchError::Catalog(error) => PerformedError::Catalog(error),
            };
            return failed(door, visitor, asked, &error, &Attributes::new());
        }
    };
    let mut attributes = step.attributes;
    attributes.put_text(Tag::SOP_CLASS_UID, Vr::UI, asked.sop_class.as_str());
    attributes.put_text(Tag::SOP_INSTANCE_UID, Vr::UI, step.uid.as_str());
    // The character set goes with the data set wherever one is needed.
    let is_kept = |tag: &Tag| *tag == Tag::SPECIFIC_CHARACTER_SET || attributes.contains(*tag);
    let status = if tags.iter().all(is_kept) { Status::SUCCESS } else { Status::ATTRIBUTES_NOT_SUPPORTED };
    if !tags.is_empty() {
        attributes.retain(|tag| tags.contains(&tag));
    }
    Answer { response: asked.answer(status), attributes: Some(attributes) }
}

/// An answer that is no success names no instance that was to be created (PS3.7 §10.1.5.1.4).
fn bare(asked: &NRq, status: Status) -> NRsp {
    let answer = asked.answer(status);
    let names = asked.operation != Operation::Create || status == Status::DUPLICATE_SOP_INSTANCE;
    NRsp { sop_instance: answer.sop_instance.clone().filter(|_| names), ..answer }
}

fn failed(door: &Door, visitor: &Visitor, asked: &NRq, error: &PerformedError, told: &Attributes) -> Answer {
    let (status, offending) = match error {
        PerformedError::Access(_) => (Status::NOT_AUTHORIZED, &[][..]),
        PerformedError::Duplicate => (Status::DUPLICATE_SOP_INSTANCE, &[][..]),
        PerformedError::Unknown => (Status::NO_SUCH_OBJECT, &[][..]),
        PerformedError::Fault(Fault::Missing(tags)) => (Status::MISSING_ATTRIBUTE, &**tags),
        PerformedError::Fault(Fault::Empty(tags)) => (Status::MISSING_ATTRIBUTE_VALUE, &**tags),
        PerformedError::Fault(Fault::Invalid(tags)) => (Status::INVALID_ATTRIBUTE_VALUE, &**tags),
        PerformedError::Ended(_) => (Status::PROCESSING_FAILURE, &[][..]),
        PerformedError::Contended | PerformedError::Catalog(_)
            if matches!(error.class(), Class::Exhausted | Class::Transient) =>
        {
            (Status::RESOURCE_LIMITATION, &[][..])
        }
        PerformedError::Contended | PerformedError::Catalog(_) => (Status::PROCESSING_FAILURE, &[][..]),
    };
    tracing::warn!(
        calling = %visitor.ae_title, operation = %asked.operation.field(), %status, ?offending, %error,
        "a report on a procedure step was refused"
    );
    let operation = asked.operation.field();
    report::request(&door.archive, visitor, format!("{operation} of a procedure step"), comment(error));
    let ended = matches!(error, PerformedError::Ended(_));
    let response = NRsp {
        comment: Some(if ended { MAY_NO_LONGER_BE_UPDATED.to_owned() } else { comment(error) }),
        error_id: ended.then_some(MAY_NO_LONGER_BE_UPDATED_ID),
        offending: offending.to_vec(),
        ..bare(asked, status)
    };
    Answer { response, attributes: invalid(status, offending, told) }
}

/// Words that fit an Error Comment: of several attributes the first is named.
fn comment(error: &PerformedError) -> String {
    let (tags, words) = match error {
        PerformedError::Fault(Fault::Missing(tags)) => (tags, "is missing"),
        PerformedError::Fault(Fault::Empty(tags)) => (tags, "has no value"),
        PerformedError::Fault(Fault::Invalid(tags)) => (tags, "has a value that cannot be"),
        other => return other.to_string(),
    };
    let name = |tag: &Tag| {
        causeway_dataset::dictionary::keyword_of(*tag).map_or_else(|| tag.to_string(), str::to_owned)
    };
    format!("{} {words}", tags.first().map(name).unwrap_or_default())
}

/// The values that cannot be, sent back with Invalid Attribute Value (PS3.4 §F.7.2.1.3); none of other answers.
fn invalid(status: Status, offending: &[Tag], told: &Attributes) -> Option<Attributes> {
    let mut list = told.clone();
    list.retain(|tag| offending.contains(&tag));
    (status == Status::INVALID_ATTRIBUTE_VALUE && !list.is_empty()).then_some(list)
}
