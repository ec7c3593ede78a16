//! What a peer proposes and what we answer, pure (PS3.8 §9.3.2, §9.3.3, PS3.7 Annex D).
//!
//! Lives here: the proposal, the policy that a door implements, and [`negotiate`]. Never here: bytes, sockets,
//! and who is allowed what.

mod proposal;
mod refusal;

use std::future::{Future, ready};
use std::net::IpAddr;
use std::pin::Pin;

use causeway_core::{TransferSyntax, Uid};

pub use proposal::{Extended, Proposal, ProposedContext, Role, UserIdentity, Window};
pub use refusal::{Refusal, Rejection};

/// The one application context of DICOM (PS3.7 §A.2.1).
pub const APPLICATION_CONTEXT: &str = "1.2.840.10008.3.1.1.1";

/// A look at a caller that takes its time.
pub type Examination<'a> = Pin<Box<dyn Future<Output = Result<(), Rejection>> + Send + 'a>>;

/// Whom a door lets in, and for what.
pub trait Policy: Send + Sync {
    /// Whether this caller may associate at all.
    ///
    /// # Errors
    /// Why not.
    fn admit(&self, proposal: &Proposal, from: IpAddr) -> Result<(), Rejection>;

    /// A second look at a caller that was admitted, before anything is granted: at its identity, which may take its
    /// time.
    fn examine<'a>(&'a self, proposal: &'a Proposal, from: IpAddr) -> Examination<'a> {
        let _ = (proposal, from);
        Box::pin(ready(Ok(())))
    }

    /// The transfer syntax chosen among those offered in `context`; [`best`] picks the one we like most.
    ///
    /// # Errors
    /// Why none.
    fn choose(&self, proposal: &Proposal, context: &ProposedContext) -> Result<Uid, Refusal>;

    /// The roles granted of those in `proposed`, for a SOP class of which a context was accepted; none: the default
    /// roles hold (PS3.7 §D.3.3.4).
    fn roles(&self, proposal: &Proposal, proposed: &Role) -> Option<Role> {
        let _ = (proposal, proposed);
        None
    }

    /// The answer to extended negotiation of a SOP class of which a context was accepted; none: nothing is answered,
    /// and the defaults hold (PS3.7 §D.3.3.5).
    fn extended(&self, proposal: &Proposal, proposed: &Extended) -> Option<Extended> {
        let _ = (proposal, proposed);
        None
    }

    /// The window granted of the one `proposed`; none: one operation at a time (PS3.7 §D.3.3.3).
    fn window(&self, proposal: &Proposal, proposed: Window) -> Option<Window> {
        let _ = (proposal, proposed);
        None
    }

    /// The server response to a user identity that was accepted and whose peer wants an answer; empty but for
    /// Kerberos and SAML. None: nothing is answered, so that the peer knows that its identity was not looked at
    /// (PS3.7 §D.3.3.7.2).
    fn identity(&self, proposal: &Proposal) -> Option<Vec<u8>> {
        let _ = proposal;
        None
    }

    /// Longest P-DATA-TF that this caller is to send and to be sent; none: as the settings and its proposal say
    /// (PS3.8 §D.1).
    fn pdu_bytes(&self, proposal: &Proposal) -> Option<u32> {
        let _ = proposal;
        None
    }
}

/// The answer to a proposal that was admitted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Agreement {
    /// One answer to each context, in the order proposed.
    pub answers: Vec<Answer>,
    /// Roles granted beside the default ones.
    pub roles: Vec<Role>,
    /// Extended negotiation answered.
    pub extended: Vec<Extended>,
    /// The window granted.
    pub window: Option<Window>,
    /// Server response to the user identity.
    pub identity: Option<Vec<u8>>,
    /// Longest P-DATA-TF in either direction, where the settings and the proposal do not say it.
    pub pdu_bytes: Option<u32>,
}

impl Agreement {
    /// Whether the peer may be given instances of this SOP class on the association it opened: it was granted the
    /// role of an SCP (PS3.4 §C.5.3).
    #[must_use]
    pub fn peer_provides(&self, sop_class: &Uid) -> bool {
        self.roles.iter().any(|role| role.provider && role.sop_class == *sop_class)
    }

    /// What was answered to the extended negotiation of this SOP class.
    #[must_use]
    pub fn extended_for(&self, sop_class: &Uid) -> Option<&[u8]> {
        let found = self.extended.iter().find(|extended| extended.sop_class == *sop_class);
        found.map(|extended| extended.information.as_slice())
    }
}

/// The answer to one proposed context (PS3.8 Table 9-18).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The context's id, as proposed.
    pub id: u8,
    /// The service asked for; none when its UID could not be read.
    pub abstract_syntax: Option<Uid>,
    /// The transfer syntax chosen, or why none.
    pub result: Result<Uid, Refusal>,
}

/// The transfer syntax among `offered` that [`TransferSyntax::rank`] puts first; of several unknown ones the one
/// offered first.
#[must_use]
pub fn best(offered: &[Uid]) -> Option<&Uid> {
    offered.iter().min_by_key(|uid| TransferSyntax::rank(uid))
}

/// Answers `proposal`, which was admitted, as `policy` decides.
///
/// An id proposed twice is answered once: no later message could tell the two apart. An even id breaks PS3.8
/// §9.3.2.2 but harms nobody and is taken as it is.
#[must_use]
pub fn negotiate(proposal: &Proposal, policy: &dyn Policy) -> Agreement {
    let mut answers: Vec<Answer> = Vec::with_capacity(proposal.contexts.len());
    for context in &proposal.contexts {
        if answers.iter().any(|answer| answer.id == context.id) {
            continue;
        }
        let result = if context.transfer_syntaxes.is_empty() {
            Err(Refusal::TransferSyntaxesNotSupported)
        } else {
            // A policy that chooses what was not offered would make the peer abort.
            policy.choose(proposal, context).and_then(|chosen| {
                context.transfer_syntaxes.contains(&chosen).then_some(chosen).ok_or(Refusal::NoReason)
            })
        };
        answers.push(Answer {
            id: context.id,
            abstract_syntax: Some(context.abstract_syntax.clone()),
            result,
        });
    }
    for id in &proposal.unreadable_contexts {
        if answers.iter().all(|answer| answer.id != *id) {
            let result = Err(Refusal::AbstractSyntaxNotSupported);
            answers.push(Answer { id: *id, abstract_syntax: None, result });
        }
    }
    user_information(proposal, policy, answers)
}

/// What is granted beside the contexts: for SOP classes of which a context was accepted, each answered once, and
/// nothing that was not asked for.
fn user_information(proposal: &Proposal, policy: &dyn Policy, answers: Vec<Answer>) -> Agreement {
    let is_accepted = |sop_class: &Uid| {
        answers
            .iter()
            .any(|answer| answer.result.is_ok() && answer.abstract_syntax.as_ref() == Some(sop_class))
    };
    let mut roles: Vec<Role> = Vec::new();
    for proposed in proposal.roles.iter().filter(|role| is_accepted(&role.sop_class)) {
        if roles.iter().any(|role| role.sop_class == proposed.sop_class) {
            continue;
        }
        roles.extend(policy.roles(proposal, proposed).map(|granted| Role {
            sop_class: proposed.sop_class.clone(),
            user: granted.user && proposed.user,
            provider: granted.provider && proposed.provider,
        }));
    }
    let mut extended: Vec<Extended> = Vec::new();
    for proposed in proposal.extended.iter().filter(|it| is_accepted(&it.sop_class)) {
        if extended.iter().all(|it| it.sop_class != proposed.sop_class) {
            extended.extend(policy.extended(proposal, proposed));
        }
    }
    let window = proposal.asynchronous.and_then(|proposed| {
        policy.window(proposal, proposed).map(|granted| Window {
            invoked: no_more(granted.invoked, proposed.invoked),
            performed: no_more(granted.performed, proposed.performed),
        })
    });
    let wants_answer = proposal.user_identity.as_ref().is_some_and(|identity| identity.wants_answer);
    let identity = if wants_answer { policy.identity(proposal) } else { None };
    let pdu_bytes = policy.pdu_bytes(proposal);
    Agreement { answers, roles, extended, window, identity, pdu_bytes }
}

/// As many operations as `granted`, but no more than `proposed`; 0 is any number.
const fn no_more(granted: u16, proposed: u16) -> u16 {
    match (granted, proposed) {
        (granted, 0) => granted,
        (0, proposed) => proposed,
        (granted, proposed) if granted < proposed => granted,
        (_, proposed) => proposed,
    }
}

#[cfg(test)]
mod tests;
