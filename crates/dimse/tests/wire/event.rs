//! Reports of events: on an association of ours, and posted on one that the peer opened.

use std::time::Duration;

use causeway_core::Status;
use causeway_dimse::message::{NRsp, Operation};
use causeway_dimse::scu::{Heard, Reported, Requestor, Target};
use causeway_dimse::{Association, Command, Error, Settings, accept, scu};
use tokio::io::DuplexStream;

use crate::common::{HERE, Open, uid, usual};

const COMMITMENT: &str = "1.2.840.10008.1.20.1";
const INSTANCE: &str = "1.2.840.10008.1.20.1.1";
const SOON: Duration = Duration::from_secs(10);

fn target() -> Target {
    Target { sop_class: uid(COMMITMENT), sop_instance: Some(uid(INSTANCE)) }
}

/// Both ends of an association with one context, whose id is 1.
async fn pair() -> (Requestor<DuplexStream>, Association<DuplexStream>) {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let mut call = usual();
    call.contexts.truncate(1);
    call.contexts[0].abstract_syntax = uid(COMMITMENT);
    let settings = Settings::default();
    let (requestor, association) =
        tokio::join!(scu::associate(ours, &call), accept(theirs, HERE, &settings, &Open));
    (requestor.unwrap(), association.unwrap())
}

async fn reported(requestor: &mut Requestor<DuplexStream>) -> Reported {
    let Some(Heard::Report(reported)) = requestor.hear(SOON).await.unwrap() else { panic!("not a report") };
    reported
}

async fn respond(requestor: &mut Requestor<DuplexStream>, data_set: &[u8]) {
    let event = reported(requestor).await;
    assert_eq!((event.event_type, event.data_set.as_slice()), (2, data_set));
    let response = event.request.answer(Status::SUCCESS);
    requestor.respond(event.context.id, response).await.unwrap();
}

#[tokio::test]
async fn a_report_is_awaited_for_a_while_and_answered() {
    let (mut requestor, mut association) = pair().await;
    assert_eq!(requestor.hear(Duration::ZERO).await.unwrap(), None, "nothing was reported");
    let (reported, ()) = tokio::join!(
        association.perform(1, target(), Operation::EventReport(2), Some(b"what happened.")),
        respond(&mut requestor, b"what happened."),
    );
    let (NRsp { status, type_id, .. }, data_set) = reported.unwrap();
    assert_eq!((status, type_id, data_set), (Status::SUCCESS, Some(2), None));
    let other = association.perform(1, target(), Operation::Set, Some(b"a change"));
    let (refused, waited) = tokio::join!(other, requestor.hear(Duration::from_millis(200)));
    assert_eq!(waited.unwrap(), None);
    assert_eq!(refused.unwrap().0.status, Status::UNRECOGNIZED_OPERATION);
    let (released, message) = tokio::join!(requestor.release(), association.next());
    assert_eq!((released.unwrap(), message.unwrap()), ((), None));
}

#[tokio::test]
async fn a_posted_request_lets_the_peer_go_on_and_its_response_comes_among_the_messages() {
    let (mut requestor, mut association) = pair().await;
    let id = association.post(1, target(), Operation::EventReport(2), Some(b"posted")).await.unwrap();
    // The peer asks something itself before it answers.
    let peer = async {
        let event = reported(&mut requestor).await;
        let (asked, _) = requestor.perform(1, target(), Operation::Action(1), None).await.unwrap();
        let response = event.request.answer(Status::SUCCESS);
        requestor.respond(event.context.id, response).await.unwrap();
        asked.status
    };
    let served = async {
        let message = association.next().await.unwrap().unwrap();
        let Command::NRq(request) = message.command else { panic!("not a request") };
        let answer = Command::NRsp(request.answer(Status::NO_SUCH_ACTION));
        association.send(1, &answer, None).await.unwrap();
        association.next().await.unwrap().unwrap().command.responded()
    };
    assert_eq!(tokio::join!(peer, served), (Status::NO_SUCH_ACTION, Some(id)));
}

#[tokio::test]
async fn a_response_to_a_posted_request_does_not_disturb_the_wait_for_another() {
    let (mut requestor, mut association) = pair().await;
    let id = association.post(1, target(), Operation::EventReport(2), Some(b"first!")).await.unwrap();
    let peer = async {
        respond(&mut requestor, b"first!").await;
        respond(&mut requestor, b"second").await;
    };
    let (performed, ()) =
        tokio::join!(association.perform(1, target(), Operation::EventReport(2), Some(b"second")), peer,);
    assert_eq!(performed.unwrap().0.status, Status::SUCCESS);
    let early = association.next().await.unwrap().unwrap();
    assert_eq!(early.command.responded(), Some(id));
    association.responded(id);
}

#[tokio::test]
async fn as_many_requests_as_are_bounded_may_be_posted_and_no_more() {
    let (_requestor, mut association) = pair().await;
    let mut last = 0;
    for _ in 0..64 {
        last = association.post(1, target(), Operation::EventReport(1), None).await.unwrap();
    }
    let one_more = association.post(1, target(), Operation::EventReport(1), None).await;
    assert!(matches!(one_more, Err(Error::Misuse(_))));
    association.responded(last);
    association.post(1, target(), Operation::EventReport(1), None).await.unwrap();
}

#[tokio::test]
async fn a_report_that_comes_before_the_answer_is_answered_before_it_comes() {
    let (mut requestor, mut association) = pair().await;
    let peer = async {
        let message = association.next().await.unwrap().unwrap();
        let Command::NRq(request) = message.command else { panic!("not a request") };
        // It waits for the response to its report before it answers.
        let reported = association.perform(1, target(), Operation::EventReport(2), Some(b"early!")).await;
        let answer = Command::NRsp(request.answer(Status::SUCCESS));
        association.send(1, &answer, None).await.unwrap();
        reported.unwrap().0.status
    };
    let user = async {
        let id = requestor.post(1, target(), Operation::Action(1), Some(b"keep it!")).await.unwrap();
        respond(&mut requestor, b"early!").await;
        let Some(Heard::Response(response)) = requestor.hear(SOON).await.unwrap() else {
            panic!("not a response")
        };
        (response.message_id_responded == id, response.status)
    };
    assert_eq!(tokio::join!(peer, user), (Status::SUCCESS, (true, Status::SUCCESS)));
}

#[tokio::test]
async fn a_response_to_nothing_ends_the_association() {
    let (mut requestor, mut association) = pair().await;
    let request = causeway_dimse::message::NRq {
        message_id: 7,
        operation: Operation::Action(1),
        sop_class: uid(COMMITMENT),
        sop_instance: Some(uid(INSTANCE)),
    };
    let answer = Command::NRsp(request.answer(Status::SUCCESS));
    association.send(1, &answer, None).await.unwrap();
    // It goes when it is told, as the requestor waits for.
    let peer = async move { association.next().await.is_err() };
    let (heard, is_over) = tokio::join!(requestor.hear(SOON), peer);
    assert!(matches!(heard, Err(Error::Protocol(_))), "{heard:?}");
    assert!(is_over);
}
