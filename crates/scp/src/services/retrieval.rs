//! What C-MOVE and C-GET have in common (PS3.4 §C.4.2, §C.4.3): which instances are meant, the counts of sub-operations,
//! the pending answers and the last one. Never here: on which association the instances go.

use causeway_archive::RetrieveError;
use causeway_core::{Attributes, Class, Element, Selection, Status, StoredInstance, Tag, Uid, Vr};
use causeway_dataset::identifier;
use causeway_dimse::message::{CGetRq, CMoveRq, Priority, Progress, RetrieveRsp};
use causeway_dimse::{Association, Command, Context, Error};

use super::suboperations::Sent;
use super::{Stream, layout};
use crate::door::{Door, Visitor};
use crate::extended;
use crate::identifier::retrieve::selection;
use crate::identifier::{Hierarchy, Root};

/// The request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asked<'a> {
    Get(&'a CGetRq),
    Move(&'a CMoveRq),
}

/// An answer that refuses.
pub(super) type Refused = Box<RetrieveRsp>;

impl Asked<'_> {
    pub(super) const fn message_id(self) -> u16 {
        match self {
            Self::Get(request) => request.message_id,
            Self::Move(request) => request.message_id,
        }
    }

    pub(super) const fn priority(self) -> Priority {
        match self {
            Self::Get(request) => request.priority,
            Self::Move(request) => request.priority,
        }
    }

    const fn service(self) -> &'static str {
        match self {
            Self::Get(_) => "C-GET",
            Self::Move(_) => "C-MOVE",
        }
    }

    fn answer(self, status: Status, progress: Progress) -> RetrieveRsp {
        match self {
            Self::Get(request) => request.answer(status, progress),
            Self::Move(request) => request.answer(status, progress),
        }
    }

    /// The command of an answer.
    pub(super) fn command(self, answer: RetrieveRsp) -> Command {
        match self {
            Self::Get(_) => Command::CGetRsp(answer),
            Self::Move(_) => Command::CMoveRsp(answer),
        }
    }

    /// The answer that refuses, in words.
    pub(super) fn refuse(self, status: Status, comment: &str) -> Refused {
        let answer = self.answer(status, Progress::default());
        Box::new(RetrieveRsp { comment: Some(comment.to_owned()), ..answer })
    }
}

/// Reads what is asked for. Inner error: the answer that refuses it.
pub(super) async fn read<S: Stream>(
    association: &mut Association<S>,
    context: &Context,
    asked: Asked<'_>,
) -> Result<Result<Selection, Refused>, Error> {
    match association.identifier().await {
        Ok(bytes) => {
            let granted = association.agreement().extended_for(&context.abstract_syntax);
            Ok(decode(context, asked, extended::retrieval(granted), &bytes))
        }
        Err(Error::TooLarge { .. }) => {
            Ok(Err(asked.refuse(Status::IDENTIFIER_DOES_NOT_MATCH, "identifier too long")))
        }
        Err(error) => Err(error),
    }
}

fn decode(
    context: &Context,
    asked: Asked<'_>,
    hierarchy: Hierarchy,
    bytes: &[u8],
) -> Result<Selection, Refused> {
    let Some(root) = Root::of(&context.abstract_syntax) else {
        let words = format!("{} on a context of another service", asked.service());
        return Err(asked.refuse(Status::SOP_CLASS_NOT_SUPPORTED, &words));
    };
    let identifier = identifier::decode(bytes, layout(context))
        .map_err(|error| asked.refuse(Status::UNABLE_TO_PROCESS, &error.to_string()))?;
    selection(root, hierarchy, &identifier).map_err(|refusal| {
        let mut answer = asked.refuse(refusal.status, &refusal.comment);
        answer.offending = vec![refusal.offending];
        answer
    })
}

/// The instances that are meant.
pub(super) async fn instances(
    door: &Door,
    visitor: &Visitor,
    asked: Asked<'_>,
    selection: &Selection,
) -> Result<Vec<StoredInstance>, Refused> {
    door.archive.select(&visitor.caller.principal, selection).await.map_err(|error| {
        let status = match &error {
            RetrieveError::Access(_) => Status::NOT_AUTHORIZED,
            error if matches!(error.class(), Class::Exhausted | Class::Transient) => {
                Status::UNABLE_TO_COUNT_MATCHES
            }
            _ => Status::UNABLE_TO_PROCESS,
        };
        asked.refuse(status, &error.to_string())
    })
}

/// A retrieval under way.
pub(super) struct Retrieval<'a> {
    asked: Asked<'a>,
    context: &'a Context,
    tally: Tally,
    failed: Vec<Uid>,
    /// Why the first failed.
    words: Option<String>,
}

impl<'a> Retrieval<'a> {
    pub(super) fn new(asked: Asked<'a>, context: &'a Context, instances: usize) -> Self {
        let tally = Tally { remaining: instances, ..Tally::default() };
        Self { asked, context, tally, failed: Vec::new(), words: None }
    }

    /// Takes note of what became of one sub-operation.
    pub(super) fn settle(&mut self, instance: &Uid, sent: Sent) {
        let count = match sent {
            Sent::Done => &mut self.tally.completed,
            Sent::DoneWithWarning => &mut self.tally.warning,
            Sent::Failed(why) => {
                self.failed.push(instance.clone());
                self.words.get_or_insert(why);
                &mut self.tally.failed
            }
            // It stays among the remaining ones.
            Sent::NotBegun => return,
        };
        *count = count.saturating_add(1);
        self.tally.remaining = self.tally.remaining.saturating_sub(1);
    }

    /// Whether there are sub-operations left.
    pub(super) const fn goes_on(&self) -> bool {
        self.tally.remaining > 0
    }

    /// The answer in between.
    pub(super) fn pending(&self) -> Command {
        self.asked.command(self.asked.answer(Status::PENDING, self.tally.with_remaining()))
    }

    /// The last answer, with the list of what failed (PS3.4 §C.4.2.1.4.2, §C.4.3.1.3.2). What remains now was cancelled.
    pub(super) fn last(self, visitor: &Visitor) -> (Command, Option<Vec<u8>>) {
        let Self { asked, context, tally, failed, words } = self;
        let mut answer = if tally.remaining > 0 {
            asked.answer(Status::CANCEL, tally.with_remaining())
        } else {
            asked.answer(tally.status(), tally.final_counts())
        };
        if let Some(because) = &words {
            tracing::warn!(
                calling = %visitor.ae_title, service = asked.service(), status = %answer.status,
                completed = tally.completed, failed = tally.failed, because, "instances could not be given"
            );
        }
        answer.comment = words;
        let list = (!failed.is_empty()).then(|| failed_list(failed, context));
        (asked.command(answer), list)
    }
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

    /// Remaining ones are told only of an operation that is pending or cancelled (PS3.4 §C.4.2.1.6, §C.4.3.1.5).
    fn with_remaining(self) -> Progress {
        Progress { remaining: Some(u16::try_from(self.remaining).unwrap_or(u16::MAX)), ..self.final_counts() }
    }

    /// PS3.4 Table C.4-2, Table C.4-3.
    const fn status(self) -> Status {
        match (self.completed + self.warning, self.failed) {
            (0, 1..) => Status::UNABLE_TO_PERFORM_SUBOPERATIONS,
            (_, 1..) => Status::SUBOPERATIONS_WITH_FAILURES,
            _ if self.warning > 0 => Status::SUBOPERATIONS_WITH_FAILURES,
            _ => Status::SUCCESS,
        }
    }
}

/// The identifier of a final answer that names what failed.
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
        assert_eq!(tally(0, 3, 0).status(), Status::SUBOPERATIONS_WITH_FAILURES);
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

    #[test]
    fn what_was_not_begun_remains_and_nothing_is_counted_twice() {
        let uid = |text: &str| Uid::parse(text).unwrap();
        let request = CGetRq { message_id: 7, sop_class: uid("1.2"), priority: Priority::Medium };
        let context =
            Context { id: 1, abstract_syntax: uid("1.2"), transfer_syntax: uid("1.2.840.10008.1.2") };
        let mut retrieval = Retrieval::new(Asked::Get(&request), &context, 4);
        for sent in [Sent::Done, Sent::DoneWithWarning, Sent::Failed("no".to_owned()), Sent::NotBegun] {
            retrieval.settle(&uid("1.5"), sent);
        }
        assert!(retrieval.goes_on());
        let Command::CGetRsp(pending) = retrieval.pending() else { panic!("a C-GET is answered as one") };
        let counts = Progress { remaining: Some(1), completed: Some(1), failed: Some(1), warning: Some(1) };
        assert_eq!((pending.status, pending.progress), (Status::PENDING, counts));
        assert_eq!(retrieval.failed, [uid("1.5")]);
    }
}
