//! C-STORE: an association or a few, instance after instance on each, each with its own status (PS3.4 §B.2).

use std::collections::BTreeMap;

use bytes::Bytes;
use causeway_archive::{Archive, Object, Passage, RetrieveError, Throttle, Wanted};
use causeway_core::{Class, Priority, Remote, Status, Uid, sop_class, transfer_syntax};
use causeway_dimse::scu::{
    self, Call, Cargo, Convoy, Fate, Pace, Pair, Settled, Step, StoreRequest, WantedContext,
};
use causeway_dimse::{BodyError, Error, Settings, Timeouts};

use super::supply::Supply;
use super::{Broke, Caller, Patience, Ready, Sink, Way, passage, ungiven, unreadable, until_true};
use crate::failure::{Answer, Failure, Kind, answer};
use crate::job::Outcome;

/// Instances that wait for each line before more are claimed.
const WAITING_PER_LINE: usize = 4;
/// Instances claimed for each line at once.
const CLAIMED_PER_LINE: usize = 4;

/// The lines to a remote's DIMSE side.
pub(crate) struct CStore {
    archive: Archive,
    remote: Remote,
    convoy: Convoy<Freight>,
    /// Jobs claimed in one go.
    claim: usize,
    throttle: Throttle,
    /// What the far side said so far.
    said: BTreeMap<Pair, bool>,
}

/// What an echo brought.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered {
    pub(crate) status: Status,
    /// It said that it knows who we are.
    pub(crate) has_confirmed_us: bool,
}

/// How `remote` is called.
pub(crate) fn call(remote: &Remote, caller: &Caller, patience: Patience) -> Result<Call, Failure> {
    let Patience { connect, response } = patience;
    let timeouts = Timeouts { artim: connect, read: response, write: response, idle: response };
    let settings = Settings { timeouts, ..Settings::default() };
    let security = caller.tls.towards(remote);
    Call::to(remote, &caller.ae_title, security, settings, connect).ok_or_else(|| {
        let words = format!("remote '{}' has no host and port to call", remote.name);
        Failure::new(Kind::Refused, words)
    })
}

/// C-ECHO to a remote (PS3.7 §9.1.5).
pub(crate) async fn echo(remote: &Remote, caller: &Caller, patience: Patience) -> Result<Answered, Failure> {
    let wrong = |_| Failure::new(Kind::Ours, "a UID of the standard could not be read");
    let abstract_syntax = Uid::parse(sop_class::VERIFICATION).map_err(wrong)?;
    let implicit = Uid::parse(transfer_syntax::IMPLICIT_VR_LITTLE_ENDIAN).map_err(wrong)?;
    let contexts = vec![WantedContext { abstract_syntax, transfer_syntaxes: vec![implicit] }];
    let call = call(remote, caller, patience)?.with_contexts(contexts);
    let mut requestor = scu::connect(&call).await.map_err(|error| failure(&error))?;
    let status = requestor.echo().await.map_err(|error| failure(&error))?;
    let has_confirmed_us = requestor.identity().is_some();
    // It has answered; how it takes the goodbye does not matter.
    let _ = requestor.release().await;
    Ok(Answered { status, has_confirmed_us })
}

impl CStore {
    pub(super) fn new(
        remote: &Remote,
        archive: Archive,
        Way { caller, patience, terms, known, claim, throttle, .. }: Way,
    ) -> Result<Self, Failure> {
        let call = Call { known, ..call(remote, &caller, patience)? };
        let (convoy, remote) = (Convoy::new(call, terms), remote.clone());
        Ok(Self { archive, remote, convoy, claim, throttle, said: BTreeMap::new() })
    }

    pub(super) async fn send(&mut self, batch: &[Ready], sink: &mut impl Sink) -> Result<(), Broke> {
        self.load(batch)?;
        let (mut stopped, mut supply) = (sink.stopped(), Supply::default());
        let (mut broke, mut is_stopped) = (None, false);
        loop {
            // As much as keeps each line busy while more is claimed.
            let lines = self.convoy.lines();
            if broke.is_none()
                && !is_stopped
                && supply.is_asked(self.convoy.waiting(), lines * WAITING_PER_LINE)
            {
                let more = sink.more(self.claim.max(lines * CLAIMED_PER_LINE)).await?;
                supply.gave(more.len());
                if let Err(error) = self.load(&more) {
                    // What is on its way goes on; nothing more may.
                    self.convoy.stop();
                    let Broke::Destination(failure) = error else { return Err(error) };
                    broke = Some(failure);
                }
            }
            let step = tokio::select! {
                step = self.convoy.step() => step,
                () = until_true(&mut stopped), if !is_stopped => {
                    is_stopped = true;
                    self.convoy.stop();
                    continue;
                }
            };
            self.learn(sink).await?;
            let Settled { cargo, fate } = match step {
                Some(Step::Settled(settled)) => settled,
                Some(Step::Opened) => continue,
                None => break,
            };
            let (outcome, breaks_off) = match fate {
                Fate::Answered(response) => told(&response),
                Fate::Failed(error) => failed(&error),
                Fate::Broken(error) => (Outcome::Failed(failure(&error)), false),
                Fate::Unreached(error) => {
                    broke.get_or_insert_with(|| failure(&error));
                    continue;
                }
                Fate::NotBegun => continue,
            };
            sink.tell(&cargo.ready.job, &outcome).await?;
            if let Outcome::Failed(failure) = outcome
                && breaks_off
            {
                self.convoy.stop();
                broke.get_or_insert(failure);
            }
        }
        broke.map_or(Ok(()), |failure| Err(Broke::Destination(failure)))
    }

    /// Tells what the far side says that it had not said before.
    async fn learn(&mut self, sink: &mut impl Sink) -> Result<(), Broke> {
        let mut said = self.convoy.take_said();
        said.retain(|(pair, taken)| self.said.insert(pair.clone(), *taken) != Some(*taken));
        if said.is_empty() {
            return Ok(());
        }
        Ok(sink.learnt(said).await?)
    }

    fn load(&mut self, batch: &[Ready]) -> Result<(), Broke> {
        let passage = passage(&self.archive, &self.remote).map_err(Broke::Destination)?;
        let freight = |ready: &Ready| Freight {
            ready: ready.clone(),
            archive: self.archive.clone(),
            passage: passage.clone(),
            throttle: self.throttle.clone(),
        };
        self.convoy.load(batch.iter().map(freight));
        Ok(())
    }

    pub(super) async fn close(self) {
        self.convoy.close().await;
    }
}

/// What an answer means for its instance, and whether it ends the batch.
fn told(response: &scu::Response) -> (Outcome, bool) {
    match answer(response.status, response.comment.as_deref().unwrap_or_default()) {
        Answer::Has(status) => (Outcome::Delivered(status), false),
        Answer::HasNot(failure) => {
            // It has no room: the next would be told the same.
            let is_full = failure.kind == Kind::Exhausted;
            (Outcome::Failed(failure), is_full)
        }
    }
}

/// The same of an instance that was not answered.
fn failed(error: &Error) -> (Outcome, bool) {
    match error {
        Error::NotAccepted { .. } => {
            (Outcome::Failed(Failure::new(Kind::Permanent, error.to_string())), false)
        }
        // It could not be read here; the far side has nothing to do with it.
        Error::Body(because) => (Outcome::Failed(unread(because)), false),
        _ => (Outcome::Failed(failure(error)), true),
    }
}

/// What an instance calls for that could not be read here to its end.
fn unread(because: &BodyError) -> Failure {
    match because.downcast_ref::<RetrieveError>() {
        Some(error) => ungiven(error),
        None => unreadable(because),
    }
}

/// What a failed association calls for.
pub(crate) fn failure(error: &Error) -> Failure {
    let kind = match error {
        Error::Body(_) => Kind::Ours,
        Error::Credentials(_) => Kind::Refused,
        Error::Rejected(_) | Error::NotServed(_) | Error::Secure { .. }
            if error.class() != Class::Transient =>
        {
            Kind::Refused
        }
        _ => match error.class() {
            Class::Transient => Kind::Transient,
            Class::Exhausted => Kind::Exhausted,
            Class::Peer | Class::Caller => Kind::Unclear,
            Class::Bug => Kind::Ours,
        },
    };
    Failure::new(kind, error.to_string())
}

/// An instance on its way.
struct Freight {
    ready: Ready,
    archive: Archive,
    passage: Passage,
    throttle: Throttle,
}

impl Pace for Freight {
    async fn leave(&self, wanted: usize) -> usize {
        self.throttle.take(self.ready.priority(), wanted).await
    }
}

impl Cargo for Freight {
    type Body = ObjectBody;

    fn pair(&self) -> Pair {
        self.passage.pair(&self.ready.instance)
    }

    fn request(&self) -> StoreRequest {
        let instance = &self.ready.instance;
        StoreRequest::new(instance.sop_class.clone(), self.passage.sop_instance(instance))
    }

    async fn open(&self, transfer_syntax: Uid) -> Result<ObjectBody, BodyError> {
        let wanted = Wanted::OneOf(vec![transfer_syntax]);
        Ok(ObjectBody(self.archive.open_for(&self.passage, &self.ready.instance, &wanted).await?))
    }

    fn is_last(&self, answer: &scu::Response) -> bool {
        told(answer).1
    }

    fn bytes(&self) -> u64 {
        self.ready.instance.object_bytes
    }

    fn is_urgent(&self) -> bool {
        self.ready.priority() == Priority::Stat
    }
}

/// The archive's object as the body of a C-STORE.
struct ObjectBody(Object);

impl scu::Body for ObjectBody {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        self.0.chunk().await.map_err(Into::into)
    }
}
