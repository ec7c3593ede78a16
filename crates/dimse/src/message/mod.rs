//! DIMSE messages' command sets (PS3.7 §9.3, §10.3, Annex E).
//!
//! Lives here: the commands as types, and their bytes. Never here: fragments, associations, data sets.

mod answer;
mod decode;
mod encode;
mod field;
mod normalized;

use causeway_core::{AeTitle, Status, Tag, Uid};

pub use decode::{Decoded, decode};
pub use encode::encode;
pub use field::CommandField;
pub use normalized::{NRq, NRsp, Operation};

/// How urgent a request is (PS3.7 §E.1); nobody is bound by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Priority {
    /// LOW.
    Low,
    /// MEDIUM.
    #[default]
    Medium,
    /// HIGH.
    High,
}

/// A command set: what a message asks or answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// C-ECHO-RQ.
    CEchoRq(CEchoRq),
    /// C-ECHO-RSP.
    CEchoRsp(CEchoRsp),
    /// C-STORE-RQ.
    CStoreRq(CStoreRq),
    /// C-STORE-RSP.
    CStoreRsp(CStoreRsp),
    /// C-FIND-RQ.
    CFindRq(CFindRq),
    /// C-FIND-RSP.
    CFindRsp(CFindRsp),
    /// C-MOVE-RQ.
    CMoveRq(CMoveRq),
    /// C-MOVE-RSP.
    CMoveRsp(RetrieveRsp),
    /// C-GET-RQ.
    CGetRq(CGetRq),
    /// C-GET-RSP.
    CGetRsp(RetrieveRsp),
    /// C-CANCEL-RQ.
    CCancelRq(CCancelRq),
    /// The request of a normalized service.
    NRq(NRq),
    /// The response of a normalized service.
    NRsp(NRsp),
    /// Anything else: [`Command::refuse`] answers it.
    Other(Other),
    /// A request that lacks a field it must have, or has one that cannot be read; [`Command::refuse`] answers it.
    Malformed(Malformed),
}

/// C-ECHO-RQ (PS3.7 §9.3.5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CEchoRq {
    /// Its number.
    pub message_id: u16,
    /// The Verification SOP class.
    pub sop_class: Uid,
}

/// C-ECHO-RSP (PS3.7 §9.3.5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CEchoRsp {
    /// The request answered.
    pub message_id_responded: u16,
    /// The SOP class of the request.
    pub sop_class: Option<Uid>,
    /// How it went.
    pub status: Status,
}

/// C-STORE-RQ (PS3.7 §9.3.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CStoreRq {
    /// Its number.
    pub message_id: u16,
    /// The SOP class of the instance.
    pub sop_class: Uid,
    /// The SOP instance.
    pub sop_instance: Uid,
    /// How urgent.
    pub priority: Priority,
    /// Who asked for it by a C-MOVE, and that request's number.
    pub move_originator: Option<(AeTitle, u16)>,
}

/// C-STORE-RSP (PS3.7 §9.3.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CStoreRsp {
    /// The request answered.
    pub message_id_responded: u16,
    /// The SOP class of the request.
    pub sop_class: Option<Uid>,
    /// The SOP instance of the request.
    pub sop_instance: Option<Uid>,
    /// How it went.
    pub status: Status,
    /// Error Comment, at most 64 characters of ASCII on the wire.
    pub comment: Option<String>,
    /// Offending Element: the attributes that are at fault.
    pub offending: Vec<Tag>,
}

/// C-FIND-RQ (PS3.7 §9.3.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CFindRq {
    /// Its number.
    pub message_id: u16,
    /// The information model.
    pub sop_class: Uid,
    /// How urgent.
    pub priority: Priority,
}

/// C-FIND-RSP (PS3.7 §9.3.2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CFindRsp {
    /// The request answered.
    pub message_id_responded: u16,
    /// The SOP class of the request.
    pub sop_class: Option<Uid>,
    /// How it goes, or went.
    pub status: Status,
    /// Error Comment, at most 64 characters of ASCII on the wire.
    pub comment: Option<String>,
    /// Offending Element: the attributes that are at fault.
    pub offending: Vec<Tag>,
}

/// C-MOVE-RQ (PS3.7 §9.3.4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CMoveRq {
    /// Its number.
    pub message_id: u16,
    /// The information model.
    pub sop_class: Uid,
    /// How urgent.
    pub priority: Priority,
    /// To whom the instances are to go.
    pub destination: AeTitle,
}

/// C-GET-RQ (PS3.7 §9.3.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CGetRq {
    /// Its number.
    pub message_id: u16,
    /// The information model.
    pub sop_class: Uid,
    /// How urgent.
    pub priority: Priority,
}

/// C-MOVE-RSP and C-GET-RSP, which say the same (PS3.7 §9.3.4.2, §9.3.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrieveRsp {
    /// The request answered.
    pub message_id_responded: u16,
    /// The SOP class of the request.
    pub sop_class: Option<Uid>,
    /// How it goes, or went.
    pub status: Status,
    /// How far it is.
    pub progress: Progress,
    /// Error Comment, at most 64 characters of ASCII on the wire.
    pub comment: Option<String>,
    /// Offending Element: the attributes that are at fault.
    pub offending: Vec<Tag>,
}

/// Counts of sub-operations (PS3.7 §9.1.4.1.7 and on).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Not yet begun.
    pub remaining: Option<u16>,
    /// Done.
    pub completed: Option<u16>,
    /// Failed.
    pub failed: Option<u16>,
    /// Done with a warning.
    pub warning: Option<u16>,
}

/// C-CANCEL-RQ (PS3.7 §9.3.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CCancelRq {
    /// The request that is no longer wanted.
    pub message_id_responded: u16,
}

/// A command that has no type of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// What it is.
    pub field: CommandField,
    /// Its number, when it is a request.
    pub message_id: Option<u16>,
    /// The request answered, when it is a response.
    pub message_id_responded: Option<u16>,
    /// Affected or Requested SOP Class UID.
    pub sop_class: Option<Uid>,
    /// Affected or Requested SOP Instance UID.
    pub sop_instance: Option<Uid>,
    /// How it went, when it is a response.
    pub status: Option<Status>,
    /// Error Comment, at most 64 characters of ASCII on the wire.
    pub comment: Option<String>,
}

/// A request that cannot be carried out because of its own command set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// What could be read of it.
    pub request: Other,
    /// The status that says what is wrong (PS3.7 Annex C).
    pub status: Status,
    /// What is wrong, in words that fit an Error Comment.
    pub words: &'static str,
}

#[cfg(test)]
mod tests;
