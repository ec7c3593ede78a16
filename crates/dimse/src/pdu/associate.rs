//! Reading A-ASSOCIATE-RQ and -AC (PS3.8 §9.3.2, §9.3.3; user information: PS3.7 §D.3.3).

use causeway_core::{AeTitle, Uid};

use super::fields::{Fields, text, uid};
use crate::negotiation::{
    APPLICATION_CONTEXT, Extended, Proposal, ProposedContext, Refusal, Rejection, Role, UserIdentity, Window,
};

/// Bytes from the protocol version to the variable items: 2 + 2 + 16 + 16 + 32.
pub(crate) const FIXED_BYTES: usize = 68;
/// Most roles that are kept: one for each SOP class that could be proposed.
const MAX_ROLES: usize = 256;
/// Most transfer syntaxes of one context that are kept; the standard knows some sixty.
const MAX_TRANSFER_SYNTAXES: usize = 256;
/// Most contexts: as many as ids.
const MAX_CONTEXTS: usize = 256;
/// Longest Implementation Version Name (PS3.7 §D.3.3.2).
const MAX_VERSION_CHARS: usize = 16;

/// An A-ASSOCIATE-RQ as read.
pub(crate) struct Request {
    /// The fixed fields, which the A-ASSOCIATE-AC echoes (PS3.8 §9.3.3).
    pub(crate) fixed: [u8; FIXED_BYTES],
    /// What is proposed, or why the caller is to be rejected at once.
    pub(crate) proposal: Result<Proposal, Rejection>,
}

/// An A-ASSOCIATE-AC as read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Acceptance {
    /// By context id: the transfer syntax accepted, or why none.
    pub(crate) contexts: Vec<(u8, Result<Uid, Refusal>)>,
    /// Longest P-DATA-TF the peer takes; 0: no limit.
    pub(crate) max_pdu: u32,
    /// Implementation Class UID.
    pub(crate) implementation_class: Option<Uid>,
    /// Implementation Version Name.
    pub(crate) implementation_version: Option<String>,
    /// Roles granted.
    pub(crate) roles: Vec<Role>,
    /// Extended negotiation answered.
    pub(crate) extended: Vec<Extended>,
    /// The window granted.
    pub(crate) window: Option<Window>,
    /// Server response to the user identity.
    pub(crate) identity: Option<Vec<u8>>,
}

const SHORT: &str = "an A-ASSOCIATE PDU is too short";

/// Reads the bytes of an A-ASSOCIATE-RQ behind its header.
pub(crate) fn request(body: &[u8]) -> Result<Request, &'static str> {
    let mut fields = Fields(body);
    let fixed = fields.take::<FIXED_BYTES>().ok_or(SHORT)?;
    let mut head = Fields(&fixed);
    let version = head.short().ok_or(SHORT)?;
    let _reserved = head.short();
    let called = head.bytes(16).ok_or(SHORT).map(title)?;
    let calling = head.bytes(16).ok_or(SHORT).map(title)?;
    let mut items = Items::default();
    while let Some(item) = fields.item()? {
        match item.kind {
            0x10 => items.application_context = uid(item.value),
            0x20 => items.context(item.value)?,
            0x50 => items.user = User::read(item.value)?,
            // Items of unrecognized types shall be ignored and skipped (PS3.8 §9.3.1).
            _ => {}
        }
    }
    let proposal = match (calling, called) {
        (None, _) => Err(Rejection::CallingAeNotRecognized),
        (_, None) => Err(Rejection::CalledAeNotRecognized),
        (Some(calling), Some(called)) => Ok(items.proposal(version, calling, called)),
    };
    Ok(Request { fixed, proposal })
}

/// Reads the bytes of an A-ASSOCIATE-AC behind its header.
pub(crate) fn acceptance(body: &[u8]) -> Result<Acceptance, &'static str> {
    let mut fields = Fields(body);
    let _echoed = fields.take::<FIXED_BYTES>().ok_or(SHORT)?;
    let (mut contexts, mut user) = (Vec::new(), User::default());
    while let Some(item) = fields.item()? {
        match item.kind {
            0x21 if contexts.len() < MAX_CONTEXTS => contexts.push(answer(item.value)?),
            0x50 => user = User::read(item.value)?,
            _ => {}
        }
    }
    Ok(Acceptance {
        contexts,
        max_pdu: user.max_pdu,
        implementation_class: user.implementation_class,
        implementation_version: user.implementation_version,
        roles: user.roles,
        extended: user.extended,
        window: user.window,
        identity: user.identity_answer,
    })
}

/// An answered context: id, reserved, result, reserved, transfer syntax (PS3.8 Table 9-18).
fn answer(value: &[u8]) -> Result<(u8, Result<Uid, Refusal>), &'static str> {
    let mut fields = Fields(value);
    let [id, _, result, _] = fields.take().ok_or(SHORT)?;
    if result != 0 {
        // The transfer syntax of a refusal is not significant, and some leave it out.
        return Ok((id, Err(Refusal::of(result))));
    }
    let mut chosen = None;
    while let Some(item) = fields.item()? {
        if item.kind == 0x40 && chosen.is_none() {
            chosen = uid(item.value);
        }
    }
    Ok((id, chosen.ok_or(Refusal::NoReason)))
}

fn title(bytes: &[u8]) -> Option<AeTitle> {
    AeTitle::parse(std::str::from_utf8(bytes).ok()?).ok()
}

/// The variable items of an A-ASSOCIATE-RQ.
#[derive(Default)]
struct Items {
    application_context: Option<Uid>,
    contexts: Vec<ProposedContext>,
    unreadable_contexts: Vec<u8>,
    user: User,
}

impl Items {
    /// A proposed context: id, three reserved bytes, sub-items (PS3.8 §9.3.2.2).
    fn context(&mut self, value: &[u8]) -> Result<(), &'static str> {
        let mut fields = Fields(value);
        let [id, _, _, _] = fields.take().ok_or(SHORT)?;
        let (mut abstract_syntax, mut transfer_syntaxes) = (None, Vec::new());
        while let Some(item) = fields.item()? {
            match item.kind {
                0x30 => abstract_syntax = uid(item.value),
                0x40 if transfer_syntaxes.len() < MAX_TRANSFER_SYNTAXES => {
                    transfer_syntaxes.extend(uid(item.value));
                }
                _ => {}
            }
        }
        if self.contexts.len() + self.unreadable_contexts.len() >= MAX_CONTEXTS {
            return Err("more presentation contexts than there are ids");
        }
        match abstract_syntax {
            Some(abstract_syntax) => {
                self.contexts.push(ProposedContext { id, abstract_syntax, transfer_syntaxes })
            }
            None => self.unreadable_contexts.push(id),
        }
        Ok(())
    }

    fn proposal(self, version: u16, calling: AeTitle, called: AeTitle) -> Proposal {
        let known = self.application_context.is_some_and(|uid| uid.as_str() == APPLICATION_CONTEXT);
        Proposal {
            calling,
            called,
            // A receiver of version 1 tests bit 0 alone.
            protocol_version_1: version & 1 == 1,
            application_context_known: known,
            contexts: self.contexts,
            unreadable_contexts: self.unreadable_contexts,
            max_pdu: self.user.max_pdu,
            implementation_class: self.user.implementation_class,
            implementation_version: self.user.implementation_version,
            user_identity: self.user.identity,
            roles: self.user.roles,
            extended: self.user.extended,
            asynchronous: self.user.window,
        }
    }
}

/// User information.
#[derive(Default)]
struct User {
    max_pdu: u32,
    implementation_class: Option<Uid>,
    implementation_version: Option<String>,
    identity: Option<UserIdentity>,
    identity_answer: Option<Vec<u8>>,
    roles: Vec<Role>,
    extended: Vec<Extended>,
    window: Option<Window>,
}

impl User {
    fn read(value: &[u8]) -> Result<Self, &'static str> {
        let (mut user, mut fields) = (Self::default(), Fields(value));
        while let Some(item) = fields.item()? {
            let mut inner = Fields(item.value);
            match item.kind {
                0x51 => user.max_pdu = inner.long().ok_or("the maximum length is no 32-bit number")?,
                0x52 => user.implementation_class = uid(item.value),
                0x53 => user.window = window(inner),
                0x54 if user.roles.len() < MAX_ROLES => user.roles.extend(role(inner)),
                0x55 => user.implementation_version = text(item.value, MAX_VERSION_CHARS),
                0x56 if user.extended.len() < MAX_ROLES => user.extended.extend(extended(inner)),
                0x58 => user.identity = identity(inner),
                0x59 => user.identity_answer = inner.sized().map(<[u8]>::to_vec),
                // Unrecognized sub-items are ignored (PS3.8 §D.2).
                _ => {}
            }
        }
        Ok(user)
    }
}

fn window(mut fields: Fields<'_>) -> Option<Window> {
    Some(Window { invoked: fields.short()?, performed: fields.short()? })
}

/// SOP class, then whatever is left (PS3.7 Table D.3-11).
fn extended(mut fields: Fields<'_>) -> Option<Extended> {
    let sop_class = uid(fields.sized()?)?;
    Some(Extended { sop_class, information: fields.0.to_vec() })
}

/// Type, whether an answer is wanted, two sized fields (PS3.7 Table D.3-14); some leave out the second.
fn identity(mut fields: Fields<'_>) -> Option<UserIdentity> {
    let [kind, wants_answer] = fields.take()?;
    let primary = fields.sized()?.to_vec();
    let secondary = if fields.0.is_empty() { Vec::new() } else { fields.sized()?.to_vec() };
    Some(UserIdentity { kind, wants_answer: wants_answer != 0, primary, secondary })
}

fn role(mut fields: Fields<'_>) -> Option<Role> {
    let sop_class = uid(fields.sized()?)?;
    Some(Role { sop_class, user: fields.byte()? != 0, provider: fields.byte()? != 0 })
}

#[cfg(test)]
mod tests;
