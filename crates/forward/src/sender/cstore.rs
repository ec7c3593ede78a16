//! C-STORE: one association, instance after instance, each with its own status (PS3.4 §B.2); several under way at
//! once where the far side takes them (PS3.7 §D.3.3.3).

use std::collections::VecDeque;

use bytes::Bytes;
use causeway_archive::{Archive, Object, RetrieveError, Wanted};
use causeway_core::{Class, Remote, Status, Uid, sop_class, transfer_syntax};
use causeway_dimse::scu::{self, Call, Courier, Offers, Response, StoreRequest, Ticket, WantedContext};
use causeway_dimse::{Error, Settings, Timeouts};

use super::{Broke, Caller, Patience, Ready, Sink, unreadable};
use crate::failure::{Answer, Failure, Kind, answer};
use crate::job::Outcome;

/// A line to a remote's DIMSE side.
pub(crate) struct CStore {
    archive: Archive,
    courier: Courier,
}

/// What an echo brought.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered {
    pub(crate) status: Status,
    /// It said that it knows who we are.
    pub(crate) has_confirmed_us: bool,
}

/// How `remote` is called, with what is offered.
fn call(
    remote: &Remote,
    caller: &Caller,
    patience: Patience,
    offers: std::io::Result<Offers>,
) -> Result<Call, Failure> {
    let unreadable = |error| Failure::new(Kind::Refused, format!("who we are cannot be read: {error}"));
    let Patience { connect, response } = patience;
    let timeouts = Timeouts { artim: connect, read: response, write: response, idle: response };
    let settings = Settings { timeouts, ..Settings::default() };
    let security = caller.tls.towards(remote);
    let Some(call) = Call::to(remote, &caller.ae_title, security, settings, connect) else {
        let words = format!("remote '{}' has no host and port to call", remote.name);
        return Err(Failure::new(Kind::Refused, words));
    };
    Ok(Call { offers: offers.map_err(unreadable)?, ..call })
}

/// C-ECHO to a remote (PS3.7 §9.1.5).
pub(crate) async fn echo(remote: &Remote, caller: &Caller, patience: Patience) -> Result<Answered, Failure> {
    let wrong = |_| Failure::new(Kind::Ours, "a UID of the standard could not be read");
    let abstract_syntax = Uid::parse(sop_class::VERIFICATION).map_err(wrong)?;
    let implicit = Uid::parse(transfer_syntax::IMPLICIT_VR_LITTLE_ENDIAN).map_err(wrong)?;
    let contexts = vec![WantedContext { abstract_syntax, transfer_syntaxes: vec![implicit] }];
    let call = Call { contexts, ..call(remote, caller, patience, Offers::for_requests(remote))? };
    let mut requestor = scu::connect(&call).await.map_err(|error| failure(&error))?;
    let status = requestor.echo().await.map_err(|error| failure(&error))?;
    let has_confirmed_us = requestor.identity().is_some();
    // It has answered; how it takes the goodbye does not matter.
    let _ = requestor.release().await;
    Ok(Answered { status, has_confirmed_us })
}

/// Instances of a batch that are under way, oldest first.
type UnderWay<'a> = Vec<(Ticket, &'a Ready)>;

/// What became of the beginning of a store.
enum Begun {
    /// It is sent; the answer is awaited.
    UnderWay(Ticket),
    /// It was decided without being sent.
    Decided(Outcome),
    /// The line broke.
    Broke(Error),
}

impl CStore {
    /// `operations`: stores that may be under way at once.
    pub(super) fn new(
        remote: &Remote,
        archive: Archive,
        caller: &Caller,
        patience: Patience,
        operations: u16,
    ) -> Result<Self, Failure> {
        let call = call(remote, caller, patience, Offers::for_stores(remote, operations))?;
        Ok(Self { courier: Courier::new(call), archive })
    }

    pub(super) async fn send(&mut self, batch: &[Ready], sink: &mut impl Sink) -> Result<(), Broke> {
        let mut waiting: VecDeque<&Ready> = batch.iter().collect();
        let mut under_way = UnderWay::new();
        let mut full = None;
        loop {
            if let Some(ready) = self.next(&mut waiting, under_way.len(), full.is_some()) {
                let others = waiting.iter().map(|ready| ready.instance.pair());
                let opened = self.courier.open_for(&ready.instance.pair(), others).await;
                opened.map_err(|error| Broke::Destination(failure(&error)))?;
                match self.begin(ready).await {
                    Begun::UnderWay(ticket) => under_way.push((ticket, ready)),
                    Begun::Decided(outcome) => sink.tell(&ready.job, &outcome).await?,
                    Begun::Broke(error @ Error::Body(_)) => {
                        // We ended the line ourselves; what was under way goes again, over a new one.
                        under_way.drain(..).rev().for_each(|(_, ready)| waiting.push_front(ready));
                        sink.tell(&ready.job, &Outcome::Failed(failure(&error))).await?;
                    }
                    Begun::Broke(error) => return broke(&error, &under_way, Some(ready), sink).await,
                }
            } else if under_way.is_empty() {
                return full.map_or(Ok(()), |failure| Err(Broke::Destination(failure)));
            } else {
                match self.courier.answered().await {
                    Ok((ticket, response)) => {
                        full = answered(&mut under_way, ticket, &response, sink).await?.or(full);
                    }
                    Err(error) => return broke(&error, &under_way, None, sink).await,
                }
            }
        }
    }

    /// The instance to be sent now, if one is: not after the far side said that it has no room, and none that needs
    /// another association while answers are owed on this one.
    fn next<'a>(
        &self,
        waiting: &mut VecDeque<&'a Ready>,
        under_way: usize,
        is_full: bool,
    ) -> Option<&'a Ready> {
        let first = waiting.front()?;
        let may = under_way == 0
            || (under_way < self.courier.operations() && self.courier.leads_to(&first.instance.pair()));
        if may && !is_full { waiting.pop_front() } else { None }
    }

    pub(super) async fn close(mut self) {
        self.courier.hang_up().await;
    }

    /// Sends one instance to its end. The line is closed afterwards when it broke.
    async fn begin(&mut self, ready: &Ready) -> Begun {
        let instance = &ready.instance;
        let (context, wanted) = match self.courier.context_for(&instance.pair()) {
            Ok(found) => found,
            Err(error) => {
                let refused = Failure::new(Kind::Permanent, error.to_string());
                return Begun::Decided(Outcome::Failed(refused));
            }
        };
        let object = match self.archive.open_instance(instance, &Wanted::OneOf(vec![wanted])).await {
            Ok(object) => object,
            // No other try would find a decoder for it.
            Err(error @ RetrieveError::NotDecodable { .. }) => {
                return Begun::Decided(Outcome::Failed(Failure::new(Kind::Permanent, error.to_string())));
            }
            Err(error) => return Begun::Decided(Outcome::Failed(unreadable(&error))),
        };
        let request = StoreRequest::new(instance.sop_class.clone(), instance.ids.instance.clone());
        match self.courier.begin(context, request, ObjectBody(object)).await {
            Ok(ticket) => Begun::UnderWay(ticket),
            Err(error) => Begun::Broke(error),
        }
    }
}

/// Tells the outcome of the instance that was answered; gives the failure when the far side has no room: the next
/// would be told the same.
async fn answered(
    under_way: &mut UnderWay<'_>,
    ticket: Ticket,
    response: &Response,
    sink: &mut impl Sink,
) -> Result<Option<Failure>, Broke> {
    let Some(index) = under_way.iter().position(|(other, _)| *other == ticket) else { return Ok(None) };
    let (_, ready) = under_way.remove(index);
    let outcome = match answer(response.status, response.comment.as_deref().unwrap_or_default()) {
        Answer::Has(status) => Outcome::Delivered(status),
        Answer::HasNot(failure) => Outcome::Failed(failure),
    };
    sink.tell(&ready.job, &outcome).await?;
    match outcome {
        Outcome::Failed(failure) if failure.kind == Kind::Exhausted => Ok(Some(failure)),
        _ => Ok(None),
    }
}

/// The line broke. Peers mostly work in turn: it is held against the instance that has waited longest for its answer,
/// or against the one that was being sent; of the others nothing is told, so that they go again.
async fn broke(
    error: &Error,
    under_way: &UnderWay<'_>,
    sending: Option<&Ready>,
    sink: &mut impl Sink,
) -> Result<(), Broke> {
    let failure = failure(error);
    let oldest = under_way.first().map(|(_, ready)| *ready).or(sending);
    if let Some(ready) = oldest {
        sink.tell(&ready.job, &Outcome::Failed(failure.clone())).await?;
    }
    Err(Broke::Destination(failure))
}

/// What a failed association calls for.
fn failure(error: &Error) -> Failure {
    let kind = match error {
        Error::Body(_) => Kind::Ours,
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

/// The archive's object as the body of a C-STORE.
struct ObjectBody(Object);

impl scu::Body for ObjectBody {
    async fn chunk(&mut self) -> Result<Option<Bytes>, causeway_dimse::BodyError> {
        self.0.chunk().await.map_err(Into::into)
    }
}
