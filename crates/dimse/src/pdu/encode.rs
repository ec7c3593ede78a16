//! Writing A-ASSOCIATE-RQ and -AC, by `dicom-ul` (PS3.8 §9.3.2, §9.3.3).

use causeway_core::transfer_syntax::IMPLICIT_VR_LITTLE_ENDIAN;
use causeway_core::{AeTitle, Uid, implementation};
use dicom_ul::pdu::{
    AssociationAC, AssociationRQ, Pdu, PresentationContextProposed, PresentationContextResult,
    PresentationContextResultReason, RequestorRoles, UserVariableItem, write_pdu,
};

use super::associate::FIXED_BYTES;
use super::frame::HEADER_BYTES;
use crate::negotiation::{
    APPLICATION_CONTEXT, Agreement, Answer, Extended, ProposedContext, Refusal, Role, UserIdentity, Window,
};
use crate::scu::Offers;

/// Sub-item of the asynchronous operations window, which `dicom-ul` has no type for.
const WINDOW_ITEM: u8 = 0x53;
/// Sub-item of the user identity as requested, in bytes of ours since `dicom-ul` knows five kinds only.
const USER_IDENTITY_ITEM: u8 = 0x58;
/// Sub-item of the server response to a user identity.
const USER_IDENTITY_ANSWER_ITEM: u8 = 0x59;
/// Protocol version 1: bit 0.
const PROTOCOL_VERSION: u16 = 1;

/// An A-ASSOCIATE-RQ; none when it cannot be written.
pub(crate) fn request(
    calling: &AeTitle,
    called: &AeTitle,
    contexts: &[ProposedContext],
    offers: &Offers,
    max_pdu: u32,
) -> Option<Vec<u8>> {
    let mut variables = user_variables(max_pdu);
    variables.extend(offers.window.map(window));
    variables.extend(offers.roles.iter().map(role));
    variables.extend(offers.extended.iter().map(extended));
    variables.extend(offers.identity.as_ref().map(identity));
    let proposed = |context: &ProposedContext| PresentationContextProposed {
        id: context.id,
        abstract_syntax: context.abstract_syntax.as_str().to_owned(),
        transfer_syntaxes: context.transfer_syntaxes.iter().map(|uid| uid.as_str().to_owned()).collect(),
    };
    let pdu = Pdu::AssociationRQ(AssociationRQ {
        protocol_version: PROTOCOL_VERSION,
        calling_ae_title: calling.as_str().to_owned(),
        called_ae_title: called.as_str().to_owned(),
        application_context_name: APPLICATION_CONTEXT.to_owned(),
        presentation_contexts: contexts.iter().map(proposed).collect(),
        user_variables: variables,
    });
    written(&pdu)
}

/// An A-ASSOCIATE-AC that echoes the fixed fields of the request, as received, but for the protocol version;
/// none when it cannot be written.
pub(crate) fn acceptance(fixed: &[u8; FIXED_BYTES], agreement: &Agreement, max_pdu: u32) -> Option<Vec<u8>> {
    let mut variables = user_variables(max_pdu);
    variables.extend(agreement.window.map(window));
    variables.extend(agreement.roles.iter().map(role));
    variables.extend(agreement.extended.iter().map(extended));
    let answer = agreement.identity.as_deref();
    variables.extend(answer.map(|bytes| UserVariableItem::Unknown(USER_IDENTITY_ANSWER_ITEM, sized(bytes))));
    let pdu = Pdu::AssociationAC(AssociationAC {
        protocol_version: PROTOCOL_VERSION,
        // Overwritten below with the caller's own bytes.
        calling_ae_title: String::new(),
        called_ae_title: String::new(),
        application_context_name: APPLICATION_CONTEXT.to_owned(),
        presentation_contexts: agreement.answers.iter().map(answered).collect(),
        user_variables: variables,
    });
    let mut out = written(&pdu)?;
    let version_bytes = size_of_val(&PROTOCOL_VERSION);
    let echoed = out.get_mut(HEADER_BYTES + version_bytes..HEADER_BYTES + FIXED_BYTES)?;
    echoed.copy_from_slice(fixed.get(version_bytes..)?);
    Some(out)
}

fn answered(answer: &Answer) -> PresentationContextResult {
    let (reason, transfer_syntax) = match &answer.result {
        Ok(chosen) => (PresentationContextResultReason::Acceptance, chosen.as_str()),
        // Not significant, but one there must be (PS3.8 §9.3.3.2).
        Err(refusal) => (reason(*refusal), IMPLICIT_VR_LITTLE_ENDIAN),
    };
    PresentationContextResult { id: answer.id, reason, transfer_syntax: transfer_syntax.to_owned() }
}

fn reason(refusal: Refusal) -> PresentationContextResultReason {
    match refusal {
        Refusal::UserRejection => PresentationContextResultReason::UserRejection,
        Refusal::NoReason => PresentationContextResultReason::NoReason,
        Refusal::AbstractSyntaxNotSupported => PresentationContextResultReason::AbstractSyntaxNotSupported,
        Refusal::TransferSyntaxesNotSupported => {
            PresentationContextResultReason::TransferSyntaxesNotSupported
        }
    }
}

fn user_variables(max_pdu: u32) -> Vec<UserVariableItem> {
    vec![
        UserVariableItem::MaxLength(max_pdu),
        UserVariableItem::ImplementationClassUID(implementation::CLASS_UID.to_owned()),
        UserVariableItem::ImplementationVersionName(implementation::VERSION_NAME.to_owned()),
    ]
}

fn window(window: Window) -> UserVariableItem {
    let bytes = [window.invoked.to_be_bytes(), window.performed.to_be_bytes()].concat();
    UserVariableItem::Unknown(WINDOW_ITEM, bytes)
}

fn role(role: &Role) -> UserVariableItem {
    let roles = RequestorRoles { scu: role.user, scp: role.provider };
    UserVariableItem::ScuScpRoleSelectionSubItem(text(&role.sop_class), roles)
}

fn extended(extended: &Extended) -> UserVariableItem {
    let information = extended.information.clone();
    UserVariableItem::SopClassExtendedNegotiationSubItem(text(&extended.sop_class), information)
}

fn text(uid: &Uid) -> String {
    uid.as_str().to_owned()
}

fn identity(identity: &UserIdentity) -> UserVariableItem {
    let mut bytes = vec![identity.kind, u8::from(identity.wants_answer)];
    bytes.extend(sized(&identity.primary));
    bytes.extend(sized(&identity.secondary));
    UserVariableItem::Unknown(USER_IDENTITY_ITEM, bytes)
}

/// Bytes behind their 16-bit length; what does not fit it is left out.
fn sized(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let kept = bytes.iter().take(usize::from(length));
    length.to_be_bytes().iter().chain(kept).copied().collect()
}

fn written(pdu: &Pdu) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    write_pdu(&mut out, pdu).ok()?;
    Some(out)
}
