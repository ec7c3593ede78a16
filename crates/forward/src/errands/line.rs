//! An association for one errand: one service, in the role that the errand needs.

use causeway_core::Quirk;
use causeway_core::commitment::INSTANCE;
use causeway_core::transfer_syntax::Layout;
use causeway_core::{Attributes, Remote, Status, Uid};
use causeway_dataset::identifier;
use causeway_dimse::Context;
use causeway_dimse::message::Operation;
use causeway_dimse::negotiation::Role;
use causeway_dimse::scu::{self, Call, Offers, Requestor, Target, WantedContext};
use causeway_tls::Line as Stream;

use crate::failure::{Failure, Kind};
use crate::sender::{self, failure};
use crate::worker::Inner;

/// What we are on the association.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The user of the service, as whoever asks for an association is by default.
    User,
    /// Its provider (PS3.7 §D.3.3.4).
    Provider,
}

/// An association on which one service was accepted.
pub(super) struct Line {
    pub(super) requestor: Requestor<Stream>,
    context: Context,
}

/// What the far side answered.
pub(super) struct Answered {
    pub(super) status: Status,
    /// What it said in words.
    pub(super) words: String,
}

impl Line {
    /// Calls `remote` for `sop_class`.
    pub(super) async fn open(
        inner: &Inner,
        remote: &Remote,
        sop_class: &str,
        part: Part,
    ) -> Result<Self, Failure> {
        let sop_class = uid(sop_class)?;
        let requestor =
            scu::connect(&call(inner, remote, &sop_class, part)?).await.map_err(|error| failure(&error))?;
        let Some(context) = requestor.accepted_for(&sop_class).next().cloned() else {
            let why = requestor.refused().first().map(|refused| refused.refusal.to_string());
            let words = format!("it does not serve {sop_class} to us: {}", why.unwrap_or_default());
            let _ = requestor.release().await;
            return Err(Failure::new(Kind::Refused, words));
        };
        let granted = |role: &Role| role.sop_class == sop_class && role.provider;
        let bears_roles = !remote.quirks.has(Quirk::NoRoleSelection);
        if part == Part::Provider && bears_roles && !requestor.roles().iter().any(granted) {
            let _ = requestor.release().await;
            let words = "it does not let us be the provider of storage commitment on an association of ours; let it \
                         accept the SCP role, or give the remote the quirk no-role-selection";
            return Err(Failure::new(Kind::Refused, words));
        }
        Ok(Self { requestor, context })
    }

    /// Asks `operation` of an instance.
    pub(super) async fn perform(
        &mut self,
        sop_instance: Uid,
        operation: Operation,
        attributes: &Attributes,
    ) -> Result<Answered, Failure> {
        let (target, data_set) = self.framed(sop_instance, attributes);
        let performed = self.requestor.perform(self.context.id, target, operation, Some(&data_set)).await;
        let (response, _) = performed.map_err(|error| failure(&error))?;
        Ok(Answered { status: response.status, words: response.comment.unwrap_or_default() })
    }

    /// As [`Self::perform`], but does not wait for the answer.
    pub(super) async fn post(
        &mut self,
        sop_instance: Uid,
        operation: Operation,
        attributes: &Attributes,
    ) -> Result<(), Failure> {
        let (target, data_set) = self.framed(sop_instance, attributes);
        let posted = self.requestor.post(self.context.id, target, operation, Some(&data_set)).await;
        posted.map(drop).map_err(|error| failure(&error))
    }

    fn framed(&self, sop_instance: Uid, attributes: &Attributes) -> (Target, Vec<u8>) {
        let sop_class = self.context.abstract_syntax.clone();
        let data_set = identifier::encode(attributes, Layout::of(&self.context.transfer_syntax));
        (Target { sop_class, sop_instance: Some(sop_instance) }, data_set)
    }

    /// Ends the association; how the far side takes the goodbye does not matter.
    pub(super) async fn close(self) {
        let _ = self.requestor.release().await;
    }
}

/// The one instance of storage commitment.
pub(super) fn well_known() -> Result<Uid, Failure> {
    uid(INSTANCE)
}

fn uid(text: &str) -> Result<Uid, Failure> {
    Uid::parse(text).map_err(|_| Failure::new(Kind::Ours, "a UID of the standard could not be read"))
}

/// `remote` is called as it is for instances, for this service alone.
fn call(inner: &Inner, remote: &Remote, sop_class: &Uid, part: Part) -> Result<Call, Failure> {
    let roles = match part {
        Part::User => Vec::new(),
        Part::Provider => vec![Role { sop_class: sop_class.clone(), user: false, provider: true }],
    };
    let contexts = vec![WantedContext::plain(sop_class.clone())];
    let call = sender::call(remote, &inner.caller, inner.patience())?.with_contexts(contexts);
    Ok(Call { offers: Offers { roles, ..Offers::default() }, ..call })
}
