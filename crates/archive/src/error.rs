//! What can go wrong in a use-case, sorted by remedy, with the codes that both doors need.

use causeway_core::{Class, Credential, Permission, Principal, RemoteName, Status, Uid};

use crate::ingest::BodyError;

/// Not allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{who} may not {permission} here; {}", remedy(*credential, *permission))]
pub struct AccessError {
    /// Who asked.
    pub who: String,
    /// How it is known.
    pub credential: Credential,
    /// What they lack.
    pub permission: Permission,
}

/// What would let someone do it: whom to ask, and for what.
fn remedy(credential: Credential, permission: Permission) -> String {
    match credential {
        Credential::Remote => {
            format!("an administrator can allow it with `causeway remote add … --allow {permission}`")
        }
        Credential::Token => format!(
            "an administrator can give out a token that allows it with `causeway token add … --allow {permission}`"
        ),
        Credential::Provider => format!(
            "the identity provider can give a token with a scope that stands for {permission} in [auth.oidc]"
        ),
        Credential::Machine => "what this machine may do is not confined by any setting".to_owned(),
    }
}

/// Why an instance was not taken. The words are for the sender's administrator; they hold no patient data.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The sender may not store here.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The bytes broke off before their end.
    #[error("the transfer broke off: {0}")]
    Body(#[from] BodyError),
    /// Not a data set, or one that breaks our bounds.
    #[error("the data set cannot be read: {0}")]
    Unreadable(String),
    /// An identifier is missing or no UID.
    #[error("the data set has no usable {0}")]
    MissingIdentifier(&'static str),
    /// What was announced is not what came (PS3.4 §B.2.3).
    #[error("the {attribute} announced is {announced}, the data set's own is {found}")]
    Mismatch {
        /// Which identifier.
        attribute: &'static str,
        /// What the command or File Meta Information says.
        announced: Uid,
        /// What the data set says.
        found: Uid,
    },
    /// It belongs to another study than the one it was stored to (PS3.18 §10.5.1).
    #[error("the instance belongs to study {found}, not to {wanted}")]
    OtherStudy {
        /// The study in the URL.
        wanted: Uid,
        /// The study in the data set.
        found: Uid,
    },
    /// It belongs to what its sender does not see, or would not see.
    #[error("study {0} is not among those that the sender may store to")]
    Unseen(Uid),
    /// A DICOMDIR or another class that is no instance.
    #[error("SOP class {0} is not for storage")]
    NotStorage(Uid),
    /// The UID is taken by other bytes, and the first are kept.
    #[error(
        "it is kept already, with other content; the first is kept ([ingest] duplicate = \"keep-first\"): instance {0}"
    )]
    Conflict(Uid),
    /// The UID is taken by other bytes, of a study that is on hold.
    #[error(
        "it is kept already, with other content, and its study is on hold, so that nothing of it is replaced: instance {0}"
    )]
    Held(Uid),
    /// As much is kept of what its sender sends as may be.
    #[error(
        "the quota of remote {remote} is full ({limit} bytes); delete what is not needed, or set another"
    )]
    Quota {
        /// The sender.
        remote: RemoteName,
        /// Bytes that may be kept.
        limit: u64,
    },
    /// The store failed.
    #[error("the instance could not be stored: {0}")]
    Store(#[from] causeway_store::Error),
    /// The catalog failed.
    #[error("the instance could not be recorded: {0}")]
    Catalog(#[from] causeway_catalog::Error),
}

impl IngestError {
    /// What it calls for.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Access(_) => Class::Caller,
            Self::Body(_)
            | Self::Unseen(_)
            | Self::Unreadable(_)
            | Self::MissingIdentifier(_)
            | Self::Mismatch { .. }
            | Self::OtherStudy { .. }
            | Self::NotStorage(_)
            | Self::Conflict(_)
            | Self::Held(_) => Class::Peer,
            Self::Quota { .. } => Class::Exhausted,
            Self::Store(error) => error.class(),
            Self::Catalog(error) => error.class(),
        }
    }

    /// The C-STORE status (PS3.4 §B.2.3).
    #[must_use]
    pub fn store_status(&self) -> Status {
        match self {
            Self::Access(_) | Self::Unseen(_) => Status::NOT_AUTHORIZED,
            Self::Mismatch { .. } | Self::MissingIdentifier(_) | Self::OtherStudy { .. } => {
                Status::DATA_SET_DOES_NOT_MATCH
            }
            Self::NotStorage(_) => Status::SOP_CLASS_NOT_SUPPORTED,
            Self::Conflict(_) | Self::Held(_) => Status::CONFLICTING_DUPLICATE,
            Self::Body(_) | Self::Unreadable(_) => Status::CANNOT_UNDERSTAND,
            Self::Quota { .. } | Self::Store(_) | Self::Catalog(_) => self.class().store_status(),
        }
    }

    /// The Failure Reason (0008,1197) of a store response over the web (PS3.18 Table I.2-2).
    #[must_use]
    pub fn failure_reason(&self) -> u16 {
        match self {
            Self::Conflict(_) | Self::Held(_) => Status::DUPLICATE_SOP_INSTANCE.0,
            Self::OtherStudy { .. } | Self::Mismatch { .. } | Self::MissingIdentifier(_) => 0xA900,
            _ => self.store_status().0,
        }
    }
}

/// Why a search gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The caller may not query here.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The catalog failed.
    #[error("the search failed: {0}")]
    Catalog(#[from] causeway_catalog::Error),
}

impl SearchError {
    /// What it calls for.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Access(_) => Class::Caller,
            Self::Catalog(error) => error.class(),
        }
    }
}

/// Why a request for storage commitment, or the result of one, was not taken.
#[derive(Debug, thiserror::Error)]
pub enum CommitmentError {
    /// The caller may not ask.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The Transaction UID names another request.
    #[error("the Transaction UID was used before")]
    Duplicate,
    /// Requests or results of the caller wait.
    #[error("too many results wait to be taken; take those first")]
    TooMany,
    /// Nothing was asked under this Transaction UID: of the caller, or by it.
    #[error("nothing was asked under this Transaction UID")]
    Unknown,
    /// The result is not kept any more for who comes for it.
    #[error("the result of this request is not kept any more")]
    Gone,
    /// The catalog failed.
    #[error("the catalog failed: {0}")]
    Catalog(#[from] causeway_catalog::Error),
}

impl CommitmentError {
    /// The status of the response that says this (PS3.7 §10.1.1.1.8, §10.1.4.1.10). 0131H is none of PS3.7, but the
    /// one number that means a duplicate transaction (PS3.3 §C.14.1.1), and a failure to anyone.
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self::Access(_) => Status::NOT_AUTHORIZED,
            Self::Duplicate => Status::DUPLICATE_TRANSACTION,
            Self::TooMany => Status::RESOURCE_LIMITATION,
            Self::Catalog(error) if error.class() == Class::Exhausted => Status::RESOURCE_LIMITATION,
            Self::Unknown | Self::Gone | Self::Catalog(_) => Status::PROCESSING_FAILURE,
        }
    }
}

/// Why something was not removed.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// The caller may not delete here.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The study is on hold.
    #[error("study {study} is on hold: nothing of it is removed; {}", because(reason.as_deref()))]
    Held {
        /// The study.
        study: Uid,
        /// Why, for those who may know.
        reason: Option<String>,
    },
    /// The catalog failed.
    #[error("the catalog failed: {0}")]
    Catalog(#[from] causeway_catalog::Error),
    /// The store failed.
    #[error("what was never recorded of it cannot be removed: {0}")]
    Store(#[from] causeway_store::Error),
}

/// Why objects are not moved from one store to another.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// The caller is no administrator.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The settings name one store alone.
    #[error(
        "there is no store to move objects from: name the one that has them in [store.also], and the one that they are to \
         go to in [store], on every node, and start the nodes anew"
    )]
    NoOther,
    /// The settings name one store in two ways.
    #[error("{from} and {to} are one and the same place: nothing is to be moved")]
    OnePlace {
        /// As [store.also] names it.
        from: String,
        /// As [store] names it.
        to: String,
    },
    /// One at a time.
    #[error("a move is under way; see it, or stop it first")]
    UnderWay,
    /// A store failed.
    #[error("the store failed: {0}")]
    Store(#[from] causeway_store::Error),
    /// The catalog failed.
    #[error("the catalog failed: {0}")]
    Catalog(#[from] causeway_catalog::Error),
}

/// Why a study is on hold, or who knows.
fn because(reason: Option<&str>) -> String {
    match reason {
        Some(reason) => format!("because: {reason}"),
        None => "an administrator knows why (causeway hold list)".to_owned(),
    }
}

impl DeleteError {
    /// That of a hold, as `principal` may know of it.
    pub(crate) fn held(hold: causeway_catalog::Hold, principal: &Principal) -> Self {
        let reason = principal.permissions.allow(Permission::Admin).then_some(hold.reason);
        Self::Held { study: hold.study, reason }
    }

    /// What it calls for.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Access(_) | Self::Held { .. } => Class::Caller,
            Self::Catalog(error) => error.class(),
            Self::Store(error) => error.class(),
        }
    }
}

/// Why an instance could not be read back.
#[derive(Debug, thiserror::Error)]
pub enum RetrieveError {
    /// The caller may not retrieve here.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The catalog failed.
    #[error("the catalog failed: {0}")]
    Catalog(#[from] causeway_catalog::Error),
    /// The store failed.
    #[error("the object could not be read: {0}")]
    Store(#[from] causeway_store::Error),
    /// It has not settled, and the node whose spool has it does not give it.
    #[error("the object lies with node '{node}', which does not give it: {because}")]
    Elsewhere {
        /// That node.
        node: String,
        /// Why.
        because: String,
    },
    /// The form asked for cannot be made of what is stored.
    #[error("the instance is stored in {stored}; it cannot be given in {wanted}")]
    NotAcceptable {
        /// Transfer syntax of the stored bytes.
        stored: Uid,
        /// What was asked for.
        wanted: String,
    },
    /// The pixels cannot be decoded, so that the instance can be given only as it is stored.
    #[error("the instance is stored in {stored}, and cannot be given decompressed: {reason}")]
    NotDecodable {
        /// Transfer syntax of the stored bytes.
        stored: Uid,
        /// What is in the way.
        reason: String,
    },
    /// The pixel data cannot be told apart into frames, or hold fewer than they should.
    #[error("the frames of the instance cannot be given: {0}")]
    Frames(String),
    /// The transform of whom it is given to refuses it or cannot be applied: it does not go out.
    #[error("{0}")]
    Transform(String),
    /// The stored bytes cannot be read as a data set.
    #[error("the stored object cannot be read: {0}")]
    Unreadable(String),
}

impl RetrieveError {
    /// What it calls for.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Access(_)
            | Self::NotAcceptable { .. }
            | Self::NotDecodable { .. }
            | Self::Frames(_)
            | Self::Transform(_) => Class::Caller,
            Self::Catalog(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::Elsewhere { .. } => Class::Transient,
            Self::Unreadable(_) => Class::Bug,
        }
    }
}

/// Stored bytes that cannot be read back.
pub(crate) fn unreadable(error: impl std::fmt::Display) -> RetrieveError {
    RetrieveError::Unreadable(error.to_string())
}
