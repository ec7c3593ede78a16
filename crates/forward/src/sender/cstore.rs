//! C-STORE: one association, instance after instance, each with its own status (PS3.4 §B.2).

use bytes::Bytes;
use causeway_archive::{Archive, Object, Wanted};
use causeway_core::{Class, Remote, Status, Uid, sop_class, transfer_syntax};
use causeway_dimse::scu::{self, Call, Courier, Offers, StoreRequest, WantedContext};
use causeway_dimse::{Error, Settings, Timeouts};

use super::{Broke, Caller, Patience, Ready, Sink, unreadable};
use crate::failure::{Answer, Failure, Kind, answer};
use crate::job::Outcome;

/// A line to a remote's DIMSE side.
pub(crate) struct CStore {
    archive: Archive,
    courier: Courier,
}

/// How `remote` is called.
fn call(remote: &Remote, caller: &Caller, patience: Patience) -> Result<Call, Failure> {
    let Some((called, host, port)) = remote.dimse_peer() else {
        let words = format!("remote '{}' has no host and port to call", remote.name);
        return Err(Failure::new(Kind::Refused, words));
    };
    let Patience { connect, response } = patience;
    let timeouts = Timeouts { artim: connect, read: response, write: response, idle: response };
    Ok(Call {
        host: host.to_owned(),
        port,
        security: caller.tls.towards(remote),
        calling: caller.ae_title.clone(),
        called: called.clone(),
        contexts: Vec::new(),
        offers: Offers::default(),
        settings: Settings { timeouts, ..Settings::default() },
        connect_timeout: connect,
    })
}

/// C-ECHO to a remote (PS3.7 §9.1.5).
pub(crate) async fn echo(remote: &Remote, caller: &Caller, patience: Patience) -> Result<Status, Failure> {
    let wrong = |_| Failure::new(Kind::Ours, "a UID of the standard could not be read");
    let abstract_syntax = Uid::parse(sop_class::VERIFICATION).map_err(wrong)?;
    let implicit = Uid::parse(transfer_syntax::IMPLICIT_VR_LITTLE_ENDIAN).map_err(wrong)?;
    let contexts = vec![WantedContext { abstract_syntax, transfer_syntaxes: vec![implicit] }];
    let call = Call { contexts, ..call(remote, caller, patience)? };
    let mut requestor = scu::connect(&call).await.map_err(|error| failure(&error))?;
    let status = requestor.echo().await.map_err(|error| failure(&error))?;
    // It has answered; how it takes the goodbye does not matter.
    let _ = requestor.release().await;
    Ok(status)
}

impl CStore {
    pub(super) fn new(
        remote: &Remote,
        archive: Archive,
        caller: &Caller,
        patience: Patience,
    ) -> Result<Self, Failure> {
        Ok(Self { courier: Courier::new(call(remote, caller, patience)?), archive })
    }

    pub(super) async fn send(&mut self, batch: &[Ready], sink: &mut impl Sink) -> Result<(), Broke> {
        let mut rest = batch;
        while let [ready, others @ ..] = rest {
            rest = others;
            let next = others.iter().map(|ready| ready.instance.pair());
            let opened = self.courier.open_for(&ready.instance.pair(), next).await;
            opened.map_err(|error| Broke::Destination(failure(&error)))?;
            let outcome = self.send_one(ready).await;
            sink.tell(&ready.job, &outcome).await?;
            match outcome {
                // It has no room: the next would be told the same.
                Outcome::Failed(failure) if failure.kind == Kind::Exhausted => {
                    return Err(Broke::Destination(failure));
                }
                // We ended the line ourselves; for the next there is a new one.
                Outcome::Failed(failure) if failure.kind == Kind::Ours => {}
                Outcome::Failed(failure) if !self.courier.is_open() => {
                    return Err(Broke::Destination(failure));
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) async fn close(mut self) {
        self.courier.hang_up().await;
    }

    /// Sends one instance. The line is closed afterwards when it broke.
    async fn send_one(&mut self, ready: &Ready) -> Outcome {
        let instance = &ready.instance;
        let (context, wanted) = match self.courier.context_for(&ready.instance.pair()) {
            Ok(found) => found,
            Err(error) => return Outcome::Failed(Failure::new(Kind::Permanent, error.to_string())),
        };
        let object = match self.archive.open_instance(instance, &Wanted::OneOf(vec![wanted])).await {
            Ok(object) => object,
            Err(error) => return Outcome::Failed(unreadable(&error)),
        };
        let request = StoreRequest::new(instance.sop_class.clone(), instance.ids.instance.clone());
        match self.courier.store(context, request, ObjectBody(object)).await {
            Ok(response) => match answer(response.status, response.comment.as_deref().unwrap_or_default()) {
                Answer::Has(status) => Outcome::Delivered(status),
                Answer::HasNot(failure) => Outcome::Failed(failure),
            },
            Err(error) => Outcome::Failed(failure(&error)),
        }
    }
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
