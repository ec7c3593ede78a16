//! Who may associate, and for which services: the door's answer to a proposal (PS3.8 §9.3.3).

use std::net::IpAddr;
use std::sync::OnceLock;

use causeway_archive::Identified;
use causeway_archive::access::{Caller, Connection, Evidence};
use causeway_core::transfer_syntax::{
    EXPLICIT_VR_BIG_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN,
};
use causeway_core::{Permission, Quirk, TransferSyntax, Uid, sop_class};
use causeway_dimse::negotiation::{Examination, Extended, Window, best};
use causeway_dimse::{Policy, Proposal, ProposedContext, Refusal, Rejection};

use crate::door::Door;
use crate::extended;
use crate::knock::knock;
use crate::report;

/// Longest P-DATA-TF of a remote that cannot bear more (PS3.8 §D.1).
const SMALL_PDU_BYTES: u32 = 16 * 1024;

/// The gate of one connection; remembers whom it let in.
pub(crate) struct Gate<'a> {
    door: &'a Door,
    /// Whether as many associations as are allowed are open.
    is_full: bool,
    connection: Connection,
    caller: OnceLock<Caller>,
}

impl<'a> Gate<'a> {
    pub(crate) const fn new(door: &'a Door, is_full: bool, connection: Connection) -> Self {
        Self { door, is_full, connection, caller: OnceLock::new() }
    }

    /// Whom it let in.
    pub(crate) fn into_caller(self) -> Option<Caller> {
        self.caller.into_inner()
    }

    fn may(&self, permission: Permission) -> Result<(), Refusal> {
        let allowed = self.caller.get().is_some_and(|caller| caller.principal.permissions.allow(permission));
        if allowed { Ok(()) } else { Err(Refusal::UserRejection) }
    }

    /// What leave a service needs; none for one that everybody may use.
    fn needs(&self, abstract_syntax: &Uid) -> Result<Option<Permission>, Refusal> {
        match abstract_syntax.as_str() {
            sop_class::VERIFICATION => Ok(None),
            sop_class::PATIENT_ROOT_FIND | sop_class::STUDY_ROOT_FIND => Ok(Some(Permission::Query)),
            sop_class::PATIENT_ROOT_MOVE | sop_class::STUDY_ROOT_MOVE => Ok(Some(Permission::Retrieve)),
            sop_class::MODALITY_WORKLIST_FIND
            | sop_class::MODALITY_PERFORMED_PROCEDURE_STEP
            | sop_class::MODALITY_PERFORMED_PROCEDURE_STEP_RETRIEVE => Ok(Some(Permission::Worklist)),
            _ if sop_class::is_storage(abstract_syntax) => Ok(Some(Permission::Store)),
            // A class that the standard does not have is taken from those an administrator knows.
            _ if sop_class::is_private(abstract_syntax) && self.is_registered() => {
                Ok(Some(Permission::Store))
            }
            _ => Err(Refusal::AbstractSyntaxNotSupported),
        }
    }

    fn has(&self, quirk: Quirk) -> bool {
        self.caller.get().is_some_and(|caller| caller.quirks.has(quirk))
    }

    fn is_registered(&self) -> bool {
        self.caller.get().is_some_and(|caller| caller.remote.is_some())
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

    fn choose(&self, _: &Proposal, context: &ProposedContext) -> Result<Uid, Refusal> {
        let needed = self.needs(&context.abstract_syntax)?;
        if let Some(permission) = needed {
            self.may(permission)?;
        }
        let chosen = if needed == Some(Permission::Store) {
            // How a transfer syntax that the standard does not have lays out its elements, nobody could tell us.
            let known = |uid: &&Uid| TransferSyntax::of(uid.as_str()).is_some();
            best(&context.transfer_syntaxes).filter(known).cloned()
        } else {
            plain(&context.transfer_syntaxes)
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
}

/// The plain transfer syntax we like best: identifiers are written in it.
fn plain(offered: &[Uid]) -> Option<Uid> {
    let liked = [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN];
    liked.iter().find_map(|liked| offered.iter().find(|uid| uid.as_str() == *liked)).cloned()
}
