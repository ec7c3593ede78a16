//! What a peer does to bring an event about, in each state: mostly one PDU.

use causeway_dimse::state::{Event, State};
use causeway_testkit::peer::command::{echo_rq, echo_rsp};
use causeway_testkit::peer::pdu::{self, LAST_OF_COMMAND, LAST_OF_DATA_SET};

use super::ways::{Scene, UNKNOWN_PDU, Way, acceptance, request};

/// Reason of an A-ABORT of the provider: a PDU of an unknown type (PS3.8 Table 9-26).
const UNRECOGNIZED: u8 = 1;
/// A PDU that has no place.
const UNEXPECTED: u8 = 2;
/// A field of a PDU that cannot be.
const INVALID: u8 = 6;

/// One way to bring an event about.
#[derive(Debug, Clone)]
pub(super) struct Play {
    pub(super) name: &'static str,
    pub(super) state: State,
    deed: Deed,
    /// The reason that an A-ABORT, when the table wants one, gives for it.
    pub(super) reason: u8,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Deed {
    Send(Vec<u8>),
    /// Our direction is closed, then nothing.
    Leave,
    Wait,
}

impl Play {
    pub(super) fn is_silence(&self) -> bool {
        self.deed == Deed::Wait
    }

    /// The bytes that are sent; none when it is not by bytes.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        if let Deed::Send(bytes) = &self.deed { Some(bytes) } else { None }
    }

    /// Of a request: whether the upper layer may take it.
    pub(super) fn is_acceptable(&self) -> bool {
        self.name != OTHER_VERSION
    }
}

impl Scene {
    pub(super) async fn perform(&mut self, play: &Play) {
        match &play.deed {
            Deed::Send(bytes) => self.peer.send(bytes).await.unwrap(),
            Deed::Leave => self.peer.finish().await.unwrap(),
            Deed::Wait => {}
        }
    }
}

const OTHER_VERSION: &str = "a request for another version of the protocol";

/// All that is played for `event` to one who came by `way`.
pub(super) fn plays(way: Way, event: Event) -> Vec<Play> {
    let state = way.state();
    let out_of_place =
        |name, bytes: &[u8]| Play { name, state, deed: Deed::Send(bytes.to_vec()), reason: UNEXPECTED };
    match event {
        Event::AssociateAcPdu => vec![out_of_place("an acceptance", &acceptance())],
        Event::AssociateRjPdu => vec![out_of_place("a rejection", &pdu::associate_rj(2, 3, 1))],
        Event::AssociateRqPdu => {
            let mut plays = vec![out_of_place("a request", &request("SCRIPTED", 1))];
            if state == State::Sta2 {
                plays.push(out_of_place(OTHER_VERSION, &request("SCRIPTED", 2)));
            }
            plays
        }
        Event::DataPdu => {
            // What may come on an association: requests to an acceptor, answers to a requestor.
            let command = if way.is_acceptor() { echo_rq(1) } else { echo_rsp(1) };
            vec![out_of_place("data", &pdu::p_data(1, LAST_OF_COMMAND, &command))]
        }
        Event::ReleaseRqPdu => vec![out_of_place("a release", &pdu::RELEASE_RQ)],
        Event::ReleaseRpPdu => vec![out_of_place("an answer to a release", &pdu::RELEASE_RP)],
        Event::AbortPdu => vec![out_of_place("an abort", &pdu::ABORT)],
        Event::TransportClosed => {
            vec![Play { name: "its leave", state, deed: Deed::Leave, reason: 0 }]
        }
        Event::ArtimExpired => vec![Play { name: "silence", state, deed: Deed::Wait, reason: 0 }],
        Event::InvalidPdu => invalid(state),
        Event::AssociateRequest
        | Event::TransportConfirm
        | Event::TransportIndication
        | Event::AssociateAccept
        | Event::AssociateReject
        | Event::DataRequest
        | Event::ReleaseRequest
        | Event::ReleaseResponse
        | Event::AbortRequest => Vec::new(),
    }
}

/// PDUs that are unknown, or that have a place here but for a field that cannot be.
fn invalid(state: State) -> Vec<Play> {
    let play = |name, bytes: Vec<u8>, reason| Play { name, state, deed: Deed::Send(bytes), reason };
    let mut plays = vec![play("a PDU of an unknown type", UNKNOWN_PDU.to_vec(), UNRECOGNIZED)];
    if state == State::Sta13 {
        return plays;
    }
    plays.push(play("an abort with more than an abort has", pdu::pdu(pdu::ABORT[0], &[0; 5]), INVALID));
    let cut = |mut pdu: Vec<u8>| {
        pdu.truncate(pdu.len() - 1);
        let length = u32::try_from(pdu.len() - 6).unwrap().to_be_bytes();
        pdu[2..6].copy_from_slice(&length);
        pdu
    };
    plays.extend(match state {
        State::Sta2 => vec![play("a request that is cut short", cut(request("SCRIPTED", 1)), INVALID)],
        State::Sta5 => vec![play("an acceptance that is cut short", cut(acceptance()), INVALID)],
        State::Sta6 => vec![
            play("a release with more than a release has", pdu::pdu(pdu::RELEASE_RQ[0], &[0; 5]), INVALID),
            play("a value shorter than its header", pdu::pdu(pdu::P_DATA, &[0, 0, 0, 1, 1, 3]), INVALID),
            play("data without a command", pdu::p_data(1, LAST_OF_DATA_SET, &[0; 8]), INVALID),
        ],
        State::Sta7 | State::Sta11 => vec![play(
            "an answer to a release with more than it has",
            pdu::pdu(pdu::RELEASE_RP[0], &[0; 5]),
            INVALID,
        )],
        _ => Vec::new(),
    });
    plays
}
