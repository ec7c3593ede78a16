//! A small exchange whose peer leaves after each single byte: of what it sends, of what it hears, by closing and by
//! resetting. The association ends, a message counts only when its last byte was there, and a status is believed only
//! when the whole answer was.

use std::ops::RangeInclusive;

use bytes::Bytes;
use causeway_core::{Status, Uid};
use causeway_dimse::message::Priority;
use causeway_dimse::scu::{StoreRequest, Whole, associate};
use causeway_dimse::{Error, Settings};
use causeway_testkit::peer::command::{CT_IMAGE, VERIFICATION, echo_rq, echo_rsp, store_rq, store_rsp};
use causeway_testkit::peer::pdu::{self, IMPLICIT, LAST_OF_COMMAND, LAST_OF_DATA_SET};
use causeway_testkit::peer::{Cut, Peer, Step, sent_bytes};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::{TcpListener, TcpStream};

use crate::common::{Served, call, serve_into, uid};

/// Bytes under way when the far side shall write ahead of what is read.
const WIDE_BYTES: usize = 1 << 16;
/// Bytes under way when the far side shall stand at the very byte that is read last.
const NARROW_BYTES: usize = 1;
const INSTANCE: &str = "1.2.3";
const CONTEXT: u8 = 1;

/// What is asked for between association and release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Request {
    Echo,
    Store,
}

/// How a peer leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leave {
    /// Closes its direction and listens to the end.
    Finish,
    /// Closes both directions.
    Close,
    /// Resets the connection.
    Reset,
}

fn send(bytes: &[u8]) -> Step {
    Step::Send(bytes.to_vec())
}

impl Request {
    const fn sop_class(self) -> &'static str {
        match self {
            Self::Echo => VERIFICATION,
            Self::Store => CT_IMAGE,
        }
    }

    /// Its PDUs: the command, and the data set in two fragments.
    fn pdus(self) -> Vec<Vec<u8>> {
        match self {
            Self::Echo => vec![pdu::p_data(CONTEXT, LAST_OF_COMMAND, &echo_rq(1))],
            Self::Store => vec![
                pdu::p_data(CONTEXT, LAST_OF_COMMAND, &store_rq(1, CT_IMAGE, INSTANCE)),
                pdu::p_data(CONTEXT, 0, &[7; 20]),
                pdu::p_data(CONTEXT, LAST_OF_DATA_SET, &[8; 30]),
            ],
        }
    }

    /// The exchange as its requestor plays it.
    fn asked(self) -> Vec<Step> {
        let contexts = pdu::proposed_context(CONTEXT, self.sop_class(), IMPLICIT);
        let mut script =
            vec![send(&pdu::associate_rq("SCRIPTED", 1, &contexts)), Step::Hear(pdu::ASSOCIATE_AC)];
        script.extend(self.pdus().into_iter().map(Step::Send));
        script.extend([Step::Hear(pdu::P_DATA), send(&pdu::RELEASE_RQ), Step::Hear(pdu::RELEASE_RP[0])]);
        script
    }

    /// The exchange as its acceptor plays it.
    fn answered(self) -> Vec<Step> {
        let answer = match self {
            Self::Echo => echo_rsp(1),
            Self::Store => store_rsp(1, CT_IMAGE, INSTANCE),
        };
        // Our requestor sends a small data set in one fragment.
        let data_set = (self == Self::Store).then_some(Step::Hear(pdu::P_DATA));
        let mut script = vec![
            Step::Hear(pdu::ASSOCIATE_RQ),
            send(&pdu::associate_ac(&pdu::answered_context(CONTEXT, 0, IMPLICIT))),
            Step::Hear(pdu::P_DATA),
        ];
        script.extend(data_set);
        script.extend([
            send(&pdu::p_data(CONTEXT, LAST_OF_COMMAND, &answer)),
            Step::Hear(pdu::RELEASE_RQ[0]),
            send(&pdu::RELEASE_RP),
        ]);
        script
    }

    fn is_served(self, served: &Served) -> bool {
        match self {
            Self::Echo => served.echoes == 1,
            Self::Store => served.stored.first().is_some_and(|(length, _)| *length == 50),
        }
    }
}

/// What a requestor of ours came to know.
#[derive(Debug, Default)]
struct Outcome {
    status: Option<Status>,
    released: bool,
}

/// A whole exchange by the book.
async fn pursue<S>(stream: S, request: Request, outcome: &mut Outcome) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut requestor = associate(stream, &call(0, &[(request.sop_class(), &[IMPLICIT])])).await?;
    outcome.status = Some(match request {
        Request::Echo => requestor.echo().await?,
        Request::Store => {
            let store = StoreRequest {
                sop_class: uid(CT_IMAGE),
                sop_instance: Uid::parse(INSTANCE).unwrap(),
                priority: Priority::Medium,
                move_originator: None,
            };
            requestor.store(CONTEXT, store, Whole::new(Bytes::from_static(&[7; 50]))).await?.status
        }
    });
    requestor.release().await?;
    outcome.released = true;
    Ok(())
}

async fn served<S>(stream: S) -> (Served, Result<(), Error>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut served = Served::default();
    let ended = serve_into(stream, Settings::default(), &mut served).await;
    (served, ended)
}

async fn pursued<S>(stream: S, request: Request) -> (Outcome, Result<(), Error>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut outcome = Outcome::default();
    let ended = pursue(stream, request, &mut outcome).await;
    (outcome, ended)
}

/// Plays `script` up to `cut`, and leaves.
async fn play(stream: DuplexStream, script: &[Step], cut: Cut, leave: Leave) {
    let mut peer = Peer::new(stream);
    peer.play_until(script, cut).await.unwrap();
    if leave == Leave::Finish {
        peer.finish().await.unwrap();
        while matches!(peer.hear().await, Ok(causeway_testkit::peer::Heard::Pdu(_))) {}
    }
}

/// The connection is gone, and that is all that is said of it.
fn is_loss(ended: &Result<(), Error>) -> bool {
    matches!(ended, Err(Error::Closed | Error::Io(_)))
}

/// After how many bytes sent the request itself is whole.
fn whole_at(script: &[Step]) -> usize {
    sent_bytes(script) - pdu::RELEASE_RQ.len()
}

/// Bytes that the whole script hears, and those of them before `steps` steps are played.
async fn heard_bytes(stream: DuplexStream, script: &[Step], steps: usize) -> (usize, usize) {
    let mut peer = Peer::new(stream);
    let before = peer.play(&script[..steps]).await.unwrap();
    (before + peer.play(&script[steps..]).await.unwrap(), before)
}

const REQUESTS: [Request; 2] = [Request::Echo, Request::Store];

#[tokio::test(start_paused = true)]
async fn an_acceptor_counts_what_is_whole_wherever_its_caller_stops_sending() {
    for request in REQUESTS {
        let script = request.asked();
        for sent in 0..=sent_bytes(&script) {
            for leave in [Leave::Finish, Leave::Close] {
                let (near, far) = tokio::io::duplex(WIDE_BYTES);
                let ((), (served, ended)) =
                    tokio::join!(play(near, &script, Cut::Sent(sent), leave), served(far));
                let story = format!("{request:?} {sent} {leave:?} {ended:?} {served:?}");
                assert_eq!(request.is_served(&served), sent >= whole_at(&script), "{story}");
                assert_eq!(ended.is_ok(), sent == sent_bytes(&script), "{story}");
                assert!(ended.is_ok() || is_loss(&ended), "{story}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_acceptor_ends_wherever_its_caller_stops_listening() {
    for request in REQUESTS {
        let script = request.asked();
        let (near, far) = tokio::io::duplex(WIDE_BYTES);
        let ((all, acceptance), _) = tokio::join!(heard_bytes(near, &script, 2), served(far));
        for heard in 0..=all {
            let (near, far) = tokio::io::duplex(NARROW_BYTES);
            let ((), (served, ended)) =
                tokio::join!(play(near, &script, Cut::Heard(heard), Leave::Close), served(far));
            let story = format!("{request:?} {heard} {ended:?} {served:?}");
            assert_eq!(request.is_served(&served), heard >= acceptance, "{story}");
            // Who has asked for the release owes the answer no reading.
            assert_eq!(ended.is_ok(), heard >= all - pdu::RELEASE_RP.len(), "{story}");
            assert!(ended.is_ok() || is_loss(&ended), "{story}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_requestor_believes_a_status_only_when_the_whole_answer_came() {
    for request in REQUESTS {
        let script = request.answered();
        for sent in 0..=sent_bytes(&script) {
            for leave in [Leave::Finish, Leave::Close] {
                let (near, far) = tokio::io::duplex(WIDE_BYTES);
                let ((), (outcome, ended)) =
                    tokio::join!(play(near, &script, Cut::Sent(sent), leave), pursued(far, request));
                let story = format!("{request:?} {sent} {leave:?} {ended:?} {outcome:?}");
                assert_eq!(outcome.status.is_some(), sent >= whole_at(&script), "{story}");
                assert_eq!(outcome.released, sent == sent_bytes(&script), "{story}");
                assert!(outcome.released || is_loss(&ended), "{story}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_requestor_ends_wherever_its_acceptor_stops_listening() {
    for request in REQUESTS {
        let script = request.answered();
        // Up to the answer: the release request comes behind it.
        let answered = script.len() - 2;
        let (near, far) = tokio::io::duplex(WIDE_BYTES);
        let ((all, before), _) = tokio::join!(heard_bytes(near, &script, answered), pursued(far, request));
        for heard in 0..=all {
            let (near, far) = tokio::io::duplex(NARROW_BYTES);
            let ((), (outcome, ended)) =
                tokio::join!(play(near, &script, Cut::Heard(heard), Leave::Close), pursued(far, request));
            let story = format!("{request:?} {heard} {ended:?} {outcome:?}");
            assert_eq!(outcome.status.is_some(), heard >= before, "{story}");
            assert_eq!(outcome.released, heard == all, "{story}");
            assert!(outcome.released || is_loss(&ended), "{story}");
        }
    }
}

/// A connection to a listener of this machine, both its ends.
async fn connected(listener: &TcpListener) -> (Peer<TcpStream>, TcpStream) {
    let (peer, far) = tokio::join!(Peer::call(listener.local_addr().unwrap()), listener.accept());
    (peer.unwrap(), far.unwrap().0)
}

/// Plays and leaves; a reset overtakes what was sent, so that a script may find the far side gone.
async fn play_on_tcp(mut peer: Peer<TcpStream>, script: &[Step], cut: Cut, leave: Leave) {
    peer.play_until(script, cut).await.unwrap();
    if leave == Leave::Reset {
        peer.reset().unwrap();
    }
}

fn each_byte(script: &[Step]) -> RangeInclusive<usize> {
    0..=sent_bytes(script)
}

#[tokio::test]
async fn over_tcp_a_close_and_a_reset_at_each_byte_end_the_association_on_either_side() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for request in REQUESTS {
        for leave in [Leave::Close, Leave::Reset] {
            let script = request.asked();
            for sent in each_byte(&script) {
                let (peer, far) = connected(&listener).await;
                let ((), (served, ended)) =
                    tokio::join!(play_on_tcp(peer, &script, Cut::Sent(sent), leave), served(far));
                let story = format!("{request:?} {sent} {leave:?} {ended:?} {served:?}");
                if leave == Leave::Close {
                    assert_eq!(request.is_served(&served), sent >= whole_at(&script), "{story}");
                } else {
                    assert!(!request.is_served(&served) || sent >= whole_at(&script), "{story}");
                }
                assert!(is_loss(&ended) || (ended.is_ok() && sent == sent_bytes(&script)), "{story}");
            }
            let script = request.answered();
            for sent in each_byte(&script) {
                let (peer, far) = connected(&listener).await;
                let ((), (outcome, ended)) =
                    tokio::join!(play_on_tcp(peer, &script, Cut::Sent(sent), leave), pursued(far, request));
                let story = format!("{request:?} {sent} {leave:?} {ended:?} {outcome:?}");
                assert!(outcome.status.is_none() || sent >= whole_at(&script), "{story}");
                assert!(is_loss(&ended) || (ended.is_ok() && sent == sent_bytes(&script)), "{story}");
            }
        }
    }
}
