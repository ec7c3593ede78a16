//! A door that lets anyone in and does something with whatever it is sent, on a clock that waits for nobody; and what
//! is said of any byte it sends.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use causeway_core::{Status, Uid};
use causeway_dimse::message::{Priority, Progress};
use causeway_dimse::negotiation::{Extended, Role, Window, best};
use causeway_dimse::scu::{StoreRequest, Whole};
use causeway_dimse::{
    Association, Command, Error, Message, Policy, Proposal, ProposedContext, Refusal, Rejection, Settings,
    accept,
};
use causeway_testkit::peer::command::CT_IMAGE;
use causeway_testkit::peer::pdu;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use crate::chunks::chunks;

/// Answers to a C-FIND: enough for a cancel to come in between.
const MATCHES: usize = 3;
/// Longest that any association may take when its peer keeps silent: a few of its longest waits, on the paused clock.
const LONGEST: Duration = Duration::from_hours(24);

struct Open;

impl Policy for Open {
    fn admit(&self, proposal: &Proposal, _from: IpAddr) -> Result<(), Rejection> {
        if proposal.calling.as_str() == "STRANGER" { Err(Rejection::CallingAeNotRecognized) } else { Ok(()) }
    }

    fn choose(&self, _proposal: &Proposal, context: &ProposedContext) -> Result<Uid, Refusal> {
        best(&context.transfer_syntaxes).cloned().ok_or(Refusal::TransferSyntaxesNotSupported)
    }

    fn roles(&self, _proposal: &Proposal, proposed: &Role) -> Option<Role> {
        Some(proposed.clone())
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

/// Serves whoever is at the other end, to the end.
pub(crate) async fn serve(stream: DuplexStream) -> Result<(), Error> {
    let mut association =
        accept(stream, IpAddr::V4(Ipv4Addr::LOCALHOST), &Settings::default(), &Open).await?;
    while let Some(message) = association.next().await? {
        answer(&mut association, message).await?;
    }
    Ok(())
}

async fn answer(association: &mut Association<DuplexStream>, message: Message) -> Result<(), Error> {
    let context = message.context.id;
    match message.command {
        Command::CEchoRq(rq) => {
            association.send(context, &Command::CEchoRsp(rq.answer(Status::SUCCESS)), None).await
        }
        Command::CStoreRq(rq) => {
            while association.chunk().await?.is_some() {}
            association.send(context, &Command::CStoreRsp(rq.answer(Status::SUCCESS)), None).await
        }
        Command::CFindRq(rq) => {
            let identifier = association.identifier().await?;
            for _ in 0..MATCHES {
                if association.try_cancelled(rq.message_id)? {
                    break;
                }
                let pending = Command::CFindRsp(rq.answer(Status::PENDING));
                association.feed(context, &pending, Some(&identifier)).await?;
            }
            association.send(context, &Command::CFindRsp(rq.answer(Status::SUCCESS)), None).await
        }
        Command::CMoveRq(rq) => {
            // Left unread: what comes next has to skip it.
            let answer = rq.answer(Status::SUCCESS, Progress::default());
            association.send(context, &Command::CMoveRsp(answer), None).await
        }
        Command::CGetRq(rq) => {
            association.identifier().await?;
            give(association, rq.message_id).await?;
            let answer = rq.answer(Status::SUCCESS, Progress::default());
            association.send(context, &Command::CGetRsp(answer), None).await
        }
        other => match other.refuse(Status::UNRECOGNIZED_OPERATION) {
            Some(refusal) => association.send(context, &refusal, None).await,
            None => Ok(()),
        },
    }
}

/// Instances on the peer's own association, unless it cancels or took no context for them.
async fn give(association: &mut Association<DuplexStream>, message_id: u16) -> Result<(), Error> {
    for number in 0..MATCHES {
        let context = association.agreement().answers.iter().find(|answer| {
            answer.result.is_ok() && answer.abstract_syntax.as_ref().is_some_and(|it| it.as_str() == CT_IMAGE)
        });
        let Some((id, sop_class)) = context.and_then(|it| Some((it.id, it.abstract_syntax.clone()?))) else {
            return Ok(());
        };
        if association.try_cancelled(message_id)? {
            return Ok(());
        }
        let request = StoreRequest {
            sop_instance: sop_class.clone(),
            sop_class,
            priority: Priority::Medium,
            move_originator: None,
        };
        association.store(id, request, Whole::new(vec![7; 50 * number])).await?;
    }
    Ok(())
}

/// Whether the peer closes its direction behind its last byte, or keeps silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behind {
    End,
    Silence,
}

/// Says `bytes` in pieces and hears all that comes; returns it.
async fn converse(stream: DuplexStream, bytes: &[u8], seed: u8, behind: Behind) -> Vec<u8> {
    let (mut reading, mut writing) = tokio::io::split(stream);
    let speak = async {
        for piece in chunks(bytes, seed) {
            if writing.write_all(piece).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        if behind == Behind::End {
            let _ = writing.shutdown().await;
        }
    };
    let listen = async {
        let mut heard = Vec::new();
        let _ = reading.read_to_end(&mut heard).await;
        heard
    };
    tokio::join!(speak, listen).1
}

/// Runs `ours` at one end of a stream against a peer that says `bytes`, on a paused clock; what ours sent is held
/// against the rules of framing.
pub(crate) fn play<F>(bytes: &[u8], seed: u8, behind: Behind, ours: impl FnOnce(DuplexStream) -> F)
where
    F: Future,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    assert!(runtime.is_ok(), "no runtime: {runtime:?}");
    let Ok(runtime) = runtime else { return };
    let room_bytes = if seed.is_multiple_of(2) { 64 * 1024 } else { 16 };
    let heard = runtime.block_on(async {
        let (near, far) = tokio::io::duplex(room_bytes);
        let both = async { tokio::join!(converse(near, bytes, seed, behind), ours(far)).0 };
        tokio::time::timeout(LONGEST, both).await
    });
    assert!(heard.is_ok(), "it did not end");
    check_framing(&heard.unwrap_or_default());
}

/// Whatever a peer does, what is sent to it is a row of PDUs that there are, each as long as it says. The last one
/// may be cut: an abort stops the writing.
fn check_framing(sent: &[u8]) {
    let mut rest = sent;
    let mut aborted = false;
    while let Some(([kind, reserved, length @ ..], behind)) = rest.split_first_chunk::<6>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let is_abort = *kind == pdu::ABORT[0];
        assert!((1..=7).contains(kind) && *reserved == 0, "no PDU: {rest:02X?}");
        assert!(!aborted || is_abort, "after an abort there is nothing to say: {rest:02X?}");
        aborted |= is_abort;
        let Some((body, behind)) = behind.split_at_checked(length) else { return };
        assert!(*kind != pdu::P_DATA || is_values(body), "no presentation data values: {body:02X?}");
        rest = behind;
    }
}

/// Whether a P-DATA-TF's body is a row of presentation data values.
fn is_values(body: &[u8]) -> bool {
    let mut rest = body;
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        match behind.split_at_checked(length) {
            Some(([_, control, ..], behind)) if *control < 4 => rest = behind,
            _ => return false,
        }
    }
    rest.is_empty() && !body.is_empty()
}
