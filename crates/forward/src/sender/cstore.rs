//! C-STORE: an association or a few, instance after instance on each, each with its own status (PS3.4 §B.2).

use bytes::Bytes;
use causeway_archive::{Archive, Object, Passage, RetrieveError, Wanted};
use causeway_core::{Class, Remote, Status, Uid, sop_class, transfer_syntax};
use causeway_dimse::scu::{
    self, Call, Cargo, Convoy, Fate, Pair, Settled, StoreRequest, Terms, WantedContext,
};
use causeway_dimse::{BodyError, Error, Settings, Timeouts};

use super::{Broke, Caller, Patience, Ready, Sink, passage, ungiven, unreadable};
use crate::failure::{Answer, Failure, Kind, answer};
use crate::job::Outcome;

/// The lines to a remote's DIMSE side.
pub(crate) struct CStore {
    archive: Archive,
    remote: Remote,
    convoy: Convoy<Freight>,
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
        caller: &Caller,
        patience: Patience,
        terms: Terms,
    ) -> Result<Self, Failure> {
        let convoy = Convoy::new(call(remote, caller, patience)?, terms);
        Ok(Self { convoy, archive, remote: remote.clone() })
    }

    pub(super) async fn send(&mut self, batch: &[Ready], sink: &mut impl Sink) -> Result<(), Broke> {
        let archive = &self.archive;
        let passage = passage(archive, &self.remote).map_err(Broke::Destination)?;
        self.convoy.load(batch.iter().map(|ready| Freight {
            ready: ready.clone(),
            archive: archive.clone(),
            passage: passage.clone(),
        }));
        let mut broke = None;
        while let Some(Settled { cargo, fate }) = self.convoy.next().await {
            let (outcome, breaks_off) = match fate {
                Fate::Answered(response) => told(&response),
                Fate::Failed(error) => failed(&error),
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
}

/// The archive's object as the body of a C-STORE.
struct ObjectBody(Object);

impl scu::Body for ObjectBody {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        self.0.chunk().await.map_err(Into::into)
    }
}
