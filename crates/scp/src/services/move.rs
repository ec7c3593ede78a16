//! C-MOVE (PS3.4 §C.4.2): instances go to a registered remote as C-STORE sub-operations, with a pending answer
//! after each.

use causeway_archive::RetrieveError;
use causeway_core::{AeTitle, Attributes, Class, Element, Remote, Status, StoredInstance, Tag, Uid, Vr};
use causeway_dataset::identifier;
use causeway_dimse::message::{CMoveRq, Progress, RetrieveRsp};
use causeway_dimse::{Association, Command, Context, Error};

use super::suboperations::{Sent, SubOperations};
use super::{Stream, layout};
use crate::door::{Door, Visitor};
use crate::extended;
use crate::identifier::retrieve::selection;
use crate::identifier::{Hierarchy, Root};

pub(super) async fn handle<S: Stream>(
    door: &Door,
    visitor: &Visitor,
    association: &mut Association<S>,
    context: &Context,
    request: &CMoveRq,
) -> Result<(), Error> {
    let asked = match association.identifier().await {
        Ok(bytes) => {
            let hierarchy =
                extended::retrieval(association.agreement().extended_for(&context.abstract_syntax));
            prepare(door, visitor, context, request, hierarchy, &bytes).await
        }
        Err(Error::TooLarge { .. }) => {
            Err(refused(request, Status::IDENTIFIER_DOES_NOT_MATCH, "identifier too long"))
        }
        Err(error) => return Err(error),
    };
    match asked {
        Ok((remote, instances)) => {
            let (last, failed) =
                run(door, visitor, association, context, request, &remote, instances).await?;
            let list = (!failed.is_empty()).then(|| failed_list(failed, context));
            association.send(context.id, &Command::CMoveRsp(last), list.as_deref()).await
        }
        Err(refusal) => association.send(context.id, &Command::CMoveRsp(*refusal), None).await,
    }
}

fn refused(request: &CMoveRq, status: Status, comment: &str) -> Box<RetrieveRsp> {
    let answer = request.answer(status, Progress::default());
    Box::new(RetrieveRsp { comment: Some(comment.to_owned()), ..answer })
}

/// To whom, and what.
async fn prepare(
    door: &Door,
    visitor: &Visitor,
    context: &Context,
    request: &CMoveRq,
    hierarchy: Hierarchy,
    bytes: &[u8],
) -> Result<(Remote, Vec<StoredInstance>), Box<RetrieveRsp>> {
    let Some(root) = Root::of(&context.abstract_syntax) else {
        let words = "C-MOVE on a context of another service";
        return Err(refused(request, Status::SOP_CLASS_NOT_SUPPORTED, words));
    };
    let identifier = identifier::decode(bytes, layout(context))
        .map_err(|error| refused(request, Status::UNABLE_TO_PROCESS, &error.to_string()))?;
    let selection = selection(root, hierarchy, &identifier).map_err(|refusal| {
        let mut answer = refused(request, refusal.status, &refusal.comment);
        answer.offending = vec![refusal.offending];
        answer
    })?;
    let Some(remote) = destination(door, &request.destination) else {
        tracing::warn!(
            calling = %visitor.ae_title, destination = %request.destination,
            "a C-MOVE to an unknown destination; register it with `causeway remote add NAME --ae-title {} --host … \
             --port …`", request.destination
        );
        return Err(refused(
            request,
            Status::MOVE_DESTINATION_UNKNOWN,
            "no remote with this AE title and a host",
        ));
    };
    match door.archive.select(&visitor.caller.principal, &selection).await {
        Ok(instances) => Ok((remote, instances)),
        Err(RetrieveError::Access(error)) => {
            Err(refused(request, Status::NOT_AUTHORIZED, &error.to_string()))
        }
        Err(error) if matches!(error.class(), Class::Exhausted | Class::Transient) => {
            Err(refused(request, Status::UNABLE_TO_COUNT_MATCHES, &error.to_string()))
        }
        Err(error) => Err(refused(request, Status::UNABLE_TO_PROCESS, &error.to_string())),
    }
}

/// The remote with this AE title that can be called.
fn destination(door: &Door, ae_title: &AeTitle) -> Option<Remote> {
    let remotes = door.archive.remotes();
    let callable = |remote: &&Remote| remote.dimse_peer().is_some_and(|(called, ..)| called == ae_title);
    remotes.iter().find(callable).cloned()
}

/// Sends all; gives the last answer and what failed.
async fn run<S: Stream>(
    door: &Door,
    visitor: &Visitor,
    association: &mut Association<S>,
    context: &Context,
    request: &CMoveRq,
    remote: &Remote,
    instances: Vec<StoredInstance>,
) -> Result<(RetrieveRsp, Vec<Uid>), Error> {
    let originator = (visitor.ae_title.clone(), request.message_id);
    let mut operations = SubOperations::new(
        door.archive.clone(),
        &door.ae_title,
        door.config.settings(),
        door.tls.towards(remote),
        remote,
        originator,
    );
    let mut tally = Tally { remaining: instances.len(), ..Tally::default() };
    let mut failed = Vec::new();
    let mut words = None;
    let mut rest = instances.as_slice();
    while let [instance, others @ ..] = rest {
        if association.try_cancelled(request.message_id)? {
            operations.close().await;
            return Ok((request.answer(Status::CANCEL, tally.with_remaining()), failed));
        }
        match operations.send(instance, others).await {
            Sent::Done => tally.completed += 1,
            Sent::DoneWithWarning => tally.warning += 1,
            Sent::Failed(why) => {
                tally.failed += 1;
                failed.push(instance.ids.instance.clone());
                words.get_or_insert(why);
            }
        }
        tally.remaining -= 1;
        rest = others;
        if !rest.is_empty() {
            let pending = request.answer(Status::PENDING, tally.with_remaining());
            association.send(context.id, &Command::CMoveRsp(pending), None).await?;
        }
    }
    operations.close().await;
    let last = request.answer(tally.status(), tally.final_counts());
    Ok((RetrieveRsp { comment: words, ..last }, failed))
}

/// The counts of sub-operations.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    remaining: usize,
    completed: usize,
    failed: usize,
    warning: usize,
}

impl Tally {
    fn final_counts(self) -> Progress {
        let count = |number: usize| Some(u16::try_from(number).unwrap_or(u16::MAX));
        Progress {
            remaining: None,
            completed: count(self.completed),
            failed: count(self.failed),
            warning: count(self.warning),
        }
    }

    /// Remaining ones are told only of an operation that is pending or cancelled (PS3.4 §C.4.2.1.6).
    fn with_remaining(self) -> Progress {
        Progress { remaining: Some(u16::try_from(self.remaining).unwrap_or(u16::MAX)), ..self.final_counts() }
    }

    /// PS3.4 Table C.4-2.
    const fn status(self) -> Status {
        match (self.completed + self.warning, self.failed) {
            (0, 1..) => Status::UNABLE_TO_PERFORM_SUBOPERATIONS,
            (_, 1..) => Status::SUBOPERATIONS_WITH_FAILURES,
            _ if self.warning > 0 => Status::SUBOPERATIONS_WITH_FAILURES,
            _ => Status::SUCCESS,
        }
    }
}

/// The identifier of a final answer that names what failed (PS3.4 §C.4.2.1.4.2).
fn failed_list(failed: Vec<Uid>, context: &Context) -> Vec<u8> {
    let values = failed.iter().map(|uid| uid.as_str().to_owned()).collect();
    let list: Attributes =
        [(Tag::FAILED_SOP_INSTANCE_UID_LIST, Element::text(Vr::UI, values))].into_iter().collect();
    identifier::encode(&list, layout(context))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_status_says_how_all_went() {
        let tally = |completed, warning, failed| Tally { remaining: 0, completed, failed, warning };
        assert_eq!(tally(0, 0, 0).status(), Status::SUCCESS);
        assert_eq!(tally(3, 0, 0).status(), Status::SUCCESS);
        assert_eq!(tally(3, 1, 0).status(), Status::SUBOPERATIONS_WITH_FAILURES);
        assert_eq!(tally(3, 0, 1).status(), Status::SUBOPERATIONS_WITH_FAILURES);
        assert_eq!(tally(0, 0, 3).status(), Status::UNABLE_TO_PERFORM_SUBOPERATIONS);
    }

    #[test]
    fn counts_beyond_sixteen_bits_are_told_as_the_largest() {
        let tally = Tally { remaining: 70_000, completed: 65_535, failed: 0, warning: 0 };
        assert_eq!(tally.with_remaining().remaining, Some(u16::MAX));
        assert_eq!(tally.final_counts().completed, Some(65_535));
        assert_eq!(tally.final_counts().remaining, None);
    }
}
