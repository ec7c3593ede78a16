//! What the door refuses, told to the book of incidents in words that an administrator can act on.
//!
//! Pure but for the note itself. Never here: patient data, and whatever differs from one instance to the next.

use std::net::IpAddr;

use causeway_archive::Archive;
use causeway_core::incident::Peer;
use causeway_core::{Incident, IncidentKind, TransferSyntax, Uid, service, sop_class};
use causeway_dimse::negotiation::{Agreement, Answer};
use causeway_dimse::{Error, Proposal, Refusal};

use crate::door::Visitor;

/// Most transfer syntaxes that are named of those a peer offered.
const MAX_NAMED: usize = 4;

/// An association that was rejected; `remedy`: the setting that would let the caller in.
pub(crate) fn rejected(
    archive: &Archive,
    proposal: &Proposal,
    address: IpAddr,
    words: String,
    remedy: Option<String>,
) {
    let peer = Peer { address, ae_title: proposal.calling.to_string() };
    let subject = format!("an association with {}", proposal.called);
    archive.note(Incident { kind: IncidentKind::Rejected, peer, subject, words, remedy });
}

/// The contexts that were refused of an association that was accepted.
pub(crate) fn contexts(archive: &Archive, visitor: &Visitor, proposal: &Proposal, agreement: &Agreement) {
    for answer in &agreement.answers {
        if let Some((subject, words, remedy)) = context(visitor, proposal, answer) {
            let kind = IncidentKind::ContextRefused;
            archive.note(Incident { kind, peer: peer(visitor), subject, words, remedy });
        }
    }
}

/// Subject, words and remedy for a context that was refused.
fn context(
    visitor: &Visitor,
    proposal: &Proposal,
    answer: &Answer,
) -> Option<(String, String, Option<String>)> {
    let (Err(refusal), Some(service)) = (&answer.result, &answer.abstract_syntax) else { return None };
    let name = service_name(service);
    let who = &visitor.ae_title;
    Some(match refusal {
        Refusal::UserRejection => (
            name.clone(),
            format!("{who} asked for {name}, which it may not use here"),
            Some(match &visitor.caller.remote {
                Some(remote) => format!("allow it with `causeway remote add {remote} … --allow …`"),
                None => format!("register it with `causeway remote add NAME --ae-title {who} --allow …`"),
            }),
        ),
        Refusal::AbstractSyntaxNotSupported => {
            (name.clone(), format!("{who} asked for {name}, which is not served here"), None)
        }
        Refusal::TransferSyntaxesNotSupported => (
            name.clone(),
            format!("{who} offered for {name} only {}, none of which is taken", offered(proposal, answer.id)),
            Some("have it offer Explicit or Implicit VR Little Endian as well".to_owned()),
        ),
        Refusal::NoReason => (name.clone(), format!("a context of {who} for {name} was refused"), None),
    })
}

fn offered(proposal: &Proposal, id: u8) -> String {
    let context = proposal.contexts.iter().find(|context| context.id == id);
    let syntaxes = context.map(|context| context.transfer_syntaxes.as_slice()).unwrap_or_default();
    if syntaxes.is_empty() {
        return "no transfer syntax".to_owned();
    }
    let name =
        |uid: &Uid| TransferSyntax::of(uid.as_str()).map_or_else(|| uid.to_string(), |it| it.name.to_owned());
    let mut names: Vec<String> = syntaxes.iter().take(MAX_NAMED).map(name).collect();
    if syntaxes.len() > MAX_NAMED {
        names.push(format!("{} more", syntaxes.len() - MAX_NAMED));
    }
    names.join(", ")
}

fn service_name(uid: &Uid) -> String {
    let known = service::class(uid).map(|class| class.name);
    known.or_else(|| sop_class::name(uid)).map_or_else(|| uid.to_string(), str::to_owned)
}

/// An association that stood and did not end in order.
pub(crate) fn broken(archive: &Archive, visitor: &Visitor, error: &Error) {
    let remedy = match error {
        Error::Timeout(_) => {
            Some("[dimse] idle_seconds, read_seconds and write_seconds bound the waits".to_owned())
        }
        _ => None,
    };
    archive.note(Incident {
        kind: IncidentKind::Broken,
        peer: peer(visitor),
        subject: "an association".to_owned(),
        words: error.to_string(),
        remedy,
    });
}

/// A TLS handshake that failed; its words say what was wrong and what would do.
pub(crate) fn handshake(archive: &Archive, address: IpAddr, words: String) {
    let peer = Peer { address, ae_title: String::new() };
    let subject = words.clone();
    archive.note(Incident { kind: IncidentKind::Handshake, peer, subject, words, remedy: None });
}

/// A request that was not carried out.
pub(crate) fn request(archive: &Archive, visitor: &Visitor, subject: String, words: String) {
    let kind = IncidentKind::RequestRefused;
    archive.note(Incident { kind, peer: peer(visitor), subject, words, remedy: None });
}

fn peer(visitor: &Visitor) -> Peer {
    Peer { address: visitor.address, ae_title: visitor.ae_title.to_string() }
}
