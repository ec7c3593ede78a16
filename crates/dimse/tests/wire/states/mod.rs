//! Every cell of PS3.8 Table 9-10 that a peer can bring about, played by a peer that sends bytes: what it sees for it
//! is what the table's action says. The table itself is held against the standard's print where it lives.
//!
//! One thing differs from the print on purpose: AA-1 names the service user as the source of the A-ABORT. In Sta2 it
//! is the provider that objects, and only the provider can give a reason.

mod plays;
mod ways;

use std::time::Duration;

use causeway_dimse::scu::connect;
use causeway_dimse::state::{Action, Event, State, next};
use causeway_dimse::{Error, Timeouts, Wait};
use causeway_testkit::peer::{Heard, pdu};
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};

use crate::common::usual;
use plays::{Play, plays};
use ways::{Scene, WAYS, Way};

pub(crate) const STATES: [State; 13] = [
    State::Sta1,
    State::Sta2,
    State::Sta3,
    State::Sta4,
    State::Sta5,
    State::Sta6,
    State::Sta7,
    State::Sta8,
    State::Sta9,
    State::Sta10,
    State::Sta11,
    State::Sta12,
    State::Sta13,
];

/// What a peer can bring about: by what it sends, by leaving, by keeping silent.
const BY_PEER: [Event; 10] = [
    Event::AssociateAcPdu,
    Event::AssociateRjPdu,
    Event::AssociateRqPdu,
    Event::DataPdu,
    Event::ReleaseRqPdu,
    Event::ReleaseRpPdu,
    Event::AbortPdu,
    Event::TransportClosed,
    Event::ArtimExpired,
    Event::InvalidPdu,
];

/// States in which nothing is read, and why a peer cannot meet us there.
const UNREACHABLE: &[(State, &str)] = &[
    (State::Sta3, "the door decides before it reads on: what comes early is met in Sta6 or Sta13"),
    (State::Sta4, "there is no peer before the connection stands; that none comes is tested by itself"),
    (State::Sta8, "a release is answered before anything else is read: what comes early is met in Sta13"),
    (State::Sta9, "a release that collides is answered at once: what comes early is met in Sta11"),
    (State::Sta10, "as acceptor we never ask for a release"),
    (State::Sta12, "as acceptor we never ask for a release"),
];

/// No state takes longer than this to be left, with the timers as they are by default.
const LONGEST: Duration = Duration::from_secs(600);
/// How long a peer listens before it calls it silence: shorter than every timer.
const LISTENING: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn each_cell_that_a_peer_can_bring_about_ends_as_the_table_says() {
    let mut played = 0;
    for state in STATES {
        let ways: Vec<Way> = WAYS.iter().copied().filter(|way| way.state() == state).collect();
        let reason = UNREACHABLE.iter().find(|(unreachable, _)| *unreachable == state);
        for event in BY_PEER {
            let Some(cell) = next(state, event) else { continue };
            assert_eq!(ways.is_empty(), reason.is_some(), "{state:?}: play it, or say why not: not both");
            for way in &ways {
                let plays = plays(*way, event);
                assert!(!plays.is_empty(), "{state:?} {event:?} has no script");
                for play in plays {
                    let mut scene = way.enter(&[]).await;
                    let began = Instant::now();
                    scene.perform(&play).await;
                    scene.check(*way, &play, cell.action, began).await;
                    played += 1;
                }
            }
        }
    }
    // 7 states of a peer's reach (Sta13 by six ways) and 10 events, some of them played in several ways.
    assert!(played > 100, "{played} scripts");
}

/// What comes together with the last bytes that lead into a state is met in that state, whatever stood between.
#[tokio::test(start_paused = true)]
async fn what_comes_early_is_met_in_the_state_that_follows() {
    let ways = [Way::Accepted, Way::RejectedByDoor, Way::RejectedByProvider, Way::Released, Way::Collided];
    for way in ways {
        for event in BY_PEER {
            let Some(cell) = next(way.state(), event) else { continue };
            for play in plays(way, event) {
                let Some(bytes) = play.bytes() else { continue };
                let began = Instant::now();
                let scene = way.enter(bytes).await;
                scene.check(way, &play, cell.action, began).await;
            }
        }
    }
}

/// PS3.8 Table 9-10, Sta4: there is no peer, so that nothing is sent and the caller is told.
#[tokio::test]
async fn a_peer_that_does_not_listen_is_told_of() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut call = usual();
    call.port = gone.port();
    let Err(Error::Connect { port, .. }) = connect(&call).await else { panic!("connected to nobody") };
    assert_eq!(port, gone.port());
}

impl Scene {
    /// Holds what the peer sees, and how the association ends, against the action of the table.
    async fn check(mut self, way: Way, play: &Play, action: Action, began: Instant) {
        let story = format!("{way:?}, then {}: {action:?}", play.name);
        self.sees(way, play, action, began, &story).await;
        let ended = self.ends(&story).await;
        assert!(is_reported(action, play, &ended), "{story}: {ended:?}");
    }

    async fn sees(&mut self, way: Way, play: &Play, action: Action, began: Instant, story: &str) {
        match action {
            Action::Ae3 => self.hears(pdu::P_DATA, story).await,
            Action::Ae6 if play.is_acceptable() => self.hears(pdu::ASSOCIATE_AC, story).await,
            Action::Ae6 => {
                self.hears(pdu::ASSOCIATE_RJ, story).await;
                self.is_closed_by_artim(story).await;
            }
            Action::Dt2 if way.is_acceptor() => self.hears(pdu::P_DATA, story).await,
            // Its echo is answered; now it wants to leave.
            Action::Dt2 => self.hears(pdu::RELEASE_RQ[0], story).await,
            Action::Ar2 => {
                self.hears(pdu::RELEASE_RP[0], story).await;
                self.is_closed_by_artim(story).await;
            }
            Action::Ar8 => {
                self.hears(pdu::RELEASE_RP[0], story).await;
                // It awaits ours (Sta11).
                self.peer.send(&pdu::RELEASE_RP).await.unwrap();
                self.is_closed(story).await;
            }
            Action::Ar6 => {
                self.is_silent(story).await;
                self.peer.send(&pdu::RELEASE_RP).await.unwrap();
                self.is_closed(story).await;
            }
            Action::Aa1 | Action::Aa8 => {
                self.is_aborted(play.reason, story).await;
                self.is_closed_by_artim(story).await;
            }
            Action::Aa7 => self.is_aborted(play.reason, story).await,
            Action::Aa6 => self.is_silent(story).await,
            Action::Aa2 | Action::Aa3 | Action::Ae4 | Action::Ar3 => {
                self.is_closed(story).await;
                let waited = began.elapsed();
                assert_eq!(waited, if play.is_silence() { artim() } else { Duration::ZERO }, "{story}");
            }
            // The peer has gone: what is left is that nothing was said to it.
            Action::Aa4 | Action::Aa5 | Action::Ar5 => self.is_closed(story).await,
            Action::Ae1
            | Action::Ae2
            | Action::Ae5
            | Action::Ae7
            | Action::Ae8
            | Action::Dt1
            | Action::Ar1
            | Action::Ar4
            | Action::Ar7
            | Action::Ar9
            | Action::Ar10 => panic!("{story} is not for a peer to bring about"),
        }
    }
}

/// Whether the association's owner is told what happened. In Sta13 it is told of what led there.
fn is_reported(action: Action, play: &Play, ended: &Result<(), Error>) -> bool {
    match action {
        Action::Aa1 | Action::Aa8 => matches!(ended, Err(Error::Protocol(_))),
        Action::Aa2 | Action::Aa3 if play.state == State::Sta13 => true,
        Action::Aa2 if play.is_silence() => matches!(ended, Err(Error::Timeout(Wait::AssociateRequest))),
        Action::Aa2 | Action::Aa3 => matches!(ended, Err(Error::Aborted(_))),
        Action::Aa4 | Action::Aa5 => matches!(ended, Err(Error::Closed)),
        Action::Ae4 => matches!(ended, Err(Error::Rejected(_))),
        Action::Ae6 if !play.is_acceptable() => matches!(ended, Err(Error::Refused { .. })),
        Action::Ar3 | Action::Ar6 | Action::Ar8 => ended.is_ok(),
        _ => true,
    }
}

fn artim() -> Duration {
    Timeouts::default().artim
}

impl Scene {
    async fn next(&mut self, story: &str) -> Heard {
        match self.peer.hear_within(LONGEST).await {
            Ok(heard) => heard,
            Err(error) => panic!("{story}: {error}"),
        }
    }

    async fn hears(&mut self, kind: u8, story: &str) {
        let heard = self.next(story).await;
        assert!(matches!(&heard, Heard::Pdu(pdu) if pdu[0] == kind), "{story}: {heard:?}");
    }

    async fn is_aborted(&mut self, reason: u8, story: &str) {
        let heard = self.next(story).await;
        assert_eq!(heard, Heard::Pdu(vec![7, 0, 0, 0, 0, 4, 0, 0, 2, reason]), "{story}");
    }

    async fn is_silent(&mut self, story: &str) {
        let heard = self.peer.hear_within(LISTENING).await.unwrap();
        assert_eq!(heard, Heard::Silence, "{story}");
    }

    async fn is_closed(&mut self, story: &str) {
        assert_eq!(self.next(story).await, Heard::Closed, "{story}");
    }

    /// We stay; the far side does not wait for longer than ARTIM (Sta13).
    async fn is_closed_by_artim(&mut self, story: &str) {
        let before = Instant::now();
        self.is_closed(story).await;
        assert_eq!(before.elapsed(), artim(), "{story}");
    }

    /// Whatever was said, the association is over when the peer has left.
    async fn ends(self, story: &str) -> Result<(), Error> {
        drop(self.peer);
        let ended = timeout(LONGEST, self.subject).await;
        let Ok(Ok(ended)) = ended else { panic!("{story}: it did not end: {ended:?}") };
        ended
    }
}
