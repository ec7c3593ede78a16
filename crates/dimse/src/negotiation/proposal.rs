//! What a peer proposes (PS3.8 §9.3.2), parsed and known to be harmless.

use causeway_core::{AeTitle, Uid};

/// An A-ASSOCIATE-RQ, as far as it matters to anyone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Who calls.
    pub calling: AeTitle,
    /// Who is called.
    pub called: AeTitle,
    /// Whether the protocol version has bit 0 set (PS3.8 §9.3.2).
    pub protocol_version_1: bool,
    /// Whether the application context is DICOM's (PS3.7 §A.2.1).
    pub application_context_known: bool,
    /// What services are wanted, in which transfer syntaxes.
    pub contexts: Vec<ProposedContext>,
    /// Ids of contexts whose abstract syntax is no UID.
    pub unreadable_contexts: Vec<u8>,
    /// Longest P-DATA-TF the peer takes, without its header; 0: no limit (PS3.8 §D.1).
    pub max_pdu: u32,
    /// Implementation Class UID (PS3.7 §D.3.3.2).
    pub implementation_class: Option<Uid>,
    /// Implementation Version Name, at most 16 characters.
    pub implementation_version: Option<String>,
    /// Type of the user identity offered, when there is one (PS3.7 §D.3.3.7); the identity itself is not kept.
    pub user_identity: Option<u8>,
    /// Roles proposed beside the default ones (PS3.7 §D.3.3.4).
    pub roles: Vec<Role>,
    /// Operations the peer would like to have outstanding at once, ours and its own (PS3.7 §D.3.3.3).
    pub asynchronous: Option<(u16, u16)>,
}

/// One presentation context as proposed (PS3.8 §9.3.2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposedContext {
    /// Its id, by which messages name it.
    pub id: u8,
    /// The service: a SOP class, mostly.
    pub abstract_syntax: Uid,
    /// The encodings offered, in the peer's order; what is no UID is left out.
    pub transfer_syntaxes: Vec<Uid>,
}

/// SCP/SCU role selection for one SOP class (PS3.7 §D.3.3.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// The SOP class.
    pub sop_class: Uid,
    /// The requestor would be its user.
    pub user: bool,
    /// The requestor would be its provider.
    pub provider: bool,
}
