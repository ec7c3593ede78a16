//! The ways into each state in which a peer meets us, as acceptor and as requestor.

use causeway_dimse::scu::associate;
use causeway_dimse::state::State;
use causeway_dimse::{Error, Settings};
use causeway_testkit::peer::command::VERIFICATION;
use causeway_testkit::peer::pdu::{self, IMPLICIT};
use causeway_testkit::peer::{Peer, Step};
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;

use crate::common::{serve, usual};

/// Bytes under way between the two sides.
const ROOM_BYTES: usize = 1 << 16;
/// Of no type that there is.
pub(super) const UNKNOWN_PDU: [u8; 10] = [9, 0, 0, 0, 0, 4, 0, 0, 0, 0];

/// A way into a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Connected.
    Called,
    /// Asked for an association, and got it.
    Accepted,
    /// Asked, and was rejected by the door (AE-8).
    RejectedByDoor,
    /// Asked, and was rejected by the upper layer itself (AE-6).
    RejectedByProvider,
    /// Sent nonsense in place of a request (AA-1).
    AbortedAtOnce,
    /// Sent nonsense on an association (AA-8).
    Aborted,
    /// Released (AR-4).
    Released,
    /// Took our call and heard our request.
    Asked,
    /// Accepted our request and heard our C-ECHO.
    Echoed,
    /// Accepted our request and heard that we want to leave.
    Left,
    /// Wanted to leave at the same time as we did.
    Collided,
    /// Accepted our request and was aborted by our user (AA-1).
    Dropped,
    /// Answered our C-ECHO with nonsense (AA-8).
    Offended,
}

pub(super) const WAYS: &[Way] = &[
    Way::Called,
    Way::Accepted,
    Way::RejectedByDoor,
    Way::RejectedByProvider,
    Way::AbortedAtOnce,
    Way::Aborted,
    Way::Released,
    Way::Asked,
    Way::Echoed,
    Way::Left,
    Way::Collided,
    Way::Dropped,
    Way::Offended,
];

/// What our requestor is up to once it has its association.
#[derive(Debug, Clone, Copy)]
enum Wish {
    Echo,
    Leave,
    Abort,
}

/// A peer and the side of ours that it plays with.
pub(super) struct Scene {
    pub(super) peer: Peer<DuplexStream>,
    pub(super) subject: JoinHandle<Result<(), Error>>,
}

/// What the peer asks for: a context for C-ECHO.
pub(super) fn request(calling: &str, version: u8) -> Vec<u8> {
    pdu::associate_rq(calling, version, &pdu::proposed_context(1, VERIFICATION, IMPLICIT))
}

/// How the peer accepts: the first context, which is that of C-ECHO.
pub(super) fn acceptance() -> Vec<u8> {
    pdu::associate_ac(&pdu::answered_context(1, 0, IMPLICIT))
}

impl Way {
    /// Where it leads.
    pub(super) const fn state(self) -> State {
        match self {
            Self::Called => State::Sta2,
            Self::Asked => State::Sta5,
            Self::Accepted | Self::Echoed => State::Sta6,
            Self::Left => State::Sta7,
            Self::Collided => State::Sta11,
            Self::RejectedByDoor
            | Self::RejectedByProvider
            | Self::AbortedAtOnce
            | Self::Aborted
            | Self::Released
            | Self::Dropped
            | Self::Offended => State::Sta13,
        }
    }

    /// Whether we are the acceptor on it.
    pub(super) const fn is_acceptor(self) -> bool {
        self.wish().is_none()
    }

    const fn wish(self) -> Option<Wish> {
        match self {
            Self::Called
            | Self::Accepted
            | Self::RejectedByDoor
            | Self::RejectedByProvider
            | Self::AbortedAtOnce
            | Self::Aborted
            | Self::Released => None,
            Self::Asked | Self::Echoed | Self::Offended => Some(Wish::Echo),
            Self::Left | Self::Collided => Some(Wish::Leave),
            Self::Dropped => Some(Wish::Abort),
        }
    }

    fn script(self) -> Vec<Step> {
        let send = |bytes: &[u8]| Step::Send(bytes.to_vec());
        let accepted = [send(&request("SCRIPTED", 1)), Step::Hear(pdu::ASSOCIATE_AC)];
        let asked = [Step::Hear(pdu::ASSOCIATE_RQ), send(&acceptance())];
        let aborted = Step::Hear(pdu::ABORT[0]);
        let ([rq, ac], [heard_rq, given_ac]) = (accepted, asked);
        match self {
            Self::Called => Vec::new(),
            Self::Accepted => vec![rq, ac],
            Self::RejectedByDoor => vec![send(&request("STRANGER", 1)), Step::Hear(pdu::ASSOCIATE_RJ)],
            Self::RejectedByProvider => vec![send(&request("SCRIPTED", 2)), Step::Hear(pdu::ASSOCIATE_RJ)],
            Self::AbortedAtOnce => vec![send(&UNKNOWN_PDU), aborted],
            Self::Aborted => vec![rq, ac, send(&UNKNOWN_PDU), aborted],
            Self::Released => vec![rq, ac, send(&pdu::RELEASE_RQ), Step::Hear(pdu::RELEASE_RP[0])],
            Self::Asked => vec![heard_rq],
            Self::Echoed => vec![heard_rq, given_ac, Step::Hear(pdu::P_DATA)],
            Self::Left => vec![heard_rq, given_ac, Step::Hear(pdu::RELEASE_RQ[0])],
            Self::Collided => vec![
                heard_rq,
                given_ac,
                Step::Hear(pdu::RELEASE_RQ[0]),
                send(&pdu::RELEASE_RQ),
                Step::Hear(pdu::RELEASE_RP[0]),
            ],
            Self::Dropped => vec![heard_rq, given_ac, aborted],
            Self::Offended => vec![heard_rq, given_ac, Step::Hear(pdu::P_DATA), send(&UNKNOWN_PDU), aborted],
        }
    }

    /// Goes there; `early` comes with the last bytes that lead there, before the state can be entered.
    pub(super) async fn enter(self, early: &[u8]) -> Scene {
        let (near, far) = tokio::io::duplex(ROOM_BYTES);
        let subject = match self.wish() {
            None => tokio::spawn(async { serve(far, Settings::default()).await.map(drop) }),
            Some(wish) => tokio::spawn(pursue(far, wish)),
        };
        let mut peer = Peer::new(near);
        let mut script = self.script();
        if let Some(Step::Send(bytes)) = script.iter_mut().rfind(|step| matches!(step, Step::Send(_))) {
            bytes.extend_from_slice(early);
        }
        if let Err(error) = peer.play(&script).await {
            panic!("{self:?}: {error}");
        }
        Scene { peer, subject }
    }
}

async fn pursue(stream: DuplexStream, wish: Wish) -> Result<(), Error> {
    let mut requestor = associate(stream, &usual()).await?;
    match wish {
        Wish::Echo => {
            requestor.echo().await?;
            requestor.release().await
        }
        Wish::Leave => requestor.release().await,
        Wish::Abort => {
            requestor.abort().await;
            Ok(())
        }
    }
}
