//! What a peer proposes (PS3.8 §9.3.2), parsed and known to be harmless.

use std::fmt;

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
    /// Who the user says to be, when anything is said of it (PS3.7 §D.3.3.7).
    pub user_identity: Option<UserIdentity>,
    /// Roles proposed beside the default ones (PS3.7 §D.3.3.4).
    pub roles: Vec<Role>,
    /// Service-class application information, by SOP class (PS3.7 §D.3.3.5).
    pub extended: Vec<Extended>,
    /// Operations the peer would like to have outstanding at once (PS3.7 §D.3.3.3).
    pub asynchronous: Option<Window>,
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

/// SOP Class Extended Negotiation for one SOP class (PS3.7 §D.3.3.5): what its bytes mean is the service's to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extended {
    /// The SOP class.
    pub sop_class: Uid,
    /// Service-class application information.
    pub information: Vec<u8>,
}

/// Asynchronous Operations Window (PS3.7 §D.3.3.3), as the requestor of the association sees it; 0: no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Operations that the requestor may have outstanding.
    pub invoked: u16,
    /// Operations that the acceptor may have outstanding.
    pub performed: u16,
}

/// User Identity (PS3.7 §D.3.3.7). Its fields stay out of whatever is printed of it.
#[derive(Clone, PartialEq, Eq)]
pub struct UserIdentity {
    /// 1: username; 2: username and passcode; 3: Kerberos; 4: SAML; 5: JSON Web Token.
    pub kind: u8,
    /// Whether the peer wants to be told that it was accepted.
    pub wants_answer: bool,
    /// Username, ticket, assertion or token.
    pub primary: Vec<u8>,
    /// Passcode, of kind 2 alone.
    pub secondary: Vec<u8>,
}

impl fmt::Debug for UserIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserIdentity").field("kind", &self.kind).finish_non_exhaustive()
    }
}
