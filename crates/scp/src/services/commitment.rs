//! Storage commitment (PS3.4 §J.3): requests are taken durably before they are answered, results of our own requests
//! are taken; and results that the caller is owed are told while its association is idle.

use std::collections::BTreeMap;
use std::time::Duration;

use causeway_archive::CommitmentError;
use causeway_archive::errand::{Peer, Task};
use causeway_core::commitment::{self, INSTANCE, MAX_DATA_SET_BYTES, REQUEST, Settlement, Unusable};
use causeway_core::sop_class::STORAGE_COMMITMENT_PUSH;
use causeway_core::status::Outcome;
use causeway_core::{Attributes, Status, Tag, Uid};
use causeway_dataset::identifier;
use causeway_dimse::message::{NRq, NRsp, Operation};
use causeway_dimse::scu::Target;
use causeway_dimse::{Association, Command, Context, Error};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::normalized::Request;
use super::{Stream, layout};
use crate::door::{Door, Visitor};
use crate::report;

/// How long the caller must be silent before it is told a result: it may be about to release the association, or to
/// send more.
const SILENCE: Duration = Duration::from_millis(500);
/// How often it is looked whether a result is ready, without being told.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long the caller has to answer; then the result is told by whoever calls out.
const LEASE: Duration = Duration::from_secs(60);

/// Why a request is refused: in a status, in words, and with the attributes at fault.
struct Refused {
    status: Status,
    words: String,
    offending: Vec<Tag>,
}

impl Refused {
    fn new(status: Status, words: impl Into<String>) -> Self {
        Self { status, words: words.into(), offending: Vec::new() }
    }
}

impl From<Unusable> for Refused {
    fn from(unusable: Unusable) -> Self {
        let words = unusable.to_string();
        match unusable {
            Unusable::Attribute { tag, .. } => {
                Self { offending: vec![tag], ..Self::new(Status::INVALID_ARGUMENT, words) }
            }
            Unusable::TooMany => Self::new(Status::RESOURCE_LIMITATION, words),
        }
    }
}

impl From<CommitmentError> for Refused {
    fn from(error: CommitmentError) -> Self {
        Self::new(error.status(), error.to_string())
    }
}

/// N-ACTION and N-EVENT-REPORT on a context of storage commitment.
pub(super) async fn handle<S: Stream>(
    door: &Door,
    visitor: &Visitor,
    association: &mut Association<S>,
    results: &mut Results<'_>,
    request: Request<'_>,
) -> Result<(), Error> {
    let Request { context, asked, .. } = request;
    let taken = match information(association, request).await? {
        Ok(attributes) => match &asked.operation {
            Operation::Action(_) => ask(door, visitor, context, &attributes, results).await,
            _ => told(door, visitor, &attributes).await,
        },
        Err(refused) => Err(refused),
    };
    let mut answer = asked.answer(Status::SUCCESS);
    if let Err(Refused { status, words, offending }) = taken {
        tracing::warn!(
            calling = %visitor.ae_title, %status, because = words,
            "a message of storage commitment was not taken"
        );
        report::request(&door.archive, visitor, "storage commitment".to_owned(), words.clone());
        answer = NRsp { status, comment: Some(words), offending, ..answer };
    }
    association.send(context.id, &Command::NRsp(answer), None).await
}

/// The Action or Event Information of a request that is in order. Outer error: the association failed.
async fn information<S: Stream>(
    association: &mut Association<S>,
    request: Request<'_>,
) -> Result<Result<Attributes, Refused>, Error> {
    if let Err(refused) = check(request.asked) {
        return Ok(Err(refused));
    }
    if !request.has_data_set {
        return Ok(Err(Refused::new(Status::INVALID_ARGUMENT, "there is no data set")));
    }
    let bytes = match association.data_set(MAX_DATA_SET_BYTES).await {
        Ok(bytes) => bytes,
        Err(Error::TooLarge { .. }) => {
            return Ok(Err(Refused::new(Status::RESOURCE_LIMITATION, "the data set is too long")));
        }
        Err(error) => return Err(error),
    };
    let decoded = identifier::decode_commitment(&bytes, layout(request.context));
    Ok(decoded.map_err(|error| Refused::new(Status::INVALID_ARGUMENT, error.to_string())))
}

/// Whether the operation is one of the service, on its one instance (PS3.4 §J.3.2, §J.3.3).
fn check(request: &NRq) -> Result<(), Refused> {
    let refused = |status, words: &str| Err(Refused::new(status, words));
    match request.operation {
        Operation::Action(REQUEST) | Operation::EventReport(1 | 2) => {}
        Operation::Action(_) => return refused(Status::NO_SUCH_ACTION, "the Action Type ID is not 1"),
        Operation::EventReport(_) => {
            return refused(Status::NO_SUCH_EVENT_TYPE, "the Event Type ID is neither 1 nor 2");
        }
        Operation::Get(_) | Operation::Set | Operation::Create | Operation::Delete => {
            return refused(Status::UNRECOGNIZED_OPERATION, "storage commitment has no such operation");
        }
    }
    if request.sop_instance.as_ref().is_none_or(|instance| instance.as_str() != INSTANCE) {
        return refused(Status::NO_SUCH_OBJECT, "the SOP instance is not 1.2.840.10008.1.20.1.1");
    }
    Ok(())
}

/// Takes a request for commitment; it is on disk before Success is answered.
async fn ask(
    door: &Door,
    visitor: &Visitor,
    context: &Context,
    attributes: &Attributes,
    results: &mut Results<'_>,
) -> Result<(), Refused> {
    let request = commitment::Request::read(attributes)?;
    let (transaction, instances) = (request.transaction.clone(), request.references.len());
    let principal = &visitor.caller.principal;
    let hold = door.config.commitment_hold();
    let is_told_here = !hold.is_zero() || !door.archive.can_be_told(&peer(visitor));
    let errand = door.archive.ask_commitment(principal, peer(visitor), request, hold).await?;
    tracing::info!(
        calling = %visitor.ae_title, %transaction, instances,
        "storage commitment was asked for"
    );
    if is_told_here {
        results.owe(errand, context);
    }
    Ok(())
}

/// Takes the result of a request of ours.
async fn told(door: &Door, visitor: &Visitor, attributes: &Attributes) -> Result<(), Refused> {
    let settlement = Settlement::read(attributes)?;
    Ok(door.archive.commitment_told(visitor.caller.remote.as_ref(), settlement).await?)
}

fn peer(visitor: &Visitor) -> Peer {
    Peer { ae_title: visitor.ae_title.clone(), remote: visitor.caller.remote.clone() }
}

/// The context of storage commitment on which the caller is its user, so that it can be told results.
fn context_of_a_user<S: Stream>(association: &Association<S>) -> Option<Context> {
    let agreement = association.agreement();
    let is_commitment = |uid: &Uid| uid.as_str() == STORAGE_COMMITMENT_PUSH;
    if agreement.roles.iter().any(|role| is_commitment(&role.sop_class) && !role.user) {
        return None;
    }
    let accepted = agreement
        .answers
        .iter()
        .find(|answer| answer.result.is_ok() && answer.abstract_syntax.as_ref().is_some_and(is_commitment))?;
    association.context(accepted.id).cloned()
}

/// The results that may be told on this association.
pub(super) struct Results<'a> {
    door: &'a Door,
    /// Names this association's leases.
    owner: String,
    bell: watch::Receiver<u64>,
    /// The context they are told on.
    context: Option<Context>,
    /// Those that are not told.
    expected: Vec<i64>,
    /// Those that wait for the caller's answer, by the number of the message.
    told: BTreeMap<u16, i64>,
    /// When the caller has been silent for long enough.
    silent_at: Instant,
}

impl<'a> Results<'a> {
    /// Those that the caller is owed already, when we cannot call it.
    pub(super) async fn new<S: Stream>(
        door: &'a Door,
        visitor: &Visitor,
        association: &Association<S>,
    ) -> Self {
        let context = context_of_a_user(association);
        let mut expected = Vec::new();
        if context.is_some() {
            match door.archive.results_owed(peer(visitor)).await {
                Ok(owed) => expected = owed,
                Err(error) => tracing::warn!(%error, "results of storage commitment could not be looked for"),
            }
        }
        Self {
            door,
            owner: format!("association-{:016x}", rand::random::<u64>()),
            bell: door.archive.commitment_bell(),
            context,
            expected,
            told: BTreeMap::new(),
            silent_at: Instant::now() + SILENCE,
        }
    }

    fn owe(&mut self, errand: i64, context: &Context) {
        self.context = Some(context.clone());
        if !self.expected.contains(&errand) {
            self.expected.push(errand);
        }
    }

    /// The caller said something: its silence begins anew.
    pub(super) fn heard(&mut self) {
        self.silent_at = Instant::now() + SILENCE;
    }

    /// Completes when there may be something to tell, and the caller is silent. May be dropped while it waits.
    pub(super) async fn ready(&mut self) {
        // One at a time: the window of operations is one each way.
        if self.expected.is_empty() || !self.told.is_empty() {
            return std::future::pending().await;
        }
        sleep_until(self.silent_at).await;
        loop {
            self.bell.mark_unchanged();
            match self.door.archive.results_ready(self.expected.clone()).await {
                Ok(ready) if ready.is_empty() => {}
                Ok(_) => return,
                Err(error) => tracing::warn!(%error, "results of storage commitment could not be read"),
            }
            // Another node may have decided it, whose bell is not heard here.
            if matches!(timeout(LOOK_AGAIN, self.bell.changed()).await, Ok(Err(_))) {
                return std::future::pending().await;
            }
        }
    }

    /// Tells the first result that is ready; the answer comes among the messages.
    pub(super) async fn tell<S: Stream>(&mut self, association: &mut Association<S>) -> Result<(), Error> {
        let ready = self.door.archive.results_ready(self.expected.clone()).await.unwrap_or_default();
        let (Some(errand), Some(context)) = (ready.first().copied(), &self.context) else { return Ok(()) };
        let taken = self.door.archive.take_result(errand, self.owner.clone(), LEASE).await;
        let Ok(Some(taken)) = taken else {
            // Another took it meanwhile, or the catalog failed: it is told by whoever calls out.
            self.expected.retain(|expected| *expected != errand);
            return Ok(());
        };
        let Task::Result(settlement) = taken.task else { return Ok(()) };
        let wrong = |_| Error::Misuse("a UID of the standard could not be read");
        let target = Target {
            sop_class: context.abstract_syntax.clone(),
            sop_instance: Some(Uid::parse(INSTANCE).map_err(wrong)?),
        };
        let event = Operation::EventReport(settlement.event_type());
        let data_set = identifier::encode(&settlement.attributes(), layout(context));
        let message_id = association.post(context.id, target, event, Some(&data_set)).await?;
        self.told.insert(message_id, errand);
        Ok(())
    }

    /// The caller answered a report of ours.
    pub(super) async fn answered(&mut self, response: &NRsp) {
        let Some(errand) = self.told.remove(&response.message_id_responded) else { return };
        self.expected.retain(|expected| *expected != errand);
        let taken = matches!(response.status.outcome(), Outcome::Success | Outcome::Warning);
        let concluded = if taken {
            self.door.archive.result_told(errand, self.owner.clone()).await
        } else {
            tracing::warn!(
                errand, status = %response.status, because = response.comment.as_deref().unwrap_or_default(),
                "the result of a storage commitment was not taken on the association on which it was asked for"
            );
            self.door.archive.release_results(vec![errand], self.owner.clone()).await
        };
        if let Err(error) = concluded {
            tracing::warn!(errand, %error, "what became of a result could not be written; it is told again");
        }
    }

    /// The association ends: what was not told is told by whoever calls out.
    pub(super) async fn release(self) {
        if let Err(error) = self.door.archive.release_results(self.expected, self.owner).await {
            tracing::warn!(%error, "results of storage commitment could not be given back; their time runs out");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(operation: Operation, sop_instance: Option<&str>) -> NRq {
        let uid = |text: &str| Uid::parse(text).unwrap();
        NRq {
            message_id: 1,
            operation,
            sop_class: uid(STORAGE_COMMITMENT_PUSH),
            sop_instance: sop_instance.map(uid),
        }
    }

    #[test]
    fn only_what_the_service_has_is_let_through_and_each_refusal_has_its_status() {
        let instance = Some(INSTANCE);
        for (operation, instance, status) in [
            (Operation::Action(1), instance, None),
            (Operation::EventReport(1), instance, None),
            (Operation::EventReport(2), instance, None),
            (Operation::Action(2), instance, Some(Status::NO_SUCH_ACTION)),
            (Operation::EventReport(0), instance, Some(Status::NO_SUCH_EVENT_TYPE)),
            (Operation::EventReport(3), instance, Some(Status::NO_SUCH_EVENT_TYPE)),
            (Operation::Delete, instance, Some(Status::UNRECOGNIZED_OPERATION)),
            (Operation::Get(Vec::new()), instance, Some(Status::UNRECOGNIZED_OPERATION)),
            (Operation::Action(1), Some("1.2.3"), Some(Status::NO_SUCH_OBJECT)),
            (Operation::Action(1), None, Some(Status::NO_SUCH_OBJECT)),
        ] {
            let refused = check(&request(operation, instance)).err();
            assert_eq!(refused.map(|refused| refused.status), status);
        }
    }
}
