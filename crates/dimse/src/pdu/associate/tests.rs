//! Reading of A-ASSOCIATE PDUs: what is written, what dicom-ul thinks of it, and what the hostile send.

use causeway_core::implementation;
use dicom_ul::pdu::{Pdu, UserVariableItem, read_pdu};
use proptest::prelude::*;

use super::*;
use crate::negotiation::{Agreement, Answer};
use crate::pdu::encode;
use crate::pdu::frame::HEADER_BYTES;
use crate::scu::Offers;

fn uid(text: &str) -> Uid {
    Uid::parse(text).unwrap()
}

fn title(text: &str) -> AeTitle {
    AeTitle::parse(text).unwrap()
}

fn contexts() -> Vec<ProposedContext> {
    vec![
        ProposedContext {
            id: 1,
            abstract_syntax: uid("1.2.3"),
            transfer_syntaxes: vec![uid("1.2.840.10008.1.2")],
        },
        ProposedContext {
            id: 3,
            abstract_syntax: uid("1.2.4"),
            transfer_syntaxes: vec![uid("1.5"), uid("1.6")],
        },
    ]
}

fn written() -> Vec<u8> {
    encode::request(&title("CALLER"), &title("CALLED 1"), &contexts(), &Offers::default(), 262_144).unwrap()
}

/// An A-ASSOCIATE-RQ's fixed fields with these titles.
fn fixed(version: u16, called: &[u8; 16], calling: &[u8; 16]) -> Vec<u8> {
    [&version.to_be_bytes()[..], &[0, 0], called, calling, &[0; 32]].concat()
}

fn item(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[kind, 0][..], &length, value].concat()
}

#[test]
fn a_request_is_read_as_written() {
    let pdu = written();
    let proposal = request(&pdu[HEADER_BYTES..]).unwrap().proposal.unwrap();
    assert_eq!(proposal.calling, title("CALLER"));
    assert_eq!(proposal.called, title("CALLED 1"));
    assert!(proposal.protocol_version_1 && proposal.application_context_known);
    assert_eq!(proposal.contexts, contexts());
    assert_eq!(proposal.max_pdu, 262_144);
    assert_eq!(proposal.implementation_class, Some(uid(implementation::CLASS_UID)));
    assert_eq!(proposal.implementation_version.as_deref(), Some(implementation::VERSION_NAME));
}

#[test]
fn an_acceptance_echoes_the_fixed_fields_and_both_readers_agree() {
    let mut odd = fixed(3, b"called  padded  ", b"  CALLING       ");
    odd[2] = 0xAA;
    odd[40] = 0xBB;
    let odd: [u8; FIXED_BYTES] = odd.try_into().unwrap();
    let agreement = Agreement {
        answers: vec![
            Answer { id: 1, abstract_syntax: None, result: Ok(uid("1.2.840.10008.1.2.1")) },
            Answer { id: 5, abstract_syntax: None, result: Err(Refusal::UserRejection) },
        ],
        ..Agreement::default()
    };
    let pdu = encode::acceptance(&odd, &agreement, 1_000).unwrap();
    assert_eq!(pdu[HEADER_BYTES..HEADER_BYTES + 2], [0, 1]);
    assert_eq!(pdu[HEADER_BYTES + 2..HEADER_BYTES + FIXED_BYTES], odd[2..]);
    let ours = acceptance(&pdu[HEADER_BYTES..]).unwrap();
    assert_eq!(ours.contexts, [(1, Ok(uid("1.2.840.10008.1.2.1"))), (5, Err(Refusal::UserRejection))]);
    assert_eq!(ours.max_pdu, 1_000);
    let theirs = read_pdu(&mut pdu.as_slice(), 1 << 20, true).unwrap().unwrap();
    let Pdu::AssociationAC(theirs) = theirs else { panic!("{theirs:?}") };
    assert_eq!(theirs.presentation_contexts.len(), 2);
    assert!(theirs.user_variables.contains(&UserVariableItem::MaxLength(1_000)));
}

#[test]
fn unknown_items_roles_and_identities_are_read_or_skipped() {
    let role = [&[0, 3][..], b"1.2", &[1, 1]].concat();
    let user = [
        item(0x51, &[0, 0, 0x40, 0]),
        item(0x53, &[0, 5, 0, 0]),
        item(0x54, &role),
        item(0x56, &[&[0, 3][..], b"1.2", &[1, 1, 0, 1]].concat()),
        item(0x58, &[2, 1, 0, 1, b'u', 0, 1, b'p']),
        item(0x7F, b"of a later edition"),
    ]
    .concat();
    let context =
        [&[1, 0, 0, 0][..], &item(0x30, b"1.2\0"), &item(0x31, b"?"), &item(0x40, b"1.3 ")].concat();
    let unreadable = [&[3, 0, 0, 0][..], &item(0x30, b"not a uid"), &item(0x40, b"1.3")].concat();
    let body = [
        fixed(1, b"CALLED          ", b"CALLING\0\0\0\0\0\0\0\0\0"),
        item(0x10, b"1.2.840.10008.3.1.1.1\0"),
        item(0x11, b"unknown"),
        item(0x20, &context),
        item(0x20, &unreadable),
        item(0x50, &user),
    ]
    .concat();
    let proposal = request(&body).unwrap().proposal.unwrap();
    assert!(proposal.application_context_known);
    assert_eq!(proposal.calling, title("CALLING"));
    assert_eq!(proposal.contexts.len(), 1);
    assert_eq!(proposal.contexts[0].transfer_syntaxes, [uid("1.3")]);
    assert_eq!(proposal.unreadable_contexts, [3]);
    let identity = proposal.user_identity.unwrap();
    assert_eq!((identity.kind, identity.wants_answer), (2, true));
    assert_eq!((identity.primary.as_slice(), identity.secondary.as_slice()), (&b"u"[..], &b"p"[..]));
    assert_eq!(format!("{identity:?}"), "UserIdentity { kind: 2, .. }", "nothing of it gets into a log");
    let information = vec![1, 1, 0, 1];
    assert_eq!(proposal.extended, [Extended { sop_class: uid("1.2"), information }]);
    assert_eq!(proposal.asynchronous, Some(Window { invoked: 5, performed: 0 }));
    assert_eq!(proposal.roles, [Role { sop_class: uid("1.2"), user: true, provider: true }]);
    assert_eq!(proposal.implementation_version, None);
}

#[test]
fn titles_of_spaces_are_rejected_by_the_one_that_is_at_fault() {
    let blank = b"                ";
    let both = request(&fixed(1, blank, blank)).unwrap();
    assert_eq!(both.proposal.unwrap_err(), Rejection::CallingAeNotRecognized);
    let called = request(&fixed(1, blank, b"CALLER          ")).unwrap();
    assert_eq!(called.proposal.unwrap_err(), Rejection::CalledAeNotRecognized);
}

#[test]
fn the_version_is_a_bit_not_a_number() {
    for (version, fine) in [(1, true), (3, true), (0xFFFF, true), (0, false), (2, false)] {
        let read = request(&fixed(version, b"A               ", b"B               ")).unwrap();
        assert_eq!(read.proposal.unwrap().protocol_version_1, fine, "{version}");
    }
}

#[test]
fn a_refused_context_may_lack_its_transfer_syntax() {
    let body = [fixed(1, &[0; 16], &[0; 16]), item(0x21, &[1, 0, 3, 0]), item(0x21, &[3, 0, 0, 0])].concat();
    let read = acceptance(&body).unwrap();
    assert_eq!(read.contexts, [(1, Err(Refusal::AbstractSyntaxNotSupported)), (3, Err(Refusal::NoReason))]);
}

#[test]
fn what_is_granted_beside_the_contexts_comes_back() {
    let agreement = Agreement {
        roles: vec![Role { sop_class: uid("1.2"), user: false, provider: true }],
        extended: vec![Extended { sop_class: uid("1.3.4"), information: vec![1, 0, 1] }],
        window: Some(Window { invoked: 8, performed: 1 }),
        identity: Some(b"ticket".to_vec()),
        ..Agreement::default()
    };
    let pdu = encode::acceptance(&[0; FIXED_BYTES], &agreement, 1_000).unwrap();
    let read = acceptance(&pdu[HEADER_BYTES..]).unwrap();
    assert_eq!((read.roles, read.extended), (agreement.roles, agreement.extended));
    assert_eq!((read.window, read.identity), (agreement.window, agreement.identity));
}

#[test]
fn what_is_offered_beside_the_contexts_is_read_as_it_was_meant() {
    let identity =
        UserIdentity { kind: 1, wants_answer: true, primary: b"anna".to_vec(), secondary: Vec::new() };
    let offers = Offers {
        roles: vec![Role { sop_class: uid("1.2"), user: true, provider: true }],
        extended: vec![Extended { sop_class: uid("1.3"), information: vec![1] }],
        window: Some(Window { invoked: 0, performed: 3 }),
        identity: Some(identity.clone()),
    };
    let pdu = encode::request(&title("A"), &title("B"), &[], &offers, 1_000).unwrap();
    let proposal = request(&pdu[HEADER_BYTES..]).unwrap().proposal.unwrap();
    assert_eq!((proposal.roles, proposal.extended), (offers.roles, offers.extended));
    assert_eq!((proposal.asynchronous, proposal.user_identity), (offers.window, Some(identity)));
}

#[test]
fn what_is_cut_short_is_an_error() {
    let pdu = written();
    let body = &pdu[HEADER_BYTES..];
    let cuts = (0..body.len()).filter(|cut| request(&body[..*cut]).is_ok()).count();
    // Only a cut between two items goes unnoticed: after the fixed fields, the application context, two contexts.
    assert_eq!(cuts, 4);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..1024)) {
        let _ = request(&bytes);
        let _ = acceptance(&bytes);
    }

    #[test]
    fn no_changed_bytes_make_it_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)
    ) {
        let mut body = written().split_off(HEADER_BYTES);
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        let _ = request(&body);
        let _ = acceptance(&body);
    }
}

/// Accepts each context in its last transfer syntax and grants whatever is asked beside.
struct Generous;

impl crate::Policy for Generous {
    fn admit(&self, _proposal: &Proposal, _from: std::net::IpAddr) -> Result<(), Rejection> {
        Ok(())
    }
    fn choose(&self, _proposal: &Proposal, context: &ProposedContext) -> Result<Uid, Refusal> {
        context.transfer_syntaxes.last().cloned().ok_or(Refusal::TransferSyntaxesNotSupported)
    }
    fn roles(&self, _proposal: &Proposal, proposed: &Role) -> Option<Role> {
        Some(proposed.clone())
    }
    fn extended(&self, _proposal: &Proposal, proposed: &Extended) -> Option<Extended> {
        Some(proposed.clone())
    }
}

#[test]
fn as_many_contexts_as_there_are_ids_with_all_that_can_be_said_of_each_are_answered_to_the_last() {
    let sop_class = |number: usize| uid(&format!("1.2.840.10008.5.1.4.1.1.{number}.1.2.3"));
    let syntaxes: Vec<Uid> = (0..60).map(|number| uid(&format!("1.2.840.10008.1.2.4.{number}"))).collect();
    let contexts: Vec<ProposedContext> = (0..128)
        .map(|number| ProposedContext {
            id: u8::try_from(2 * number + 1).unwrap(),
            abstract_syntax: sop_class(number),
            transfer_syntaxes: syntaxes.clone(),
        })
        .collect();
    let offers = Offers {
        roles: (0..128).map(|n| Role { sop_class: sop_class(n), user: true, provider: n % 2 == 0 }).collect(),
        extended: (0..128)
            .map(|n| Extended { sop_class: sop_class(n), information: vec![1; 1 + n % 7] })
            .collect(),
        window: Some(Window { invoked: 0, performed: 1 }),
        identity: None,
    };
    let pdu = encode::request(&title("CALLER"), &title("CALLED"), &contexts, &offers, 0).unwrap();
    assert!(pdu.len() > 100_000, "{}", pdu.len());
    let Request { fixed, proposal } = request(&pdu[HEADER_BYTES..]).unwrap();
    let proposal = proposal.unwrap();
    assert_eq!(proposal.contexts, contexts);
    assert_eq!((&proposal.roles, &proposal.extended), (&offers.roles, &offers.extended));
    let agreement = crate::negotiation::negotiate(&proposal, &Generous);
    let pdu = encode::acceptance(&fixed, &agreement, 16_384).unwrap();
    let read = acceptance(&pdu[HEADER_BYTES..]).unwrap();
    let expected: Vec<_> = contexts.iter().map(|context| (context.id, Ok(syntaxes[59].clone()))).collect();
    assert_eq!(read.contexts, expected);
    assert_eq!((read.roles, read.extended), (offers.roles, offers.extended));
}

proptest! {
    #[test]
    fn an_identity_is_read_as_written_and_not_printed(
        kind in any::<u8>(), wants_answer in any::<bool>(),
        primary in prop::collection::vec(any::<u8>(), 0..300),
        secondary in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let identity = UserIdentity { kind, wants_answer, primary, secondary };
        let offers = Offers { identity: Some(identity.clone()), ..Offers::default() };
        let pdu = encode::request(&title("A"), &title("B"), &contexts(), &offers, 0).unwrap();
        let proposal = request(&pdu[HEADER_BYTES..]).unwrap().proposal.unwrap();
        prop_assert_eq!(format!("{:?}", proposal.user_identity), format!("Some(UserIdentity {{ kind: {kind}, .. }})"));
        prop_assert!(proposal.user_identity == Some(identity));
    }
}
