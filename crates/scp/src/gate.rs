//! Who may associate, and for which services: the door's answer to a proposal (PS3.8 §9.3.3).

use std::net::IpAddr;
use std::sync::OnceLock;

use causeway_archive::Identified;
use causeway_archive::access::{Caller, Connection, Evidence};
use causeway_core::transfer_syntax::{
    EXPLICIT_VR_BIG_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN,
};
use causeway_core::{Permission, Quirk, TransferSyntax, Uid, sop_class};
use causeway_dimse::negotiation::{Examination, Extended, Role, Window, best};
use causeway_dimse::timeouts::SMALL_PDU_BYTES;
use causeway_dimse::{Policy, Proposal, ProposedContext, Refusal, Rejection};

use crate::door::Door;
use crate::extended;
use crate::knock::knock;
use crate::report;

/// The gate of one connection; remembers whom it let in.
pub(crate) struct Gate<'a> {
    door: &'a Door,
    /// Whether as many associations as are allowed are open.
    is_full: bool,
    connection: Connection,
    caller: OnceLock<Caller>,
}

/// What a context is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    /// Everybody may use it.
    Open,
    /// It needs leave.
    With(Permission),
    /// Commitment is asked for, or results of ours are told, as roles are selected.
    Commitment,
    /// Instances go over it, one way or the other, as roles are selected.
    Storage,
}

impl<'a> Gate<'a> {
    pub(crate) const fn new(door: &'a Door, is_full: bool, connection: Connection) -> Self {
        Self { door, is_full, connection, caller: OnceLock::new() }
    }

    /// Whom it let in.
    pub(crate) fn into_caller(self) -> Option<Caller> {
        self.caller.into_inner()
    }

    fn may(&self, permission: Permission) -> bool {
        self.caller.get().is_some_and(|caller| caller.principal.permissions.allow(permission))
    }

    fn service(&self, abstract_syntax: &Uid) -> Result<Service, Refusal> {
        match abstract_syntax.as_str() {
            sop_class::VERIFICATION => Ok(Service::Open),
            sop_class::PATIENT_ROOT_FIND | sop_class::STUDY_ROOT_FIND => Ok(Service::With(Permission::Query)),
            sop_class::PATIENT_ROOT_MOVE
            | sop_class::STUDY_ROOT_MOVE
            | sop_class::PATIENT_ROOT_GET
            | sop_class::STUDY_ROOT_GET => Ok(Service::With(Permission::Retrieve)),
            sop_class::MODALITY_WORKLIST_FIND
            | sop_class::MODALITY_PERFORMED_PROCEDURE_STEP
            | sop_class::MODALITY_PERFORMED_PROCEDURE_STEP_RETRIEVE => {
                Ok(Service::With(Permission::Worklist))
            }
            sop_class::STORAGE_COMMITMENT_PUSH => Ok(Service::Commitment),
            _ if sop_class::is_storage(abstract_syntax) => Ok(Service::Storage),
            // A class that the standard does not have is taken from those an administrator knows.
            _ if sop_class::is_private(abstract_syntax) && self.is_registered() => Ok(Service::Storage),
            _ => Err(Refusal::AbstractSyntaxNotSupported),
        }
    }

    /// Whether the caller is a remote that we ask to commit to what it was sent.
    fn is_asked_for_commitment(&self) -> bool {
        let caller = self.caller.get().and_then(|caller| caller.remote.as_ref());
        let remote = caller.and_then(|name| self.door.archive.remote(name));
        remote.is_some_and(|remote| remote.follow.commitment)
    }

    /// The roles of storage commitment: the caller asks us when it may, and tells us the results of what we asked
    /// (PS3.4 §J.3.3.1.3).
    fn commitment_roles(&self, proposed: &Role) -> Role {
        Role {
            sop_class: proposed.sop_class.clone(),
            user: proposed.user && self.may(Permission::Commit),
            provider: proposed.provider && self.is_asked_for_commitment(),
        }
    }

    fn has(&self, quirk: Quirk) -> bool {
        self.caller.get().is_some_and(|caller| caller.quirks.has(quirk))
    }

    fn is_registered(&self) -> bool {
        self.caller.get().is_some_and(|caller| caller.remote.is_some())
    }

    /// The transfer syntax for instances of this class. A caller that would be given them, by C-GET, may be given any
    /// that are here, so a plain one is chosen, in which all of them can go; a caller that stores sends what it has.
    fn storage(&self, proposal: &Proposal, context: &ProposedContext) -> Result<Option<Uid>, Refusal> {
        let offered = &context.transfer_syntaxes;
        // How a transfer syntax that the standard does not have lays out its elements, nobody could tell us.
        let known = || best(offered).filter(|uid| TransferSyntax::of(uid.as_str()).is_some()).cloned();
        let role = self.selected(proposal, &context.abstract_syntax);
        if role.provider && self.may(Permission::Retrieve) {
            Ok(self.plain(offered).or_else(known))
        } else if role.user && self.may(Permission::Store) {
            Ok(known())
        } else {
            Err(Refusal::UserRejection)
        }
    }

    /// The roles that the caller proposes for a SOP class: by default it is the user (PS3.7 §D.3.3.4).
    fn selected(&self, proposal: &Proposal, sop_class: &Uid) -> Role {
        let found = proposal.roles.iter().find(|role| role.sop_class == *sop_class);
        found.filter(|_| !self.has(Quirk::NoRoleSelection)).cloned().unwrap_or_else(|| Role {
            sop_class: sop_class.clone(),
            user: true,
            provider: false,
        })
    }

    /// The plain transfer syntax we like best of those offered: identifiers, and what a caller is given, go in it.
    fn plain(&self, offered: &[Uid]) -> Option<Uid> {
        let explicit = [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN];
        let implicit = [IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN];
        let liked = if self.has(Quirk::ImplicitOnly) { implicit } else { explicit };
        liked.iter().find_map(|liked| offered.iter().find(|uid| uid.as_str() == *liked)).cloned()
    }
}

impl Policy for Gate<'_> {
    fn admit(&self, proposal: &Proposal, from: IpAddr) -> Result<(), Rejection> {
        let Door { archive, config, ae_title, .. } = self.door;
        let called = &proposal.called;
        if self.is_full {
            let words = format!("all {} associations were in use", config.associations);
            let remedy = Some("[dimse] associations sets how many may be open".to_owned());
            report::rejected(archive, proposal, from, words, remedy);
            return Err(Rejection::LocalLimitExceeded);
        }
        if config.check_called_ae_title && called != ae_title && !config.aliases.contains(called) {
            tracing::warn!(
                calling = %proposal.calling, called = %called, address = %from,
                "refused: the caller called another AE title than ours; it should call '{ae_title}', or the title \
                 be added to [dimse] aliases"
            );
            let words = format!("{} called us {called}; our AE title is {ae_title}", proposal.calling);
            let remedy = Some(format!("have it call {ae_title}, or add \"{called}\" to [dimse] aliases"));
            report::rejected(archive, proposal, from, words, remedy);
            return Err(Rejection::CalledAeNotRecognized);
        }
        Ok(())
    }

    fn examine<'a>(&'a self, proposal: &'a Proposal, from: IpAddr) -> Examination<'a> {
        Box::pin(async move {
            let evidence = Evidence { address: from, connection: self.connection };
            // Asked once per connection; a second answer would be the same.
            let _ = self.caller.set(knock(self.door, proposal, evidence).await?);
            Ok(())
        })
    }

    fn choose(&self, proposal: &Proposal, context: &ProposedContext) -> Result<Uid, Refusal> {
        let chosen = match self.service(&context.abstract_syntax)? {
            Service::With(permission) if !self.may(permission) => return Err(Refusal::UserRejection),
            Service::Commitment if !self.may(Permission::Commit) && !self.is_asked_for_commitment() => {
                return Err(Refusal::UserRejection);
            }
            Service::Open | Service::With(_) | Service::Commitment => self.plain(&context.transfer_syntaxes),
            Service::Storage => self.storage(proposal, context)?,
        };
        chosen.ok_or(Refusal::TransferSyntaxesNotSupported)
    }

    fn extended(&self, _: &Proposal, proposed: &Extended) -> Option<Extended> {
        let information = extended::answer(&proposed.sop_class, &proposed.information)?;
        Some(Extended { sop_class: proposed.sop_class.clone(), information })
    }

    fn window(&self, _: &Proposal, _: Window) -> Option<Window> {
        // Of our own operations, sub-operations of a C-GET, one is under way at a time.
        let invoked = u16::try_from(self.door.config.operations).unwrap_or(u16::MAX);
        Some(Window { invoked, performed: 1 })
    }

    fn identity(&self, _: &Proposal) -> Option<Vec<u8>> {
        let caller = self.caller.get()?;
        (caller.identified == Identified::Confirmed).then(Vec::new)
    }

    fn pdu_bytes(&self, _: &Proposal) -> Option<u32> {
        self.has(Quirk::SmallPdus).then_some(SMALL_PDU_BYTES)
    }

    fn roles(&self, _: &Proposal, proposed: &Role) -> Option<Role> {
        if self.has(Quirk::NoRoleSelection) {
            return None;
        }
        match self.service(&proposed.sop_class) {
            Ok(Service::Storage) => Some(Role {
                sop_class: proposed.sop_class.clone(),
                user: proposed.user && self.may(Permission::Store),
                provider: proposed.provider && self.may(Permission::Retrieve),
            }),
            Ok(Service::Commitment) => Some(self.commitment_roles(proposed)),
            Ok(Service::Open | Service::With(_)) | Err(_) => None,
        }
    }
}
