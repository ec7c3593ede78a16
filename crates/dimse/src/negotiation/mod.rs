//! What a peer proposes and what we answer, pure (PS3.8 §9.3.2, §9.3.3, PS3.7 Annex D).
//!
//! Lives here: the proposal, the policy that a door implements, and [`negotiate`]. Never here: bytes, sockets,
//! and who is allowed what.

mod proposal;
mod refusal;

use std::net::IpAddr;

use causeway_core::{TransferSyntax, Uid};

pub use proposal::{Proposal, ProposedContext, Role};
pub use refusal::{Refusal, Rejection};

/// The one application context of DICOM (PS3.7 §A.2.1).
pub const APPLICATION_CONTEXT: &str = "1.2.840.10008.3.1.1.1";

/// Whom a door lets in, and for what.
pub trait Policy: Send + Sync {
    /// Whether this caller may associate at all.
    ///
    /// # Errors
    /// Why not.
    fn admit(&self, proposal: &Proposal, from: IpAddr) -> Result<(), Rejection>;

    /// The transfer syntax chosen among those offered in `context`; [`best`] picks the one we like most.
    ///
    /// # Errors
    /// Why none.
    fn choose(&self, proposal: &Proposal, context: &ProposedContext) -> Result<Uid, Refusal>;
}

/// The answer to a proposal that was admitted: one answer to each context, in the order proposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// The answers.
    pub answers: Vec<Answer>,
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

/// Answers `proposal` as `policy` decides.
///
/// An id proposed twice is answered once: no later message could tell the two apart. An even id breaks PS3.8
/// §9.3.2.2 but harms nobody and is taken as it is.
///
/// # Errors
/// Why the caller is rejected as a whole.
pub fn negotiate(proposal: &Proposal, policy: &dyn Policy, from: IpAddr) -> Result<Agreement, Rejection> {
    policy.admit(proposal, from)?;
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
    Ok(Agreement { answers })
}

#[cfg(test)]
mod tests;
