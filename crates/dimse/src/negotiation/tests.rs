//! Negotiation: every context answered, by our taste, within what was offered.

use std::net::Ipv4Addr;

use causeway_core::AeTitle;
use causeway_core::sop_class::VERIFICATION;
use causeway_core::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN};

use super::*;

struct Lenient;

impl Policy for Lenient {
    fn admit(&self, proposal: &Proposal, _from: IpAddr) -> Result<(), Rejection> {
        if proposal.calling.as_str() == "STRANGER" { Err(Rejection::CallingAeNotRecognized) } else { Ok(()) }
    }
    fn choose(&self, _proposal: &Proposal, context: &ProposedContext) -> Result<Uid, Refusal> {
        match context.abstract_syntax.as_str() {
            "1.2.3" => Err(Refusal::UserRejection),
            "1.2.4" => Ok(uid("9.9.9")),
            _ => best(&context.transfer_syntaxes).cloned().ok_or(Refusal::TransferSyntaxesNotSupported),
        }
    }
}

fn uid(text: &str) -> Uid {
    Uid::parse(text).unwrap()
}

fn context(id: u8, abstract_syntax: &str, transfer_syntaxes: &[&str]) -> ProposedContext {
    let transfer_syntaxes = transfer_syntaxes.iter().map(|text| uid(text)).collect();
    ProposedContext { id, abstract_syntax: uid(abstract_syntax), transfer_syntaxes }
}

fn proposal(calling: &str, contexts: Vec<ProposedContext>) -> Proposal {
    Proposal {
        calling: AeTitle::parse(calling).unwrap(),
        called: AeTitle::parse("US").unwrap(),
        protocol_version_1: true,
        application_context_known: true,
        contexts,
        unreadable_contexts: vec![9],
        max_pdu: 0,
        implementation_class: None,
        implementation_version: None,
        user_identity: None,
        roles: Vec::new(),
        extended: Vec::new(),
        asynchronous: None,
    }
}

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

#[test]
fn each_context_is_answered_once_and_our_taste_decides() {
    let proposal = proposal(
        "FRIEND",
        vec![
            context(1, VERIFICATION, &[IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN]),
            context(3, VERIFICATION, &[]),
            context(5, "1.2.3", &[IMPLICIT_VR_LITTLE_ENDIAN]),
            context(7, "1.2.4", &[IMPLICIT_VR_LITTLE_ENDIAN]),
            context(1, VERIFICATION, &[IMPLICIT_VR_LITTLE_ENDIAN]),
        ],
    );
    let agreement = negotiate(&proposal, &Lenient);
    let results: Vec<_> = agreement.answers.iter().map(|answer| (answer.id, answer.result.clone())).collect();
    assert_eq!(
        results,
        [
            (1, Ok(uid(EXPLICIT_VR_LITTLE_ENDIAN))),
            (3, Err(Refusal::TransferSyntaxesNotSupported)),
            (5, Err(Refusal::UserRejection)),
            (7, Err(Refusal::NoReason)),
            (9, Err(Refusal::AbstractSyntaxNotSupported)),
        ]
    );
}

#[test]
fn a_stranger_is_rejected_with_the_numbers_of_the_standard() {
    let rejection = Lenient.admit(&proposal("STRANGER", Vec::new()), HERE).unwrap_err();
    let reject = rejection.reject();
    assert_eq!((reject.result, reject.source, reject.reason), (1, 1, 3));
}

#[test]
fn of_unknown_syntaxes_the_first_offered_is_taken_and_known_ones_come_before() {
    assert_eq!(best(&[uid("1.9"), uid("1.8")]), Some(&uid("1.9")));
    assert_eq!(best(&[uid("1.9"), uid(IMPLICIT_VR_LITTLE_ENDIAN)]), Some(&uid(IMPLICIT_VR_LITTLE_ENDIAN)));
    assert_eq!(best(&[]), None);
}

#[test]
fn a_refusal_survives_its_number() {
    for refusal in [
        Refusal::UserRejection,
        Refusal::NoReason,
        Refusal::AbstractSyntaxNotSupported,
        Refusal::TransferSyntaxesNotSupported,
    ] {
        assert_eq!(Refusal::of(refusal.number()), refusal);
    }
}

/// Grants whatever is asked.
struct Generous;

impl Policy for Generous {
    fn admit(&self, _proposal: &Proposal, _from: IpAddr) -> Result<(), Rejection> {
        Ok(())
    }
    fn choose(&self, _proposal: &Proposal, context: &ProposedContext) -> Result<Uid, Refusal> {
        Lenient.choose(_proposal, context)
    }
    fn roles(&self, _proposal: &Proposal, proposed: &Role) -> Option<Role> {
        Some(Role { user: true, provider: true, ..proposed.clone() })
    }
    fn extended(&self, _proposal: &Proposal, proposed: &Extended) -> Option<Extended> {
        Some(proposed.clone())
    }
    fn window(&self, _proposal: &Proposal, proposed: Window) -> Option<Window> {
        Some(proposed)
    }
    fn identity(&self, _proposal: &Proposal) -> Option<Vec<u8>> {
        Some(Vec::new())
    }
}

#[test]
fn a_role_is_granted_once_and_only_as_far_as_it_was_proposed_for_a_context_that_was_accepted() {
    let role = |sop_class: &str, provider| Role { sop_class: uid(sop_class), user: false, provider };
    let asked = Proposal {
        roles: vec![role("1.2.9", true), role("1.2.9", false), role("1.2.3", true), role("1.2.7", true)],
        ..proposal(
            "CALLER",
            vec![
                context(1, "1.2.9", &[IMPLICIT_VR_LITTLE_ENDIAN]),
                context(3, "1.2.3", &[IMPLICIT_VR_LITTLE_ENDIAN]),
            ],
        )
    };
    let agreement = negotiate(&asked, &Generous);
    assert_eq!(agreement.roles, [role("1.2.9", true)]);
    assert!(agreement.peer_provides(&uid("1.2.9")));
    assert!(!agreement.peer_provides(&uid("1.2.3")));
}

#[test]
fn an_identity_is_answered_only_to_a_peer_that_wants_an_answer() {
    for (wants_answer, answered) in [(true, Some(Vec::new())), (false, None)] {
        let user_identity =
            Some(UserIdentity { kind: 1, wants_answer, primary: b"anna".to_vec(), secondary: Vec::new() });
        let asked = Proposal { user_identity, ..proposal("CALLER", Vec::new()) };
        let agreement = negotiate(&asked, &Generous);
        assert_eq!(agreement.identity, answered);
    }
}

#[test]
fn a_window_is_granted_only_where_it_was_proposed_and_never_wider() {
    struct Wide;
    impl Policy for Wide {
        fn admit(&self, _proposal: &Proposal, _from: IpAddr) -> Result<(), Rejection> {
            Ok(())
        }
        fn choose(&self, proposal: &Proposal, context: &ProposedContext) -> Result<Uid, Refusal> {
            Lenient.choose(proposal, context)
        }
        fn window(&self, _proposal: &Proposal, _proposed: Window) -> Option<Window> {
            Some(Window { invoked: 16, performed: 0 })
        }
    }
    let window = |invoked, performed| Some(Window { invoked, performed });
    for (asynchronous, granted) in [
        (None, None),
        (window(1, 1), window(1, 1)),
        (window(15, 2), window(15, 2)),
        (window(16, 0), window(16, 0)),
        (window(17, 1), window(16, 1)),
        (window(0, 0), window(16, 0)),
    ] {
        let asked = Proposal { asynchronous, ..proposal("CALLER", Vec::new()) };
        assert_eq!(negotiate(&asked, &Wide).window, granted, "{asynchronous:?}");
    }
}
